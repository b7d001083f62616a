"""Reshapes between a heavy operator and the elementwise operators after it -> after these, so that they fuse.

A reshape costs nothing as a view, but ends the epilogue of a convolution or matrix product. It can as well be done
after an elementwise operator: ``f(reshape(x), y)`` is ``reshape(f(x, reshape(y)))``, where the reshape of y is a view
again.
"""

from __future__ import annotations

from .. import op as relay_op
from ..op.base import FusionKind
from ..relay.dimension import Dimension
from ..relay.expr import Atom, Module
from ..relay.types import TensorType
from . import simplify_arithmetic, simplify_layout
from .base import Pass, PassContext
from .fold_constants import fold
from .rewrite import Rules, Site, merge_rules, rewrite

#: How many elementwise operators are looked through for the heavy one.
_DISTANCE = 16


def _move_down(site: Site) -> Atom | None:
    """An elementwise operator on a reshaped result of a heavy operator."""
    for index, arg in enumerate(site.args):
        view = site.definition(arg, "reshape")
        if view is None or site.uses(arg) != 1 or view.type != arg.type or not _is_result_shape(site, arg):
            continue
        x = view.args[0]
        if not _ends_heavy(site, x, _DISTANCE):
            continue
        assert isinstance(x.type, TensorType)
        others = [_reshaped(site, other, x.type.shape) for i, other in enumerate(site.args) if i != index]
        known = [o for o in others if o is not None]
        if len(known) == len(others):
            known.insert(index, x)
            return site.emit("reshape", site.emit(site.op, *known, **site.attrs), shape=site.tensor.shape)
    return None


def _is_result_shape(site: Site, arg: Atom) -> bool:
    return isinstance(arg.type, TensorType) and isinstance(site.type, TensorType) and arg.type.shape == site.type.shape


def _ends_heavy(site: Site, atom: Atom, distance: int) -> bool:
    """Whether a value is that of a heavy operator, or of elementwise ones that will be its epilogue."""
    found = site.definition(atom)
    if found is None or distance == 0 or site.uses(atom) != 1 or not isinstance(found.type, TensorType):
        return False
    kind = relay_op.get(found.op).kind
    if kind in (FusionKind.REDUCTION, FusionKind.ANCHOR):
        return True
    if kind > FusionKind.BROADCAST:
        return False
    return any(
        isinstance(a.type, TensorType) and a.type.shape == found.type.shape and _ends_heavy(site, a, distance - 1)
        for a in found.args
    )


def _reshaped(site: Site, other: Atom, shape: tuple[Dimension, ...]) -> Atom | None:
    """Another argument for the operator's new shape; None where it cannot be said by a view."""
    assert isinstance(other.type, TensorType)
    if other.type.shape == site.tensor.shape:
        return site.emit("reshape", other, shape=shape)
    dims = list(other.type.shape)
    while dims and dims[0] == 1:
        dims.pop(0)
    # It varies along trailing axes only, and these are the same in both shapes.
    if len(dims) > len(shape) or shape[len(shape) - len(dims) :] != site.tensor.shape[site.tensor.rank - len(dims) :]:
        return None
    return other if len(dims) == other.type.rank else site.emit("reshape", other, shape=tuple(dims))


def _elementwise() -> list[str]:
    unary = (n for n in relay_op.names() if relay_op.get(n).kind == FusionKind.ELEMENTWISE)
    return [*unary, *simplify_arithmetic.BROADCASTING]


def _run(module: Module, context: PassContext) -> Module:
    moves: Rules = {op: [_move_down] for op in _elementwise()}
    reshapes: Rules = {"*": [fold], "reshape": simplify_layout.RULES["reshape"]}
    return rewrite(module, merge_rules(reshapes, moves))


move_views = Pass("move_views", 2, _run)
