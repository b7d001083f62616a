"""Element types of artifacts as numpy dtypes."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

# DLPack's type codes, and the names of the types that numpy itself has.
_INT, _UINT, _FLOAT, _OPAQUE, _COMPLEX, _BOOL = 0, 1, 2, 3, 5, 6
_NUMPY_TYPES = {
    **{(_INT, bits): f"int{bits}" for bits in (8, 16, 32, 64)},
    **{(_UINT, bits): f"uint{bits}" for bits in (8, 16, 32, 64)},
    **{(_FLOAT, bits): f"float{bits}" for bits in (16, 32, 64)},
    **{(_COMPLEX, bits): f"complex{bits}" for bits in (64, 128)},
    (_BOOL, 8): "bool",
    (_OPAQUE, 128): "object",  # strings
}
STRING = "object"

# Those that only the package ml_dtypes has. A program without it sees their bits as unsigned integers, and small
# integers as those of 8 bits.
_EXTENSION_TYPES = {
    (_INT, 4): "int4",
    (_INT, 2): "int2",
    (_UINT, 4): "uint4",
    (_UINT, 2): "uint2",
    (4, 16): "bfloat16",
    (10, 8): "float8_e4m3fn",
    (11, 8): "float8_e4m3fnuz",
    (12, 8): "float8_e5m2",
    (13, 8): "float8_e5m2fnuz",
    (14, 8): "float8_e8m0fnu",
    (15, 8): "float6_e2m3fn",  # in a byte of its own
    (16, 8): "float6_e3m2fn",
    (17, 4): "float4_e2m1fn",
}

# Bits of an element where a byte holds several.
_PACKED_BITS = {name: bits for (_, bits), name in _EXTENSION_TYPES.items() if bits < 8}


def numpy_type(code: int, bits: int, lanes: int) -> tuple[str, np.dtype[Any]] | None:
    """Translate a DLPack type.

    Parameters
    ----------
    code, bits, lanes : int
        The members of a ``DLDataType``.

    Returns
    -------
    tuple of str and numpy.dtype, or None
        The type's name, and the dtype that arrays of it are given out with: of the same name, or, where that needs
        ml_dtypes and the package is not installed, an integer of the same size (8 bits for less). None for a type
        that no array can have.
    """
    if lanes != 1:
        return None
    name = _NUMPY_TYPES.get((code, bits))
    if name is not None:
        return name, np.dtype(name)
    name = _EXTENSION_TYPES.get((code, bits))
    if name is None:
        return None
    try:
        return name, np.dtype(getattr(importlib.import_module("ml_dtypes"), name))
    except (ImportError, AttributeError):
        return name, np.dtype(f"{'int' if code == _INT else 'uint'}{max(8, bits)}")


def as_element_type(array: np.ndarray, name: str, dtype: np.dtype[Any]) -> np.ndarray | None:
    """See an array as one of the given element type.

    Parameters
    ----------
    array : numpy.ndarray
        Any array.
    name : str
        Name of the element type.
    dtype : numpy.dtype
        The dtype that stands for it, as from `numpy_type`.

    Returns
    -------
    numpy.ndarray or None
        The array itself where its type is right; a view where it holds the bits of the type (unsigned integers for a
        type of ml_dtypes, 8-bit floats for uint8); a copy where its bytes are swapped; None where the type is another.
    """
    if array.dtype == dtype:
        return array
    if name == STRING:
        return array.astype(object) if array.dtype.kind in "USO" else None
    found = array.dtype.newbyteorder("=")
    if found == dtype:
        return array.astype(dtype)
    if found.itemsize != dtype.itemsize:
        return None
    extension = name in _EXTENSION_TYPES.values()
    plain = "int8" if name in ("int4", "int2") else f"uint{8 * dtype.itemsize}"
    same_bits = (
        found.name == name
        or (extension and found == np.dtype(plain))
        or (extension and found == np.dtype(f"V{dtype.itemsize}"))  # what numpy.load makes of such arrays
        or (name == "uint8" and found.name.startswith("float8_"))
    )
    if not same_bits:
        return None
    return array.astype(found).view(dtype) if array.dtype != found else array.view(dtype)


def packed_bits(name: str) -> int:
    """Bits of an element where a byte holds several of the type; else 0. In arrays each has a byte."""
    return _PACKED_BITS.get(name, 0)


def packed_size(count: int, bits: int) -> int:
    """Bytes of so many elements."""
    return (count * bits + 7) // 8


def pack(array: np.ndarray, bits: int) -> np.ndarray:
    """Elements out of the lowest bits of bytes, several in a byte, the first in its lowest bits."""
    each = 8 // bits
    padded = np.zeros(packed_size(array.size, bits) * each, np.uint8)
    padded[: array.size] = array.reshape(-1).view(np.uint8) & ((1 << bits) - 1)
    packed = padded[::each].copy()
    for place in range(1, each):
        packed |= padded[place::each] << (place * bits)
    return packed


def unpack(packed: np.ndarray, bits: int, name: str, array: np.ndarray) -> None:
    """The inverse of `pack`, into an array of elements of type `name`; those of int8 get their sign back."""
    each, mask = 8 // bits, (1 << bits) - 1
    elements = np.empty(len(packed) * each, np.uint8)
    for place in range(each):
        elements[place::each] = packed >> (place * bits) & mask
    if name.startswith("int") and array.dtype == np.int8:
        sign = 1 << (bits - 1)
        elements = (elements ^ sign) - np.uint8(sign)
    array.reshape(-1).view(np.uint8)[:] = elements[: array.size]
