"""Bytes through a table: element i becomes the entry that its bits number, of 256 (an int8 of -1 takes the last)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import FusionKind, Op, check_dtype, register, tensors
from .qnn_conv import BYTES

ENTRIES = 256


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, table = tensors("qnn.lookup", args, 2)
    check_dtype("qnn.lookup", x.dtype, BYTES)
    if table.shape != (ENTRIES,):
        raise CompileError(f"qnn.lookup: a table of {table.shape}", expected=f"({ENTRIES},)")
    return TensorType(x.shape, table.dtype)


def _reference(attrs: Attrs, x: np.ndarray, table: np.ndarray) -> np.ndarray:
    return table[x.astype(np.uint8)]


def _compute(T: Any, attrs: Attrs, x: Any, table: Any) -> Any:
    return T.compute(T.shape(x), lambda *index: table(T.cast(T.cast(x(*index), "uint8"), "int32")), "lookup")


register(Op("qnn.lookup", FusionKind.INJECTIVE, _relation, _reference, _compute))
