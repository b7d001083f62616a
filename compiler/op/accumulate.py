"""Element types of sums of products: what convolutions and matrix products give, and in what they add up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.types import DTYPES, TensorType
from .base import same_dtype


def result_dtype(name: str, operands: Sequence[TensorType], out_dtype: str | None) -> str:
    """Element type of a sum of products.

    Parameters
    ----------
    operands
        Data and weights.
    out_dtype
        A wider integer type for integer operands, which may differ then; None: the operands' own type.
    """
    if out_dtype is None:
        return same_dtype(name, operands)
    kinds = {DTYPES[t.dtype][0].kind for t in operands}
    if out_dtype not in ("int32", "int64") or not kinds <= {"i", "u"}:
        raise CompileError(
            f"{name}: {' and '.join(t.dtype for t in operands)} summed in {out_dtype}",
            expected="integer operands summed in int32 or int64",
        )
    return out_dtype


def check_bias(name: str, bias: Sequence[TensorType], channels: object, dtype: str) -> None:
    """Check the optional last argument of an operator: one element for each output channel."""
    for type_ in bias:
        if type_.shape != (channels,) or type_.dtype != dtype:
            raise CompileError(f"{name}: bias {type_}", expected=f"Tensor[({channels},), {dtype}]")


def wide_dtype(dtype: str) -> str:
    """The element type in which values of a type are added up: float32 for 16-bit floats, else the type itself."""
    return "float32" if dtype in ("float16", "bfloat16") else dtype


def widen(array: np.ndarray, out_dtype: str | None = None) -> np.ndarray:
    """The array in the element type in which it is added up."""
    if out_dtype is not None:
        return array.astype(DTYPES[out_dtype][0])
    return array.astype(np.float32) if array.dtype.kind in "fV" and array.dtype.itemsize == 2 else array


def finish_sums(T: Any, name: str, sums: Any, dtype: str, bias: Any = None, axis: int = 1) -> Any:
    """Add the bias along an axis, and convert to `dtype` from the type that the sums are kept in.

    The stage is called ``name_bias`` or ``name_cast``; the sums themselves are given where there is nothing to do.
    """
    total = T.dtype(sums)
    if bias is not None:

        def body(*index: Any) -> Any:
            return T.cast(sums(*index) + T.cast(bias(index[axis]), total), dtype)

        return T.compute(T.shape(sums), body, f"{name}_bias")
    if total != dtype:
        return T.compute(T.shape(sums), lambda *index: T.cast(sums(*index), dtype), f"{name}_cast")
    return sums
