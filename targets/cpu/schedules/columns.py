"""Reductions over outer axes, of which the innermost one is kept: sums over columns, softmax along the first axis.

Vectors lie along the innermost axis, and a few of them side by side are a strip, which is reduced from its first row to
its last with its sums in registers. All stages of a strip run one after the other, while what they read again is in the
cache; those that need no result of each other share one pass. A stage as large as what is read lies in the result.

On one Zen 4 core the sums over the middle axis of 8 x 252 x 65 floats take 7 us, 77 GB/s; as tiles of 64 columns and
one of a single column they took 30.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from onnxc.kernel.knobs import Knobs
from onnxc.kernel.lower import Lowered
from onnxc.kernel.tvm_api import TensorLoad, element_bytes, tirx
from onnxc.target import Target

from . import blocks as b
from . import loops
from .affine import Access, Nest, Number, equal, merge, plus
from .spans import AxisLoop, Span, nest_loops, share

#: Vectors of a strip: where only sums are stored, and where every element is.
SUMS, ELEMENTS = 8, 4
#: Sums that are added to in turns.
INDEPENDENT = 4


def schedule(lowered: Lowered, target: Target, knobs: Knobs) -> Any | None:
    """Schedule a function whose reductions all run over the same outer axes; None for others."""
    if not target.vector_bits:
        return None
    sch = b.new_schedule(lowered)
    b.inline_injective(sch)
    keys = b.all_blocks(sch)
    blocks = [sch.get(key) for key in keys]
    if sum(b.is_output(sch, key) for key in keys) != 1 or not all(b.has_scalars(sch, key) for key in keys):
        return None
    if any(len(block.writes) != 1 or not isinstance(block.body, tirx.BufferStore) for block in blocks):
        return None
    func = sch.mod["main"]
    space = _Space.of(func, blocks)
    if space is None:
        return None
    strips = _Strips(space, target.lanes(max(8 * element_bytes(s.buffer) for s in space.stages)))
    if not strips.possible():
        return None
    default = SUMS if strips.pure else ELEMENTS
    vectors = knobs.choose("columns.vectors", (1, 2, 4, 8), default)
    return loops.with_body(func, [strips.all(vectors, exact=b.is_in_place(func))], [])


@dataclass(eq=False)
class _Stage:
    """A block. It reduces, or it has a value for each element, or for each column."""

    nest: Nest
    reduces: bool
    full: bool

    @property
    def buffer(self) -> Any:
        return self.nest.store.buffer

    def reads(self, stages: Sequence[_Stage]) -> bool:
        """Does it read a result of these?"""
        return any(load.buffer.same_as(s.buffer) for s in stages if s is not self for load in self.nest.loads)


@dataclass
class _Space:
    """The axes that all stages share.

    Attributes
    ----------
    outer, over, columns : list of int
        Axes that are kept, those that are reduced, and those inside of them that are kept.
    """

    stages: list[_Stage]
    extents: list[Number]
    outer: list[int]
    over: list[int]
    columns: list[int]

    @staticmethod
    def of(func: Any, blocks: Sequence[Any]) -> _Space | None:
        first = next((block for block in blocks if _reduced(block)), None)
        places = None if first is None else _places(func, first)
        if places is None:
            return None
        outer, over, columns = places
        extents = [loops.known(axis.dom.extent) for axis in (*outer, *over, *columns)]
        split = (len(outer), len(outer) + len(over))
        stages = []
        for block in blocks:
            stage = _stage(func, block, extents, split)
            if stage is None:
                return None
            stages.append(stage)
        groups = [range(split[0]), range(*split), range(split[1], len(extents))]
        kept = merge([stage.nest for stage in stages], extents, groups)
        return _Space(stages, extents, *kept)


def _reduced(block: Any) -> list[Any]:
    return [axis for axis in block.iter_vars if axis.iter_type == tirx.IterVar.CommReduce]


def _longer(axes: Sequence[Any]) -> list[Any]:
    return [axis for axis in axes if loops.known(axis.dom.extent) != 1]


def _places(func: Any, block: Any) -> tuple[list[Any], list[Any], list[Any]] | None:
    """The axes that a reduction keeps outside of those that it reduces, the latter, and what it keeps inside."""
    axes = list(block.iter_vars)
    nest = Nest.of(func, block, {axis.var: {number: 1} for number, axis in enumerate(axes)}, len(axes))
    if nest is None:
        return None
    over = [number for number, axis in enumerate(axes) if axis in _longer(_reduced(block))]
    kept = [number for number, axis in enumerate(axes) if axis in _longer(axes) and number not in over]
    data = next((load for load in nest.loads if set(over) <= set(load.order)), None)
    if data is None or not over:
        return None
    order = [number for number in data.order if number in over or number in kept]
    start = order.index(over[0])
    outer = [number for number in kept if number in order[:start]]
    columns = [number for number in kept if number not in outer]
    if order[start : start + len(over)] != over or not columns or [*outer, *columns] != kept:
        return None
    return [axes[n] for n in outer], [axes[n] for n in over], [axes[n] for n in columns]


def _stage(func: Any, block: Any, extents: Sequence[Number], split: tuple[int, int]) -> _Stage | None:
    """A block's stage, on the axes of the space; None where its own are not these."""
    reduced, numbers = _longer(_reduced(block)), list(range(len(extents)))
    kept = _longer([axis for axis in block.iter_vars if axis.iter_type != tirx.IterVar.CommReduce])
    each = [*numbers[: split[0]], *numbers[split[1] :]]
    full = not reduced and len(kept) == len(extents)
    mine = list(zip(kept, numbers if full else each, strict=False))
    mine += zip(reduced, numbers[split[0] : split[1]], strict=False)
    if len(kept) != (len(numbers) if full else len(each)) or (reduced and len(reduced) != split[1] - split[0]):
        return None
    if not all(equal(axis.dom.extent, extents[number]) for axis, number in mine):
        return None
    if _reduced(block) and not reduced:
        return None
    forms: dict[Any, dict[int, Number]] = {axis.var: {} for axis in block.iter_vars}
    forms |= {axis.var: {number: 1} for axis, number in mine}
    nest = Nest.of(func, block, forms, len(extents))
    if nest is None or nest.guarded or (reduced and not _combines(block)):
        return None
    return _Stage(nest, bool(reduced), full)


