"""The Python face of a compiled model: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import repeat
from types import TracebackType
from typing import Any

import numpy as np

from . import abi
from .abi import ffi
from .element_types import STRING, as_element_type, pack, packed_bits, packed_size, unpack
from .errors import InputError, RunError
from .library import Library, TensorInfo, shape_text
from .profile import StepProfile
from .strings import pack_strings, room_for_strings, unpack_strings
from .values import fits, pack_value, read_value

_SYMBOL_MAX = 2**31 - 1

# Plans that a model of dynamic shape keeps. When there are more, all are forgotten: each is quickly made again.
_MAX_PLANS = 256

# In place of an output of which only the run knows how large it is.
_NOTHING = np.empty(0, np.uint8)

_Shapes = tuple[tuple[int, ...], ...]


class _Plan:
    """What follows from the shapes of the inputs."""

    __slots__ = ("arena_size", "outputs", "symbols")

    def __init__(
        self, symbols: Any, outputs: tuple[tuple[tuple[int, ...] | None, np.dtype[Any]], ...], arena_size: int
    ) -> None:
        self.symbols = symbols
        self.outputs = outputs
        self.arena_size = arena_size


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
        self._run = library.model.run
        # None: what is no tensor is prepared in any case.
        self._input_types = tuple(tensor.dtype if tensor.form == abi.TENSOR else None for tensor in self.inputs)
        self._input_names = tuple(tensor.name for tensor in self.inputs)
        self._output_names = tuple(tensor.name for tensor in self.outputs)
        self._input_maps = library.input_maps
        self._maps = tuple(tensor for tensor in self.outputs if tensor.keys)
        # Arrays of these are no arrays in C.
        self._has_packed = any(
            packed_bits(tensor.element_type) or tensor.element_type == STRING
            for tensor in (*self.inputs, *self.outputs)
        )
        # Outputs of which only a run knows how large they are.
        self._values = [index for index, tensor in enumerate(self.outputs) if tensor.form != abi.TENSOR]
        self._plans: dict[_Shapes, _Plan] = {}

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
        if named or len(arrays) != len(self._input_types) or (arrays and isinstance(arrays[0], Mapping)):
            return self._execute(self._in_order(arrays, named), None)
        return self._execute(arrays, None)

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
        return self._execute(self._in_order([], feeds), outputs)

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

    def __enter__(self) -> Model:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------------------------------------------ a run

    def _execute(self, values: Sequence[Any], given: Mapping[str, np.ndarray] | None) -> dict[str, Any]:
        # This is the path of every call: short, and with all that can be prepared looked up.
        library = self._library  # held here, so that close() in another thread cannot unload it under the run
        if library is None:
            raise RunError(f"model '{self.name}' is closed")
        # There are as many values as inputs; to have zip count them takes a tenth of a microsecond each time.
        inputs = values
        for array, dtype in zip(values, self._input_types):  # noqa: B905
            # carray: dense in row-major order, aligned, and writable, which is not needed but costs no more to ask.
            if type(array) is not np.ndarray or array.dtype != dtype or not array.flags.carray:
                inputs = [self._prepare(value, tensor) for value, tensor in zip(values, self.inputs, strict=True)]
                break
        shapes = tuple([array.shape for array in inputs])
        plan = self._plans.get(shapes)
        if plan is None:
            plan = self._make_plan(library, shapes)
        if given is None:
            outputs = [_NOTHING if shape is None else np.empty(shape, dtype) for shape, dtype in plan.outputs]
        else:
            outputs = self._outputs(plan, inputs, given)

        packed_inputs, packed_outputs = inputs, outputs
        if self._has_packed:
            packed_inputs = [self._pack(tensor, array) for tensor, array in zip(self.inputs, inputs, strict=True)]
            packed_outputs = [self._room(tensor, array) for tensor, array in zip(self.outputs, outputs, strict=True)]
        context = library.take_context()
        try:
            if plan.arena_size > context.structure.arena_size:
                context.grow(plan.arena_size)
            pointers = context.inputs
            for index, array in enumerate(packed_inputs):
                pointers[index] = ffi.from_buffer(array)
            pointers = context.outputs
            for index, array in enumerate(packed_outputs):
                pointers[index] = ffi.from_buffer(array)
            for index in self._values:
                pointers[index] = context.values + index
            status = self._run(context.inputs, context.outputs, plan.symbols, context.structure)
            if status == abi.OK and self._has_packed:
                self._unpack(packed_outputs, outputs)
            if status == abi.OK:
                for index in self._values:
                    outputs[index] = read_value(context.values[index], self.outputs[index])
        finally:
            library.give_context(context)
        if status != abi.OK:
            raise RunError(f"model '{self.name}': {library.status_text(status)} (status {status})")
        results: dict[str, Any] = dict(zip(self._output_names, outputs))  # noqa: B905
        for tensor in self._maps:
            if given is None or tensor.name not in given:
                rows = results[tensor.name].tolist()
                results[tensor.name] = list(map(dict, map(zip, repeat(tensor.keys), rows)))
        return results

    def _pack(self, tensor: TensorInfo, array: np.ndarray, inside: bool = False) -> np.ndarray:
        """What a run reads an input from; `inside`: a tensor in a sequence or an optional value."""
        if tensor.form != abi.TENSOR and not inside:
            return array
        if tensor.element_type == STRING:
            try:
                return pack_strings(array)
            except TypeError as error:
                where = f"model '{self.name}', input '{tensor.name}'"
                raise InputError(f"{where}: {error}; expected strings") from error
        bits = packed_bits(tensor.element_type)
        return pack(array, bits) if bits else array

    def _prepare(self, value: Any, tensor: TensorInfo) -> np.ndarray:
        """What a call gives for an input, as it is read: a tensor, or a sequence or an optional value of them."""
        if tensor.form == abi.TENSOR:
            return self._prepare_array(value, tensor)
        where = f"model '{self.name}', input '{tensor.name}'"

        def tensor_in(element: Any) -> np.ndarray:
            array = self._prepare_array(element, tensor)
            if not fits(array, tensor):
                wanted = shape_text(tensor.shape)
                raise InputError(f"{where}: found a tensor of the shape {array.shape} in it, expected {wanted}")
            return self._pack(tensor, array, inside=True)

        try:
            return pack_value(value, tensor, tensor_in)
        except TypeError as error:
            raise InputError(f"{where}: {error}") from error

    @staticmethod
    def _room(tensor: TensorInfo, array: np.ndarray) -> np.ndarray:
        """Where a run puts an output: into the array, unless strings or packed elements must be unpacked."""
        if tensor.element_type == STRING:
            return room_for_strings(array.size)
        bits = packed_bits(tensor.element_type)
        return np.empty(packed_size(array.size, bits), np.uint8) if bits else array

    def _unpack(self, packed: Sequence[np.ndarray], arrays: Sequence[np.ndarray]) -> None:
        """Bring what a run has left into the arrays of outputs."""
        for tensor, source, array in zip(self.outputs, packed, arrays, strict=True):
            if tensor.form != abi.TENSOR:
                continue
            if tensor.element_type == STRING:
                unpack_strings(source, array)
            elif source is not array:
                unpack(source, packed_bits(tensor.element_type), tensor.element_type, array)

    # ------------------------------------------------------------------------------------------------ inputs

    def _in_order(self, arrays: Sequence[Any], named: Mapping[str, Any]) -> Sequence[Any]:
        """All inputs in the model's order, from a call's arguments."""
        mapping = named if not arrays else arrays[0] if len(arrays) == 1 and not named else None
        if type(mapping) is dict and len(mapping) == len(self._input_names):  # the common case, without the questions
            try:
                return [mapping[name] for name in self._input_names]
            except KeyError:
                pass  # explained below
        if len(arrays) == 1 and isinstance(arrays[0], Mapping):
            if named:
                raise InputError(f"model '{self.name}': inputs in a mapping and by keyword; expected one way")
            named, arrays = arrays[0], []
        if any(self._input_maps) and mapping is not None:
            named, arrays = self._without_maps(mapping), []
        names = [tensor.name for tensor in self.inputs]
        expected = ", ".join(f"'{name}'" for name in names) or "none"
        if len(arrays) > len(names):
            raise InputError(f"model '{self.name}': found {len(arrays)} inputs, expected {len(names)}: {expected}")
        by_name = dict(zip(names, arrays, strict=False))
        for name, array in named.items():
            if name in by_name:
                raise InputError(f"model '{self.name}': input '{name}' is given twice, by its place and by name")
            if name not in names:
                raise InputError(f"model '{self.name}': there is no input '{name}'; expected {expected}")
            by_name[name] = array
        missing = [f"'{name}'" for name in names if name not in by_name]
        if missing:
            raise InputError(f"model '{self.name}': no array for input {', '.join(missing)}; expected {expected}")
        return [by_name[name] for name in names]

    def _without_maps(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        """Inputs by name, with the keys and values of maps, which are dicts, in place of these."""
        result = dict(feeds)
        for index, name in enumerate(self._input_maps):
            if name in result:
                if not isinstance(feeds[name], Mapping):
                    raise InputError(
                        f"model '{self.name}', input '{name}': found {type(feeds[name]).__name__}, expected a dict"
                    )
                entries = sorted(feeds[name].items())
                keys, values = self.inputs[index], self.inputs[index + 1]
                for place, tensor in enumerate((keys, values)):
                    result[tensor.name] = np.array([entry[place] for entry in entries], tensor.dtype)
                del result[name]
        return result

    def _prepare_array(self, value: Any, tensor: TensorInfo) -> np.ndarray:
        """Any array as one that the model can read: of its element type, dense, aligned; a copy only where needed."""
        where = f"model '{self.name}', input '{tensor.name}'"
        if isinstance(value, (np.ndarray, np.generic)):
            array = np.asarray(value)
        elif hasattr(value, "__dlpack__"):
            try:
                array = np.from_dlpack(value)
            except Exception as error:  # whatever the other library raises
                raise InputError(f"{where}: numpy cannot read this {type(value).__name__}: {error}") from error
        else:
            raise InputError(f"{where}: found {type(value).__name__}, expected a numpy array or one with __dlpack__")
        typed = as_element_type(array, tensor.element_type, tensor.dtype)
        if typed is None:
            raise InputError(f"{where}: found element type {array.dtype.name}, expected {tensor.element_type}")
        if typed.flags.c_contiguous and typed.flags.aligned:
            return typed
        return np.array(typed, order="C")

    def _make_plan(self, library: Library, shapes: _Shapes) -> _Plan:
        """Check shapes, and find out what follows from them."""
        symbols = ffi.new("int64_t[]", max(1, len(self.symbols)))
        for index, value in enumerate(self._bind(shapes).values()):
            symbols[index] = value
        model = library.model
        arena_size = model.arena_size(symbols)
        dimensions = ffi.new("int64_t[]", max(1, sum(len(tensor.shape) for tensor in self.outputs)))
        if arena_size != abi.SIZE_MAX:
            model.output_shapes(symbols, dimensions)
        if arena_size == abi.SIZE_MAX or any(d < 0 for d in dimensions if d != abi.RUN_TIME):
            found = ", ".join(f"'{tensor.name}' {shape}" for tensor, shape in zip(self.inputs, shapes, strict=True))
            raise InputError(
                f"model '{self.name}': it cannot run with inputs of shape {found}: a tensor in it "
                "would have more elements than it can count, or a dimension less than nothing"
            )
        outputs = []
        start = 0
        for tensor in self.outputs:
            end = start + (len(tensor.shape) if tensor.form in (abi.TENSOR, abi.VALUE) else 0)
            shape = tuple(dimensions[start:end]) if tensor.form == abi.TENSOR else None
            outputs.append((shape, tensor.dtype))
            start = end
        plan = _Plan(symbols, tuple(outputs), arena_size)
        if len(self._plans) >= _MAX_PLANS:
            self._plans.clear()
        self._plans[shapes] = plan
        return plan

    def _bind(self, shapes: _Shapes) -> dict[str, int]:
        """Values of all symbols, in their order."""
        values = dict.fromkeys(self.symbols, 0)  # 0: not bound yet
        origin: dict[str, str] = {}
        for tensor, shape in zip(self.inputs, shapes, strict=True):
            if tensor.form != abi.TENSOR:
                continue
            where = f"model '{self.name}', input '{tensor.name}'"
            expected = f"found shape {shape}, expected {shape_text(tensor.shape)}"
            if len(shape) != len(tensor.shape):
                raise InputError(f"{where}: {expected}")
            for axis, (found, dimension) in enumerate(zip(shape, tensor.shape, strict=True)):
                if not isinstance(dimension, str):
                    if found != dimension:
                        raise InputError(f"{where}: {expected}: dimension {axis} is {found}, not {dimension}")
                    continue
                if not 1 <= found <= _SYMBOL_MAX:
                    limits = f"{dimension} must be from 1 to {_SYMBOL_MAX}"
                    raise InputError(f"{where}: {expected}: dimension {axis} is {found}; {limits}")
                if found > self.bounds.get(dimension, found):
                    limits = f"{dimension} must be at most {self.bounds[dimension]}, the bound it was compiled with"
                    raise InputError(f"{where}: {expected}: {dimension} is {found}; {limits}")
                if values[dimension] not in (0, found):
                    other = f"input '{origin[dimension]}' makes {dimension} {values[dimension]}"
                    raise InputError(f"{where}: {expected}: dimension {axis} is {found}, but {other}")
                values[dimension] = found
                origin.setdefault(dimension, tensor.name)
        return values

    # ------------------------------------------------------------------------------------------------ outputs

    def _outputs(self, plan: _Plan, inputs: Sequence[np.ndarray], given: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """The caller's arrays, checked, and new ones for the other outputs."""
        for name in given:
            if name not in self._output_names:
                expected = ", ".join(f"'{known}'" for known in self._output_names)
                raise InputError(f"model '{self.name}': there is no output '{name}'; expected {expected}")
        outputs: list[np.ndarray] = []
        for name, (shape, dtype) in zip(self._output_names, plan.outputs, strict=True):
            if name not in given:
                outputs.append(_NOTHING if shape is None else np.empty(shape, dtype))
                continue
            array = given[name]
            where = f"model '{self.name}', output '{name}'"
            if shape is None:
                raise InputError(f"{where}: only the run knows its shape; expected no array for it")
            if not isinstance(array, np.ndarray):
                raise InputError(f"{where}: found {type(array).__name__}, expected a numpy array")
            if array.dtype != dtype or array.shape != shape:
                found = f"found {array.dtype.name} {array.shape}"
                raise InputError(f"{where}: {found}, expected {dtype.name} {shape}")
            if not array.flags.carray:
                raise InputError(f"{where}: the array must be dense in row-major order, aligned and writable")
            for kind, others in (("an input", inputs), ("another output", outputs)):
                if any(np.may_share_memory(array, other) for other in others):
                    raise InputError(f"{where}: the array shares memory with {kind}")
            outputs.append(array)
        return outputs
