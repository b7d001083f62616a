"""The arguments of a model: which arrays fit it, and what follows from their shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import abi
from .abi import ffi
from .element_types import STRING, as_element_type, pack, packed_bits, packed_size, unpack
from .errors import InputError
from .library import Library, TensorInfo, shape_text
from .strings import pack_strings, room_for_strings, unpack_strings
from .values import fits, pack_value

_SYMBOL_MAX = 2**31 - 1

# Plans that a model of dynamic shape keeps. When there are more, all are forgotten: each is quickly made again.
_MAX_PLANS = 256

# In place of an output of which only the run knows how large it is.
NOTHING = np.empty(0, np.uint8)

_Shapes = tuple[tuple[int, ...], ...]

#: What follows from the shapes of the inputs: the address of the symbols' values, bytes of the arena, the shape of each
#: output (None: only the run knows it), and last what keeps the values where they are.
Plan = tuple[Any, ...]


class Arguments:
    """Brings arrays into the form that a library reads and writes, or says why that cannot be."""

    def __init__(self, library: Library) -> None:
        self._model = library.model
        self.name = library.name
        self.inputs, self.outputs, self.symbols = library.inputs, library.outputs, library.symbols
        self._bounds = library.bounds
        self._input_maps = library.input_maps
        self.plans: dict[_Shapes, Plan] = {}

    def in_order(self, arrays: Sequence[Any], named: Mapping[str, Any]) -> Sequence[Any]:
        """All inputs in the model's order, from a call's arguments."""
        mapping = named if not arrays else arrays[0] if len(arrays) == 1 and not named else None
        if len(arrays) == 1 and isinstance(arrays[0], Mapping):
            if named:
                raise InputError(f"model '{self.name}': inputs in a mapping and by keyword; expected one way")
            named, arrays = arrays[0], []
        if any(self._input_maps) and isinstance(mapping, Mapping):
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

    def prepare(self, value: Any, tensor: TensorInfo) -> np.ndarray:
        """What a call gives for an input, as it is read: a tensor, or a sequence or an optional value of them."""
        if tensor.form == abi.TENSOR:
            return self._prepare_array(value, tensor)
        where = f"model '{self.name}', input '{tensor.name}'"

        def tensor_in(element: Any) -> np.ndarray:
            array = self._prepare_array(element, tensor)
            if not fits(array, tensor):
                wanted = shape_text(tensor.shape)
                raise InputError(f"{where}: found a tensor of the shape {array.shape} in it, expected {wanted}")
            return self.pack(tensor, array) if tensor.element_type == STRING else array  # a byte for each element

        try:
            return pack_value(value, tensor, tensor_in)
        except TypeError as error:
            raise InputError(f"{where}: {error}") from error

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

    def pack(self, tensor: TensorInfo, array: np.ndarray) -> np.ndarray:
        """What a run reads an input from."""
        if tensor.element_type == STRING:
            try:
                return pack_strings(array)
            except TypeError as error:
                where = f"model '{self.name}', input '{tensor.name}'"
                raise InputError(f"{where}: {error}; expected strings") from error
        bits = packed_bits(tensor.element_type)
        return pack(array, bits) if bits else array

    def make_plan(self, shapes: _Shapes) -> Plan:
        """Check shapes, and find out what follows from them."""
        symbols = ffi.new("int64_t[]", max(1, len(self.symbols)))
        for index, value in enumerate(self.bind(shapes).values()):
            symbols[index] = value
        model = self._model
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
        outputs: list[tuple[int, ...] | None] = []
        start = 0
        for tensor in self.outputs:
            end = start + (len(tensor.shape) if tensor.form in (abi.TENSOR, abi.VALUE) else 0)
            outputs.append(tuple(dimensions[start:end]) if tensor.form == abi.TENSOR else None)
            start = end
        plan = (int(ffi.cast("uintptr_t", symbols)), arena_size, *outputs, symbols)
        if len(self.plans) >= _MAX_PLANS:
            self.plans.clear()
        self.plans[shapes] = plan
        return plan

    def bind(self, shapes: _Shapes) -> dict[str, int]:
        """Values of all symbols, in their order."""
        values = dict.fromkeys(self.symbols, -1)  # -1: not bound yet
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
                if found > _SYMBOL_MAX:
                    limits = f"{dimension} must be at most {_SYMBOL_MAX}"
                    raise InputError(f"{where}: {expected}: dimension {axis} is {found}; {limits}")
                if found > self._bounds.get(dimension, found):
                    limits = f"{dimension} must be at most {self._bounds[dimension]}, the bound it was compiled with"
                    raise InputError(f"{where}: {expected}: {dimension} is {found}; {limits}")
                if values[dimension] not in (-1, found):
                    other = f"input '{origin[dimension]}' makes {dimension} {values[dimension]}"
                    raise InputError(f"{where}: {expected}: dimension {axis} is {found}, but {other}")
                values[dimension] = found
                origin.setdefault(dimension, tensor.name)
        return values

    def given_outputs(
        self, plan: Plan, inputs: Sequence[np.ndarray], given: Mapping[str, np.ndarray]
    ) -> list[np.ndarray]:
        """The caller's arrays, checked, and new ones for the other outputs."""
        names = [tensor.name for tensor in self.outputs]
        for name in given:
            if name not in names:
                expected = ", ".join(f"'{known}'" for known in names)
                raise InputError(f"model '{self.name}': there is no output '{name}'; expected {expected}")
        outputs: list[np.ndarray] = []
        for tensor, shape in zip(self.outputs, plan[2:-1], strict=True):
            name, dtype = tensor.name, tensor.dtype
            if name not in given:
                outputs.append(NOTHING if shape is None else np.empty(shape, dtype))
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

    @staticmethod
    def room(tensor: TensorInfo, array: np.ndarray) -> np.ndarray:
        """Where a run puts an output: into the array, unless strings or packed elements must be unpacked."""
        if tensor.element_type == STRING:
            return room_for_strings(array.size)
        bits = packed_bits(tensor.element_type)
        return np.empty(packed_size(array.size, bits), np.uint8) if bits else array

    @staticmethod
    def unpack(tensor: TensorInfo, packed: np.ndarray, array: np.ndarray) -> None:
        """Bring what a run has left in the room of an output into its array."""
        if tensor.element_type == STRING:
            unpack_strings(packed, array)
        else:
            unpack(packed, packed_bits(tensor.element_type), tensor.element_type, array)
