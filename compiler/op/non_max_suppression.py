"""Boxes of the highest scores that do not overlap much (ONNX NonMaxSuppression), class by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.run_time import may_equal
from ..relay.types import TensorType, TupleType, Type
from .base import CSource, FusionKind, Op, register, tensors
from .c_source import PROLOGUE, dimension_text, parameters
from .nonzero import COUNT, padded


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    boxes, scores, most, overlap, least = tensors("non_max_suppression", args, 5)
    fits = boxes.rank == scores.rank == 3 and boxes.shape[2] == 4
    fits = fits and may_equal(boxes.shape[0], scores.shape[0]) and may_equal(boxes.shape[1], scores.shape[2])
    if not fits or boxes.dtype != "float32" or scores.dtype != "float32":
        raise CompileError(
            f"non_max_suppression of {boxes} by {scores}", expected="float32 boxes (N, B, 4) and scores (N, C, B)"
        )
    if most.dtype != "int64" or overlap.dtype != "float32" or least.dtype != "float32":
        raise CompileError(f"non_max_suppression by {most}, {overlap}, {least}", expected="int64, float32, float32")
    if any(type_.size != 1 for type_ in (most, overlap, least)):
        raise CompileError(f"non_max_suppression by {most}, {overlap}, {least}", expected="one element each")
    return TupleType((TensorType((scores.size, 3), "int64"), COUNT))


def _corners(box: np.ndarray, center: bool) -> tuple[np.ndarray, np.ndarray]:
    if center:
        return box[..., :2] - box[..., 2:] / 2, box[..., :2] + box[..., 2:] / 2
    return np.minimum(box[..., :2], box[..., 2:]), np.maximum(box[..., :2], box[..., 2:])


def _overlap(a: np.ndarray, b: np.ndarray, center: bool) -> float:
    """What two boxes share, as a part of what they cover together."""
    (low, high), (other_low, other_high) = _corners(a, center), _corners(b, center)
    sides = np.minimum(high, other_high) - np.maximum(low, other_low)
    shared = float(np.prod(sides)) if np.all(sides > 0) else 0.0
    areas = float(np.prod(high - low)), float(np.prod(other_high - other_low))
    return shared / (sum(areas) - shared) if shared > 0 and min(areas) > 0 else 0.0


def _reference(
    attrs: Attrs, boxes: np.ndarray, scores: np.ndarray, most: np.ndarray, overlap: np.ndarray, least: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    found = []
    for batch, kind in np.ndindex(scores.shape[:2]):
        kept: list[int] = []
        for box in np.argsort(-scores[batch, kind], kind="stable"):
            if len(kept) >= most.reshape(()) or not scores[batch, kind, box] > least.reshape(()):
                break
            shares = (_overlap(boxes[batch, box], boxes[batch, other], attrs.center) for other in kept)
            if not any(share > overlap.reshape(()) for share in shares):
                kept.append(int(box))
        found += [(batch, kind, box) for box in kept]
    places = np.array(found, np.int64).reshape(-1, 3)
    return padded(places, (scores.size, 3)), np.array([len(found)], np.int64)


#: A heap gives the best box that is left; it is taken unless it overlaps one that was.
_TEXT = """\
{prologue}static void {symbol}_corners(const float *box, float *low, float *high) {{
  for (int i = 0; i < 2; ++i) {{
    {corners}
  }}
}}

static int {symbol}_overlap(const float *a, const float *b, float limit) {{
  float low[2], high[2], other_low[2], other_high[2], sides[2];
  {symbol}_corners(a, low, high);
  {symbol}_corners(b, other_low, other_high);
  for (int i = 0; i < 2; ++i) {{
    const float begin = low[i] > other_low[i] ? low[i] : other_low[i];
    const float end = high[i] < other_high[i] ? high[i] : other_high[i];
    if (!(end > begin)) return 0;
    sides[i] = end - begin;
  }}
  const float shared = sides[0] * sides[1];
  const float area = (high[0] - low[0]) * (high[1] - low[1]);
  const float other = (other_high[0] - other_low[0]) * (other_high[1] - other_low[1]);
  const float all = area + other - shared;
  return shared > 0 && area > 0 && other > 0 && all > 0 && shared / all > limit;
}}

/* Does box a come before box b? */
static int {symbol}_before(const float *score, int32_t a, int32_t b) {{
  return score[a] > score[b] || (score[a] == score[b] && a < b);
}}

int32_t {symbol}({parameters}) {{
  const int32_t batches = {batches}, classes = {classes}, size = {size};
  int32_t *heap = (int32_t *)(void *)workspace;
  int64_t found = 0;
  for (int32_t batch = 0; batch < batches; ++batch)
    for (int32_t kind = 0; kind < classes; ++kind) {{
      const float *score = scores + ((int64_t)batch * classes + kind) * size;
      const float *box = boxes + (int64_t)batch * size * 4;
      const int64_t start = found;
      int32_t left = 0;
      for (int32_t i = 0; i < size; ++i) {{ /* a heap of those above the least score, the best on top */
        int32_t at = left;
        if (!(score[i] > least[0])) continue;
        for (++left; at > 0 && {symbol}_before(score, i, heap[(at - 1) / 2]); at = (at - 1) / 2)
          heap[at] = heap[(at - 1) / 2];
        heap[at] = i;
      }}
      while (left > 0 && found - start < most[0]) {{
        const int32_t best = heap[0], last = heap[--left];
        int32_t at = 0;
        int taken = 1;
        for (;;) {{
          int32_t child = 2 * at + 1;
          if (child >= left) break;
          if (child + 1 < left && {symbol}_before(score, heap[child + 1], heap[child])) ++child;
          if ({symbol}_before(score, last, heap[child])) break;
          heap[at] = heap[child];
          at = child;
        }}
        heap[at] = last;
        for (int64_t k = start; k < found && taken; ++k)
          taken = !{symbol}_overlap(box + 4 * (int64_t)best, box + 4 * places[3 * k + 2], overlap[0]);
        if (!taken) continue;
        places[3 * found] = batch;
        places[3 * found + 1] = kind;
        places[3 * found + 2] = best;
        ++found;
      }}
    }}
  count[0] = found;
  return 0;
}}
"""

_FROM_CENTER = "low[i] = box[i] - box[i + 2] / 2;\n    high[i] = box[i] + box[i + 2] / 2;"
_FROM_CORNERS = """\
low[i] = box[i] < box[i + 2] ? box[i] : box[i + 2];
    high[i] = box[i] < box[i + 2] ? box[i + 2] : box[i];"""


def _source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    inputs = dict(zip(("boxes", "scores", "most", "overlap", "least"), args, strict=True))
    scores = inputs["scores"]
    return CSource(
        _TEXT.format(
            prologue=PROLOGUE,
            symbol=symbol,
            corners=_FROM_CENTER if attrs.center else _FROM_CORNERS,
            parameters=parameters(inputs, {"places": results[0], "count": results[1]}, attrs, "workspace"),
            batches=dimension_text(scores.shape[0]),
            classes=dimension_text(scores.shape[1]),
            size=dimension_text(scores.shape[2]),
        ),
        4 * scores.shape[2] + 4,
    )


register(
    Op(
        "non_max_suppression",
        FusionKind.OPAQUE,
        _relation,
        _reference,
        source=_source,
        attributes={"center": False},
    )
)
