"""Reductions over axes: sum, mean, product, maximum, minimum."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import maximum, minimum
from ..relay.expr import Attrs
from ..relay.types import DTYPES, TensorType, Type
from .accumulate import wide_dtype, widen
from .base import FLOATS, NUMBERS, REQUIRED, FusionKind, Op, check_dtype, register, tensors


def check_axes(name: str, axes: Sequence[int], rank: int) -> None:
    """Axes are counted from the front, in order, none twice, at least one."""
    if not axes or list(axes) != sorted(set(axes)) or not all(0 <= a < rank for a in axes):
        raise CompileError(
            f"{name}: the axes {tuple(axes)} of a tensor of rank {rank}", expected="increasing axes of it"
        )


def reduced_shape(shape: Sequence[Any], axes: Sequence[int], keepdims: bool) -> list[Any]:
    """Shape without the axes, or with 1 in their place; also for shapes in computes."""
    return [1 if axis in axes else d for axis, d in enumerate(shape) if keepdims or axis not in axes]


def reduction(
    T: Any, x: Any, axes: Sequence[int], keepdims: bool, body: Callable[[Callable[..., Any], list[Any]], Any], name: str
) -> Any:
    """The tensor whose elements are ``body(read, reduce axes)``.

    `read` gives the element of `x`, or of another tensor of its shape, or of one reduced with ``keepdims``, that
    belongs to the element of the result and the values of the reduce axes.
    """
    dims = T.shape(x)
    over = {axis: T.reduce_axis(dims[axis], f"k{axis}") for axis in axes}

    def element(*indices: Any) -> Any:
        kept = iter(indices)
        position = []
        for axis in range(len(dims)):
            index = next(kept) if keepdims or axis not in over else None
            position.append(over.get(axis, index))

        def read(tensor: Any) -> Any:
            places = enumerate(zip(position, T.shape(tensor), strict=True))
            return tensor(*(0 if isinstance(size, int) and size == 1 and a in over else p for a, (p, size) in places))

        return body(read, list(over.values()))

    return T.compute(reduced_shape(dims, axes, keepdims), element, name)


def lowest(dtype: str) -> Any:
    """What every number of a type is at least."""
    if dtype == "bool":
        return False
    return -math.inf if dtype in FLOATS else np.iinfo(DTYPES[dtype][0]).min


def highest(dtype: str) -> Any:
    """What every number of a type is at most."""
    if dtype == "bool":
        return True
    return math.inf if dtype in FLOATS else np.iinfo(DTYPES[dtype][0]).max


def _define(
    name: str,
    reference: Callable[..., Any],
    combine: Callable[[Any, Any, Any], Any],
    identity: Callable[[str], Any],
    dtypes: Sequence[str],
    on_dims: Callable[[Any, Any], Any],
    mean: bool = False,
) -> None:
    """Register a reduction.

    Parameters
    ----------
    reference : callable
        ``(array, identity, axis=, keepdims=) -> array``
    combine : callable
        ``(T, left, right) -> value``
    identity : callable
        ``element type -> number`` that changes nothing when combined: the result for no elements.
    on_dims : callable
        Combines two elements of a shape value.
    mean : bool
        Divide the result by the number of elements.
    """

    def relation(attrs: Attrs, args: Sequence[Type]) -> Type:
        (x,) = tensors(name, args, 1)
        check_dtype(name, x.dtype, dtypes)
        check_axes(name, attrs.axis, x.rank)
        return TensorType(tuple(reduced_shape(x.shape, attrs.axis, attrs.keepdims)), x.dtype)

    def evaluate(attrs: Attrs, x: np.ndarray) -> np.ndarray:
        if x.dtype == object:
            if mean:
                raise ValueError("the mean of dimensions")
            for axis in reversed(attrs.axis):
                x = np.asarray(np.frompyfunc(on_dims, 2, 1).reduce(x, axis, keepdims=attrs.keepdims), object)
            return x
        value = reference(widen(x), identity(str(x.dtype)), axis=attrs.axis, keepdims=attrs.keepdims)
        if mean:
            count = math.prod(x.shape[a] for a in attrs.axis)
            value = np.trunc(value / np.float64(count)) if x.dtype.kind in "iu" else value / value.dtype.type(count)
        return np.asarray(value).astype(x.dtype)

    def compute(T: Any, attrs: Attrs, x: Any) -> Any:
        dtype = T.dtype(x)
        wide = wide_dtype(dtype)
        reducer = T.reducer(lambda a, b: combine(T, a, b), lambda t: T.const(identity(dtype), t), name)
        result = reduction(
            T, x, attrs.axis, attrs.keepdims, lambda read, axes: reducer(T.cast(read(x), wide), axes), name
        )
        if not mean and wide == dtype:
            return result
        dims = [T.shape(x)[axis] for axis in attrs.axis] if mean else []
        return T.compute(
            T.shape(result), lambda *i: T.cast(_divide(T, result(*i), math.prod(dims)), dtype), f"{name}_end"
        )

    register(
        Op(
            name,
            FusionKind.REDUCTION,
            relation,
            evaluate,
            compute,
            attributes={"axis": REQUIRED, "keepdims": False},
            shape_value=True,
        )
    )


def _divide(T: Any, value: Any, count: Any) -> Any:
    """A sum by its number of elements."""
    dtype = T.dtype(value)
    if dtype not in FLOATS:
        return T.truncate_div(value, T.cast(T.maximum(T.index(count), 1), dtype))
    if isinstance(count, int):
        return value if count == 1 else value * T.const(1 / count if count else math.nan, dtype)
    return value / T.cast(count, dtype)


def _sum(x: np.ndarray, identity: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    return np.sum(x, axis=axis, keepdims=keepdims, dtype=x.dtype)


def _product(x: np.ndarray, identity: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    return np.prod(x, axis=axis, keepdims=keepdims, dtype=x.dtype)


def _maximum(x: np.ndarray, identity: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    return np.max(x, axis=axis, keepdims=keepdims, initial=identity)


def _minimum(x: np.ndarray, identity: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    return np.min(x, axis=axis, keepdims=keepdims, initial=identity)


def _greater(T: Any, x: Any, y: Any) -> Any:
    return T.any(x, y) if T.dtype(x) == "bool" else T.maximum(x, y)


def _smaller(T: Any, x: Any, y: Any) -> Any:
    return T.all(x, y) if T.dtype(x) == "bool" else T.minimum(x, y)


_define("sum", _sum, lambda T, x, y: x + y, lambda dtype: 0, NUMBERS, lambda x, y: x + y)
_define("mean", _sum, lambda T, x, y: x + y, lambda dtype: 0, NUMBERS, lambda x, y: x + y, mean=True)
_define("product", _product, lambda T, x, y: x * y, lambda dtype: 1, NUMBERS, lambda x, y: x * y)
_define("max", _maximum, _greater, lowest, (*NUMBERS, "bool"), maximum)
_define("min", _minimum, _smaller, highest, (*NUMBERS, "bool"), minimum)
