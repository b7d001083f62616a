"""Dimensions: integers, or symbolic integer expressions in a canonical form.

A `Dim` is a polynomial over atoms with integer coefficients. Atoms are symbols (the names of an input's unknown
dimensions, which are at least 1 at run time) and the operations that do not distribute: floor division, modulo,
maximum, minimum. Two dimensions that are equal as polynomials are equal, hash equally and print equally.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import gcd, inf, isfinite
from typing import Any, Union

from ..diagnostics import CompileError

Dimension = Union[int, "Dim"]


@dataclass(frozen=True)
class Atom:
    """A symbol ('sym', name) or an operation ('//', '%', 'max', 'min') on two dimensions."""

    kind: str
    name: str = ""
    left: Dimension = 0
    right: Dimension = 0

    def __str__(self) -> str:
        if self.kind == "sym":
            return self.name
        if self.kind in ("max", "min"):
            return f"{self.kind}({self.left}, {self.right})"
        return f"(({self.left}) {self.kind} ({self.right}))"


Monomial = tuple[Atom, ...]


class Dim:
    """A symbolic integer. Immutable; supports ``+ - * // %`` with integers and other dimensions."""

    __slots__ = ("_key", "terms")

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        self.terms: dict[Monomial, int] = {m: c for m, c in sorted(terms.items(), key=lambda t: _order(t[0])) if c}
        self._key = tuple(self.terms.items())

    @staticmethod
    def symbol(name: str) -> Dim:
        return Dim({(Atom("sym", name),): 1})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dim) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        text = ""
        for monomial, coefficient in self.terms.items():
            factors = [str(a) for a in monomial]
            if abs(coefficient) != 1 or not factors:
                factors.insert(0, str(abs(coefficient)))
            sign = " - " if coefficient < 0 else " + "
            text += (sign if text else sign.strip().replace("+", "")) + "*".join(factors)
        return text or "0"

    __repr__ = __str__

    def __add__(self, other: Any) -> Dimension:
        other = _terms(other)
        if other is None:
            return NotImplemented
        total = dict(self.terms)
        for monomial, coefficient in other.items():
            total[monomial] = total.get(monomial, 0) + coefficient
        return _make(total)

    __radd__ = __add__

    def __neg__(self) -> Dimension:
        return _make({m: -c for m, c in self.terms.items()})

    def __sub__(self, other: Any) -> Dimension:
        return self + (-other)

    def __rsub__(self, other: Any) -> Dimension:
        return (-self) + other

    def __mul__(self, other: Any) -> Dimension:
        other = _terms(other)
        if other is None:
            return NotImplemented
        total: dict[Monomial, int] = {}
        for m, c in self.terms.items():
            for n, d in other.items():
                key = tuple(sorted(m + n, key=str))
                total[key] = total.get(key, 0) + c * d
        return _make(total)

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Dimension:
        if _terms(other) is None:
            return NotImplemented
        return _divide(self, other)

    def __rfloordiv__(self, other: Any) -> Dimension:
        return _divide(other, self)

    def __mod__(self, other: Any) -> Dimension:
        if _terms(other) is None:
            return NotImplemented
        return _modulo(self, other)

    def __rmod__(self, other: Any) -> Dimension:
        return _modulo(other, self)

    def symbols(self) -> set[str]:
        found: set[str] = set()
        for monomial in self.terms:
            for atom in monomial:
                if atom.kind == "sym":
                    found.add(atom.name)
                else:
                    found |= symbols(atom.left) | symbols(atom.right)
        return found


def _order(monomial: Monomial) -> tuple[int, str]:
    return (-len(monomial), "*".join(str(a) for a in monomial))


def _terms(value: Any) -> dict[Monomial, int] | None:
    if isinstance(value, Dim):
        return value.terms
    try:
        number = int(value.__index__())
    except (AttributeError, TypeError):
        return None
    return {(): number} if number else {}


def _make(terms: Mapping[Monomial, int]) -> Dimension:
    terms = {m: c for m, c in terms.items() if c}
    if not terms:
        return 0
    if len(terms) == 1 and () in terms:
        return terms[()]
    return Dim(terms)


def _exact_quotient(numerator: Dim, denominator: Dimension) -> Dimension | None:
    """numerator / denominator where a single-term denominator divides every term, else None."""
    parts = _terms(denominator)
    assert parts is not None
    if len(parts) != 1:
        return 1 if numerator == denominator else None
    ((monomial, divisor),) = parts.items()
    quotient: dict[Monomial, int] = {}
    for term, coefficient in numerator.terms.items():
        rest = list(term)
        for atom in monomial:
            if atom not in rest:
                return None
            rest.remove(atom)
        if coefficient % divisor:
            return None
        quotient[tuple(rest)] = coefficient // divisor
    return _make(quotient)


