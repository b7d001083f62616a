"""Whether strings match a pattern from begin to end (ONNX RegexFullMatch): a walk through an automaton's table.

The arguments after the strings are those of `frontend.regex_automaton.Automaton`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import CSource, FusionKind, Op, check_dtype, register, tensors
from .c_source import PROLOGUE, dimension_text, parameters


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, classes, table, accepts = tensors("string.match", args, 4)
    check_dtype("string.match", x.dtype, ("string",))
    if classes.shape != (256,) or table.rank != 2 or accepts.shape != table.shape[:1]:
        raise CompileError(f"string.match with {classes}, {table} and {accepts}", expected="tables of an automaton")
    return TensorType(x.shape, "bool")


def _reference(attrs: Attrs, x: np.ndarray, classes: np.ndarray, table: np.ndarray, accepts: np.ndarray) -> np.ndarray:
    result = np.empty(x.size, np.bool_)
    for index, text in enumerate(x.reshape(-1)):
        state = 0
        for byte in str(text).encode("utf-8", "surrogateescape"):
            state = int(table[state, classes[byte]])
        result[index] = accepts[state] == 1
    return result.reshape(x.shape)


_TEXT = """\
{prologue}
int32_t {symbol}({parameters}) {{
  for (int32_t i = 0; i < {size}; ++i) {{
    const uint8_t *place = (const uint8_t *)x[i].data;
    int64_t left = x[i].size;
    int32_t state = 0;
    for (; left > 0 && accepts[state] != 2; --left) state = table[state * {columns} + classes[*place++]];
    result[i] = accepts[state] == 1;
  }}
  return 0;
}}
"""


def _source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    x, classes, table, accepts = args
    names = {"x": x, "classes": classes, "table": table, "accepts": accepts}
    return CSource(
        _TEXT.format(
            prologue=PROLOGUE,
            symbol=symbol,
            parameters=parameters(names, {"result": results[0]}, attrs),
            size=dimension_text(product(x.shape)),
            columns=dimension_text(table.shape[1]),
        )
    )


register(Op("string.match", FusionKind.OPAQUE, _relation, _reference, source=_source))
