"""Loops over axes and over parts of axes, the outer ones shared by threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onnxc.kernel.tvm_api import tirx

from . import blocks as b
from . import loops
from .affine import Number, plus, times

#: First element and number of elements of a part of an axis.
Span = tuple[Any, Any]


@dataclass(frozen=True)
class AxisLoop:
    """A loop.

    Attributes
    ----------
    axis : int
    extent : int or expression
        Number of iterations.
    part : int
        Elements of the axis that an iteration takes, but for the last one, which takes the rest; 0: one element.
    """

    axis: int
    extent: Number
    part: int = 0


def share(axis: int, length: Number, part: int) -> AxisLoop:
    """A loop over parts of an axis. The last one takes what is left, up to one element less than two parts.

    So pieces of at most `part` elements that begin within others never cross from one iteration to the next.
    """
    count = max(1, length // part) if isinstance(length, int) else tirx.max(1, tirx.floordiv(length, part))
    return AxisLoop(axis, count, part)


def nest_loops(
    order: Sequence[AxisLoop],
    lengths: Mapping[int, Number],
    body: Callable[[dict[int, Any], dict[int, Span]], Any],
) -> Any:
    """Loops in an order, as many of the first ones shared by threads as give enough tasks.

    Parameters
    ----------
    lengths : mapping
        Of the axes that are taken in parts.
    body : callable
        ``(places of the other axes, spans of those in parts) -> statement``
    """
    count, tasks = 0, 1
    while count < len(order) and tasks < b.TASKS:
        extent = order[count].extent
        tasks *= extent if isinstance(extent, int) else 1
        count += 1

    def nested(places: dict[int, Any], spans: dict[int, Span], rest: Sequence[AxisLoop], given: Sequence[Any]) -> Any:
        if not rest:
            return body(places, spans)
        loop, *inner = rest

        def one(number: Any) -> Any:
            if loop.part:
                span = _span(loop, number, lengths[loop.axis])
                return nested(places, {**spans, loop.axis: span}, inner, given[1:])
            return nested({**places, loop.axis: number}, spans, inner, given[1:])

        return one(given[0]) if given else loops.serial(loop.extent, one)

    extents = [loop.extent for loop in order[:count]]
    return loops.parallel(extents or [1], lambda *numbers: nested({}, {}, order, numbers[: len(extents)]))


def _span(loop: AxisLoop, number: Any, length: Number) -> Span:
    """What an iteration takes of an axis."""
    if isinstance(loop.extent, int) and loop.extent == 1:
        return 0, length
    first = number * loop.part
    if isinstance(length, int) and length % loop.part == 0:
        return first, loop.part
    return first, tirx.Select(number + 1 == loop.extent, length - first, loops.index(loop.part))


def cover(span: Span, length: Number, size: int, body: Callable[[Any], Any]) -> Any:
    """A span in pieces of a size, the last of which begins within the one before.

    Parameters
    ----------
    length : int or expression
        Of the whole axis: at least `size`.
    body : callable
        ``first element -> statement``
    """
    first, count = span[0], loops.quotient_up(span[1], size)
    if isinstance(length, int) and length % size == 0:
        return loops.serial(count, lambda n: body(plus(first, times(n, size))))
    return loops.serial(count, lambda n: body(tirx.min(plus(first, times(n, size)), length - size)))
