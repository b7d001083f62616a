"""Dimensions that only the run of a model knows, and what must then hold for it to go on.

A symbol's name says where its value comes from:

- ``N``: a dimension of an input, at least 0;
- ``found_``: a count or a size that the run computes, at least 0;
- ``start__``: a number that the run computes, of any sign.

Names of input dimensions never end with an underscore. Values of all kinds fit into 32 bits.

Where two dimensions must be equal, and only the run can tell, a type relation asks `may_equal` and goes on. Whoever
evaluates the relation under `collect_conditions` learns what must hold; the executor turns that into checks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .dimension import Dimension


@dataclass(frozen=True, eq=False)
class Greatest:
    """What is known about how large symbols can be.

    Attributes
    ----------
    products : mapping
        Names of symbols that are not negative, sorted -> the greatest value of their product.
    """

    products: Mapping[tuple[str, ...], float]

    def among(self, names: Sequence[str]) -> tuple[str, ...]:
        """The most of some symbols whose product has a bound; none where there is none."""
        found = [known for known in self.products if all(known.count(n) <= names.count(n) for n in known)]
        return max(found, key=lambda known: (len(known), known), default=())

    def with_product(self, names: Sequence[str], value: float) -> Greatest:
        key = tuple(sorted(names))
        return Greatest({**self.products, key: min(value, self.products.get(key, inf))})


NOTHING_KNOWN = Greatest({})

_greatest: ContextVar[Greatest] = ContextVar("greatest", default=NOTHING_KNOWN)


def known_greatest() -> Greatest:
    """What bounds of dimensions may build on here."""
    return _greatest.get()


@contextmanager
def assume_greatest(greatest: Greatest) -> Iterator[None]:
    """Inside, bounds of dimensions build on what is known about symbols."""
    token = _greatest.set(greatest)
    try:
        yield
    finally:
        _greatest.reset(token)


def symbol_range(name: str) -> tuple[float, float]:
    """Between which numbers a symbol's value lies."""
    low = -inf if name.endswith("__") else 0.0
    return low, _greatest.get().products.get((name,), inf)


def is_run_time_symbol(name: str) -> bool:
    return name.endswith("_")


def is_run_time(dim: Dimension) -> bool:
    """Does a dimension depend on what the run computes?"""
    return not isinstance(dim, int) and any(map(is_run_time_symbol, dim.symbols()))


@dataclass(frozen=True)
class Condition:
    """What must hold between two dimensions at run time.

    Attributes
    ----------
    kind : str
        ``equal``; ``differ``; ``broadcast``: left is 1 or equal to right; ``at most``: left is not greater than right.
    where : Dimension
        Where this is 0 nothing need hold.
    """

    kind: str
    left: Dimension
    right: Dimension
    where: Dimension = 1


_conditions: ContextVar[list[Condition] | None] = ContextVar("conditions", default=None)


@contextmanager
def collect_conditions() -> Iterator[list[Condition]]:
    """Collect what type relations that are evaluated inside leave to the run."""
    found: list[Condition] = []
    token = _conditions.set(found)
    try:
        yield found
    finally:
        _conditions.reset(token)


def require(kind: str, left: Dimension, right: Dimension, where: Dimension = 1) -> None:
    """State a condition that the run must check."""
    found = _conditions.get()
    condition = Condition(kind, left, right, where)
    if found is not None and condition not in found:
        found.append(condition)


def may_equal(left: Dimension, right: Dimension, where: Dimension = 1) -> bool:
    """Are two dimensions equal, or may they turn out so at run time? Then it is stated as a condition.

    Where `where` is 0 nothing need be equal.
    """
    if left == right:
        return True
    if isinstance(left, int) and isinstance(right, int):
        return False
    require("equal", left, right, where)
    return True


def may_equal_shapes(left: Sequence[Dimension], right: Sequence[Dimension], where: Dimension = 1) -> bool:
    """The same for shapes: also equal ranks."""
    return len(left) == len(right) and all(may_equal(a, b, where) for a, b in zip(left, right, strict=True))
