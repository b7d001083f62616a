"""Numbers that strings say (ONNX Cast from string). What says no number ends the run with an error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.types import DTYPES, TensorType, Type
from .base import REQUIRED, CSource, FusionKind, Op, check_dtype, register, tensors
from .c_source import PROLOGUE, dimension_text, parameters

#: The C library's function for each type.
_FUNCTIONS = {
    "float32": "strtof(text, &end)",
    "float64": "strtod(text, &end)",
    "int64": "strtoll(text, &end, 10)",
    "uint64": "strtoull(text, &end, 10)",
}


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("string.parse", args, 1)
    check_dtype("string.parse", x.dtype, ("string",))
    check_dtype("string.parse", attrs.dtype, tuple(_FUNCTIONS))
    return TensorType(x.shape, attrs.dtype)


def _number(text: str, dtype: np.dtype) -> np.generic:
    try:
        return dtype.type(int(text) if dtype.kind in "iu" else float(text))
    except ValueError:
        return dtype.type(float(text))


def _reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    dtype = DTYPES[attrs.dtype][0]
    try:
        return np.array([_number(str(text), dtype) for text in x.reshape(-1)], dtype).reshape(x.shape)
    except (ValueError, OverflowError) as error:
        raise CompileError(f"string.parse: {error}", expected="a number") from error


#: The C library reads up to a zero, and wants the locale's decimal point. Integers may be written like floats.
_TEXT = """\
#include <ctype.h>
#include <locale.h>
#include <stdlib.h>
{prologue}
int32_t {symbol}({parameters}) {{
  enum {{ ROOM = 512, WRONG = 9 /* ONNXC_ERROR_KERNEL */ }};
  const char point = *localeconv()->decimal_point;
  for (int32_t i = 0; i < {size}; ++i) {{
    char text[ROOM], *end;
    int64_t size = x[i].size;
    if (size < 1 || size >= ROOM) return WRONG;
    memcpy(text, x[i].data, (size_t)size);
    while (size > 0 && isspace((unsigned char)text[size - 1])) --size;
    text[size] = 0;
    if (memchr(text, 0, (size_t)size) != NULL) return WRONG;
    for (char *c = text; *c != 0; ++c)
      if (*c == '.') *c = point;
    result[i] = {function};
{again}\
    if (end == text || *end != 0) return WRONG;
  }}
  return 0;
}}
"""

_AGAIN = "    if (end == text || *end != 0) result[i] = ({type})strtod(text, &end);\n"


def _source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    (x,) = args
    return CSource(
        _TEXT.format(
            prologue=PROLOGUE,
            symbol=symbol,
            parameters=parameters({"x": x}, {"result": results[0]}, attrs),
            size=dimension_text(product(x.shape)),
            function=_FUNCTIONS[attrs.dtype],
            again=_AGAIN.format(type=f"{attrs.dtype}_t") if "int" in attrs.dtype else "",
        )
    )


register(
    Op(
        "string.parse",
        FusionKind.OPAQUE,
        _relation,
        _reference,
        source=_source,
        attributes={"dtype": REQUIRED},
    )
)
