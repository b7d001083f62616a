"""What branches and loops need: tensors that a loop fills row by row (ONNX Loop, Scan), branches that cannot be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.run_time import may_equal_shapes, require
from ..relay.types import DTYPES, TensorType, Type
from .base import REQUIRED, FusionKind, Op, broadcast_shape, register, same_dtype, tensors


def _uninitialized_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    tensors("uninitialized", args, 0)
    return TensorType(tuple(attrs.shape), attrs.dtype)


register(
    Op(
        "uninitialized",
        FusionKind.OPAQUE,
        _uninitialized_relation,
        lambda attrs: np.zeros(attrs.shape, DTYPES[attrs.dtype][0]),
        attributes={"shape": REQUIRED, "dtype": REQUIRED},
        step=True,
    )
)


def _append_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    rows, row = tensors("append", args, 2)
    same_dtype("append", (rows, row))
    empty = rows.shape[0] == 0 and rows.rank == row.rank + 1
    if not empty and not may_equal_shapes(rows.shape[1:], row.shape, where=rows.shape[0]):
        raise CompileError(f"append of {row} to {rows}", expected="a row of theirs")
    return TensorType((rows.shape[0] + 1, *row.shape), rows.dtype)


def _append_reference(attrs: Attrs, rows: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Rows with one more at the end."""
    return np.concatenate([rows, row[None]]) if len(rows) else row[None].copy()


register(Op("append", FusionKind.OPAQUE, _append_relation, _append_reference, step=True))


def _place_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    rows, row, index = tensors("place", args, 3)
    same_dtype("place", (rows, row))
    if rows.rank != row.rank + 1 or not may_equal_shapes(rows.shape[1:], row.shape):
        raise CompileError(f"place of {row} in {rows}", expected="a row of theirs")
    if index.dtype != "int64" or index.size != 1:
        raise CompileError(f"place at {index}", expected="one int64")
    return rows


def _place_reference(attrs: Attrs, rows: np.ndarray, row: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Rows with one of them replaced."""
    result = rows.copy()
    result[int(index.reshape(()))] = row
    return result


register(Op("place", FusionKind.OPAQUE, _place_relation, _place_reference, step=True))


def _fail_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    tensors("fail", args, 0)
    return TensorType(tuple(attrs.shape), attrs.dtype)


def _fail_reference(attrs: Attrs) -> np.ndarray:
    raise ValueError(attrs.message)


register(
    Op(
        "fail",
        FusionKind.OPAQUE,
        _fail_relation,
        _fail_reference,
        attributes={"message": REQUIRED, "shape": REQUIRED, "dtype": REQUIRED},
        step=True,
    )
)


def _assume_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, condition = tensors("assume", args, 2)
    if condition.dtype != "bool" or condition.size != 1:
        raise CompileError(f"assume by {condition}", expected="one bool")
    return x


def _assume_reference(attrs: Attrs, x: np.ndarray, condition: np.ndarray) -> np.ndarray:
    """x, provided that the condition is what it is taken for."""
    if bool(condition.reshape(())) != attrs["value"]:
        raise ValueError("the run takes another branch than the model was compiled for")
    return x


register(
    Op("assume", FusionKind.OPAQUE, _assume_relation, _assume_reference, attributes={"value": REQUIRED}, step=True),
)


def _checked_reshape_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("checked_reshape", args, 1)
    result = TensorType(tuple(attrs.shape), x.dtype)
    if x.size != result.size:
        require("equal", x.size, result.size)
    return result


register(
    Op(
        "checked_reshape",
        FusionKind.OPAQUE,
        _checked_reshape_relation,
        lambda attrs, x: x.reshape(attrs.shape),
        attributes={"shape": REQUIRED},
        view=True,
        step=True,
    )
)


def _checked_broadcast_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("checked_broadcast", args, 1)
    broadcast_shape("checked_broadcast", x.shape, tuple(attrs.to))
    return x


def _checked_broadcast_reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    """x, provided that its shape and another broadcast."""
    np.broadcast_shapes(x.shape, attrs.to)
    return x


register(
    Op(
        "checked_broadcast",
        FusionKind.OPAQUE,
        _checked_broadcast_relation,
        _checked_broadcast_reference,
        attributes={"to": REQUIRED},
        view=True,
        step=True,
    )
)
