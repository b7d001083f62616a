"""Permutations of axes, with what is elementwise before and behind them.

What lies together on both sides becomes one axis first (affine.py). Then there are three kinds:

- The innermost axis stays innermost: rows are copied, in vectors.
- Another axis is innermost in what is read: squares of it and of the result's innermost axis are transposed in
  registers (shuffles.py), so that reads and writes are vectors.
- One of the two has two or three elements, such as the channels of an image, beside each other: vectors of the result
  are picked out of as many vectors that are read.

A last vector or square begins within the one before, so that no loop over single elements is left. On one Zen 4 core
2048 x 63 floats take 24 us (43 GB/s of reads and writes), with squares of 4 x 4 28; 131 x 1000 take 14 us.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from onnxc.kernel.knobs import Knobs
from onnxc.kernel.lower import Lowered
from onnxc.kernel.tvm_api import element_bytes, tirx
from onnxc.target import Target

from . import blocks as b
from . import loops
from .affine import Access, Nest, Number, merge, plus, split_axes
from .shuffles import kept, picked, transposed
from .spans import AxisLoop, Span, cover, nest_loops, share

#: Elements of the side of a square: at most, and for what larger ones leave.
MOST_SIDE, LEAST_SIDE = 16, 4
#: Elements that a task takes at least, where an axis is long enough.
TASK = 2048
#: Neighbours that are moved by picking them out of vectors.
FEW = (2, 3)
#: Vectors of a row that are written without a loop.
FEW_VECTORS = 8
#: Elements of a long row that one task copies.
CHUNK = 4096


def schedule(lowered: Lowered, target: Target, knobs: Knobs) -> Any | None:
    """Schedule a function that moves axes; None for others, and for what is not loaded in vectors either way."""
    if not target.vector_bits:
        return None
    sch = b.new_schedule(lowered)
    b.inline_injective(sch)
    found = b.all_blocks(sch)
    if len(found) != 1 or b.is_reduction(sch, found[0]) or not b.has_scalars(sch, found[0]):
        return None
    func, stmt = sch.mod["main"], sch.get(found[0])
    if not isinstance(stmt.body, tirx.BufferStore):
        return None
    forms, extents = split_axes(stmt)
    nest = Nest.of(func, stmt, forms, len(extents))
    if nest is None or nest.guarded:
        return None
    (axes,) = merge([nest], extents, [range(len(extents))])
    if len(axes) < 2 or nest.store.steps[axes[-1]] != 1 or all(_in_order(load, axes) for load in nest.loads):
        return None
    across = _across(nest, axes)
    if across is None:
        return None
    widest = max(element_bytes(a.buffer) for a in (nest.store, *nest.loads))
    lanes = target.lanes(8 * widest)
    work = _Work(nest, extents, axes, lanes, exact=b.is_in_place(func))
    body = _tiles(work, across[0], knobs) if across else _rows(work)
    return None if body is None else loops.with_body(func, [body], [])


def _in_order(load: Access, axes: Sequence[int]) -> bool:
    order = [axis for axis in load.order if axis in axes]
    return order == sorted(order)


def _across(nest: Nest, axes: Sequence[int]) -> list[int] | None:
    """The axis that is innermost in what is read across; none where nothing is; None where there are several."""
    *outer, last = axes
    across = [load for load in nest.loads if load.steps[last] not in (0, 1)]
    inner = [axis for axis in outer if any(load.steps[axis] == 1 for load in across)]
    if any(load.steps[axis] != 1 for load in across for axis in inner) or len(inner) > 1 or (across and not inner):
        return None
    return inner


@dataclass(frozen=True)
class _Work:
    """What is moved.

    Attributes
    ----------
    axes : list of int
        Those of the result, outermost first.
    lanes : int
        Elements of a vector of the widest type.
    exact : bool
        Is each element computed once only? A result that lies where an argument did cannot be computed again.
    """

    nest: Nest
    extents: Sequence[Number]
    axes: Sequence[int]
    lanes: int
    exact: bool

    @property
    def last(self) -> int:
        return self.axes[-1]

    def lengths(self) -> dict[int, Number]:
        return dict(enumerate(self.extents))


def _tiles(work: _Work, across: int, knobs: Knobs) -> Any | None:
    """Tiles of the result's innermost axis and of another one, which is innermost in what is read."""
    lengths, last = work.lengths(), work.last
    tile: _Tile | None = _Apart.of(work, across) or _Together.of(work, across)
    if tile is None:
        most = min([MOST_SIDE, work.lanes, *(n for n in (lengths[across], lengths[last]) if isinstance(n, int))])
        sides = [n for n in (2, 4, 8, 16) if n <= most]
        if not sides:
            return None
        tile = _Square(work, across, knobs.choose("transpose.side", sides, sides[-1]))
    block = tile.rows * max(1, TASK // (tile.rows * tile.columns))
    width = min(lengths[last], block) if isinstance(lengths[last], int) else block
    strip = tile.columns * max(1, TASK // (tile.columns * width))
    blocks = share(last, lengths[last], block)
    order = [AxisLoop(axis, lengths[axis]) for axis in work.axes[:-1]]
    place = work.axes.index(across)
    order[place] = share(across, lengths[across], strip)
    if knobs.choose("transpose.order", ("rows", "blocks"), "blocks") == "rows":
        place = len(order)
    order.insert(place, blocks)
    return nest_loops(order, lengths, tile.part)


class _Tile:
    """The statements for a part of the two axes.

    Attributes
    ----------
    columns, rows : int
        Elements of a tile along the axis that is read along, and along the one that is written along.
    """

    def __init__(self, work: _Work, across: int, columns: int, rows: int) -> None:
        self._work, self._across, self._last, self.columns, self.rows = work, across, work.last, columns, rows
        self._read_across = [a for a in work.nest.loads if a.steps[work.last] not in (0, 1)]

    def one(self, places: dict[int, Any]) -> Any:
        """A whole tile."""
        raise NotImplementedError

    def part(self, places: dict[int, Any], spans: dict[int, Span]) -> Any:
        columns, rows = spans[self._across], spans[self._last]
        if self._work.exact:
            return self._exactly(places, columns, rows)
        lengths = [self._work.extents[axis] for axis in (self._across, self._last)]

        def strip(column: Any) -> Any:
            return cover(rows, lengths[1], self.rows, lambda row: self.one(self._at(places, column, row)))

        tiles = cover(columns, lengths[0], self.columns, strip)
        sizes = (self.columns, self.rows)
        small = [n < size for n, size in zip(lengths, sizes, strict=True) if not isinstance(n, int)]
        return tirx.IfThenElse(tirx.any(*small), self._one_by_one(places, columns, rows), tiles) if small else tiles

    def _exactly(self, places: dict[int, Any], columns: Span, rows: Span) -> Any:
        sizes = (self.columns, self.rows)
        counts = [
            n // size if isinstance(n, int) else tirx.floordiv(n, size)
            for (_, n), size in zip((columns, rows), sizes, strict=True)
        ]

        def tile(i: Any, j: Any) -> Any:
            return self.one(self._at(places, plus(columns[0], i * sizes[0]), plus(rows[0], j * sizes[1])))

        done = [count * size for count, size in zip(counts, sizes, strict=True)]
        right = (plus(columns[0], done[0]), columns[1] - done[0])
        below = (plus(rows[0], done[1]), rows[1] - done[1])
        return loops.sequence(
            loops.serial(counts[0], lambda i: loops.serial(counts[1], lambda j: tile(i, j))),
            self._one_by_one(places, right, (rows[0], done[1])),
            self._one_by_one(places, columns, below),
        )

    def _at(self, places: dict[int, Any], column: Any, row: Any) -> dict[int, Any]:
        return {**places, self._across: column, self._last: row}

    def _one_by_one(self, places: dict[int, Any], columns: Span, rows: Span) -> Any:
        def one(column: Any, row: Any) -> Any:
            return self._work.nest.store_at(self._at(places, plus(columns[0], column), plus(rows[0], row)), _as_it_is)

        return loops.serial(columns[1], lambda q: loops.serial(rows[1], lambda n: one(q, n)))

    def _vector(self, access: Access, places: dict[int, Any], lanes: int, start: int = 0) -> Any:
        """So many elements that are read side by side."""
        *zeros, first = access.indices(places)
        vector = tirx.BufferLoad(access.buffer, [*zeros, tirx.Ramp(plus(first, start), loops.index(1), lanes)])
        return tirx.Cast(f"int8x{lanes}", vector) if str(access.buffer.dtype) == "bool" else vector

    def _stores(self, places: dict[int, Any], columns: dict[Access, list[loops.Local]]) -> list[Any]:
        """Each column, which is a vector of the result."""

        def store(column: int) -> Any:
            here = _moved(places, self._across, column)

            def one(lane: Any) -> Any:
                known = {access: _loaded(access, arrays[column], lane) for access, arrays in columns.items()}
                return self._work.nest.store_at(_moved(here, self._last, lane), known.get)

            return loops.vectorized(self.rows, one)

        return [store(column) for column in range(self.columns)]


class _Square(_Tile):
    """Vectors along one axis become vectors along the other."""

    def __init__(self, work: _Work, across: int, side: int) -> None:
        super().__init__(work, across, side, side)

    def part(self, places: dict[int, Any], spans: dict[int, Span]) -> Any:
        lengths = [self._work.extents[axis] for axis in (self._across, self._last)]
        if self._work.exact or not all(isinstance(length, int) for length in lengths):
            return super().part(places, spans)
        columns, rows = spans[self._across], spans[self._last]

        def squares(column: Any, width: int, row: Any, height: int) -> Any:
            side = min(width, height)
            square = _Square(self._work, self._across, side)

            def one(i: Any, j: Any) -> Any:
                return square.one(self._at(places, plus(column, i * side), plus(row, j * side)))

            return loops.serial(width // side, lambda i: loops.serial(height // side, lambda j: one(i, j)))

        def strip(column: Any, width: int) -> Any:
            return _pieces(rows, lengths[1], self.rows, lambda row, height: squares(column, width, row, height))

        return _pieces(columns, lengths[0], self.columns, strip)

    def one(self, places: dict[int, Any]) -> Any:
        statements: list[Any] = []
        columns = {}
        for access in self._read_across:
            rows = [self._vector(access, _moved(places, self._last, row), self.rows) for row in range(self.rows)]
            moves, columns[access] = transposed(rows, _kept_as(access), element_bytes(access.buffer))
            statements += moves
        return loops.sequence(*statements, *self._stores(places, columns))


def _pieces(span: Span, length: int, size: int, body: Callable[[Any, int], Any]) -> Any:
    """A span in pieces of a size, and a smaller one, that begins within the last of them, for a few that are left."""
    rest = length % size
    small = max(LEAST_SIDE, 1 << (rest - 1).bit_length())
    if not rest or small >= size:
        return cover(span, length, size, lambda first: body(first, size))
    first, count = span
    whole = count // size if isinstance(count, int) else tirx.floordiv(count, size)
    end = body(loops.index(length - small), small)
    if not isinstance(count, int):
        end = tirx.IfThenElse(first + count == length, end, None)
    return loops.sequence(loops.serial(whole, lambda n: body(plus(first, n * size), size)), end)


class _Apart(_Tile):
    """Two or three elements beside each other, such as the channels of an image, that go to as many places."""

    @staticmethod
    def of(work: _Work, across: int) -> _Apart | None:
        few, length = work.extents[across], work.extents[work.last]
        read = [load for load in work.nest.loads if load.steps[work.last] not in (0, 1)]
        if few not in FEW or any(load.steps[work.last] != few for load in read):
            return None
        rows = work.lanes if not isinstance(length, int) else min(work.lanes, 1 << (length.bit_length() - 1))
        return _Apart(work, across, few, rows) if rows > few else None

    def one(self, places: dict[int, Any]) -> Any:
        statements: list[Any] = []
        columns = {}
        for access in self._read_across:
            dtype = _kept_as(access)
            vectors = [self._vector(access, places, self.rows, number * self.rows) for number in range(self.columns)]
            loaded, moves = _kept(vectors, dtype, self.rows)
            statements += moves
            both = [
                picked(loaded, self.rows, [divmod(row * self.columns + column, self.rows) for row in range(self.rows)])
                for column in range(self.columns)
            ]
            columns[access], moves = kept(both, dtype, self.rows)
            statements += moves
        return loops.sequence(*statements, *self._stores(places, columns))


class _Together(_Tile):
    """The other way: two or three vectors whose elements take turns in the result."""

    @staticmethod
    def of(work: _Work, across: int) -> _Together | None:
        few, length = work.extents[work.last], work.extents[across]
        rest = [work.nest.store, *(load for load in work.nest.loads if load.steps[work.last] in (0, 1))]
        pairs = [(access.steps[across], access.steps[work.last]) for access in rest]
        if few not in FEW or any(pair not in ((0, 0), (few, 1)) for pair in pairs):
            return None
        columns = work.lanes if not isinstance(length, int) else min(work.lanes, 1 << (length.bit_length() - 1))
        return _Together(work, across, columns, few) if columns > few else None

    def one(self, places: dict[int, Any]) -> Any:
        statements: list[Any] = []
        results: dict[Access, list[loops.Local]] = {}
        for access in self._read_across:
            dtype = _kept_as(access)
            vectors = [self._vector(access, _moved(places, self._last, row), self.columns) for row in range(self.rows)]
            loaded, moves = _kept(vectors, dtype, self.columns)
            statements += moves
            mixed = []
            for number in range(self.rows):
                places_of = [divmod(number * self.columns + lane, self.rows) for lane in range(self.columns)]
                mixed.append(picked(loaded, self.columns, [(row, column) for column, row in places_of]))
            results[access], moves = kept(mixed, dtype, self.columns)
            statements += moves
        for number in range(self.rows):

            def one(lane: Any, number: int = number) -> Any:
                known = {access: _loaded(access, arrays[number], lane) for access, arrays in results.items()}
                return self._work.nest.store_at(_moved(places, self._last, number * self.columns + lane), known.get)

            statements.append(loops.vectorized(self.columns, one))
        return loops.sequence(*statements)


def _kept_as(access: Access) -> str:
    """The type of what is loaded while it is moved: truths as bytes, since vectors of them are masks."""
    dtype = str(access.buffer.dtype)
    return "int8" if dtype == "bool" else dtype


def _loaded(access: Access, array: loops.Local, lane: Any) -> Any:
    value = array.load(lane)
    return value.astype("bool") if str(access.buffer.dtype) == "bool" else value


def _kept(vectors: Sequence[Any], dtype: str, lanes: int) -> tuple[list[Any], list[Any]]:
    """Vectors that are loaded once, and the statements that do it."""
    arrays, statements = kept(vectors, dtype, lanes)
    return [array.load_vector(lanes) for array in arrays], statements


def _moved(places: dict[int, Any], axis: int, by: Any) -> dict[int, Any]:
    return {**places, axis: plus(places[axis], by)}


def _as_it_is(access: Access) -> None:
    return None


def _rows(work: _Work) -> Any:
    """Rows of the result's innermost axis, which is innermost in everything that is read, or does not count there."""
    lengths, last = work.lengths(), work.last
    order = [AxisLoop(axis, lengths[axis]) for axis in work.axes[:-1]]
    if not isinstance(lengths[last], int) or lengths[last] >= 2 * CHUNK:
        order.append(share(last, lengths[last], CHUNK))

    def row(places: dict[int, Any], spans: dict[int, Span]) -> Any:
        first, length = spans.get(last, (0, lengths[last]))

        def part(start: Any, width: int) -> Any:
            def one(lane: Any) -> Any:
                return work.nest.store_at({**places, last: plus(plus(first, start), lane)}, _as_it_is)

            return loops.vectorized(width, one)

        if work.exact or not isinstance(length, int):
            return loops.vectors(length, work.lanes, part)
        return _vectors(length, work.lanes, part)

    return nest_loops(order, lengths, row)


def _vectors(length: int, lanes: int, part: Callable[[Any, int], Any]) -> Any:
    """Vectors of one width, the last of which begins within the one before."""
    width = min(lanes, 1 << (length.bit_length() - 1))
    whole = length // width
    group = whole if whole <= FEW_VECTORS else FEW_VECTORS // 2

    def vectors(number: Any) -> Any:
        return loops.sequence(*(part(number * (group * width) + i * width, width) for i in range(group)))

    statements = [loops.serial(whole // group, vectors)]
    statements += [part(loops.index(i * width), width) for i in range(whole // group * group, whole)]
    if length % width:
        statements.append(part(loops.index(length - width), width))
    return loops.sequence(*statements)
