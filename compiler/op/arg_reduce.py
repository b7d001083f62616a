"""Where along an axis the greatest or the smallest element lies (ONNX ArgMax, ArgMin)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .accumulate import widen
from .base import NUMBERS, REQUIRED, FusionKind, Op, check_dtype, check_index_source, register, tensors
from .reduce import check_axes, highest, lowest, reduced_shape, reduction


def _define(name: str, find: Callable[..., Any], pick: str) -> None:
    """Register an operator; `pick` is the method of T that gives the better of two numbers."""

    def relation(attrs: Attrs, args: Sequence[Type]) -> Type:
        (x,) = tensors(name, args, 1)
        check_dtype(name, x.dtype, NUMBERS)
        check_axes(name, (attrs.axis,), x.rank)
        result = TensorType(tuple(reduced_shape(x.shape, (attrs.axis,), attrs.keepdims)), "int64")
        check_index_source(name, [x.shape[attrs.axis]], result.size)
        return result

    def reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
        x = widen(x)
        if not attrs.last:
            return find(x, axis=attrs.axis, keepdims=attrs.keepdims).astype(np.int64)
        backward = find(np.flip(x, attrs.axis), axis=attrs.axis, keepdims=attrs.keepdims)
        return (x.shape[attrs.axis] - 1 - backward).astype(np.int64)

    def compute(T: Any, attrs: Attrs, x: Any) -> Any:
        """Find the value, then the first or last place that has it: two plain reductions, which vectorise."""
        axes = (attrs.axis,)
        extent = T.index(T.shape(x)[attrs.axis])
        outside = T.const(-1, "int32") if attrs.last else extent
        identity = lowest if pick == "maximum" else highest
        choose = getattr(T, pick)
        better = T.reducer(lambda a, b: choose(a, b), lambda t: T.const(identity(t), t), name)
        nearest = T.max_reduce if attrs.last else T.min_reduce
        best = reduction(T, x, axes, True, lambda read, k: better(read(x), k), f"{name}_value")

        def place(read: Callable[[Any], Any], k: list[Any]) -> Any:
            return nearest(T.select(read(x) == read(best), k[0].var, outside), k)

        found = reduction(T, x, axes, attrs.keepdims, place, f"{name}_place")

        def inside(*indices: Any) -> Any:  # also where NaN equals nothing
            index = found(*indices)
            index = T.maximum(index, 0) if attrs.last else T.minimum(index, extent - 1)
            return T.cast(index, "int64")

        return T.compute(T.shape(found), inside, name)

    register(
        Op(
            name,
            FusionKind.REDUCTION,
            relation,
            reference,
            compute,
            attributes={"axis": REQUIRED, "keepdims": False, "last": False},
        )
    )


_define("argmax", np.argmax, "maximum")
_define("argmin", np.argmin, "minimum")
