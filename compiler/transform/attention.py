"""softmax(query key^T) value -> one operator, where the target has a kernel for it.

With several heads, or one (matrices in a stack); with a mask, scores that tanh bounds, and a score without a value.

The result has the heads beside each other; the transpose behind it meets the model's own one, and both go.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..relay.dimension import Dimension
from ..relay.expr import Atom, Constant, Module
from ..relay.types import TensorType
from ..target import Target
from .base import Pass, PassContext
from .rewrite import Site, merge_rules, rewrite, scalar_value
from .simplify_layout import RULES as LAYOUT_RULES

_SWAP = (0, 1, 3, 2)
_HEADS = (0, 2, 1, 3)


def has_kernel(target: Target | None) -> bool:
    """Does a target have a kernel for attention: vectors, and LLVM to write them with?"""
    return target is not None and target.vector_bits > 0 and target.kernel_format == "object"


@dataclass(frozen=True)
class _Pattern:
    target: Target

    def product(self, site: Site) -> Atom | None:
        """The product of probabilities with values."""
        if not _is_matrix_product(site) or site.attrs.transpose_a:
            return None
        probabilities, value = site.args
        cut = _without_last_column(site, probabilities)
        softmax, empty_rows = _softmax(site, probabilities if cut is None else cut)
        if softmax is None or softmax.attrs.axis % softmax.tensor.rank != softmax.tensor.rank - 1:
            return None
        scores, sink = softmax.args[0], None
        if cut is not None:
            scores, sink = _without_sink(softmax, scores)
            if sink is None:
                return None
        scores, mask = _without_mask(softmax, scores)
        scores, softcap = _without_softcap(softmax, scores)
        scores, scale = _without_scale(softmax, scores)
        product = softmax.definition(scores, "nn.matmul")
        if product is None or not _is_matrix_product(product) or site.uses(scores) != 1 or product.attrs.transpose_a:
            return None
        (query, first), (key, second) = (_without_scale(product, a) for a in product.args)
        if not self._fits(query, key, value, bool(product.attrs.transpose_b), bool(site.attrs.transpose_b)):
            return None
        single = site.tensor.rank == 3
        if single:
            query, key, value = (_as_head(site, a) for a in (query, key, value))
            mask = _as_head(site, mask) if mask is not None and _rank(mask) == 3 else mask
        key = key if product.attrs.transpose_b else site.emit("transpose", key, axes=_SWAP)
        value = site.emit("transpose", value, axes=_SWAP) if site.attrs.transpose_b else value
        key, value = _without_repeats(site, key, value)
        more = [a for a in (mask, sink) if a is not None]
        attrs = {"scale": scale * first * second * (softcap or 1.0), "softcap": softcap, "empty_rows": empty_rows}
        result = site.emit("nn.attention", query, key, value, *more, sink=sink is not None, **attrs)
        if single:
            return site.emit("reshape", result, shape=site.tensor.shape)
        return site.emit("transpose", result, axes=_HEADS)

    def _fits(self, query: Atom, key: Atom, value: Atom, key_by_rows: bool, value_by_columns: bool) -> bool:
        """Known sizes of heads, and the same heads in all three."""
        types = [a.type for a in (query, key, value)]
        shapes = [t.shape for t in types if isinstance(t, TensorType) and t.dtype == "float32" and t.rank in (3, 4)]
        if len(shapes) != 3 or any(shape[:-2] != shapes[0][:-2] for shape in shapes):
            return False
        columns = shapes[1][-2 if key_by_rows else -1], shapes[2][-1 if value_by_columns else -2]
        depth, width = shapes[0][-1], shapes[2][-2 if value_by_columns else -1]
        return columns[0] == columns[1] and isinstance(depth, int) and isinstance(width, int)


def _is_matrix_product(site: Site) -> bool:
    return site.tensor.rank in (3, 4) and site.attrs.out_dtype is None


def _rank(atom: Atom) -> int:
    assert isinstance(atom.type, TensorType)
    return atom.type.rank


def _as_head(site: Site, atom: Atom) -> Atom:
    """(batch, rows, columns) as one head, (batch, 1, rows, columns)."""
    assert isinstance(atom.type, TensorType)
    batch, rows, columns = atom.type.shape
    return site.emit("reshape", atom, shape=(batch, 1, rows, columns))


def _without_last_column(site: Site, atom: Atom) -> Atom | None:
    """What an atom is all columns but the last of; None where it is nothing of that kind."""
    cut = site.definition(atom, "strided_slice")
    if cut is None or site.uses(atom) != 1 or set(cut.attrs.begin) != {0} or set(cut.attrs.strides) != {1}:
        return None
    (whole,) = cut.args
    assert isinstance(whole.type, TensorType)
    shape, kept = whole.type.shape, cut.tensor.shape
    return whole if shape[:-1] == kept[:-1] and shape[-1] - kept[-1] == 1 else None


def _without_sink(site: Site, atom: Atom) -> tuple[Atom, Atom | None]:
    """Scores, and the number of each head that stands behind them as their last column, (heads,)."""
    joined = site.definition(atom, "concatenate")
    if joined is None or site.uses(atom) != 1 or joined.tensor.rank != 4 or len(joined.args) != 2:
        return atom, None
    scores, column = joined.args
    heads = joined.tensor.shape[1]
    if joined.attrs.axis % 4 != 3 or not isinstance(heads, int) or not isinstance(column.type, TensorType):
        return atom, None
    if column.type.shape[3] != 1:
        return atom, None
    spread = joined.definition(column, "broadcast_to")
    source = column if spread is None else spread.args[0]
    if isinstance(source, Constant):
        array = np.broadcast_to(source.array, (*source.array.shape[:1], heads, *source.array.shape[2:]))
        each = np.ascontiguousarray(array[0, :, 0, 0])
        same = np.array_equal(array, np.broadcast_to(each[:, None, None], array.shape))
        return (scores, Constant(each)) if same else (atom, None)
    if not isinstance(source.type, TensorType) or source.type.shape != (1, heads, 1, 1):
        return atom, None
    return scores, site.emit("reshape", source, shape=(heads,))


def _without_repeats(site: Site, key: Atom, value: Atom) -> tuple[Atom, Atom]:
    """Keys and values before each of their heads was repeated for several of the query."""
    sources = [_repeated(site, a) for a in (key, value)]
    if sources[0] is None or sources[1] is None or _heads(sources[0]) != _heads(sources[1]):
        return key, value
    return sources[0], sources[1]


def _heads(atom: Atom) -> Dimension:
    assert isinstance(atom.type, TensorType)
    return atom.type.shape[1]


def _repeated(site: Site, atom: Atom) -> Atom | None:
    """x in reshape(broadcast_to(reshape(x))), where that repeats the heads of x: (b, s, n, d) -> (b, s * g, n, d)."""
    joined = site.definition(atom, "reshape")
    spread = None if joined is None else joined.definition(joined.args[0], "broadcast_to")
    parted = None if spread is None else spread.definition(spread.args[0], "reshape")
    if joined is None or spread is None or parted is None:
        return None
    source = parted.args[0]
    if not isinstance(source.type, TensorType) or source.type.rank != 4:
        return None
    batch, shared, *rest = source.type.shape
    heads = joined.tensor.shape[1]
    if not isinstance(heads, int) or not isinstance(shared, int) or heads % shared:
        return None
    matches = (
        parted.tensor.shape == (batch, shared, 1, *rest)
        and spread.tensor.shape == (batch, shared, heads // shared, *rest)
        and joined.tensor.shape == (batch, heads, *rest)
    )
    return source if matches else None


def _softmax(site: Site, atom: Atom) -> tuple[Site | None, bool]:
    """The softmax, and whether its NaNs become zeros: exporters write that for rows that are masked altogether."""
    chosen = site.definition(atom, "where")
    if chosen is None:
        softmax = site.definition(atom, "nn.softmax")
        return (softmax if site.uses(atom) == 1 else None), False
    condition, zero, other = chosen.args
    nan = site.definition(condition, "isnan")
    matches = nan is not None and nan.args[0] is other and site.uses(other) == 2
    softmax = site.definition(other, "nn.softmax")
    if softmax is not None and not matches:  # ONNX's Attention asks the mask
        matches = site.uses(other) == 1 and _is_empty(softmax, condition)
    return (softmax if matches and scalar_value(zero) == 0 and site.uses(atom) == 1 else None), True


def _is_empty(softmax: Site, condition: Atom) -> bool:
    """Is a condition that the greatest number of each row of the mask is -inf, or of zeros where there is none?"""
    _, mask = _without_mask(softmax, softmax.args[0])
    equal = softmax.definition(condition, "equal")
    if equal is None or scalar_value(equal.args[1]) != -math.inf:
        return False
    greatest = equal.definition(equal.args[0], "max")
    if greatest is None or mask is not None:
        return greatest is not None and greatest.args[0] is mask
    filled = greatest.definition(greatest.args[0], "full")
    return filled is not None and filled.attrs.value == 0


def _without_mask(site: Site, atom: Atom) -> tuple[Atom, Atom | None]:
    """Scores, and what is added to them."""
    total = site.definition(atom, "add")
    if total is None or site.uses(atom) != 1:
        return atom, None
    for scores, mask in (total.args, total.args[::-1]):
        inner, _ = _without_scale(total, _without_softcap(total, scores)[0])
        if total.definition(inner, "nn.matmul") is not None and scores.type == atom.type:
            return scores, mask
    return atom, None


def _without_softcap(site: Site, atom: Atom) -> tuple[Atom, float]:
    """Scores before they were bounded by c * tanh(), and c; 0 where they were not."""
    inner, bound = _without_scale(site, atom)
    curve = site.definition(inner, "tanh")
    if curve is None or site.uses(inner) != 1 or bound <= 0:
        return atom, 0.0
    return curve.args[0], bound


def _without_scale(site: Site, atom: Atom) -> tuple[Atom, float]:
    """What is multiplied with numbers, or divided by them, and the one number that it comes to."""
    total = 1.0
    while True:
        scaled = site.definition(atom, "multiply", "divide")
        if scaled is None or site.uses(atom) != 1:
            return atom, total
        for index, factor in enumerate(scaled.args):
            number, other = scalar_value(factor), scaled.args[1 - index]
            if number is None or other.type != atom.type or (scaled.op == "divide" and (index == 0 or number == 0)):
                continue
            total *= float(number) if scaled.op == "multiply" else 1 / float(number)
            atom = other
            break
        else:
            return atom, total


def _run(module: Module, context: PassContext) -> Module:
    if context.target is None or not has_kernel(context.target):
        return module
    rules = {"nn.matmul": [_Pattern(context.target).product]}
    return rewrite(module, merge_rules(rules, LAYOUT_RULES))


attention = Pass("attention", 3, _run)
