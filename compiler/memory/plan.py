"""Places buffers in one arena: lifetimes and sizes in, offsets and the arena's size out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..relay.dimension import Atom, Dim, Dimension, evaluate, symbols


@dataclass(frozen=True)
class Lifetime:
    """A buffer: its bytes, and the first and the last step (both included) at which it holds something."""

    size: Dimension
    first: int
    last: int


@dataclass(frozen=True)
class Plan:
    """Where each buffer lies, in the order in which they were given.

    Attributes
    ----------
    offsets : tuple of Dimension
        Bytes from the start of the arena, multiples of the alignment.
    size : Dimension
        Bytes of the arena.
    peak : int
        Lower bound on any arena: the most bytes alive at one step (static buffers only).
    static_size : int
        Bytes of the static part, which comes first.
    slot_sizes : tuple of Dimension
        Bytes of the slots of symbolic size, which follow.
    slots : tuple of (int or None)
        The slot that each buffer lies in; None: in the static part.
    """

    offsets: tuple[Dimension, ...]
    size: Dimension
    peak: int
    static_size: int
    slot_sizes: tuple[Dimension, ...]
    slots: tuple[int | None, ...]


def align(size: Dimension, alignment: int) -> Dimension:
    """Round a size up."""
    return (size + (alignment - 1)) // alignment * alignment


def plan(lifetimes: Sequence[Lifetime], alignment: int) -> Plan:
    """Place buffers so that those alive at the same time do not overlap.

    Static buffers go first, by greedy best fit from the largest on (Pisarchyk and Lee 2020, 'greedy by size'), which is
    within a few percent of the lower bound on convolution networks. Buffers of symbolic size follow in slots:
    a slot is reused by buffers that are provably no larger, or else grows to the maximum.
    """
    offsets: list[Dimension] = [0] * len(lifetimes)
    static = [i for i, b in enumerate(lifetimes) if isinstance(b.size, int)]
    end = _place_static(lifetimes, static, offsets, alignment)
    members, sizes = _assign_slots(lifetimes, [i for i in range(len(lifetimes)) if i not in set(static)], alignment)
    slots: list[int | None] = [None] * len(lifetimes)
    position: Dimension = end
    for slot, (indices, size) in enumerate(zip(members, sizes, strict=True)):
        for index in indices:
            offsets[index], slots[index] = position, slot
        position = position + size
    peak = _peak(lifetimes, static, alignment)
    return Plan(tuple(offsets), position, peak, end, tuple(sizes), tuple(slots))


def _place_static(lifetimes: Sequence[Lifetime], indices: list[int], offsets: list[Dimension], alignment: int) -> int:
    placed: list[tuple[int, int, int]] = []  # offset, end, index
    total = 0
    for index in sorted(indices, key=lambda i: (-_bytes(lifetimes[i]), lifetimes[i].first, i)):
        this = lifetimes[index]
        size = align(_bytes(this), alignment)
        assert isinstance(size, int)
        best: tuple[int, int] | None = None  # gap, offset
        start = 0
        for offset, end, other in placed:  # sorted by offset
            if lifetimes[other].first > this.last or lifetimes[other].last < this.first:
                continue
            if offset - start >= size and (best is None or offset - start < best[0]):
                best = (offset - start, start)
            start = max(start, end)
        position = start if best is None else best[1]
        offsets[index] = position
        placed.append((position, position + size, index))
        placed.sort()
        total = max(total, position + size)
    return total


def _assign_slots(
    lifetimes: Sequence[Lifetime], indices: list[int], alignment: int
) -> tuple[list[list[int]], list[Dimension]]:
    """The buffers of each slot, and the slots' sizes.

    A free slot is reused, whichever fits best where symbols have some typical values; its size is the maximum, which C
    computes at run time. Proofs about which expression is greater take long, and seldom succeed.
    """
    typical = {s: 64 + 8 * i for i, s in enumerate(sorted(set().union(*(symbols(lifetimes[i].size) for i in indices))))}
    slots: list[tuple[dict[Dimension, None], int, int]] = []  # sizes, typical bytes, last step of its latest buffer
    members: list[list[int]] = []
    for index in sorted(indices, key=lambda i: (lifetimes[i].first, i)):
        this = lifetimes[index]
        wanted = evaluate(this.size, typical)
        free = [s for s, (_, _, last) in enumerate(slots) if last < this.first]
        if free:
            chosen = min(free, key=lambda s: (abs(slots[s][1] - wanted), s))
            sizes, most, _ = slots[chosen]
            slots[chosen] = ({**sizes, this.size: None}, max(most, wanted), this.last)
            members[chosen].append(index)
        else:
            slots.append(({this.size: None}, wanted, this.last))
            members.append([index])
    return members, [align(_greatest(list(sizes)), alignment) for sizes, _, _ in slots]


def _greatest(sizes: list[Dimension]) -> Dimension:
    """The maximum of sizes, of which none is negative: of multiples of one term the greatest, and nothing further is
    simplified."""
    kept: dict[Any, tuple[int, Dimension]] = {}
    for size in sizes:
        terms = size.terms if isinstance(size, Dim) else {(): size}
        term, factor = next(iter(terms.items()))
        if len(terms) > 1 or factor <= 0:
            kept[size] = (0, size)
        elif term not in kept or kept[term][0] < factor:
            kept[term] = (factor, size)
    result, *others = (size for _, size in kept.values())
    for size in others:
        result = Dim({(Atom("max", left=result, right=size),): 1})
    return result


def _bytes(lifetime: Lifetime) -> int:
    assert isinstance(lifetime.size, int)
    return lifetime.size


def _peak(lifetimes: Sequence[Lifetime], indices: list[int], alignment: int) -> int:
    change: dict[int, int] = {}
    for index in indices:
        size = align(_bytes(lifetimes[index]), alignment)
        assert isinstance(size, int)
        change[lifetimes[index].first] = change.get(lifetimes[index].first, 0) + size
        change[lifetimes[index].last + 1] = change.get(lifetimes[index].last + 1, 0) - size
    alive = peak = 0
    for step in sorted(change):
        alive += change[step]
        peak = max(peak, alive)
    return peak
