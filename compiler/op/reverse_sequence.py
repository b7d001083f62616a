"""The beginnings of sequences reversed, each as far as its own length says (ONNX ReverseSequence)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.run_time import may_equal_shapes
from ..relay.types import Type
from .base import REQUIRED, FusionKind, Op, check_dtype, normalize_axis, register, tensors
from .gather import INDEX_TYPES


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, lengths = tensors("reverse_sequence", args, 2)
    check_dtype("reverse_sequence: lengths", lengths.dtype, INDEX_TYPES)
    batch, time = (normalize_axis("reverse_sequence", a, x.rank) for a in (attrs.batch_axis, attrs.time_axis))
    if batch == time or not may_equal_shapes(lengths.shape, (x.shape[batch],)):
        raise CompileError(
            f"reverse_sequence of {x.shape} with batch axis {batch}, time axis {time} and lengths {lengths.shape}",
            expected="two axes, and a length for each index of the batch axis",
        )
    return x


def _reference(attrs: Attrs, x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    batch, time = attrs.batch_axis % x.ndim, attrs.time_axis % x.ndim
    position: list[np.ndarray] = list(np.indices(x.shape, sparse=True))
    length = np.clip(lengths, 0, x.shape[time])[position[batch]]
    position[time] = np.where(position[time] < length, length - 1 - position[time], position[time])
    return x[tuple(position)]


def _compute(T: Any, attrs: Attrs, x: Any, lengths: Any) -> Any:
    shape = T.shape(x)
    batch, time = attrs.batch_axis % len(shape), attrs.time_axis % len(shape)
    dtype = T.dtype(lengths)
    longest = T.cast(T.index(shape[time]), dtype)

    def element(*index: Any) -> Any:
        # A length that is out of range must not lead out of the tensor.
        bounded = T.maximum(T.minimum(lengths(index[batch]), longest), T.const(0, dtype))
        length, step = T.cast(bounded, "int32"), index[time]
        place = T.select(step < length, length - 1 - step, step)
        return x(*index[:time], place, *index[time + 1 :])

    return T.compute(shape, element, "reverse_sequence")


register(
    Op(
        "reverse_sequence",
        FusionKind.INJECTIVE,
        _relation,
        _reference,
        _compute,
        attributes={"batch_axis": REQUIRED, "time_axis": REQUIRED},
    )
)
