"""Rules for elementwise operators and reductions: what changes nothing, and what is cheaper said otherwise.

Every rule keeps the value exactly, but for the sign of zeros, and for powers, whose exactness no standard promises.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..op.base import FLOATS
from ..relay.expr import Atom, Constant
from ..relay.types import DTYPES, TensorType
from .rewrite import Rule, Rules, Site, scalar_value

#: Operators whose result is never below zero: a relu of it does nothing.
_NOT_NEGATIVE = ("abs", "exp", "nn.hard_sigmoid", "nn.relu", "nn.softplus", "sigmoid", "sqrt")


def _like(site: Site, atom: Atom) -> Atom | None:
    """An atom, if it has the type that is wanted."""
    return atom if atom.type == site.type else None


def _neutral(right: float, commutes: bool) -> Rule:
    """``x op right`` is x; also ``right op x`` where the operator commutes."""

    def rule(site: Site) -> Atom | None:
        x, y = site.args
        if scalar_value(y) == right:
            return _like(site, x)
        return _like(site, y) if commutes and scalar_value(x) == right else None

    return rule


def _scalar_for_splat(site: Site) -> Atom | None:
    """An argument whose elements are all equal -> one element, where the others have the result's shape already."""
    for index, arg in enumerate(site.args):
        if not isinstance(arg.type, TensorType) or arg.type.rank == 0:
            continue
        value: Any = scalar_value(arg)
        filled = site.definition(arg, "full")
        if filled is not None and isinstance(filled.attrs.value, (bool, int, float)):
            value = filled.attrs.value
        if value is None:
            continue
        scalar = Constant(np.array(value).astype(arg.type.numpy_dtype))
        simpler = site.emit_as(site.op, *site.args[:index], scalar, *site.args[index + 1 :], **site.attrs)
        if simpler is not None:
            return simpler
    return None


def _without_broadcast(site: Site) -> Atom | None:
    """An argument that is broadcast -> itself, where the operator broadcasts it all the same."""
    for index, arg in enumerate(site.args):
        broadcast = site.definition(arg, "broadcast_to")
        if broadcast is None:
            continue
        args = (*site.args[:index], broadcast.args[0], *site.args[index + 1 :])
        simpler = site.emit_as(site.op, *args, **site.attrs)
        if simpler is not None:
            return simpler
    return None


def _add_negative(site: Site) -> Atom | None:
    x, y = site.args
    for left, right in ((x, y), (y, x)):
        negated = site.definition(right, "negative")
        if negated is not None:
            return site.emit("subtract", left, negated.args[0])
    return None


def _subtract_negative(site: Site) -> Atom | None:
    negated = site.definition(site.args[1], "negative")
    return site.emit("add", site.args[0], negated.args[0]) if negated else None


def _divide_by_power_of_two(site: Site) -> Atom | None:
    """A quotient by powers of two -> the product with their inverses, which are exact."""
    x, divisor = site.args
    if not isinstance(divisor, Constant) or divisor.array.dtype.kind != "f" or divisor.array.size == 0:
        return None
    mantissa, exponent = np.frexp(divisor.array.astype(np.float64))
    normal = np.abs(exponent) < -np.finfo(divisor.array.dtype).minexp - 1
    if not np.all((np.abs(mantissa) == 0.5) & normal):
        return None
    return site.emit("multiply", x, Constant((1 / divisor.array).astype(divisor.array.dtype)))


def _power(site: Site) -> Atom | None:
    x, y = site.args
    exponent = scalar_value(y)
    if exponent is None or x.type != site.type:
        return None
    if exponent == 1:
        return x
    if exponent == 2:
        return site.emit("multiply", x, x)
    if exponent == 3:
        return site.emit("multiply", site.emit("multiply", x, x), x)
    if exponent == 0.5:
        return site.emit("sqrt", x)
    return site.emit("reciprocal", x) if exponent == -1 and site.tensor.dtype in FLOATS else None


def _twice(inner: str) -> Rule:
    """``f(inner(x))`` is x."""

    def rule(site: Site) -> Atom | None:
        found = site.definition(site.args[0], inner)
        return found.args[0] if found else None

    return rule


def _idempotent(*inner: str) -> Rule:
    """``f(inner(x))`` is ``inner(x)``."""

    def rule(site: Site) -> Atom | None:
        return site.args[0] if site.definition(site.args[0], *inner) else None

    return rule


def _of_negative(site: Site) -> Atom | None:
    """``f(-x)`` is ``f(x)``."""
    found = site.definition(site.args[0], "negative")
    return site.emit(site.op, found.args[0]) if found else None


def _bounds(site: Site) -> tuple[float, float]:
    """The range that a clip or a relu clips to."""
    if site.op == "nn.relu":
        return 0, math.inf
    low, high = site.attrs.low, site.attrs.high
    return -math.inf if low is None else low, math.inf if high is None else high


def _clip_of_clip(site: Site) -> Atom | None:
    """Two ranges that overlap -> what they have in common."""
    inner = site.definition(site.args[0], "clip", "nn.relu")
    if inner is None:
        return None
    (low, high), (inner_low, inner_high) = _bounds(site), _bounds(inner)
    both = (max(low, inner_low), min(high, inner_high))
    if not low <= high or not inner_low <= inner_high or both[0] > both[1]:
        return None
    return _clip(site, inner.args[0], *both)