def _nested_quotient(dim: Dim) -> tuple[Dimension, int, int] | None:
    """n, e and k where a dimension is floor(n / e) + k, else None."""
    terms = dict(dim.terms)
    constant = terms.pop((), 0)
    if len(terms) == 1:
        ((monomial, coefficient),) = terms.items()
        if coefficient == 1 and len(monomial) == 1 and monomial[0].kind == "//":
            atom = monomial[0]
            if isinstance(atom.right, int) and atom.right > 0:
                return atom.left, atom.right, constant
    return None


def _divide(numerator: Dimension, denominator: Dimension) -> Dimension:
    if isinstance(denominator, int) and denominator == 0:
        raise CompileError("division of a dimension by zero")
    if isinstance(numerator, int) and isinstance(denominator, int):
        return numerator // denominator
    if isinstance(numerator, int) and numerator == 0:
        return 0
    if isinstance(numerator, Dim):
        exact = _exact_quotient(numerator, denominator)
        if exact is not None:
            return exact
        if isinstance(denominator, int) and denominator > 0:
            # floor((d*q + r) / d) = q + floor(r / d): split off the divisible terms.
            whole = {m: c // denominator for m, c in numerator.terms.items() if c % denominator == 0}
            rest = {m: c for m, c in numerator.terms.items() if c % denominator}
            if () in rest and len(rest) > 1:  # and the divisible part of the constant
                whole[()] = whole.get((), 0) + rest[()] // denominator
                rest[()] %= denominator
            if whole and any(whole.values()):
                return _make(whole) + _divide(_make(rest), denominator)
            nested = _nested_quotient(numerator)
            if nested is not None:  # floor((floor(n / e) + k) / d) = floor((n + k*e) / (e*d))
                inner, divisor, constant = nested
                return _divide(inner + constant * divisor, divisor * denominator)
        low, high = bounds(numerator)
        if low >= 0 and high < lower_bound(denominator):
            return 0
    return Dim({(Atom("//", left=numerator, right=denominator),): 1})


def _modulo(numerator: Dimension, denominator: Dimension) -> Dimension:
    if isinstance(denominator, int) and denominator == 0:
        raise CompileError("division of a dimension by zero")
    if isinstance(numerator, int) and isinstance(denominator, int):
        return numerator % denominator
    if isinstance(numerator, Dim) and _exact_quotient(numerator, denominator) is not None:
        return 0
    low, high = bounds(numerator)
    if low >= 0 and high < lower_bound(denominator):
        return numerator
    return Dim({(Atom("%", left=numerator, right=denominator),): 1})


def _extreme(kind: str, pick: Callable[[int, int], int], left: Dimension, right: Dimension) -> Dimension:
    if isinstance(left, int) and isinstance(right, int):
        return pick(left, right)
    low, high = bounds(left - right)
    if low >= 0:
        return left if kind == "max" else right
    if high <= 0:
        return right if kind == "max" else left
    left, right = sorted((left, right), key=lambda d: (isinstance(d, Dim), str(d)))
    return Dim({(Atom(kind, left=left, right=right),): 1})


def maximum(left: Dimension, right: Dimension) -> Dimension:
    """The greater of two dimensions."""
    return _extreme("max", max, left, right)


def minimum(left: Dimension, right: Dimension) -> Dimension:
    """The smaller of two dimensions."""
    return _extreme("min", min, left, right)


def lower_bound(dim: Dimension) -> float:
    """A lower bound, given that every symbol is at least 1; -inf where none is known."""
    return bounds(dim)[0]


def bounds(dim: Dimension) -> tuple[float, float]:
    """A lower and an upper bound, given that every symbol is at least 1; infinite where none is known.

    A maximum or minimum is taken for either of its sides in turn, so that N - min(N, 2) = max(0, N - 2) is found to be
    at least 0: as intervals, its terms would tell nothing.
    """
    if isinstance(dim, int):
        return dim, dim
    for monomial in dim.terms:
        for atom in monomial:
            if atom.kind in ("max", "min"):
                lows, highs = zip(*(bounds(_replace_atom(dim, atom, s)) for s in (atom.left, atom.right)), strict=True)
                signs = {_sign_beside(atom, m, c) for m, c in dim.terms.items() if atom in m}
                if len(signs) != 1 or 0 in signs:
                    return min(lows), max(highs)
                # The whole is the maximum of both cases, or their minimum.
                pick = max if (signs == {1}) == (atom.kind == "max") else min
                return pick(lows), pick(highs)
    low = high = 0.0
    for monomial, coefficient in dim.terms.items():
        part = (float(coefficient), float(coefficient))
        for atom in monomial:
            part = _interval_product(part, _atom_bounds(atom))
        low, high = low + part[0], high + part[1]
    return low, high


def _sign_beside(atom: Atom, monomial: Monomial, coefficient: int) -> int:
    """Sign of what an atom is multiplied by in a term; 0 where it is not known."""
    rest = list(monomial)
    rest.remove(atom)
    low, high = bounds(_make({tuple(rest): coefficient}))
    return 1 if low >= 0 else -1 if high <= 0 else 0


def _replace_atom(dim: Dim, atom: Atom, value: Dimension) -> Dimension:
    total: Dimension = 0
    for monomial, coefficient in dim.terms.items():
        term: Dimension = coefficient
        for factor in monomial:
            term = term * (value if factor == atom else Dim({(factor,): 1}))
        total = total + term
    return total


def _atom_bounds(atom: Atom) -> tuple[float, float]:
    if atom.kind == "sym":
        return 1.0, inf
    (left_low, left_high), (right_low, right_high) = bounds(atom.left), bounds(atom.right)
    if right_low < 1:
        return -inf, inf
    if atom.kind == "%":
        return 0.0, right_high - 1
    # A quotient moves toward 0 (or -1) as the divisor grows.
    return (
        left_low // (right_high if left_low >= 0 else right_low) if isfinite(left_low) else left_low,
        left_high // (right_low if left_high >= 0 else right_high) if isfinite(left_high) else left_high,
    )


def _interval_product(left: tuple[float, float], right: tuple[float, float]) -> tuple[float, float]:
    products = [a * b if a and b else 0.0 for a in left for b in right]
    return min(products), max(products)


def common_factor(dims: Iterable[Dimension]) -> Dimension:
    """The greatest product of an integer and atoms that divides every term of all dimensions; 1 where all are 0."""
    divisor, shared = 0, None
    for dim in dims:
        for monomial, coefficient in (_terms(dim) or {}).items():
            divisor = gcd(divisor, coefficient)
            atoms = Counter(monomial)
            shared = atoms if shared is None else shared & atoms
    if shared is None:
        return 1
    return _make({tuple(sorted(shared.elements(), key=str)): divisor})


def symbols(dim: Dimension) -> set[str]:
    """Names of the symbols in a dimension."""
    return dim.symbols() if isinstance(dim, Dim) else set()


def is_static(shape: tuple[Dimension, ...]) -> bool:
    return all(isinstance(d, int) for d in shape)


def product(dims: Any) -> Dimension:
    total: Dimension = 1
    for dim in dims:
        total = total * dim
    return total


def fold(
    dim: Dimension,
    number: Callable[[int], Any],
    symbol: Callable[[str], Any],
    operation: Mapping[str, Callable[[Any, Any], Any]],
) -> Any:
    """Rebuild a dimension in another algebra.

    Parameters
    ----------
    number, symbol
        Make a value from an integer, from a symbol's name.
    operation
        Functions of two values by operator: ``+ * // % max min``.
    """
    if isinstance(dim, int):
        return number(dim)
    total = None
    for monomial, coefficient in dim.terms.items():
        value = None if coefficient == 1 and monomial else number(coefficient)
        for atom in monomial:
            if atom.kind == "sym":
                factor = symbol(atom.name)
            else:
                sides = [fold(side, number, symbol, operation) for side in (atom.left, atom.right)]
                factor = operation[atom.kind](*sides)
            value = factor if value is None else operation["*"](value, factor)
        total = value if total is None else operation["+"](total, value)
    return total


_INTEGER_OPERATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "max": max,
    "min": min,
}


