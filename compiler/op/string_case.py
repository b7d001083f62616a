"""Strings with other characters in place of some, such as large letters for small ones (ONNX StringNormalizer).

The table: `codes`, sorted characters; in place of codes[i] come bytes[starts[i]:starts[i + 1]] of UTF-8.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import CSource, FusionKind, Op, check_dtype, register, tensors
from .c_source import PROLOGUE, dimension_text, parameters


@cache
def case_table(upper: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes, starts and bytes for Unicode's large or small letters, whatever stands around them."""
    codes, starts, text = [], [0], b""
    for code in range(0x110000):
        if 0xD800 <= code < 0xE000:
            continue
        other = chr(code).upper() if upper else chr(code).lower()
        if other != chr(code):
            codes.append(code)
            text += other.encode()
            starts.append(len(text))
    return np.array(codes, np.int32), np.array(starts, np.int32), np.frombuffer(text, np.uint8)


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, codes, starts, text = tensors("string.case", args, 4)
    check_dtype("string.case", x.dtype, ("string",))
    if codes.rank != 1 or starts.rank != 1 or text.rank != 1 or text.dtype != "uint8":
        raise CompileError(f"string.case with {codes}, {starts} and {text}", expected="a table of characters")
    return x


def _reference(attrs: Attrs, x: np.ndarray, codes: np.ndarray, starts: np.ndarray, text: np.ndarray) -> np.ndarray:
    table = {chr(code): text[starts[i] : starts[i + 1]].tobytes().decode() for i, code in enumerate(codes.tolist())}
    result = np.empty(x.size, object)
    result[:] = ["".join(table.get(c, c) for c in element) for element in x.reshape(-1)]
    return result.reshape(x.shape)


#: Two rounds: the first counts the bytes. What is not UTF-8 is copied byte by byte.
_TEXT = """\
{prologue}
/* A character's code and bytes. */
static int {symbol}_character(const uint8_t *c, int64_t left, int32_t *code) {{
  const int size = *c < 0x80 ? 1 : *c >= 0xf0 && *c < 0xf8 ? 4 : *c >= 0xe0 && *c < 0xf0 ? 3 : *c >= 0xc0 ? 2 : 0;
  *code = *c;
  if (size < 2) return 1;
  if (*c >= 0xf8 || size > left) return *code = -1, 1;
  *code = *c & (0xff >> (size + 1));
  for (int i = 1; i < size; ++i) {{
    if ((c[i] & 0xc0) != 0x80) return *code = -1, 1;
    *code = *code << 6 | (c[i] & 0x3f);
  }}
  return size;
}}

/* The string's bytes with others in their place; how many. Written where there is a place. */
static int64_t {symbol}_replace(onnxc_string from, const int32_t *codes, const int32_t *starts, const uint8_t *bytes,
    char *to) {{
  const uint8_t *c = (const uint8_t *)from.data;
  int64_t written = 0;
  for (int64_t left = from.size; left > 0;) {{
    int32_t code, low = 0, high = {count};
    const int size = {symbol}_character(c, left, &code);
    while (low < high) {{
      const int32_t middle = low + (high - low) / 2;
      if (codes[middle] < code) low = middle + 1;
      else high = middle;
    }}
    const int found = low < {count} && codes[low] == code;
    const uint8_t *const source = found ? bytes + starts[low] : c;
    const int64_t length = found ? starts[low + 1] - starts[low] : size;
    if (to != NULL) memcpy(to + written, source, (size_t)length);
    written += length;
    c += size;
    left -= size;
  }}
  return written;
}}

int32_t {symbol}({parameters}) {{
  for (int32_t i = 0; i < {size}; ++i) {{
    const int64_t size = {symbol}_replace(x[i], codes, starts, bytes, NULL);
    char *const place = onnxc_text_take(text, size);
    if (place == NULL) return ONNXC_ERROR_MEMORY;
    result[i].size = {symbol}_replace(x[i], codes, starts, bytes, place);
    result[i].data = place;
  }}
  return 0;
}}
"""


def _source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    names = dict(zip(("x", "codes", "starts", "bytes"), args, strict=True))
    return CSource(
        _TEXT.format(
            prologue=PROLOGUE,
            symbol=symbol,
            parameters=parameters(names, {"result": results[0]}, attrs, makes_text=True),
            size=dimension_text(product(args[0].shape)),
            count=dimension_text(args[1].shape[0]),
        )
    )


register(Op("string.case", FusionKind.OPAQUE, _relation, _reference, source=_source, makes_text=True))
