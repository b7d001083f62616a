"""The Python face of a compiled model: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import TracebackType
from typing import Any

import numpy as np

from .arguments import Arguments
from .call_path import make_call_path
from .errors import InputError, RunError
from .library import Library
from .profile import StepProfile


class Model:
    """A compiled model, ready to run. Made by `load`.

    Call it with arrays in the model's order, with arrays by name, or with a mapping of names to arrays::

        model(x)["y"]
        model(x=x)
        model({"input.1": x})

    A sequence is a list of arrays, and an optional value may be None.

    Arrays are numpy arrays or anything with ``__dlpack__`` in CPU memory, which is read in place. Their element types
    and shapes must be the model's. Arrays that are not dense, aligned and in the machine's byte order are copied.

    Several threads may call a model at the same time; each run has memory of its own, which is kept for later runs.

    Attributes
    ----------
    name, target, hash : str
        Name of the model, what it was compiled for, and the digest of the model and the options it was compiled with.
    inputs, outputs : tuple of TensorInfo
        What goes in and comes out.
    symbols : tuple of str
        Names of the dimensions that each call may choose.
    bounds : dict of str to int
        The greatest values of those that the model was compiled with a bound for.
    """

    def __init__(self, library: Library) -> None:
        self._library: Library | None = library
        self.name, self.target, self.hash = library.name, library.target, library.hash
        self.inputs, self.outputs = library.inputs, library.outputs
        self.symbols, self.bounds = library.symbols, library.bounds
        self._num_inputs = len(self.inputs)
        self._arguments = Arguments(library)
        # They hold the library as long as they run, so that close() in another thread cannot unload it under a run.
        self._execute, self._pick = make_call_path(library, self._arguments)

    def __repr__(self) -> str:
        inputs = ", ".join(str(tensor) for tensor in self.inputs)
        outputs = ", ".join(str(tensor) for tensor in self.outputs)
        return f"<onnxc model '{self.name}' for {self.target}: ({inputs}) -> ({outputs})>"

    def __call__(self, /, *arrays: Any, **named: Any) -> dict[str, Any]:
        """Run the model.

        Parameters
        ----------
        *arrays : array
            Inputs in the model's order; or a single mapping of names to arrays.
        **named : array
            Inputs by name.

        Returns
        -------
        dict of str to numpy.ndarray
            All outputs by name, in the model's order; new arrays. Sequences of maps are lists of dicts.

        Raises
        ------
        InputError
            Arrays do not fit the model.
        RunError
            The model failed, or is closed.
        """
        # The common ways first, without the questions that the others need.
        if arrays and not named:
            first = arrays[0]
            if type(first) is np.ndarray and len(arrays) == self._num_inputs:
                return self._execute(arrays)
            if type(first) is dict and len(arrays) == 1:
                inputs = self._pick(first)
                if inputs is not None:
                    return self._execute(inputs)
        elif named and not arrays:
            inputs = self._pick(named)
            if inputs is not None:
                return self._execute(inputs)
        return self._execute(self._arguments.in_order(arrays, named))

    def run(self, feeds: Mapping[str, Any], outputs: Mapping[str, np.ndarray] | None = None) -> dict[str, Any]:
        """Run the model, with results written to the caller's arrays.

        Parameters
        ----------
        feeds : mapping of str to array
            Inputs by name.
        outputs : mapping of str to numpy.ndarray, optional
            Where to write results, by name; outputs that are not named get new arrays. The arrays must have the exact
            element type and shape, be dense and writable, and share no memory with inputs or each other.

        Returns
        -------
        dict of str to numpy.ndarray
            All outputs by name, in the model's order; the given arrays among them.

        Raises
        ------
        InputError
            Arrays do not fit the model.
        RunError
            The model failed, or is closed.
        """
        if not isinstance(feeds, Mapping):
            found = type(feeds).__name__
            raise InputError(f"model '{self.name}': found inputs as {found}, expected a mapping of names to arrays")
        inputs = self._pick(feeds)
        if inputs is None:
            inputs = self._arguments.in_order((), feeds)
        return self._execute(inputs, outputs)

    def profile(self, reset: bool = False) -> tuple[StepProfile, ...]:
        """What each step took, in the order of the model: sums over the runs so far.

        Parameters
        ----------
        reset : bool
            Begin anew, after this.

        Raises
        ------
        RunError
            The model was not compiled with ``profile=True`` (``--profile``), or is closed.
        """
        if self._library is None:
            raise RunError(f"model '{self.name}' is closed")
        if self._library.model.num_steps == 0:
            raise RunError(f"model '{self.name}' measures nothing; compile it with profile=True (--profile)")
        return self._library.profile(reset)

    def close(self) -> None:
        """Unload the library as soon as no run is in progress. Without it that happens when the model is collected."""
        self._library = None
        self._execute = self._pick = partial(_closed, self.name)

    def __enter__(self) -> Model:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _closed(name: str, *arguments: Any) -> Any:
    raise RunError(f"model '{name}' is closed")
