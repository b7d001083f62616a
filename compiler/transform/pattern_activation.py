"""Activation functions that a model spells out -> single operators: Gelu in both forms, HardSwish."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ..relay.expr import Atom, Var
from .polynomial import Polynomial, close, cone, of_call, polynomial
from .rewrite import Rules, Site

_TANH_SCALE = math.sqrt(2 / math.pi)


@dataclass(frozen=True)
class _Pattern:
    """An activation ``outer(x, f(inner(x)))`` with polynomials outer and inner.

    Attributes
    ----------
    function : str
        The operator f; `attributes` are what it must have.
    inner : Polynomial
        In x.
    outer : Polynomial
        In x and f.
    op : str
        The activation, with `op_attributes`.
    """

    function: str
    attributes: dict[str, float]
    inner: Polynomial
    outer: Polynomial
    op: str
    op_attributes: dict[str, str]


_PATTERNS = (
    _Pattern("erf", {}, {(1,): math.sqrt(0.5)}, {(1, 0): 0.5, (1, 1): 0.5}, "nn.gelu", {"approximate": "none"}),
    _Pattern(
        "tanh",
        {},
        {(1,): _TANH_SCALE, (3,): 0.044715 * _TANH_SCALE},
        {(1, 0): 0.5, (1, 1): 0.5},
        "nn.gelu",
        {"approximate": "tanh"},
    ),
    _Pattern("clip", {"low": 0, "high": 6}, {(0,): 3.0, (1,): 1.0}, {(1, 1): 1 / 6}, "nn.hard_swish", {}),
    _Pattern("nn.hard_sigmoid", {"alpha": 1 / 6, "beta": 0.5}, {(1,): 1.0}, {(1, 1): 1.0}, "nn.hard_swish", {}),
)

#: How far from the last product the function is.
_DISTANCE = 4


def _activation(site: Site) -> Atom | None:
    """A product (or a quotient by a number) that completes one of the patterns."""
    for pattern, value, inner in _functions(site):
        if close(of_call(site, (inner, value)), pattern.outer) and inner.type == site.type:
            return site.emit(pattern.op, inner, **pattern.op_attributes)
    return None


def _functions(site: Site) -> Iterator[tuple[_Pattern, Atom, Atom]]:
    """The patterns whose function goes into a value: pattern, the function's value, x."""
    for arg in site.args:
        for value in cone(site, arg, _DISTANCE):
            for pattern in _PATTERNS:
                call = site.definition(value, pattern.function)
                if call is None or not _matches(call, pattern):
                    continue
                for x in cone(site, call.args[0], _DISTANCE):
                    if isinstance(x, Var) and close(polynomial(site, call.args[0], (x,)), pattern.inner):
                        yield pattern, value, x


def _matches(call: Site, pattern: _Pattern) -> bool:
    found = (call.attrs[name] for name in pattern.attributes)
    return all(
        isinstance(value, (int, float)) and math.isclose(value, wanted, rel_tol=1e-4)
        for value, wanted in zip(found, pattern.attributes.values(), strict=True)
    )


RULES: Rules = {"multiply": [_activation], "divide": [_activation]}