def evaluate(dim: Dimension, values: Mapping[str, int]) -> int:
    """The integer that a dimension is under given values of its symbols (KeyError where one is missing)."""
    return fold(dim, int, lambda name: values[name], _INTEGER_OPERATIONS)


_SUBSTITUTE_OPERATIONS = {**_INTEGER_OPERATIONS, "max": maximum, "min": minimum}


def substitute(dim: Dimension, values: Mapping[str, Dimension]) -> Dimension:
    """Replace symbols by dimensions; unmentioned symbols stay."""
    return fold(dim, int, lambda name: values.get(name, Dim.symbol(name)), _SUBSTITUTE_OPERATIONS)


def parse_dimension(text: str) -> Dimension:
    """Read a dimension back from its text (the inverse of ``str``)."""
    try:
        return _from_ast(ast.parse(text, mode="eval").body)
    except (SyntaxError, KeyError, AttributeError) as error:
        raise CompileError(f"'{text}' is no dimension", expected="an integer, a name, or + - * // % max min") from error


def _from_ast(node: ast.AST) -> Dimension:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    if isinstance(node, ast.Name):
        return Dim.symbol(node.id)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_from_ast(node.operand)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        left, right = (_from_ast(a) for a in node.args)
        return {"max": maximum, "min": minimum}[node.func.id](left, right)
    if isinstance(node, ast.BinOp):
        left, right = _from_ast(node.left), _from_ast(node.right)
        if isinstance(node.op, ast.Sub):
            return left - right
        operator = {ast.Add: "+", ast.Mult: "*", ast.FloorDiv: "//", ast.Mod: "%"}[type(node.op)]
        return _INTEGER_OPERATIONS[operator](left, right)
    raise AttributeError(ast.dump(node))
