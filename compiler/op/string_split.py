"""Parts of strings between delimiters (ONNX StringSplit): how many there are, and the parts themselves.

Parts are views of the strings. Without a delimiter, they are what stands between runs of white space.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.types import TensorType, TupleType, Type
from .base import REQUIRED, CSource, FusionKind, Op, check_dtype, register, tensors
from .c_source import PROLOGUE, dimension_text, parameters


def _split(attrs: Attrs, text: str) -> list[str]:
    return text.split(attrs.delimiter or None, -1 if attrs.most is None else attrs.most)


def _count_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    """The number of each string's parts, and the greatest of these."""
    (x,) = tensors("string.split_count", args, 1)
    check_dtype("string.split_count", x.dtype, ("string",))
    return TupleType((TensorType(x.shape, "int64"), TensorType((1,), "int64")))


def _count_reference(attrs: Attrs, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    counts = np.array([len(_split(attrs, text)) for text in x.reshape(-1)], np.int64).reshape(x.shape)
    return counts, np.array([counts.max(initial=0)], np.int64)


def _parts_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    """The parts of each string, and empty strings up to `count`."""
    (x,) = tensors("string.split", args, 1)
    check_dtype("string.split", x.dtype, ("string",))
    return TensorType((*x.shape, attrs.count), "string")


def _parts_reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    result = np.full((x.size, attrs.count), "", object)
    for row, text in zip(result, x.reshape(-1), strict=True):
        parts = _split(attrs, text)
        if len(parts) > attrs.count:
            raise CompileError(f"string.split of '{text}'", expected=f"at most {attrs.count} parts")
        row[: len(parts)] = parts
    return result.reshape(*x.shape, attrs.count)


#: Takes the next part off a string; 0 where there is none. `splits` are those that may still be made, -1: any number.
_BY_DELIMITER = """\
static int {symbol}_next(onnxc_string *rest, int64_t *splits, onnxc_string *part) {{
  static const char delimiter[] = {{{delimiter}}};
  enum {{ SIZE = sizeof(delimiter) }};
  if (rest->size < 0) return 0;
  *part = *rest;
  if (*splits != 0)
    for (int64_t i = 0; i + SIZE <= rest->size; ++i)
      if (memcmp(rest->data + i, delimiter, SIZE) == 0) {{
        part->size = i;
        rest->data += i + SIZE;
        rest->size -= i + SIZE;
        --*splits;
        return 1;
      }}
  rest->size = -1;
  return 1;
}}
"""

_BY_SPACE = """\
/* Bytes of the white space that a string begins with; 0 where it begins with something else. */
static int {symbol}_space(const char *text, int64_t left) {{
  const unsigned char *c = (const unsigned char *)text;
  if (c[0] == ' ' || (c[0] >= 9 && c[0] <= 13) || (c[0] >= 28 && c[0] <= 31)) return 1;
  if (left >= 2 && c[0] == 0xc2 && (c[1] == 0x85 || c[1] == 0xa0)) return 2;
  if (left < 3) return 0;
  if (c[0] == 0xe1 && c[1] == 0x9a && c[2] == 0x80) return 3;
  if (c[0] == 0xe2 && c[1] == 0x80 && ((c[2] >= 0x80 && c[2] <= 0x8a) || c[2] == 0xa8 || c[2] == 0xa9 || c[2] == 0xaf))
    return 3;
  if (c[0] == 0xe2 && c[1] == 0x81 && c[2] == 0x9f) return 3;
  return c[0] == 0xe3 && c[1] == 0x80 && c[2] == 0x80 ? 3 : 0;
}}

static int {symbol}_next(onnxc_string *rest, int64_t *splits, onnxc_string *part) {{
  int size;
  while (rest->size > 0 && (size = {symbol}_space(rest->data, rest->size)) > 0) {{
    rest->data += size;
    rest->size -= size;
  }}
  if (rest->size <= 0) return 0;
  *part = *rest;
  if (*splits == 0) {{
    rest->size = 0;
    return 1;
  }}
  --*splits;
  while (rest->size > 0 && {symbol}_space(rest->data, rest->size) == 0) {{
    ++rest->data;
    --rest->size;
  }}
  part->size -= rest->size;
  return 1;
}}
"""

_COUNT = """
int32_t {symbol}({parameters}) {{
  most[0] = 0;
  for (int32_t i = 0; i < {size}; ++i) {{
    onnxc_string rest = x[i], part;
    int64_t splits = {splits}, count = 0;
    while ({symbol}_next(&rest, &splits, &part)) ++count;
    counts[i] = count;
    most[0] = count > most[0] ? count : most[0];
  }}
  return 0;
}}
"""

_PARTS = """
int32_t {symbol}({parameters}) {{
  const int64_t most = {most};
  for (int32_t i = 0; i < {size}; ++i) {{
    onnxc_string rest = x[i], part;
    int64_t splits = {splits}, count = 0;
    while ({symbol}_next(&rest, &splits, &part)) {{
      if (count == most) return 9; /* ONNXC_ERROR_KERNEL */
      parts[i * most + count++] = part;
    }}
    for (; count < most; ++count) {{
      parts[i * most + count].data = "";
      parts[i * most + count].size = 0;
    }}
  }}
  return 0;
}}
"""


def _text(symbol: str, attrs: Attrs, x: TensorType, body: str, parameter_list: str, **more: str) -> CSource:
    delimiter = attrs.delimiter.encode("utf-8", "surrogateescape")
    text = PROLOGUE + "\n" + (_BY_DELIMITER if delimiter else _BY_SPACE) + body
    return CSource(
        text.format(
            symbol=symbol,
            delimiter=", ".join(f"'\\x{byte:02x}'" for byte in delimiter),
            parameters=parameter_list,
            size=dimension_text(product(x.shape)),
            splits=-1 if attrs.most is None else attrs.most,
            **more,
        )
    )


def _count_source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    (x,) = args
    return _text(symbol, attrs, x, _COUNT, parameters({"x": x}, {"counts": results[0], "most": results[1]}, attrs))


def _parts_source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    (x,) = args
    heads = parameters({"x": x}, {"parts": results[0]}, attrs)
    return _text(symbol, attrs, x, _PARTS, heads, most=dimension_text(attrs.count))


_ATTRIBUTES = {"delimiter": "", "most": None}

register(
    Op(
        "string.split_count",
        FusionKind.OPAQUE,
        _count_relation,
        _count_reference,
        source=_count_source,
        attributes=_ATTRIBUTES,
    )
)
register(
    Op(
        "string.split",
        FusionKind.OPAQUE,
        _parts_relation,
        _parts_reference,
        source=_parts_source,
        attributes={**_ATTRIBUTES, "count": REQUIRED},
    )
)
