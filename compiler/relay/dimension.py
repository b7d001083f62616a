"""Dimensions: integers, or symbolic integer expressions in a canonical form.

A `Dim` is a polynomial over atoms with integer coefficients. Atoms are symbols (the names of an input's unknown
dimensions, which are at least 0; run_time.py has others) and the operations that do not distribute: floor division and
maximum; a remainder is written as a difference, and a minimum as the sum less the maximum. Two dimensions that are
equal as polynomials are equal, hash equally and print equally.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, gcd, inf, isfinite
from typing import Any, Union

from ..diagnostics import CompileError
from .run_time import Greatest, known_greatest, symbol_range

Dimension = Union[int, "Dim"]


@dataclass(frozen=True)
class Atom:
    """A symbol ('sym', name) or an operation ('//', '%' by a symbolic divisor, 'max') on two dimensions."""

    kind: str
    name: str = ""
    left: Dimension = 0
    right: Dimension = 0

    def __str__(self) -> str:
        if self.kind == "sym":
            return self.name
        if self.kind == "max":
            return f"max({self.left}, {self.right})"
        return f"({_operand(self.left)} {self.kind} {_operand(self.right)})"


def _operand(side: Dimension) -> str:
    """Text of one side of a division, in parentheses if it is a sum or a product."""
    alone = side >= 0 if isinstance(side, int) else list(map(len, side.terms)) == [1] and 1 in side.terms.values()
    return str(side) if alone else f"({side})"


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
        if isinstance(denominator, int):
            return _divide_by_integer(numerator, denominator)
    low, high = bounds(numerator)
    if low >= 0 and high < lower_bound(denominator):
        return 0
    return _quotient(numerator, denominator)


def _quotient(numerator: Dimension, denominator: Dimension) -> Dimension:
    return Dim({(Atom("//", left=numerator, right=denominator),): 1})


def _divide_by_integer(numerator: Dim, divisor: int) -> Dimension:
    """floor(numerator / divisor), with as little as possible under the division."""
    if divisor < 0:
        return _divide(-numerator, -divisor)
    # floor((d*q + r) / d) = q + floor(r / d)
    whole = {m: (abs(c) // divisor) * (1 if c > 0 else -1) for m, c in numerator.terms.items() if m}
    rest = {m: c - whole[m] * divisor for m, c in numerator.terms.items() if m}
    constant = numerator.terms.get((), 0)
    whole[()], rest[()] = constant // divisor, constant % divisor
    quotient, remainder = _make(whole), _make(rest)
    if not isinstance(remainder, Dim):
        return quotient
    nested = _nested_quotient(remainder)
    if nested is not None:  # floor((floor(n / e) + k) / d) = floor((n + k*e) / (e*d))
        inner, inner_divisor, constant = nested
        return quotient + _divide(inner + constant * inner_divisor, inner_divisor * divisor)
    if next(c for m, c in remainder.terms.items() if m) < 0:  # floor(-n / d) = -floor((n + d - 1) / d)
        return quotient - _divide(divisor - 1 - remainder, divisor)
    factor = gcd(divisor, *(c for m, c in remainder.terms.items() if m))
    if factor > 1:  # floor((f*n + k) / (f*d)) = floor((n + floor(k / f)) / d)
        constant = remainder.terms.get((), 0)
        return quotient + _divide((remainder - constant) // factor + constant // factor, divisor // factor)
    low, high = (bound // divisor for bound in bounds(remainder))
    return quotient + (int(low) if low == high else _quotient(remainder, divisor))


def _modulo(numerator: Dimension, denominator: Dimension) -> Dimension:
    if isinstance(denominator, int):
        return numerator - _divide(numerator, denominator) * denominator
    if isinstance(numerator, Dim) and _exact_quotient(numerator, denominator) is not None:
        return 0
    low, high = bounds(numerator)
    if low >= 0 and high < lower_bound(denominator):
        return numerator
    return Dim({(Atom("%", left=numerator, right=denominator),): 1})


def maximum(left: Dimension, right: Dimension) -> Dimension:
    """The greater of two dimensions."""
    difference = left - right
    low, high = bounds(difference)
    if low >= 0:
        return left
    if high <= 0:
        return right
    # With difference = p - n, both with positive coefficients only: max(left, right) = max(p, n) + right - n.
    terms = _terms(difference)
    assert terms is not None
    factor = gcd(*terms.values())
    positive, negative = (_make({m: s * c // factor for m, c in terms.items() if s * c > 0}) for s in (1, -1))
    first, second = sorted((positive, negative), key=lambda d: (isinstance(d, Dim), str(d)))
    return right - factor * negative + factor * Dim({(Atom("max", left=first, right=second),): 1})


def minimum(left: Dimension, right: Dimension) -> Dimension:
    """The smaller of two dimensions."""
    return left + right - maximum(left, right)


def lower_bound(dim: Dimension) -> float:
    """A lower bound, given the ranges of its symbols; -inf where none is known."""
    return bounds(dim)[0]


def bounds(dim: Dimension) -> tuple[float, float]:
    """A lower and an upper bound, given the ranges of its symbols; infinite where none is known.

    Intervals of the terms would tell nothing on differences such as N - N // 2. So this also takes a maximum for either
    of its sides in turn, and a quotient for the fractions that it lies between.
    """
    return (dim, dim) if isinstance(dim, int) else _bounds(dim, known_greatest())


@lru_cache(maxsize=1 << 14)
def _bounds(dim: Dim, known: Greatest) -> tuple[float, float]:
    constant = dim.terms.get((), 0)
    factor = gcd(*(c for m, c in dim.terms.items() if m))
    if constant or factor > 1:  # what remains is an integer, too: its bounds are the tighter ones
        low, high = bounds((dim - constant) // factor)
        return factor * low + constant, factor * high + constant
    low = high = 0.0
    for monomial, coefficient in dim.terms.items():
        part = (float(coefficient), float(coefficient))
        for factor_bounds in _factors(monomial, known):
            part = _interval_product(part, factor_bounds)
        low, high = low + part[0], high + part[1]
    compound = dict.fromkeys(a for m in dim.terms for a in m if a.kind in ("max", "//"))
    for atom in compound if len(compound) <= _MOST_ATOMS and len(dim.terms) <= _MOST_TERMS else ():
        below, above = _maximum_bounds(dim, atom) if atom.kind == "max" else _quotient_bounds(dim, atom)
        low, high = max(low, below), min(high, above)
    return low, high


def _factors(monomial: Monomial, known: Greatest) -> list[tuple[float, float]]:
    """Bounds of the factors of a term; of several symbols together where their product is known to have one."""
    rest = list(monomial)
    found = []
    while len(rest) > 1:
        names = known.among([atom.name for atom in rest if atom.kind == "sym"])
        if len(names) < 2:
            break
        found.append((0.0, known.products[names]))
        for name in names:
            rest.remove(Atom("sym", name))
    return found + [_atom_bounds(atom) for atom in rest]


#: Maxima and quotients that `bounds` looks into together: the time triples with each.
_MOST_ATOMS = 5
#: Terms of a sum into which `bounds` looks so: products of such sums, numbers of elements, have hundreds.
_MOST_TERMS = 12


def _maximum_bounds(dim: Dim, atom: Atom) -> tuple[float, float]:
    """Bounds that follow from a maximum being one of its sides."""
    lows, highs = zip(*(bounds(_replace_atom(dim, atom, side)) for side in (atom.left, atom.right)), strict=True)
    # With a positive factor the whole is the maximum of both cases, with a negative one their minimum.
    sign = _sign_beside(dim, atom)
    pick = max if sign > 0 else min
    return (pick(lows), pick(highs)) if sign else (min(lows), max(highs))


def _quotient_bounds(dim: Dim, atom: Atom) -> tuple[float, float]:
    """Bounds that follow from n - d < d * (n // d) <= n."""
    sign, divisor = _sign_beside(dim, atom), atom.right
    if sign == 0 or not isinstance(divisor, int) or len(dim.terms) == 1:
        return -inf, inf
    ends = [_replace_atom(dim, atom, value, divisor) for value in (atom.left - divisor + 1, atom.left)]
    (low, _), (_, high) = (bounds(end) for end in (ends if sign > 0 else reversed(ends)))
    return ceil(low / divisor) if isfinite(low) else low, high // divisor if isfinite(high) else high


def _sign_beside(dim: Dim, atom: Atom) -> int:
    """Sign of what an atom is multiplied by; 0 where it is not known, or not the same in all terms."""
    signs = set()
    for monomial, coefficient in dim.terms.items():
        if atom in monomial:
            rest = list(monomial)
            rest.remove(atom)
            low, high = bounds(_make({tuple(rest): coefficient}))
            signs.add(0 if atom in rest else 1 if low >= 0 else -1 if high <= 0 else 0)
    return signs.pop() if len(signs) == 1 else 0


def _replace_atom(dim: Dim, atom: Atom, value: Dimension, scale: int = 1) -> Dimension:
    """The dimension with an atom replaced; terms without it are multiplied by `scale`."""
    total: Dimension = 0
    for monomial, coefficient in dim.terms.items():
        term: Dimension = coefficient if atom in monomial else coefficient * scale
        for factor in monomial:
            term = term * (value if factor == atom else Dim({(factor,): 1}))
        total = total + term
    return total


def _atom_bounds(atom: Atom) -> tuple[float, float]:
    if atom.kind == "sym":
        return symbol_range(atom.name)
    (left_low, left_high), (right_low, right_high) = bounds(atom.left), bounds(atom.right)
    if atom.kind == "max":
        return max(left_low, right_low), max(left_high, right_high)
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


INTEGER_OPERATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b if b else 0,  # as in C: a run-time divisor may be 0 where nobody wants the quotient
    "%": lambda a, b: a % b if b else a,
    "max": max,
    "min": min,
}


def evaluate(dim: Dimension, values: Mapping[str, int]) -> int:
    """The integer that a dimension is under given values of its symbols (KeyError where one is missing)."""
    return fold(dim, int, lambda name: values[name], INTEGER_OPERATIONS)


_SUBSTITUTE_OPERATIONS = {**INTEGER_OPERATIONS, "max": maximum, "min": minimum}


def substitute(dim: Dimension, values: Mapping[str, Dimension]) -> Dimension:
    """Replace symbols by dimensions; unmentioned symbols stay."""
    return fold(dim, int, lambda name: values.get(name, Dim.symbol(name)), _SUBSTITUTE_OPERATIONS)