def _clip_to_less(site: Site) -> Atom | None:
    """A clip that does nothing, or what relu does."""
    low, high = _bounds(site)
    if (low, high) == (-math.inf, math.inf):
        return site.args[0]
    return site.emit("nn.relu", site.args[0]) if (low, high) == (0, math.inf) else None


def _clip(site: Site, x: Atom, low: float, high: float) -> Atom:
    if (low, high) == (0, math.inf):
        return site.emit("nn.relu", x)
    number = float if site.tensor.dtype in FLOATS else int
    bounds = {"low": low, "high": high}
    return site.emit("clip", x, **{n: None if math.isinf(b) else number(b) for n, b in bounds.items()})


def _maximum_with_zero(site: Site) -> Atom | None:
    x, y = site.args
    for value, bound in ((x, y), (y, x)):
        if scalar_value(bound) == 0 and value.type == site.type:
            return site.emit("nn.relu", value)
    return None


def _where(site: Site) -> Atom | None:
    """A choice that is known, or that makes no difference."""
    condition, x, y = site.args
    value = scalar_value(condition)
    chosen = x if value or x is y else y if value is not None else None
    if chosen is None:
        return None
    return _like(site, chosen) or site.emit("broadcast_to", chosen, shape=site.tensor.shape)


def is_lossless(source: str, target: str) -> bool:
    """Whether a cast keeps every value of an element type exactly."""
    if source == target:
        return True
    if any(name.startswith(("float8", "float6_", "float4", "string", "complex")) for name in (source, target)):
        return False
    if source == "bool" or target == "bool":
        return source == "bool"
    low, high, digits = _range(source)
    target_low, target_high, target_digits = _range(target)
    if "float" in source and "float" not in target:
        return False
    return target_low <= low and high <= target_high and digits <= target_digits


def _range(dtype: str) -> tuple[float, float, int]:
    """Least and greatest value, and significant binary digits."""
    if "float" in dtype:
        info = {"float16": (65504.0, 11), "bfloat16": (3.39e38, 8), "float32": (3.41e38, 24), "float64": (1.8e308, 53)}
        greatest, digits = info[dtype]
        return -greatest, greatest, digits
    bits = DTYPES[dtype][1]
    return (0, 2**bits - 1, bits) if dtype.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, bits - 1)


def _cast(site: Site) -> Atom | None:
    """A cast to the type that is there already, or of a cast that has lost nothing."""
    if _like(site, site.args[0]):
        return site.args[0]
    inner = site.definition(site.args[0], "cast")
    if inner is None:
        return None
    source, middle, target = (t.dtype for t in (inner.args[0].type, inner.tensor, site.tensor))  # type: ignore[union-attr]
    if source == "string" or not is_lossless(source, middle):
        return None
    # An integer that does not fit wraps around when cast from an integer, but not from a float.
    if "float" in middle and "float" not in source and "float" not in target and not is_lossless(source, target):
        return None
    return _like(site, inner.args[0]) or site.emit("cast", inner.args[0], **site.attrs)


def _reduce_nothing(site: Site) -> Atom | None:
    """A reduction over no axes, or over axes of one element."""
    x = site.args[0]
    assert isinstance(x.type, TensorType)
    if any(x.type.shape[axis] != 1 for axis in site.attrs.axis) or x.type.dtype != site.tensor.dtype:
        return None
    return _like(site, x) or site.emit("reshape", x, shape=site.tensor.shape)


#: Operators that broadcast all their arguments to the shape of the result.
BROADCASTING = (
    *("add", "subtract", "multiply", "divide", "floor_mod", "truncate_mod", "power", "maximum", "minimum", "nn.prelu"),
    *("bitwise_and", "bitwise_or", "bitwise_xor", "logical_and", "logical_or", "logical_xor", "where"),
    *("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"),
)

_OWN: dict[str, list[Callable[[Site], Atom | None]]] = {
    "add": [_neutral(0, True), _add_negative],
    "subtract": [_neutral(0, False), _subtract_negative],
    "multiply": [_neutral(1, True)],
    "divide": [_neutral(1, False), _divide_by_power_of_two],
    "power": [_power],
    "maximum": [_maximum_with_zero],
    "negative": [_twice("negative")],
    "logical_not": [_twice("logical_not")],
    "bitwise_not": [_twice("bitwise_not")],
    "abs": [_of_negative, _idempotent(*_NOT_NEGATIVE)],
    "nn.relu": [_idempotent(*_NOT_NEGATIVE), _clip_of_clip],
    "clip": [_clip_to_less, _clip_of_clip],
    "floor": [_idempotent("ceil", "floor", "round")],
    "ceil": [_idempotent("ceil", "floor", "round")],
    "round": [_idempotent("ceil", "floor", "round")],
    "where": [_where],
    "cast": [_cast],
    **{op: [_reduce_nothing] for op in ("max", "mean", "min", "product", "sum")},
}

RULES: Rules = {
    op: [*_OWN.get(op, []), *([_without_broadcast, _scalar_for_splat] if op in BROADCASTING else [])]
    for op in dict.fromkeys((*_OWN, *BROADCASTING))
}
