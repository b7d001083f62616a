"""How often sequences of a vocabulary (n-grams) stand in rows of numbers (ONNX TfIdfVectorizer).

The vocabulary is a tree: node 0 is the beginning, and from each node lead entries spans[node] (begin, end), each a
token, in order, with the node behind it. outputs[node] is where the n-gram that ends there is counted, or -1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import REQUIRED, CSource, FusionKind, Op, check_dtype, register, tensors
from .c_source import PROLOGUE, dimension_text, parameters

MODES = ("TF", "IDF", "TFIDF")


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, spans, outputs, tokens, targets, weights = tensors("tfidf", args, 6)
    check_dtype("tfidf", x.dtype, ("int64",))
    fits = spans.shape == (*outputs.shape, 2) and tokens.shape == targets.shape and weights.rank == 1
    if x.rank not in (1, 2) or not fits or attrs.mode not in MODES:
        raise CompileError(
            f"tfidf of {x} with the mode {attrs.mode}", expected="a row or rows, and one of: TF, IDF, TFIDF"
        )
    return TensorType((*x.shape[:-1], weights.shape[0]), "float32")


def _reference(
    attrs: Attrs,
    x: np.ndarray,
    spans: np.ndarray,
    outputs: np.ndarray,
    tokens: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
) -> np.ndarray:
    ways = [{int(tokens[i]): int(targets[i]) for i in range(begin, end)} for begin, end in spans]
    counts = np.zeros((int(np.prod(x.shape[:-1])), len(weights)), np.float32)
    for row, count in zip(x.reshape(len(counts), x.shape[-1]).tolist(), counts, strict=True):
        for step in range(1, attrs.skips + 2):
            for start in range(len(row)):
                node = 0
                for length, place in enumerate(range(start, min(len(row), start + step * attrs.most), step), 1):
                    node = ways[node].get(row[place], -1)
                    if node < 0:
                        break
                    if outputs[node] >= 0 and (length > 1 or step == 1):
                        count[outputs[node]] += 1
    if attrs.mode == "IDF":
        counts = (counts > 0).astype(np.float32)
    return (counts if attrs.mode == "TF" else counts * weights).reshape(*x.shape[:-1], len(weights))


#: Single tokens are counted once, not for each way to skip others.
_TEXT = """\
{prologue}
int32_t {symbol}({parameters}) {{
  const int32_t rows = {rows}, length = {length}, size = {size};
  (void)weights;
  for (int32_t row = 0; row < rows; ++row) {{
    const int64_t *const from = x + (int64_t)row * length;
    float *const counts = result + (int64_t)row * size;
    for (int32_t i = 0; i < size; ++i) counts[i] = 0;
    for (int32_t step = 1; step <= {skips} + 1; ++step)
      for (int32_t start = 0; start < length; ++start) {{
        int32_t node = 0;
        int64_t place = start;
        for (int32_t count = 1; count <= {most} && place < length; ++count, place += step) {{
          const int64_t token = from[place];
          int32_t low = spans[2 * node], high = spans[2 * node + 1];
          const int32_t end = high;
          while (low < high) {{
            const int32_t middle = low + (high - low) / 2;
            if (tokens[middle] < token) low = middle + 1;
            else high = middle;
          }}
          if (low == end || tokens[low] != token) break;
          node = targets[low];
          if (outputs[node] >= 0 && (count > 1 || step == 1)) counts[outputs[node]] += 1;
        }}
      }}
    for (int32_t i = 0; i < size; ++i) counts[i] = {value};
  }}
  return 0;
}}
"""


def _source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    names = ("x", "spans", "outputs", "tokens", "targets", "weights")
    x = args[0]
    values = {"TF": "counts[i]", "IDF": "counts[i] > 0 ? weights[i] : 0"}
    return CSource(
        _TEXT.format(
            prologue=PROLOGUE,
            symbol=symbol,
            parameters=parameters(dict(zip(names, args, strict=True)), {"result": results[0]}, attrs),
            rows=dimension_text(product(x.shape[:-1])),
            length=dimension_text(x.shape[-1]),
            size=dimension_text(args[5].shape[0]),
            skips=attrs.skips,
            most=attrs.most,
            value=values.get(attrs.mode, "counts[i] * weights[i]"),
        )
    )


register(
    Op(
        "tfidf",
        FusionKind.OPAQUE,
        _relation,
        _reference,
        source=_source,
        attributes={"most": REQUIRED, "skips": REQUIRED, "mode": "TF"},
    )
)
