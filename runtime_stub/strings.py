"""Strings between numpy's arrays of Python objects and C's: see onnxc_string in onnxc_runtime.h."""

from __future__ import annotations

from typing import Any

import numpy as np

from .abi import ffi

#: Bytes of an onnxc_string: an address and a length, of 8 bytes each.
STRING_SIZE = 16


def pack_strings(array: np.ndarray) -> np.ndarray:
    """Strings (of Python, or bytes of UTF-8) as C has them, and their bytes behind them.

    Raises
    ------
    TypeError
        Something is no string.
    """
    encoded = [_encode(text) for text in array.reshape(-1).tolist()]
    sizes = np.fromiter(map(len, encoded), np.int64, len(encoded))
    ends = np.cumsum(sizes)
    head = len(encoded) * STRING_SIZE
    whole = room_for_strings(len(encoded), int(ends[-1]) if len(encoded) else 0)
    whole[head : head + (int(ends[-1]) if len(encoded) else 0)] = np.frombuffer(b"".join(encoded), np.uint8)
    table = whole[:head].view(np.int64).reshape(-1, 2)
    table[:, 0] = int(ffi.cast("intptr_t", ffi.from_buffer(whole))) + head + ends - sizes
    table[:, 1] = sizes
    return whole


def _encode(text: Any) -> bytes:
    if isinstance(text, str):
        return text.encode("utf-8", "surrogateescape")
    if isinstance(text, bytes):
        return text
    raise TypeError(f"found {type(text).__name__} among the elements")


def room_for_strings(count: int, more: int = 0) -> np.ndarray:
    """Bytes for so many strings, and more, aligned as C wants them."""
    whole = np.empty(count * STRING_SIZE + more + STRING_SIZE, np.uint8)
    start = -int(ffi.cast("intptr_t", ffi.from_buffer(whole))) % STRING_SIZE
    return whole[start : start + count * STRING_SIZE + more]


def unpack_strings(packed: np.ndarray, array: np.ndarray) -> None:
    """Python's strings out of C's, into an array of objects."""
    table = packed.view(np.int64).reshape(-1, 2).tolist()
    texts = np.empty(len(table), object)
    texts[:] = [
        ffi.buffer(ffi.cast("const char *", place), size)[:].decode("utf-8", "surrogateescape") if size else ""
        for place, size in table
    ]
    array[...] = texts.reshape(array.shape)
