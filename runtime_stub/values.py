"""Values whose size a run decides, sequences and optional values, between C and Python."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from . import abi
from .abi import ffi
from .element_types import STRING, packed_bits, packed_size, unpack
from .library import TensorInfo
from .strings import STRING_SIZE, unpack_strings

_VALUE_BYTES = np.dtype((np.void, ffi.sizeof("onnxc_value")))


class PackedValue(np.ndarray):
    """An onnxc_value in memory, and all that it points to."""

    held: Any


def pack_value(value: Any, tensor: TensorInfo, prepare: Callable[[Any], np.ndarray]) -> PackedValue:
    """A sequence or an optional value as C has it.

    Parameters
    ----------
    value : list or tuple of array, array or None
    tensor : TensorInfo
    prepare : callable
        Checks an array, and gives what C reads.

    Raises
    ------
    TypeError
        The value is not of the kind that the model wants.
    """
    head = ffi.new("onnxc_value *")
    held: list[Any] = [head]
    if value is None and tensor.is_optional:
        head.form = abi.NONE
    elif tensor.is_sequence:
        if not isinstance(value, (list, tuple)):
            raise TypeError(f"found {type(value).__name__}, expected a list of arrays{' or None' * tensor.is_optional}")
        items = ffi.new("onnxc_value[]", max(1, len(value)))
        head.form, head.count, head.items = abi.SEQUENCE, len(value), items
        held += [items, *(_write(item, element, prepare) for item, element in zip(items, value, strict=False))]
    else:
        held.append(_write(head, value, prepare))
    packed = np.frombuffer(ffi.buffer(head), _VALUE_BYTES).reshape(()).view(PackedValue)
    packed.held = held
    return packed


def _write(place: Any, value: Any, prepare: Callable[[Any], np.ndarray]) -> Any:
    """A tensor into an onnxc_value; what must stay alive as long as that is used."""
    shape = np.shape(value)
    array = prepare(value)
    place.form, place.ndim = abi.VALUE, len(shape)
    for axis, size in enumerate(shape):
        place.shape[axis] = size
    pointer = ffi.from_buffer(array)
    place.data = pointer
    return pointer


def fits(array: np.ndarray, tensor: TensorInfo) -> bool:
    """May an array be in a sequence or an optional value?"""
    if tensor.any_rank:
        return array.ndim <= abi.MAX_RANK
    shape = tensor.shape
    return array.ndim == len(shape) and all(d in (None, n) for d, n in zip(shape, array.shape, strict=True))


def read_value(value: Any, tensor: TensorInfo) -> Any:
    """A copy of what a run has left in its memory: an array; of a sequence a list; None where there is nothing."""
    if tensor.form == abi.VALUE or value.form == abi.VALUE:
        return _read_tensor(value, tensor)
    if value.form == abi.NONE:
        return None
    return [_read_tensor(value.items[place], tensor) for place in range(value.count)]


def _read_tensor(value: Any, tensor: TensorInfo) -> np.ndarray:
    shape = tuple(value.shape[axis] for axis in range(value.ndim))
    array = np.empty(shape, tensor.dtype)
    if tensor.element_type == STRING:
        if array.size > 0:
            data = ffi.buffer(ffi.cast("const char *", value.data), array.size * STRING_SIZE)
            unpack_strings(np.frombuffer(data, np.uint8), array)
        return array
    # In sequences and optional values each element has a byte.
    bits = packed_bits(tensor.element_type) if tensor.form == abi.VALUE else 0
    size = packed_size(prod(shape), bits) if bits else array.nbytes
    if size == 0:
        return array
    data = np.frombuffer(ffi.buffer(ffi.cast("const char *", value.data), size), np.uint8)
    if bits:
        unpack(data, bits, tensor.element_type, array)
    else:
        array.reshape(-1).view(np.uint8)[:] = data
    return array
