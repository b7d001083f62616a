"""Resizing by places and weights that the run computes: of regions in an input, and antialiased by run-time scales.

One axis after the other, by tables of each element's first tap and of its weights, as `resample` takes them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..op.resize import Line
from ..relay.dimension import Dimension
from ..relay.expr import Atom
from .registry import Node


@dataclass(frozen=True)
class Tables:
    """Makes tables out of small tensors; places and weights are float64.

    Attributes
    ----------
    mode : str
        ``linear`` or ``cubic``.
    cubic_a : float
    exclude : bool
        Taps outside of the axis have no weight.
    """

    node: Node
    mode: str
    cubic_a: float
    exclude: bool

    def along(self, line: Line, size: Dimension) -> tuple[Atom, Atom]:
        """The elements (a*i + b) / c: rounded down, int64, and what is left, both (size,)."""
        node = self.node
        a, b, c = (_whole(node, v) for v in line)
        numerator = node.call("add", node.call("multiply", _count(node, size), a), b)
        rest = node.call("floor_mod", numerator, c)
        base = node.call("divide", node.call("subtract", numerator, rest), c)
        return base, node.call("divide", node.cast(rest, "float64"), node.cast(c, "float64"))

    def stretched(
        self, base: Atom, part: Atom, size: Dimension, dim: Dimension, scale: tuple[Dimension, Dimension]
    ) -> tuple[Atom, Atom]:
        """First taps (size,) and weights (size, taps), the filter being stretched where the scale is below 1."""
        node = self.node
        ratio = node.call("divide", *(node.cast(_whole(node, v), "float64") for v in scale))
        ratio = node.call("minimum", ratio, _real(node, 1))
        reach = -1.0 if self.mode == "linear" else -2.0
        first = node.call("add", node.call("floor", node.call("divide", _real(node, reach), ratio)), _real(node, 1))
        first = node.cast(first, "int64")
        taps = node.call("subtract", node.constant([2], "int64"), node.call("add", first, first))
        read = node.builder.read_dimensions(taps, location=node.location)
        assert read is not None
        return self._weighted(base, part, size, dim, first, read.reshape(-1)[0], ratio)

    def plain(self, base: Atom, part: Atom, size: Dimension, dim: Dimension) -> tuple[Atom, Atom]:
        """The same for a scale of 1 or more."""
        first, count = (0, 2) if self.mode == "linear" else (-1, 4)
        return self._weighted(base, part, size, dim, _whole(self.node, first), count, _real(self.node, 1))

    def _weighted(
        self, base: Atom, part: Atom, size: Dimension, dim: Dimension, first: Atom, count: Dimension, ratio: Atom
    ) -> tuple[Atom, Atom]:
        node = self.node
        taps = node.call("add", _count(node, count), first)
        offset = node.call("subtract", node.cast(taps, "float64"), node.reshape(part, (size, 1)))
        weights = self._filter(node.call("multiply", node.call("abs", offset), ratio))
        starts = node.call("add", base, first)
        if self.exclude:
            places = node.call("add", node.reshape(starts, (size, 1)), _count(node, count))
            inside = node.call("greater_equal", places, _whole(node, 0))
            inside = node.call("logical_and", inside, node.call("less", places, _whole(node, dim)))
            weights = node.call("where", inside, weights, _real(node, 0))
        return starts, node.call("divide", weights, node.call("sum", weights, axis=(1,), keepdims=True))

    def _filter(self, distance: Atom) -> Atom:
        """The weight of a tap at a distance (Keys 1981, equation 4)."""
        node, a = self.node, self.cubic_a
        if self.mode == "linear":
            return node.call("maximum", node.call("subtract", _real(node, 1), distance), _real(node, 0))
        near = self._polynomial(distance, [a + 2, -(a + 3), 0, 1])
        far = self._polynomial(distance, [a, -5 * a, 8 * a, -4 * a])
        far = node.call("where", node.call("less", distance, _real(node, 2)), far, _real(node, 0))
        return node.call("where", node.call("less_equal", distance, _real(node, 1)), near, far)

    def _polynomial(self, x: Atom, coefficients: list[float]) -> Atom:
        node = self.node
        total = _real(node, coefficients[0])
        for coefficient in coefficients[1:]:
            total = node.call("add", node.call("multiply", total, x), _real(node, coefficient))
        return total


#: Modes of rounding a place to the nearest element: what is added to it, and what then rounds it.
_ROUNDING = {
    "floor": (0.0, "floor"),
    "ceil": (0.0, "ceil"),
    "round_prefer_floor": (-0.5, "ceil"),
    "round_prefer_ceil": (0.5, "floor"),
}


@dataclass(frozen=True)
class Region:
    """An axis to crop and resize; start and end of the region, float64 of one element, are shares of the axis."""

    node: Node
    dim: Dimension
    size: Dimension
    scale: tuple[Dimension, Dimension]
    start: Atom
    end: Atom

    def places(self) -> Atom:
        """Where each element of the result lies, float64 (size,)."""
        node, (p, q) = self.node, self.scale
        last = node.cast(_whole(node, self.dim - 1), "float64")
        span = node.cast(_whole(node, self.dim * p - q), "float64")  # q times (the result's exact length less 1)
        several = node.call("greater", span, _real(node, 0))
        length = node.call("multiply", node.call("subtract", self.end, self.start), last)
        length = node.call("multiply", length, node.cast(_whole(node, q), "float64"))
        step = node.call("divide", length, node.call("where", several, span, _real(node, 1)))
        step = node.call("where", several, step, _real(node, 0))
        middle = node.call("multiply", node.call("add", self.start, self.end), _real(node, 0.5))
        begin = node.call("multiply", node.call("where", several, self.start, middle), last)
        return node.call("add", node.call("multiply", node.cast(_count(node, self.size), "float64"), step), begin)

    def nearest(self, value: Atom, places: Atom, axis: int, mode: str) -> Atom:
        node = self.node
        shift, rounding = _ROUNDING[mode]
        index = node.cast(node.call(rounding, node.call("add", places, _real(node, shift))), "int64")
        index = node.call("minimum", index, _whole(node, self.dim - 1))
        index = node.call("maximum", index, _whole(node, 0))
        return node.call("take", value, index, axis=axis)

    def interpolated(self, value: Atom, places: Atom, axis: int, tables: Tables, dtype: str) -> Atom:
        node = self.node
        base = node.call("floor", places)
        part = node.call("subtract", places, base)
        starts, weights = tables.plain(node.cast(base, "int64"), part, self.size, self.dim)
        return node.call("resample", value, starts, node.cast(weights, dtype), axis=axis)

    def outside(self, places: Atom, axis: int, rank: int) -> Atom:
        """Which places are beyond the axis, in a shape that broadcasts to the result's."""
        node = self.node
        last = node.cast(_whole(node, self.dim - 1), "float64")
        found = node.call("logical_or", node.call("less", places, _real(node, 0)), node.call("greater", places, last))
        return node.reshape(found, tuple(self.size if a == axis else 1 for a in range(rank)))


def _whole(node: Node, dim: Dimension) -> Atom:
    return node.call("full", shape=(1,), value=dim, dtype="int64")


def _real(node: Node, value: float) -> Atom:
    return node.constant([value], "float64")


def _count(node: Node, count: Dimension) -> Atom:
    return node.call("arange", count=count, dtype="int64")
