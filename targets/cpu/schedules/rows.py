"""Reductions over rows of any length, known or not: softmax, layer normalisation, sums over the last axes.

All stages of a row run while it is in the cache: each over whole vectors, then over one of half, a quarter, ... of the
lanes for what is left. Sums are kept in vectors of partial sums (a chain of scalar additions would take four cycles an
element; the compiler may not reorder it by itself). A stage that is as long as the row lies on the stack, or, where its
length is unknown or too great, in the row of the result that it becomes.

On one Zen 4 core a softmax of 512 rows of 197 or 256 floats takes 43 and 49 us, of unknown length 53.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from onnxc.kernel.build import STACK_BYTES
from onnxc.kernel.knobs import Knobs
from onnxc.kernel.lower import Lowered
from onnxc.kernel.tvm_api import TensorLoad, structural_walk, tirx
from onnxc.target import Target

from . import blocks as b
from . import loops

#: How to load the element of a buffer that belongs to a place in the row.
_Loads = dict[Any, Callable[[Any], Any]]


def schedule(lowered: Lowered, target: Target, knobs: Knobs) -> Any | None:
    """Schedule a function whose reductions all run over the last axes of what they read; None for others."""
    sch = b.new_schedule(lowered)
    b.inline_injective(sch)
    blocks = [sch.get(k) for k in b.all_blocks(sch)]
    reductions = [s for s in blocks if _reduced(s)]
    if not reductions or any(len(s.writes) != 1 for s in blocks) or not _is_store(blocks):
        return None
    rows = _rows(reductions[0])
    extents = [loops.known(a.dom.extent) for a in reductions[0].iter_vars[:rows]]
    if sum(b.is_output(sch, k) for k in b.all_blocks(sch)) != 1 or any(not _fits(s, extents) for s in blocks):
        return None
    lanes = target.lanes(max(_bits(s) for s in blocks))
    stages = [_Stage.of(s, rows) for s in blocks]
    length = next(s.length for s in stages if s.reduction)
    if any(not _same(s.length, length) for s in stages if not s.scalar):
        return None
    vectors = knobs.choose("rows.vectors", (1, 2, 4), 2)
    row = _Row(stages, length, lanes, vectors)
    if row.place() is None:
        return None
    return loops.with_body(sch.mod["main"], [loops.parallel(extents or [1], lambda *i: row.all(i[:rows]))], [])


def _reduced(block: Any) -> list[Any]:
    return [a for a in block.iter_vars if a.iter_type == tirx.IterVar.CommReduce]


def _is_store(blocks: Sequence[Any]) -> bool:
    return all(isinstance(s.body, tirx.BufferStore) for s in blocks)


def _bits(block: Any) -> int:
    dtype = str(block.writes[0].source.dtype)
    return 8 if dtype == "bool" else int("".join(c for c in dtype if c.isdigit())[:2])


def _rows(reduction: Any) -> int:
    """How many axes a reduction keeps, but for those of size 1 in the places of others."""
    kept = [a for a in reduction.iter_vars if a.iter_type != tirx.IterVar.CommReduce]
    while kept and loops.known(kept[-1].dom.extent) == 1:
        kept.pop()
    return len(kept)


def _fits(block: Any, extents: Sequence[Any]) -> bool:
    """Does a stage have the rows, and behind them only what is reduced, or the row's axes, or axes of size 1?

    One that repeats the result of a reduction along another axis has more rows than that.
    """
    kept = [a for a in block.iter_vars if a.iter_type != tirx.IterVar.CommReduce]
    over, rows = _reduced(block), len(extents)
    if len(kept) < rows or not all(_same(loops.known(a.dom.extent), e) for a, e in zip(kept, extents, strict=False)):
        return False
    if not over:
        return True
    if any(loops.known(a.dom.extent) != 1 for a in kept[rows:]) or type(block.body.value) not in b.COMBINE:
        return False
    value, names = block.body.value, [a.var for a in over]
    mine = [side for side in (value.a, value.b) if isinstance(side, TensorLoad)]
    if not any(side.source.same_as(block.body.buffer) for side in mine):
        return False
    for region in block.reads:
        indices = [r.min for r in region.region]
        if b.used_axes(indices[: -len(over)] if _ends_with(indices, over) else indices, names):
            return False
    return True


def _same(left: Any, right: Any) -> bool:
    return left == right if isinstance(left, int) and isinstance(right, int) else str(left) == str(right)


@dataclass(eq=False)
class _Stage:
    """A block: its row axes, the axes within the row, and their product; a scalar has none of the latter."""

    block: Any
    rows: list[Any]
    inner: list[Any]
    ones: list[Any]
    length: Any
    reduction: bool

    @staticmethod
    def of(block: Any, rows: int) -> _Stage:
        kept = [a for a in block.iter_vars if a.iter_type != tirx.IterVar.CommReduce]
        over = _reduced(block)
        inner, ones = (over, kept[rows:]) if over else (kept[rows:], [])
        length: Any = math.prod([loops.known(a.dom.extent) for a in inner])
        return _Stage(block, kept[:rows], inner, ones, length, bool(over))

    @property
    def scalar(self) -> bool:
        return not self.reduction and isinstance(self.length, int) and self.length == 1

    @property
    def buffer(self) -> Any:
        return self.block.body.buffer

    def axes(self, row: Sequence[Any], place: Any) -> dict[Any, Any]:
        """Values of the axes at a place in a row."""
        values = dict(zip([a.var for a in self.rows], row, strict=True))
        values |= {a.var: loops.index(0) for a in self.ones}
        for axis in reversed(self.inner[1:]):
            extent = axis.dom.extent
            values[axis.var] = tirx.floormod(place, extent)
            place = tirx.floordiv(place, extent)
        if self.inner:
            values[self.inner[0].var] = place
        return values


class _Row:
    """The statements for one row."""

    def __init__(self, stages: list[_Stage], length: Any, lanes: int, vectors: int) -> None:
        self._stages, self._length, self._lanes, self._vectors = stages, length, lanes, vectors
        self._writer = stages[-1]

    def place(self) -> dict[Any, bool] | None:
        """Whether the stages as long as the row lie on the stack (else in the result); None where neither can be."""
        places: dict[Any, bool] = {}
        for stage in self._stages[:-1]:
            if stage.reduction or stage.scalar:
                continue
            if not all(_reads_own_place(s, stage.buffer) for s in self._stages):
                return None
            size = stage.length * _bits(stage.block) // 8 if isinstance(stage.length, int) else None
            on_stack = size is not None and size <= STACK_BYTES // 4
            same = str(stage.buffer.dtype) == str(self._writer.buffer.dtype) and not self._writer.reduction
            if not on_stack and (self._writer.scalar or not same or False in places.values()):
                return None
            places[stage.buffer] = on_stack
        return places

    def all(self, row: Sequence[Any]) -> Any:
        places = self.place()
        assert places is not None
        statements: list[Any] = []
        known: _Loads = {}
        for stage in self._stages[:-1]:
            dtype = str(stage.buffer.dtype)
            if stage.reduction or stage.scalar:
                array = loops.Local(1, "one", dtype, registers=True)
                statements += [array.allocation, *self._scalar(stage, row, known, partial(array.store, 0))]
                known[stage.buffer] = _first_of(array)
            elif places[stage.buffer]:
                array = loops.Local(stage.length, "row", dtype)
                statements += [array.allocation, self._each(stage, row, known, array.store)]
                known[stage.buffer] = array.load
            else:
                statements.append(self._each(stage, row, known, partial(self._store_result, row)))
                known[stage.buffer] = partial(self._load_result, row)
        last, store = self._writer, partial(self._store_result, row)
        if last.reduction or last.scalar:
            statements += self._scalar(last, row, known, partial(store, loops.index(0)))
        else:
            statements.append(self._each(last, row, known, store))
        return loops.sequence(*statements)

    def _indices(self, row: Sequence[Any], place: Any) -> list[Any]:
        """Of the result, at a place of the row."""
        axes = self._writer.axes(row, place)
        return [loops.substitute(i, axes, {}) for i in self._writer.block.body.indices]

    def _store_result(self, row: Sequence[Any], place: Any, value: Any) -> Any:
        return tirx.BufferStore(self._writer.buffer, value, self._indices(row, place))

    def _load_result(self, row: Sequence[Any], place: Any) -> Any:
        return tirx.BufferLoad(self._writer.buffer, self._indices(row, place))

    def _value(self, stage: _Stage, row: Sequence[Any], place: Any, loads: _Loads) -> Any:
        here = {buffer: load(place) for buffer, load in loads.items()}
        return loops.substitute(stage.block.body.value, stage.axes(row, place), here)

    def _each(self, stage: _Stage, row: Any, known: _Loads, store: Callable[[Any, Any], Any]) -> Any:
        """An elementwise stage."""

        def part(start: Any, width: int) -> Any:
            return loops.vectorized(width, lambda i: store(start + i, self._value(stage, row, start + i, known)))

        return loops.vectors(stage.length, self._lanes, part)

    def _scalar(self, stage: _Stage, row: Any, known: _Loads, store: Callable[[Any], Any]) -> list[Any]:
        """A reduction, or a stage of one element."""
        if not stage.reduction:
            return [store(self._value(stage, row, loops.index(0), known))]
        count = self._lanes * self._vectors
        if isinstance(self._length, int):
            while count > self._lanes and count > self._length:
                count //= 2
        sums = loops.Local(count, "part", str(stage.buffer.dtype), registers=True)
        first = loops.substitute(stage.block.init.value, stage.axes(row, loops.index(0)), {})
        combine = b.COMBINE[type(stage.block.body.value)]
        starts = range(0, count, self._lanes)

        def clear(lane: int) -> Any:
            return loops.vectorized(self._lanes, lambda i: sums.store(i + lane, first))

        def add(start: Any, width: int, lane: int = 0) -> Any:
            def one(i: Any) -> Any:
                loads = {**known, stage.buffer: lambda place: sums.load(i + lane)}
                return sums.store(i + lane, self._value(stage, row, start + i, loads))

            return loops.vectorized(width, one)

        def group(number: Any) -> Any:
            return loops.sequence(*(add(number * count + lane, self._lanes, lane) for lane in starts))

        def halve(width: int) -> Any:
            return loops.vectorized(width, lambda i: sums.store(i, combine(sums.load(i), sums.load(i + width))))

        whole = self._length // count if isinstance(self._length, int) else tirx.floordiv(self._length, count)
        done = whole * count
        return [
            sums.allocation,
            *map(clear, starts),
            loops.serial(whole, group, "group"),
            loops.vectors(self._length - done, self._lanes, lambda start, width: add(done + start, width)),
            *(halve(count >> n) for n in range(1, count.bit_length())),
            store(sums.load(0)),
        ]


def _first_of(array: loops.Local) -> Callable[[Any], Any]:
    return lambda place: array.load(0)


def _reads_own_place(stage: _Stage, buffer: Any) -> bool:
    """Does a stage read a buffer, if at all, only where it is itself?"""
    found: list[Any] = []
    structural_walk(stage.block.body.value, (TensorLoad, found.append))
    mine = [load for load in found if load.source.same_as(buffer)]
    return all(_ends_with(list(load.indices), stage.inner) for load in mine)


def _ends_with(indices: list[Any], axes: list[Any]) -> bool:
    """Are the last indices these axes? The index of one of size 1 may have become 0."""
    tail = indices[len(indices) - len(axes) :]
    return len(tail) == len(axes) and all(
        i.same_as(a.var) or loops.known(a.dom.extent) == 1 for i, a in zip(tail, axes, strict=True)
    )
