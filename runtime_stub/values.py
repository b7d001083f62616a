"""Values whose size a run decides, between C and Python."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .abi import ffi
from .element_types import STRING, packed_bits, packed_size, unpack
from .library import TensorInfo
from .strings import STRING_SIZE, unpack_strings


def read_value(value: Any, tensor: TensorInfo) -> np.ndarray:
    """A copy of a tensor that a run has left in its memory."""
    shape = tuple(value.shape[axis] for axis in range(value.ndim))
    array = np.empty(shape, tensor.dtype)
    if tensor.element_type == STRING:
        if array.size > 0:
            data = ffi.buffer(ffi.cast("const char *", value.data), array.size * STRING_SIZE)
            unpack_strings(np.frombuffer(data, np.uint8), array)
        return array
    bits = packed_bits(tensor.element_type)
    size = packed_size(prod(shape), bits) if bits else array.nbytes
    if size == 0:
        return array
    data = np.frombuffer(ffi.buffer(ffi.cast("const char *", value.data), size), np.uint8)
    if bits:
        unpack(data, bits, tensor.element_type, array)
    else:
        array.reshape(-1).view(np.uint8)[:] = data
    return array
