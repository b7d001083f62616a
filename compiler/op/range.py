"""Progressions whose start, end and step only the run knows (ONNX Range). See `arange` for those known before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import INTEGERS, NUMBERS, REQUIRED, CSource, FusionKind, Op, check_dtype, register, same_dtype, tensors
from .c_source import PROLOGUE, WRONG_VALUE, Scalar, parameters
from .nonzero import COUNT


def _length_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    types = tensors("range_length", args, 3)
    check_dtype("range_length", same_dtype("range_length", types), NUMBERS)
    return COUNT


def _length_reference(attrs: Attrs, start: np.ndarray, limit: np.ndarray, step: np.ndarray) -> np.ndarray:
    first, last, by = (v.reshape(-1)[0].item() if v.dtype.kind in "iuf" else float(v) for v in (start, limit, step))
    count = -((first - last) // by) if isinstance(by, int) else math.ceil((last - first) / by)
    return np.array([max(count, 0)], np.int64)


_INTEGERS = """\
  const int64_t first = start[0], last = limit[0], by = step[0];
  if (by == 0) return {wrong};
  if (by > 0 ? last <= first : last >= first) {{
    length[0] = 0;
  }} else {{
    const uint64_t span = by > 0 ? (uint64_t)last - (uint64_t)first : (uint64_t)first - (uint64_t)last;
    const uint64_t stride = by > 0 ? (uint64_t)by : 0u - (uint64_t)by;
    const uint64_t found = (span - 1) / stride + 1;
    length[0] = found > INT64_MAX ? INT64_MAX : (int64_t)found;
  }}
"""

_FLOATS = """\
  const double by = (double){step}, found = ceil(((double){limit} - (double){start}) / by);
  if (!(found < 9e18)) return {wrong}; /* a step of 0, or something that is no number */
  length[0] = found > 0 ? (int64_t)found : 0;
"""


def _length_source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    scalar = Scalar(args[0].dtype, symbol)
    body = _INTEGERS if args[0].dtype in INTEGERS else _FLOATS
    names = parameters(dict(zip(("start", "limit", "step"), args, strict=True)), {"length": results[0]}, attrs)
    loads = {name: scalar.load(f"{name}[0]") for name in ("start", "limit", "step")}
    text = body.format(wrong=WRONG_VALUE, **loads)
    return CSource(f"{PROLOGUE}{scalar.helpers}int32_t {symbol}({names}) {{\n{text}  return 0;\n}}\n")


register(Op("range_length", FusionKind.OPAQUE, _length_relation, _length_reference, source=_length_source))


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    types = tensors("range", args, 2)
    dtype = same_dtype("range", types)
    check_dtype("range", dtype, NUMBERS)
    return TensorType((attrs.count,), dtype)


def _reference(attrs: Attrs, start: np.ndarray, step: np.ndarray) -> np.ndarray:
    return (start.reshape(()) + np.arange(attrs.count).astype(start.dtype) * step.reshape(())).astype(start.dtype)


def _compute(T: Any, attrs: Attrs, start: Any, step: Any) -> Any:
    def first(tensor: Any) -> Any:
        return tensor(*[0] * len(T.shape(tensor)))

    dtype = T.dtype(start)
    return T.compute((attrs.count,), lambda i: first(start) + T.cast(i, dtype) * first(step), "range")


register(
    Op("range", FusionKind.BROADCAST, _relation, _reference, _compute, attributes={"count": REQUIRED}),
)
