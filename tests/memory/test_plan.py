"""Memory planning: no overlap in time and space, exact sizes, reuse."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from onnxc.memory.plan import Lifetime, plan
from onnxc.relay.dimension import Dim, evaluate

N = Dim.symbol("N")
lifetimes = st.builds(
    lambda size, first, length: Lifetime(size, first, first + length),
    st.integers(0, 5000),
    st.integers(0, 20),
    st.integers(0, 10),
)


def overlap(left: Lifetime, right: Lifetime) -> bool:
    return left.first <= right.last and right.first <= left.last


@given(st.lists(lifetimes, max_size=25), st.sampled_from([1, 16, 64]))
def test_static_buffers_never_overlap(buffers: list[Lifetime], alignment: int) -> None:
    result = plan(buffers, alignment)
    assert isinstance(result.size, int)
    assert result.size >= result.peak
    placed = []
    for buffer, offset in zip(buffers, result.offsets, strict=True):
        assert isinstance(offset, int) and isinstance(buffer.size, int)
        assert offset % alignment == 0
        assert offset + buffer.size <= result.size
        placed.append((buffer, range(offset, offset + buffer.size)))
    for (a, bytes_a), (b, bytes_b) in itertools.combinations(placed, 2):
        if overlap(a, b) and bytes_a and bytes_b:
            assert bytes_a.stop <= bytes_b.start or bytes_b.stop <= bytes_a.start


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9), st.integers(0, 20), st.integers(0, 6)), max_size=20),
    st.integers(1, 50),
)
def test_symbolic_buffers_never_overlap(shapes: list[tuple[int, int, int, int]], value: int) -> None:
    buffers = [Lifetime(N * a + b, first, first + length) for a, b, first, length in shapes]
    result = plan(buffers, 64)
    values = {"N": value}
    sizes = [evaluate(b.size, values) for b in buffers]
    offsets = [evaluate(o, values) for o in result.offsets]
    total = evaluate(result.size, values)
    assert all(o % 64 == 0 and o + s <= total for o, s in zip(offsets, sizes, strict=True))
    for i, j in itertools.combinations(range(len(buffers)), 2):
        if overlap(buffers[i], buffers[j]):
            assert offsets[i] + sizes[i] <= offsets[j] or offsets[j] + sizes[j] <= offsets[i]


def test_a_chain_needs_two_buffers() -> None:
    chain = [Lifetime(1000, i, i + 1) for i in range(10)]
    assert plan(chain, 1).size == 2000


def test_a_large_buffer_does_not_fragment() -> None:
    buffers = [Lifetime(100, 0, 1), Lifetime(300, 1, 2), Lifetime(100, 2, 3), Lifetime(200, 3, 4)]
    result = plan(buffers, 1)
    assert result.size == result.peak == 400


def test_symbolic_buffers_of_one_size_share_a_slot() -> None:
    chain = [Lifetime(N * 64, i, i + 1) for i in range(6)]
    assert plan(chain, 64).size == N * 128


def test_of_multiples_of_one_term_the_greatest_counts() -> None:
    chain = [Lifetime(size, 2 * i, 2 * i) for i, size in enumerate((N * 64, N * 256, N * 128))]
    assert plan(chain, 64).size == N * 256
    half = Lifetime((N + 1) // 2 * 192, 7, 7)
    size = plan([*chain, half], 64).size
    for n in (0, 1, 2, 5, 100):
        assert evaluate(size, {"N": n}) == max(256 * n, (n + 1) // 2 * 192)


def test_nothing_needs_nothing() -> None:
    assert plan([], 64).size == 0


def test_slots_stand_behind_the_static_part() -> None:
    buffers = [Lifetime(100, 0, 3), Lifetime(N * 4, 0, 1), Lifetime(N * 4, 1, 2), Lifetime(N * 4, 2, 3)]
    result = plan(buffers, 64)
    assert result.static_size == 128
    assert result.slots == (None, 0, 1, 0)
    assert result.size == 128 + sum(result.slot_sizes[1:], result.slot_sizes[0])


M = Dim.symbol("M")
mixed = st.builds(
    lambda a, b, c, first, length: Lifetime(N * a + M * b + c, first, first + length),
    st.sampled_from([0, 0, 4, 64]),
    st.sampled_from([0, 0, 4, 256]),
    st.integers(0, 600),
    st.integers(0, 12),
    st.integers(0, 6),
)


@given(st.lists(mixed, max_size=20), st.integers(1, 40), st.integers(1, 40), st.sampled_from([16, 64]))
def test_static_and_symbolic_buffers_never_overlap(buffers: list[Lifetime], n: int, m: int, alignment: int) -> None:
    result = plan(buffers, alignment)
    values = {"N": n, "M": m}
    sizes = [evaluate(b.size, values) for b in buffers]
    offsets = [evaluate(o, values) for o in result.offsets]
    total = evaluate(result.size, values)
    assert all(o % alignment == 0 and o + s <= total for o, s in zip(offsets, sizes, strict=True))
    slots = [evaluate(s, values) for s in result.slot_sizes]
    assert result.static_size + sum(slots) == total
    for slot, offset in zip(result.slots, offsets, strict=True):
        assert slot is None or offset == result.static_size + sum(slots[:slot])
    for i, j in itertools.combinations(range(len(buffers)), 2):
        if overlap(buffers[i], buffers[j]) and sizes[i] and sizes[j]:
            assert offsets[i] + sizes[i] <= offsets[j] or offsets[j] + sizes[j] <= offsets[i]
