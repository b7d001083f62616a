"""Expressions of one value as polynomials in it, so that a pattern is found however its factors are ordered."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from ..relay.expr import Atom, Var
from .rewrite import Site, scalar_value

#: Coefficients by the powers of the symbols.
Polynomial = dict[tuple[int, ...], float]

#: How far an expression is followed.
_DEPTH = 8
_TERMS = 12
_DEGREE = 6


def polynomial(site: Site, atom: Atom, symbols: tuple[Atom, ...], depth: int = _DEPTH) -> Polynomial | None:
    """An atom as a polynomial in some values; None where it is none."""
    for index, symbol in enumerate(symbols):
        if atom is symbol:
            return {tuple(int(i == index) for i in range(len(symbols))): 1.0}
    value = scalar_value(atom)
    if value is not None:
        return {(0,) * len(symbols): float(value)}
    found = site.definition(atom, "add", "subtract", "multiply", "divide", "negative", "power")
    return None if found is None or depth == 0 else of_call(found, symbols, depth)


def of_call(site: Site, symbols: tuple[Atom, ...], depth: int = _DEPTH) -> Polynomial | None:
    """The same for the value of a call."""
    parts = [polynomial(site, arg, symbols, depth - 1) for arg in site.args]
    known = [p for p in parts if p is not None]
    if len(known) != len(parts):
        return None
    left, right = known[0], known[-1]
    if site.op == "negative":
        return _scale(left, -1)
    if site.op == "add":
        return _sum(left, right)
    if site.op == "subtract":
        return _sum(left, _scale(right, -1))
    if site.op == "multiply":
        return _product(left, right)
    constant = right.get((0,) * len(symbols)) if len(right) == 1 else None
    if site.op == "divide":
        return _scale(left, 1 / constant) if constant else None
    if site.op == "power" and constant in (1, 2, 3):
        result = left
        for _ in range(int(constant) - 1):
            multiplied = _product(result, left)
            if multiplied is None:
                return None
            result = multiplied
        return result
    return None


def close(left: Polynomial | None, right: Mapping[tuple[int, ...], float], tolerance: float = 1e-4) -> bool:
    """Whether two polynomials are the same but for the rounding of their coefficients."""
    if left is None:
        return False
    kept = {powers: c for powers, c in left.items() if abs(c) > 1e-9}
    return kept.keys() == right.keys() and all(math.isclose(kept[k], right[k], rel_tol=tolerance) for k in right)


def cone(site: Site, atom: Atom, depth: int) -> Iterator[Atom]:
    """An atom and what it is computed from, nearest first, up to some distance."""
    seen: set[Var] = set()
    level: list[Atom] = [atom]
    for _ in range(depth + 1):
        following: list[Atom] = []
        for current in level:
            if not isinstance(current, Var) or current in seen:
                continue
            seen.add(current)
            yield current
            found = site.definition(current)
            following.extend(found.args if found else ())
        level = following


def _sum(left: Polynomial, right: Polynomial) -> Polynomial:
    return {k: left.get(k, 0.0) + right.get(k, 0.0) for k in {**left, **right}}


def _scale(value: Polynomial, factor: float) -> Polynomial:
    return {k: c * factor for k, c in value.items()}


def _product(left: Polynomial, right: Polynomial) -> Polynomial | None:
    result: Polynomial = {}
    for powers, c in left.items():
        for others, d in right.items():
            key = tuple(p + q for p, q in zip(powers, others, strict=True))
            result[key] = result.get(key, 0.0) + c * d
    return result if len(result) <= _TERMS and all(sum(k) <= _DEGREE for k in result) else None
