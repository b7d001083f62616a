"""Normalisation: by given statistics (batch), or by those of the trailing axes (layer, root mean square)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .accumulate import wide_dtype, widen
from .base import (
    FLOATS,
    REQUIRED,
    FusionKind,
    Op,
    broadcast_at,
    broadcast_shape,
    check_dtype,
    normalize_axis,
    register,
    same_dtype,
    tensors,
)
from .reduce import reduction

# batch_norm: (x - mean) / sqrt(variance + epsilon) * scale + bias, by channel (axis 1)


def _batch_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, *parameters = tensors("nn.batch_norm", args, 5)
    for type_ in (x, *parameters):
        check_dtype("nn.batch_norm", type_.dtype, FLOATS)
    if x.rank < 2:
        raise CompileError(f"nn.batch_norm of {x}", expected="batch and channels")
    for type_, role in zip(parameters, ("scale", "bias", "mean", "variance"), strict=True):
        size = type_.shape[0] if type_.rank == 1 else None
        if size is None or (isinstance(size, int) and isinstance(x.shape[1], int) and size != x.shape[1]):
            raise CompileError(
                f"nn.batch_norm of {x.shape}: {role} of shape {type_.shape}", expected=f"({x.shape[1]},)"
            )
    return TensorType(x.shape, x.dtype)


def _batch_reference(attrs: Attrs, x: np.ndarray, *parameters: np.ndarray) -> np.ndarray:
    wide = widen(x)
    scale, bias, mean, variance = (p.astype(wide.dtype).reshape(-1, *[1] * (x.ndim - 2)) for p in parameters)
    factor = scale / np.sqrt(variance + wide.dtype.type(attrs.epsilon))
    return ((wide - mean) * factor + bias).astype(x.dtype)


def _batch_compute(T: Any, attrs: Attrs, x: Any, *parameters: Any) -> Any:
    dtype = T.dtype(x)
    wide = wide_dtype(dtype)

    def element(n: Any, c: Any, *position: Any) -> Any:
        scale, bias, mean, variance = (T.cast(p(c), wide) for p in parameters)
        factor = scale / T.math("sqrt", variance + T.const(attrs.epsilon, wide))
        return T.cast((T.cast(x(n, c, *position), wide) - mean) * factor + bias, dtype)

    return T.compute(T.shape(x), element, "batch_norm")


register(
    Op(
        "nn.batch_norm",
        FusionKind.BROADCAST,
        _batch_relation,
        _batch_reference,
        _batch_compute,
        attributes={"epsilon": REQUIRED},
    )
)


# layer_norm and rms_norm: over the axes from `axis` on; scale and bias broadcast to the data


def _define_trailing(name: str, centred: bool, parameters: tuple[int, int]) -> None:
    """Register a normalisation over the trailing axes.

    Parameters
    ----------
    centred : bool
        Subtract the mean first.
    parameters : (int, int)
        Least and greatest number of arguments: data, scale, bias.
    """
    stage = name.replace("nn.", "")

    def relation(attrs: Attrs, args: Sequence[Type]) -> Type:
        types = tensors(name, args, parameters)
        dtype = same_dtype(name, types)
        check_dtype(name, dtype, FLOATS)
        x = types[0]
        normalize_axis(name, attrs.axis, x.rank)
        for type_, role in zip(types[1:], ("scale", "bias"), strict=False):
            if type_.rank > x.rank or broadcast_shape(name, x.shape, type_.shape) != x.shape:
                raise CompileError(f"{name}: {role} of shape {type_.shape}", expected=f"to broadcast to {x.shape}")
        return TensorType(x.shape, dtype)

    def reference(attrs: Attrs, x: np.ndarray, scale: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
        wide = widen(x)
        axes = tuple(range(attrs.axis % x.ndim, x.ndim))
        if centred:
            wide = wide - wide.mean(axis=axes, keepdims=True)
        square = (wide * wide).mean(axis=axes, keepdims=True)
        result = wide / np.sqrt(square + wide.dtype.type(attrs.epsilon)) * widen(scale)
        if bias is not None:
            result = result + widen(bias)
        return result.astype(x.dtype)

    def compute(T: Any, attrs: Attrs, x: Any, scale: Any, bias: Any = None) -> Any:
        dims = T.shape(x)
        axes = range(attrs.axis % len(dims), len(dims))
        dtype = T.dtype(x)
        wide = wide_dtype(dtype)
        count = math.prod(dims[axis] for axis in axes)

        def average(total: Any) -> Any:
            return total * T.const(1 / max(count, 1), wide) if isinstance(count, int) else total / T.cast(count, wide)

        sums = None
        if centred:
            sums = reduction(T, x, axes, True, lambda read, k: T.sum(T.cast(read(x), wide), k), f"{stage}_sum")

        def deviation(read: Callable[[Any], Any]) -> Any:
            value = T.cast(read(x), wide)
            return value if sums is None else value - average(read(sums))

        squares = reduction(
            T, x, axes, True, lambda read, k: T.sum(deviation(read) * deviation(read), k), f"{stage}_square_sum"
        )

        def element(*index: Any) -> Any:
            row = (*index[: axes.start], *(0 for _ in axes))

            def read(tensor: Any) -> Any:
                return tensor(*(index if tensor is x else row))

            factor = T.const(1, wide) / T.math("sqrt", average(read(squares)) + T.const(attrs.epsilon, wide))
            value = deviation(read) * factor * T.cast(broadcast_at(T, scale, index, dims), wide)
            if bias is not None:
                value = value + T.cast(broadcast_at(T, bias, index, dims), wide)
            return T.cast(value, dtype)

        return T.compute(dims, element, stage)

    register(
        Op(
            name,
            FusionKind.ANCHOR,
            relation,
            reference,
            compute,
            attributes={"axis": REQUIRED, "epsilon": REQUIRED},
        )
    )


_define_trailing("nn.layer_norm", True, (2, 3))
_define_trailing("nn.rms_norm", False, (2, 2))
