"""softmax(query key^T) value -> one operator, where the target has a kernel for it.

The result has the heads beside each other; the transpose behind it meets the model's own one, and both go.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..relay.expr import Atom, Module
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
        softmax, empty_rows = _softmax(site, probabilities)
        if softmax is None or softmax.attrs.axis % softmax.tensor.rank != 3:
            return None
        scores, mask = _without_mask(softmax, softmax.args[0])
        scores, scale = _without_scale(softmax, scores)
        product = softmax.definition(scores, "nn.matmul")
        if product is None or not _is_matrix_product(product) or site.uses(scores) != 1 or product.attrs.transpose_a:
            return None
        (query, first), (key, second) = (_without_scale(product, a) for a in product.args)
        if not self._fits(query, key, value, bool(product.attrs.transpose_b), bool(site.attrs.transpose_b)):
            return None
        key = key if product.attrs.transpose_b else site.emit("transpose", key, axes=_SWAP)
        value = site.emit("transpose", value, axes=_SWAP) if site.attrs.transpose_b else value
        masks = [] if mask is None else [mask]
        attrs = {"scale": scale * first * second, "empty_rows": empty_rows}
        return site.emit("transpose", site.emit("nn.attention", query, key, value, *masks, **attrs), axes=_HEADS)

    def _fits(self, query: Atom, key: Atom, value: Atom, key_by_rows: bool, value_by_columns: bool) -> bool:
        """Whole vectors, known sizes of heads, and the same heads in all three."""
        types = [a.type for a in (query, key, value)]
        shapes = [t.shape for t in types if isinstance(t, TensorType) and t.dtype == "float32" and t.rank == 4]
        if len(shapes) != 3 or any(shape[:2] != shapes[0][:2] for shape in shapes):
            return False
        columns = shapes[1][2 if key_by_rows else 3], shapes[2][3 if value_by_columns else 2]
        depth, width = shapes[0][3], shapes[2][2 if value_by_columns else 3]
        lanes = self.target.lanes()
        return columns[0] == columns[1] and isinstance(depth, int) and isinstance(width, int) and width % lanes == 0


def _is_matrix_product(site: Site) -> bool:
    return site.tensor.rank == 4 and site.attrs.out_dtype is None


def _softmax(site: Site, atom: Atom) -> tuple[Site | None, bool]:
    """The softmax, and whether its NaNs become zeros: exporters write that for rows that are masked altogether."""
    chosen = site.definition(atom, "where")
    if chosen is None:
        softmax = site.definition(atom, "nn.softmax")
        return (softmax if site.uses(atom) == 1 else None), False
    condition, zero, other = chosen.args
    nan = site.definition(condition, "isnan")
    matches = nan is not None and nan.args[0] is other and scalar_value(zero) == 0 and site.uses(other) == 2
    return (site.definition(other, "nn.softmax") if matches and site.uses(atom) == 1 else None), True


def _without_mask(site: Site, atom: Atom) -> tuple[Atom, Atom | None]:
    """Scores, and what is added to them."""
    total = site.definition(atom, "add")
    if total is None or site.uses(atom) != 1:
        return atom, None
    for scores, mask in (total.args, total.args[::-1]):
        inner, _ = _without_scale(total, scores)
        if total.definition(inner, "nn.matmul") is not None and scores.type == atom.type:
            return scores, mask
    return atom, None


def _without_scale(site: Site, atom: Atom) -> tuple[Atom, float]:
    """What is multiplied with a number, or divided by it, and the number."""
    scaled = site.definition(atom, "multiply", "divide")
    if scaled is None or site.uses(atom) != 1:
        return atom, 1.0
    for index, factor in enumerate(scaled.args):
        number, other = scalar_value(factor), scaled.args[1 - index]
        if number is None or other.type != atom.type or (scaled.op == "divide" and (index == 0 or number == 0)):
            continue
        return other, float(number) if scaled.op == "multiply" else 1 / float(number)
    return atom, 1.0


def _run(module: Module, context: PassContext) -> Module:
    if context.target is None or not has_kernel(context.target):
        return module
    rules = {"nn.matmul": [_Pattern(context.target).product]}
    return rewrite(module, merge_rules(rules, LAYOUT_RULES))


attention = Pass("attention", 3, _run)
