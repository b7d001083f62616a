"""Numbers as strings, as numpy writes them: the fewest digits that say which number it is (ONNX Cast to string)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import CSource, FusionKind, Op, check_dtype, register, tensors
from .c_source import PROLOGUE, Scalar, dimension_text, parameters

#: From 1e-4 to these the point stands among the digits, as numpy 2.4 does it; others are written with an exponent.
_LIMITS = {"float16": "1e3", "float32": "1e6", "float64": "1e16"}
_TYPES = (*_LIMITS, "int64", "uint64", "bool")


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("string.format", args, 1)
    check_dtype("string.format", x.dtype, _TYPES)
    return TensorType(x.shape, "string")


def _reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    result = np.empty(x.size, object)
    result[:] = [str(value) for value in x.reshape(-1)]
    return result.reshape(x.shape)


#: Digits are tried until they give the number again.
_FLOAT = """\
#include <stdio.h>
#include <stdlib.h>
{prologue}{helpers}
/* Are the digits enough for the number? */
static int {symbol}_is(const char *digits, {type} value) {{
  const {type} read = ({type}){read}(digits, NULL);
  return {same};
}}

/* Text of a number; its length. */
static int {symbol}_write(char *to, {type} value) {{
  char digits[40];
  if (value != value) return sprintf(to, "nan");
  if (value - value != 0) return sprintf(to, value > 0 ? "inf" : "-inf");
  int precision = 0;
  for (; precision < 17; ++precision) {{
    sprintf(digits, "%.*e", precision, (double)value);
    if ({symbol}_is(digits, value)) break;
  }}
  char *const exponent_text = strchr(digits, 'e');
  const int exponent = (int)strtol(exponent_text + 1, NULL, 10);
  char *c = to;
  const char *from = digits;
  if (*from == '-') *c++ = *from++;
  char plain[24];
  int count = 0;
  for (; from < exponent_text; ++from)
    if (*from >= '0' && *from <= '9') plain[count++] = *from; /* not the locale's point */
  const double magnitude = fabs((double)value);
  if (value != 0 && (magnitude < 1e-4 || magnitude >= {limit})) {{
    *c++ = plain[0];
    if (count > 1) *c++ = '.';
    for (int i = 1; i < count; ++i) *c++ = plain[i];
    c += sprintf(c, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
    return (int)(c - to);
  }}
  for (int place = exponent < 0 ? exponent : 0; place < count || place <= exponent + 1; ++place) {{
    if (place == exponent + 1) *c++ = '.';
    *c++ = place >= 0 && place < count ? plain[place] : '0';
  }}
  return (int)(c - to);
}}
"""

_WHOLE = """\
#include <inttypes.h>
#include <stdio.h>
{prologue}
static int {symbol}_write(char *to, {type} value) {{ return sprintf(to, {format}, value); }}
"""

_BOOL = """\
#include <stdio.h>
{prologue}
static int {symbol}_write(char *to, uint8_t value) {{ return sprintf(to, "%s", value ? "True" : "False"); }}
"""

_TEXT = """
int32_t {symbol}({parameters}) {{
  for (int32_t i = 0; i < {size}; ++i) {{
    char written[64];
    const int size = {symbol}_write(written, {load});
    char *const place = onnxc_text_take(text, size);
    if (place == NULL) return ONNXC_ERROR_MEMORY;
    memcpy(place, written, (size_t)size);
    result[i].data = place;
    result[i].size = size;
  }}
  return 0;
}}
"""


def _source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    (x,) = args
    scalar = Scalar(x.dtype, symbol)
    text = _FLOAT if x.dtype in _LIMITS else _BOOL if x.dtype == "bool" else _WHOLE
    stored = scalar.store("read"), scalar.store("value")
    return CSource(
        (text + _TEXT).format(
            prologue=PROLOGUE,
            helpers=scalar.helpers,
            symbol=symbol,
            type=scalar.arithmetic,
            read="strtod" if x.dtype == "float64" else "strtof",
            limit=_LIMITS.get(x.dtype, ""),
            same=f"{stored[0]} == {stored[1]}" if x.dtype == "float16" else "read == value",
            format='"%" PRId64' if x.dtype == "int64" else '"%" PRIu64',
            parameters=parameters({"x": x}, {"result": results[0]}, attrs, makes_text=True),
            size=dimension_text(product(x.shape)),
            load=scalar.load("x[i]"),
        )
    )


register(Op("string.format", FusionKind.OPAQUE, _relation, _reference, source=_source, makes_text=True))
