"""Convolution of 8-bit integers: exact sums in int32.

Data is NC + spatial, the kernel O(I/groups) + spatial, an optional int32 bias has O elements. What lies outside of the
data has the value `zero_point`, the quantised form of 0. The sums are those of the numbers as they are: that zero
points are to be subtracted from them is the bias's affair (see `fold_zero_point`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..relay.expr import Attrs
from ..relay.types import DTYPES, TensorType, Type
from .accumulate import finish_sums
from .base import REQUIRED, FusionKind, Op, check_dtype, get, register, tensors
from .window import pad_array, pad_stage

BYTES = ("int8", "uint8")


def fold_zero_point(bias: np.ndarray, weights: np.ndarray, zero_point: int) -> np.ndarray:
    """The bias that makes sums of q * w those of (q - zero_point) * w; modulo 2**32, as int32 arithmetic is."""
    sums = weights.reshape(len(weights), -1).astype(np.int64).sum(1)
    return (bias.astype(np.int64) - zero_point * sums).astype(np.int32)


def check_bytes(name: str, data: TensorType, weights: TensorType) -> None:
    check_dtype(f"{name}: data", data.dtype, BYTES)
    check_dtype(f"{name}: weights", weights.dtype, BYTES)


def integer_sums(attrs: Attrs) -> Attrs:
    """The attributes of `nn.conv` that adds up the same numbers without padding."""
    padding = (0,) * len(attrs.padding)
    return Attrs(
        strides=attrs.strides, padding=padding, dilations=attrs.dilations, groups=attrs.groups, out_dtype="int32"
    )


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    types = tensors("qnn.conv", args, (2, 3))
    check_bytes("qnn.conv", types[0], types[1])
    full = Attrs({**integer_sums(attrs), "padding": attrs.padding})
    return get("nn.conv").relation(full, types)


def _reference(attrs: Attrs, data: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    spatial = data.ndim - 2
    padded = pad_array(data, attrs.padding[:spatial], attrs.padding[spatial:], attrs.zero_point)
    rest = [] if bias is None else [bias]
    return get("nn.conv").reference(integer_sums(attrs), padded, kernel, *rest).astype(DTYPES["int32"][0])


def _compute(T: Any, attrs: Attrs, data: Any, kernel: Any, bias: Any = None) -> Any:
    spatial = len(T.shape(data)) - 2
    before, after = attrs.padding[:spatial], attrs.padding[spatial:]
    outside = T.const(attrs.zero_point, T.dtype(data))
    padded = pad_stage(T, data, before, after, outside, "conv_pad")
    sums = get("nn.conv").compute
    assert sums is not None
    result = sums(T, integer_sums(attrs), padded, kernel)
    return finish_sums(T, "conv", result, "int32", bias)


register(
    Op(
        "qnn.conv",
        FusionKind.ANCHOR,
        _relation,
        _reference,
        _compute,
        attributes={"strides": REQUIRED, "padding": REQUIRED, "dilations": REQUIRED, "groups": 1, "zero_point": 0},
        multiply_adds=get("nn.conv").multiply_adds,
    )
)