def _combines(block: Any) -> bool:
    """Is a reduction one whose partial results can be put together?"""
    value = block.body.value
    if type(value) not in b.COMBINE:
        return False
    mine = [side for side in (value.a, value.b) if isinstance(side, TensorLoad)]
    return any(side.source.same_as(block.body.buffer) for side in mine)


@dataclass
class _Strip:
    """Vectors side by side: where the first begins, where the others do from there on, and their width.

    Attributes
    ----------
    known : dict
        The vectors of each buffer that is not in memory.
    """

    places: dict[int, Any]
    first: Any
    offsets: Sequence[int]
    width: int
    known: dict[Any, list[loops.Local]] = field(default_factory=dict)

    def arrays(self, dtype: str) -> list[loops.Local]:
        return [loops.Local(self.width, "strip", dtype, registers=True) for _ in self.offsets]


class _Strips:
    """The statements for a space."""

    def __init__(self, space: _Space, lanes: int) -> None:
        self._space, self._lanes = space, lanes
        self._writer = space.stages[-1]
        self._groups: list[list[_Stage]] = []
        for stage in space.stages:
            last = self._groups[-1] if self._groups else []
            loop = stage.full or stage.reduces
            together = last and loop and (last[-1].full or last[-1].reduces)
            if together and not stage.reads([s for s in last if s.reduces]):
                last.append(stage)
            else:
                self._groups.append([stage])
        #: Stages that lie in the result for a while.
        self._stored = [
            stage
            for group in self._groups
            for stage in group
            if stage.full and any(s.reads([stage]) for other in self._groups if other is not group for s in other)
        ]
        #: Are results only sums, so that it does no harm to compute them twice at once?
        self.pure = not any(stage.full for stage in space.stages)

    def possible(self) -> bool:
        """Is everything read in vectors, and is there room for what is read again?"""
        space, made = self._space, {stage.buffer: stage for stage in self._space.stages}
        if not space.columns or not space.over:
            return False
        last = space.columns[-1]
        for stage in space.stages:
            for load in stage.nest.loads:
                source = made.get(load.buffer)
                if source is None:
                    if load.steps[last] not in (0, 1):
                        return False
                elif not all(equal(x, y) for x, y in zip(load.steps, source.nest.store.steps, strict=True)):
                    return False
        if self._writer.nest.store.steps[last] != 1 or len(self._stored) > 1:
            return False
        same = all(str(s.buffer.dtype) == str(self._writer.buffer.dtype) for s in self._stored)
        return same and (self._writer.full or not self._stored)

    def all(self, vectors: int, exact: bool) -> Any:
        space = self._space
        last = space.columns[-1]
        length = space.extents[last]
        width, most = self._lanes, vectors
        if isinstance(length, int):
            width = min(width, 1 << (length.bit_length() - 1))
            most = min(vectors, loops.quotient_up(length, width) if self.pure and not exact else length // width)
        part = width * most
        order = [AxisLoop(axis, space.extents[axis]) for axis in (*space.outer, *space.columns[:-1])]

        def statements(places: dict[int, Any], spans: dict[int, Span]) -> Any:
            first, count = spans[last]
            if exact or not isinstance(length, int):
                power = width << (most.bit_length() - 1)

                def piece(start: Any, size: int) -> Any:
                    offsets = range(0, size, min(size, width))
                    return self._strip(_Strip(places, plus(first, start), offsets, min(size, width)))

                return loops.vectors(count, power, piece)
            if length < part:  # sums, the last vector of which begins within the one before
                return self._strip(_Strip(places, 0, [*range(0, length - width, width), length - width], width))
            whole = self._strip(_Strip(places, first, range(0, part, width), width))
            rest = [self._strip(_Strip(places, *each, width)) for each in self._rest(length, part, width)]
            if not rest:
                return whole
            if length >= 2 * part:  # they belong to the last task
                rest = [tirx.IfThenElse(first + 2 * part > length, loops.sequence(*rest), None)]
            return loops.sequence(whole, *rest)

        return nest_loops([*order, share(last, length, part)], dict(enumerate(space.extents)), statements)

    def _rest(self, length: int, part: int, width: int) -> list[tuple[int, list[int]]]:
        """Strips for the columns that whole ones leave: first column, offsets of vectors."""
        left = length % part
        if not left:
            return []
        if self.pure and left > width:
            return [(length - left, [*range(0, left - width, width), left - width])]
        strips = [(length - left, list(range(0, left - left % width, width)))] if left >= width else []
        if left % width:
            strips.append((length - width, [0]))  # what it computes again it does not read
        return strips

    def _strip(self, strip: _Strip) -> Any:
        return loops.sequence(*(s for group in self._groups for s in self._group(group, strip)))

    def _group(self, group: Sequence[_Stage], strip: _Strip) -> list[Any]:
        if not (group[0].full or group[0].reduces):
            return self._stage_of_columns(group[0], strip)
        sums = [stage for stage in group if stage.reduces]
        inner = self._space.extents[self._space.over[-1]]
        turns = max(1, INDEPENDENT // (len(strip.offsets) * max(1, len(sums)))) if sums else 1
        if isinstance(inner, int):
            turns = min(turns, inner)
        parts = {stage: [strip.arrays(str(stage.buffer.dtype)) for _ in range(turns)] for stage in sums}
        before = [array.allocation for sets in parts.values() for arrays in sets for array in arrays]
        for stage, sets in parts.items():
            for array in (array for arrays in sets for array in arrays):
                before.append(self._vector(strip, partial(_store_same, array, stage.nest.stmt.init.value)))

        def pass_(places: Mapping[int, Any], turn: int) -> Any:
            here: dict[Any, list[loops.Local]] = {stage.buffer: sets[turn] for stage, sets in parts.items()}
            return loops.sequence(*(s for stage in group for s in self._element(stage, strip, places, here)))

        def rows(axes: Sequence[int], places: dict[int, Any]) -> Any:
            axis, *rest = axes
            if rest:
                return loops.serial(self._space.extents[axis], lambda k: rows(rest, {**places, axis: k}))
            count = inner // turns if isinstance(inner, int) else tirx.floordiv(inner, turns)

            def together(number: Any) -> Any:
                return loops.sequence(*(pass_({**places, axis: number * turns + t}, t) for t in range(turns)))

            left = inner - count * turns
            if isinstance(left, int) and not left:
                return loops.serial(count, together)
            after = loops.serial(left, lambda k: pass_({**places, axis: count * turns + k}, 0))
            return loops.sequence(loops.serial(count, together), after)

        statements = [*before, rows(self._space.over, {})]
        for stage, sets in parts.items():
            combine = b.COMBINE[type(stage.nest.stmt.body.value)]
            for others in sets[1:]:
                for mine, other in zip(sets[0], others, strict=True):
                    statements.append(self._vector(strip, partial(_add, mine, other, combine)))
            strip.known[stage.buffer] = sets[0]
            if stage is self._writer:
                statements += self._written(strip, sets[0])
        return statements

    def _vector(self, strip: _Strip, store: Callable[[Any], Any]) -> Any:
        return loops.vectorized(strip.width, store)

    def _place(self, strip: _Strip, places: Mapping[int, Any], vector: int, lane: Any) -> dict[int, Any]:
        column = plus(plus(strip.first, strip.offsets[vector]), lane)
        return {**strip.places, **places, self._space.columns[-1]: column}

    def _element(
        self, stage: _Stage, strip: _Strip, places: Mapping[int, Any], here: dict[Any, list[loops.Local]]
    ) -> list[Any]:
        """A row of the strip: added to sums, or kept in registers, and in the result where it is read later."""
        statements = []
        if stage.full:
            here[stage.buffer] = strip.arrays(str(stage.buffer.dtype))
            statements += [array.allocation for array in here[stage.buffer]]
        for vector, array in enumerate(here[stage.buffer]):

            def one(lane: Any, vector: int = vector, array: loops.Local = array) -> Any:
                return array.store(lane, self._value(stage, strip, places, vector, lane, here))

            def write(lane: Any, vector: int = vector, array: loops.Local = array) -> Any:
                return self._store(self._place(strip, places, vector, lane), array.load(lane))

            statements.append(self._vector(strip, one))
            if stage.full and (stage is self._writer or stage in self._stored):
                statements.append(self._vector(strip, write))
        return statements

    def _store(self, places: Mapping[int, Any], value: Any) -> Any:
        access = self._writer.nest.store
        return tirx.BufferStore(access.buffer, value, access.indices(places))

    def _value(
        self,
        stage: _Stage,
        strip: _Strip,
        places: Mapping[int, Any],
        vector: int,
        lane: Any,
        here: Mapping[Any, list[loops.Local]],
    ) -> Any:
        result, place = self._writer.nest.store, self._place(strip, places, vector, lane)

        def load(access: Access) -> Any | None:
            for known in (here, strip.known):
                if access.buffer in known:
                    return known[access.buffer][vector].load(lane)
            if any(access.buffer.same_as(s.buffer) for s in self._stored):
                return tirx.BufferLoad(result.buffer, result.indices(place))
            return None

        return stage.nest.value(place, load)

    def _stage_of_columns(self, stage: _Stage, strip: _Strip) -> list[Any]:
        arrays = strip.known[stage.buffer] = strip.arrays(str(stage.buffer.dtype))
        statements = [array.allocation for array in arrays]
        for vector, array in enumerate(arrays):

            def one(lane: Any, vector: int = vector, array: loops.Local = array) -> Any:
                return array.store(lane, self._value(stage, strip, {}, vector, lane, {}))

            statements.append(self._vector(strip, one))
        return [*statements, *(self._written(strip, arrays) if stage is self._writer else [])]

    def _written(self, strip: _Strip, arrays: Sequence[loops.Local]) -> list[Any]:
        def write(vector: int, lane: Any) -> Any:
            return self._store(self._place(strip, {}, vector, lane), arrays[vector].load(lane))

        return [self._vector(strip, partial(write, vector)) for vector in range(len(arrays))]


def _store_same(array: loops.Local, value: Any, lane: Any) -> Any:
    return array.store(lane, value)


def _add(mine: loops.Local, other: loops.Local, combine: Callable[[Any, Any], Any], lane: Any) -> Any:
    return mine.store(lane, combine(mine.load(lane), other.load(lane)))
