"""Compiled models as Python callables. Needs cffi and numpy, no compiler and nothing else of onnxc."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from .errors import InputError, LoadError, RunError
from .library import Library, TensorInfo
from .model import Model
from .profile import StepProfile

__all__ = ["InputError", "LoadError", "Model", "RunError", "StepProfile", "TensorInfo", "load"]


def load(
    path: str | os.PathLike[str],
    threads: int | None = None,
    weights: str | os.PathLike[str] | np.ndarray | None = None,
) -> Model:
    """Load a compiled model.

    Parameters
    ----------
    path : str or path-like
        A shared library made by onnxc.
    threads : int, optional
        How many threads a run may use, the caller's among them. Without it the environment variable
        ``ONNXC_NUM_THREADS`` says so, and without that it is the number of processors that this process may use: of
        all it is bound to, or fewer where a container's quota is the time of fewer.
    weights : str, path-like or numpy.ndarray, optional
        Only for a model compiled with external weights: the file, which is mapped into memory, or its bytes. Without
        it they are looked for beside the library, under its name with the extension ``.weights``.

    Returns
    -------
    Model
        Call it with arrays; any number of threads may do so at the same time.

    Raises
    ------
    LoadError
        The file is not a library that can run here; the text says why.
    InputError
        The number of threads is none.

    Examples
    --------
    >>> model = load("build/model.so")  # doctest: +SKIP
    >>> model(np.zeros((1, 3, 224, 224), np.float32))["output"].shape  # doctest: +SKIP
    (1, 1000)
    """
    if weights is not None and not isinstance(weights, np.ndarray):
        weights = Path(weights).absolute()
    return Model(Library(Path(path).absolute(), _number_of_threads(threads), weights))


def _number_of_threads(threads: int | None) -> int:
    """As the caller says, or the environment; 0 where nobody says."""
    if threads is not None:
        if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)) or threads < 1:
            raise InputError(f"threads: found {threads!r}, expected a whole number from 1 up")
        return int(threads)
    text = os.environ.get("ONNXC_NUM_THREADS", "")
    if text:
        if not text.isascii() or not text.isdigit() or int(text) < 1:
            raise InputError(f"environment variable ONNXC_NUM_THREADS: found '{text}', expected a number from 1 up")
        return int(text)
    return 0
