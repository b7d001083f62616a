"""Sums and products of all elements up to each one along an axis (ONNX CumSum, CumProd)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .accumulate import widen
from .base import NUMBERS, REQUIRED, CSource, FusionKind, Op, check_dtype, register, tensors
from .c_source import PROLOGUE, Scalar, dimension_text, parameters
from .reduce import check_axes

_TEXT = """\
{prologue}{helpers}int32_t {symbol}({parameters}) {{
  const int64_t outer = {outer}, length = {length}, inner = {inner};
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {{
      {wrapping} total = {identity};
      for (int64_t k = 0; k < length; ++k) {{
        const int64_t at = (o * length + {place}) * inner + i;
        const {wrapping} next = ({wrapping}){element};
        {before}
        total = ({wrapping})(total {operator} next);
        {after}
      }}
    }}
  return 0;
}}
"""


def _define(name: str, accumulate: Callable[..., Any], operator: str, identity: int) -> None:
    """Register an operator by its numpy function, its C operator and what that leaves unchanged."""

    def relation(attrs: Attrs, args: Sequence[Type]) -> Type:
        (x,) = tensors(name, args, 1)
        check_dtype(name, x.dtype, NUMBERS)
        check_axes(name, (attrs.axis,), x.rank)
        return x

    def reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
        axis, dtype = attrs.axis, x.dtype
        x = widen(np.flip(x, axis) if attrs.reverse else x)
        result = accumulate(x, axis=axis, dtype=x.dtype)
        if attrs.exclusive and x.shape[axis]:
            first = np.full_like(np.take(x, [0], axis), identity)
            result = np.concatenate([first, np.delete(result, -1, axis)], axis)
        return np.ascontiguousarray(np.flip(result, axis) if attrs.reverse else result).astype(dtype)

    def source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
        (x,) = args
        scalar = Scalar(x.dtype, symbol)
        wrapping = scalar.arithmetic
        if wrapping.startswith("int"):  # C leaves overflow of signed integers undefined
            wrapping = f"u{wrapping}"
        store = f"out[at] = {scalar.store('total')};"
        return CSource(
            _TEXT.format(
                prologue=PROLOGUE,
                helpers=scalar.helpers,
                symbol=symbol,
                parameters=parameters({"data": x}, {"out": results[0]}, attrs),
                outer=dimension_text(product(x.shape[: attrs.axis])),
                length=dimension_text(x.shape[attrs.axis]),
                inner=dimension_text(product(x.shape[attrs.axis + 1 :])),
                wrapping=wrapping,
                identity=identity,
                operator=operator,
                place="length - 1 - k" if attrs.reverse else "k",
                element=scalar.load("data[at]"),
                before=store if attrs.exclusive else "",
                after="" if attrs.exclusive else store,
            )
        )

    register(
        Op(
            name,
            FusionKind.OPAQUE,
            relation,
            reference,
            source=source,
            attributes={"axis": REQUIRED, "exclusive": False, "reverse": False},
        )
    )


_define("cumulative_sum", np.cumsum, "+", 0)
_define("cumulative_product", np.cumprod, "*", 1)
