"""Sums (or means, least, greatest) of what the leaves of decision trees give to each row (ONNX TreeEnsemble*).

The tables (frontend/tree_tables.py makes them):

- slots [S] int32: for each slot twice the feature, plus 1 where it is negated.
- nodes [n, 2]: bits of the threshold, and a link: place of the two successors << shift | slot. A row goes to the second
  successor where its slot is at most the threshold, else to the first. Slot S is always NaN: it leads a leaf to itself.
- trees [t, 3] int32: root, depth and target. Those that `bit_trees` has too come last, in the same order.
- weights, targets, spans: with `single`, a leaf's threshold is its weight for the tree's target, and these say nothing.
  Else they are lists of all leaves' weights and targets, and spans [n, 2] int32 has begin and end for each node.
- bits [m, 3] uint32, bit_trees [u, 4] int32, leaves [32 u]: trees of at most 32 leaves. For each split: bits of the
  threshold, slot, and the set of leaves that stay possible where it is false. For each tree: begin and end of its
  splits, of its leaves' weights, and its target.
- base [targets]: is added in the end.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import Dimension, minimum
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import REQUIRED, CSource, FusionKind, Op, check_dtype, register, tensors
from .c_source import PROLOGUE, dimension_text, parameters
from .ml_tree_ensemble_source import BIT_BLOCK, BITS, LANES, ROWS, WALK

AGGREGATES = ("sum", "average", "min", "max")

#: Parts of the rows at most, each with scratch memory of its own.
_PARTS = 64

_ARGUMENTS = (
    "slots",
    "nodes",
    "trees",
    "spans",
    "weights",
    "targets",
    "bits",
    "bit_trees",
    "leaves",
    "base",
)


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, *tables = tensors("ml.tree_ensemble", args, 1 + len(_ARGUMENTS))
    check_dtype("ml.tree_ensemble", x.dtype, ("float32", "float64"))
    base = tables[-1]
    if x.rank != 2 or attrs.aggregate not in AGGREGATES or base.rank != 1 or base.dtype != x.dtype:
        raise CompileError(f"ml.tree_ensemble of {x} with base {base}", expected="rows of features, and one base each")
    return TensorType((x.shape[0], base.shape[0]), x.dtype)


def _reference(attrs: Attrs, x: np.ndarray, *tables: np.ndarray) -> np.ndarray:
    slots, nodes, trees, spans, weights, targets, _, _, _, base = tables
    rows = np.where(slots % 2, -1, 1).astype(x.dtype) * x[:, slots // 2]
    rows = np.concatenate([rows, np.full((len(x), 1), np.nan, x.dtype)], axis=1)
    thresholds = nodes.view(x.dtype).reshape(len(nodes), -1)[:, 0]
    links = nodes[:, 1].astype(np.int64)
    start = {"min": np.finfo(x.dtype).max, "max": np.finfo(x.dtype).min}.get(attrs.aggregate, 0)
    merge = {"min": np.minimum, "max": np.maximum}.get(attrs.aggregate, np.add)
    result = np.full((len(x), len(base)), start, x.dtype)
    every = np.arange(len(x))
    for root, depth, tree_target in trees:
        at = np.full(len(x), root, np.int64)
        for _ in range(depth):
            slot = links[at] & ((1 << attrs.shift) - 1)
            at = (links[at] >> attrs.shift) + (rows[every, slot] <= thresholds[at])
        for row, leaf in enumerate(at):
            pairs = [(tree_target, thresholds[leaf])]
            if not attrs.single:
                span = slice(*spans[leaf])
                pairs = list(zip(targets[span], weights[span], strict=True))
            for target, weight in pairs:
                result[row, target] = merge(result[row, target], weight)
    return (result / x.dtype.type(len(trees)) if attrs.aggregate == "average" else result) + base


def _source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    x, *tables = args
    known = dict(zip(_ARGUMENTS, tables, strict=True))
    sizes = {name: int(str(table.shape[0])) for name, table in known.items()}
    rows, count = x.shape[0], sizes["base"]
    blocks = (rows + (BIT_BLOCK - 1)) // BIT_BLOCK
    parts = minimum(blocks, _PARTS)
    element = 4 if x.dtype == "float32" else 8
    scratch: Dimension = (sizes["slots"] + 1 + count) * BIT_BLOCK * element
    scratch = (scratch + 63) // 64 * 64
    merge = {"min": "w < s ? w : s", "max": "w > s ? w : s"}.get(attrs.aggregate, "s + w")
    real, limit = ("float", "FLT_MAX") if x.dtype == "float32" else ("double", "DBL_MAX")
    values = {
        "symbol": symbol,
        "real": real,
        "word": "uint32_t" if known["nodes"].dtype == "uint32" else "uint64_t",
        "slots": sizes["slots"],
        "targets": count,
        "shift": attrs.shift,
        "mask": (1 << attrs.shift) - 1,
        "block": BIT_BLOCK,
        "lanes": LANES,
        "trees": sizes["trees"],
        "walked": f"{sizes['trees']} - {sizes['bit_trees']}",
        "bit_trees": sizes["bit_trees"],
        "merge": merge,
        "vector_merge": f"_mm512_{attrs.aggregate if attrs.aggregate in ('min', 'max') else 'add'}_ps(s, w)",
        "start": {"min": limit, "max": f"-{limit}"}.get(attrs.aggregate, "0"),
        "divisor": f" / {sizes['trees']}" if attrs.aggregate == "average" else "",
        "features": dimension_text(x.shape[1]),
        "rows": dimension_text(rows),
        "blocks": dimension_text(blocks),
        "parts": dimension_text(parts),
        "scratch": dimension_text(scratch),
        "parameters": parameters({"x": x, **known}, {"y": results[0]}, attrs, "workspace"),
    }
    single = "single" if attrs.single else "lists"
    bits = BITS if sizes["bit_trees"] else ""
    text = PROLOGUE + "#include <float.h>\n" + WALK + bits + ROWS
    for key, part in {"walk_leaf": _LEAVES[single], "run_bits": _RUN_BITS if bits else ""}.items():
        text = text.replace(f"@{key}@", part)
    before, rest, after = text.split("@rest@")  # gcc warns of a loop that never runs
    text = before + (rest if sizes["trees"] % LANES else "") + after
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    return CSource(text, scratch * parts, tasks=parts)


def _arithmetic(attrs: Attrs, args: Sequence[TensorType]) -> Dimension:
    """A row meets some eight nodes in a tree; its bits cost as many instructions."""
    return args[0].shape[0] * args[3].shape[0] * 8


_LEAVES = {
    "single": """\
  @real@ w;
  memcpy(&w, &nodes[node].threshold, sizeof w);
  sums += tree[2] * stride;
  const @real@ s = *sums;
  *sums = @merge@;
""",
    "lists": """\
  for (int32_t i = spans[2 * node]; i < spans[2 * node + 1]; ++i) {
    const @real@ w = weights[i], s = sums[targets[i] * stride];
    sums[targets[i] * stride] = @merge@;
  }
""",
}

_RUN_BITS = """\
    for (int32_t tree = 0; tree < @bit_trees@; ++tree)
      @symbol@_bits(block, sums, bits, bit_trees + 4 * tree, leaves);
"""


register(
    Op(
        "ml.tree_ensemble",
        FusionKind.OPAQUE,
        _relation,
        _reference,
        source=_source,
        arithmetic=_arithmetic,
        attributes={"aggregate": "sum", "single": REQUIRED, "shift": REQUIRED},
    )
)
