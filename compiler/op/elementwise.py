"""What all elementwise operators share: types by broadcasting, and evaluation of 16-bit floats in float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..relay.expr import Attrs
from ..relay.types import DTYPES, TensorType, Type
from .accumulate import wide_dtype, widen
from .base import (
    FLOATS,
    FusionKind,
    Op,
    broadcast_at,
    broadcast_dims,
    broadcast_shape,
    check_dtype,
    register,
    same_dtype,
    tensors,
)


def define(
    name: str,
    reference: Callable[..., Any],
    scalar: Callable[..., Any],
    *,
    arity: int = 1,
    dtypes: Sequence[str] = FLOATS,
    result: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    on_dims: Callable[..., Any] | None = None,
) -> None:
    """Register an elementwise operator of arguments of one element type.

    Parameters
    ----------
    reference : callable
        ``(*arrays, **attributes) -> array``; the arrays are never of a 16-bit float type.
    scalar : callable
        ``(T, *values, **attributes) -> value``, the compute of one element; the same holds for its values.
    dtypes : sequence of str
        Element types of the arguments.
    result : str, optional
        Element type of the result where that isn't the arguments' one.
    on_dims : callable, optional
        ``(*integers or dimensions, **attributes) -> integer or dimension``, for shape values.
    """

    def relation(attrs: Attrs, args: Sequence[Type]) -> Type:
        types = tensors(name, args, arity)
        dtype = same_dtype(name, types)
        check_dtype(name, dtype, dtypes)
        return TensorType(broadcast_shape(name, *(t.shape for t in types)), result or dtype)

    def evaluate(attrs: Attrs, *arrays: np.ndarray) -> Any:
        if any(a.dtype == object for a in arrays):
            assert on_dims is not None
            with np.errstate(all="ignore"):  # numpy looks at the floating-point flags of whatever ran inside
                return np.frompyfunc(lambda *values: on_dims(*values, **attrs), arity, 1)(*arrays)
        value = np.asarray(reference(*map(widen, arrays), **attrs))
        return value.astype(DTYPES[result][0] if result else arrays[0].dtype, copy=False)

    def compute(T: Any, attrs: Attrs, *args: Any) -> Any:
        shape = broadcast_dims(T, args)

        def element(*indices: Any) -> Any:
            values = [broadcast_at(T, x, indices, shape) for x in args]
            return in_float32(T, lambda *v: scalar(T, *v, **attrs), *values, result=result)

        return T.compute(shape, element, name.replace(".", "_"))

    kind = FusionKind.ELEMENTWISE if arity == 1 else FusionKind.BROADCAST
    shape_value = on_dims is not None
    register(Op(name, kind, relation, evaluate, compute, attributes=dict(attributes or {}), shape_value=shape_value))


def in_float32(T: Any, function: Callable[..., Any], *values: Any, result: str | None = None) -> Any:
    """function(*values) of one element type, evaluated in float32 where that is a 16-bit float, and then rounded.

    `result` is the element type of the function's value where that isn't the arguments' one.
    """
    dtype = T.dtype(values[0])
    value = function(*(T.cast(v, wide_dtype(dtype)) for v in values))
    return value if result else T.cast(value, dtype)
