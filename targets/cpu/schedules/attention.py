"""Attention as one kernel: for a tile of queries, the keys come in blocks, with a softmax that runs along.

So do Milakov and Gimelshein (2018) and Dao et al. (2022). Scores, sums and results of a tile stay on the stack; nothing
grows with the sequence. The keys are packed first, transposed into panels of columns; queries and values are read as
they lie, through whatever slices and transposes stand before the operator. Few queries (those of a model that writes
one word after the other) are not worth packing: each is multiplied with the keys as they lie, by rows.

With 12 heads, 128 tokens and a depth of 64 one Zen 4 core computes 91 GFLOP/s, exponentials not counted: 85 % of the
time goes into the products, 8 % into packing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from onnxc.kernel.build import STACK_BYTES
from onnxc.kernel.knobs import Knobs
from onnxc.kernel.lower import Lowered
from onnxc.kernel.tvm_api import tirx
from onnxc.relay.dimension import Dim
from onnxc.relay.expr import Attrs
from onnxc.target import Target
from onnxc.transform.pack_weights import panel_shape

from . import blocks as b
from . import loops

_OPERANDS = ("attention_query", "attention_key", "attention_value", "attention_mask", "attention_sink")
_STAGES = (
    *(*_OPERANDS, "attention_products", "attention_scores", "attention_best", "attention_powers"),
    *("attention_greatest", "attention_powers_total"),  # where there is a sink
)
_RESULTS = ("attention_total", "attention_sums")

#: So many queries of a head are computed without packed keys.
FEW_ROWS = 4

#: Keys of a block, about: their scores lie in the L1 cache, and the results are scaled anew so much less often.
BLOCK_KEYS = 128


def schedule(lowered: Lowered, target: Target, knobs: Knobs) -> Any | None:
    """Schedule a function around ``nn.attention``; None for others."""
    if lowered.anchor is None or lowered.anchor.op != "nn.attention":
        return None
    sch = b.new_schedule(lowered)
    b.inline_injective(sch, keep=(*_STAGES, *_RESULTS))
    blocks = {b.name_of(sch, k): sch.get(k) for k in b.all_blocks(sch)}
    *stages, writer = blocks.values()
    if set(blocks) - {*_STAGES, *_RESULTS} != {str(writer.name_hint)} or len(stages) != len(blocks) - 1:
        return None  # several results, or an epilogue with stages of its own
    kernel = _Attention(blocks, writer, lowered.anchor.attrs, target, knobs)
    if kernel.few is True:
        return loops.with_body(sch.mod["main"], [kernel.compute()], [])
    return loops.with_body(sch.mod["main"], [kernel.pack(), kernel.compute()], [kernel.packed])


class _Attention:
    """The two phases of the kernel.

    Parameters
    ----------
    blocks : dict
        The stages by their names.
    writer : SBlock
        What is done with sums and totals at (batch, row, head, element).
    """

    def __init__(self, blocks: dict[str, Any], writer: Any, attrs: Attrs, target: Target, knobs: Knobs) -> None:
        self._blocks, self._writer = blocks, writer
        self._scale, self._softcap = float(attrs["scale"]), float(attrs["softcap"])
        extents = [loops.known(a.dom.extent) for a in blocks["attention_query"].iter_vars]
        self._batch, self._heads, self._rows, self._depth = extents
        self._shared, self._columns, self._width = (
            loops.known(a.dom.extent) for a in blocks["attention_value"].iter_vars[1:]
        )
        known = isinstance(self._heads, int) and isinstance(self._shared, int)
        self._groups = self._heads // self._shared if known else 1
        #: Are there few queries? An expression where only the run knows.
        self.few = self._rows <= FEW_ROWS
        self._lanes = target.lanes()
        rows = self._rows if isinstance(self._rows, int) else Dim.symbol("rows")
        tile, block = panel_shape(rows if rows != 1 else 2, self._width, 1, target)
        most = max(1, STACK_BYTES // 8 // self._width)
        options = range(1, min(tile, most) + 1)
        self._tile = knobs.choose("attention.rows", options, min(tile, most))
        self._block = block
        self._vectors = block // self._lanes
        self._panels = loops.quotient_up(self._columns, block)  # of keys
        counts = [n for n in (1, 2, 4, 8) if n * block * 4 * self._tile <= STACK_BYTES]
        fitting = max([n for n in counts if n * block <= BLOCK_KEYS], default=1)
        self._together = knobs.choose("attention.panels", counts, fitting)
        steps = [u for u in (1, 2, 4, 8) if isinstance(self._depth, int) and self._depth % u == 0] or [1]
        #: Elements of a key's depth that are straight code.
        self.unroll = knobs.choose("attention.unroll", steps, 1)
        shape = [loops.index(e) for e in (self._batch, self._shared, self._panels, self._depth, block)]
        self.packed = tirx.decl_buffer(shape, "float32", "attention_packed")

    def _operand(self, name: str, *indices: Any) -> Any:
        """The expression of an argument's element."""
        block = self._blocks[f"attention_{name}"]
        axes = [a.var for a in block.iter_vars]
        return loops.substitute(block.body.value, dict(zip(axes, indices, strict=True)), {})

    def pack(self) -> Any:
        """The keys into panels of columns; zeros fill the last one."""

        def panel(batch: Any, head: Any, number: Any) -> Any:
            first = number * self._block

            def store(depth: Any, lane: Any, value: Any) -> Any:
                return tirx.BufferStore(self.packed, value, [batch, head, number, depth, lane])

            def copy(lane: Any) -> Any:
                # Along the row, which is read from the first byte to the last.
                return loops.serial(
                    self._depth, lambda d: store(d, lane, self._operand("key", batch, head, first + lane, d)), "d"
                )

            def needed(count: Any) -> Any:
                # No branch, which TVM would move out of the parallel loop.
                return count if self.few is False else tirx.Select(self.few, loops.index(0), loops.index(count))

            def clear(lane: Any) -> Any:
                return loops.serial(self._depth, lambda d: store(d, lane, _float(0)), "d")

            if isinstance(self._columns, int) and self._columns % self._block == 0:
                return loops.serial(needed(self._block), copy, "lane")
            count = tirx.min(loops.index(self._block), self._columns - first)
            return loops.sequence(
                loops.serial(needed(count), copy, "lane"),
                loops.serial(needed(self._block - count), lambda lane: clear(count + lane), "lane"),
            )

        return loops.parallel([self._batch, self._shared, self._panels], panel)

    def compute(self) -> Any:
        """All tiles of queries."""
        tiles = loops.quotient_up(self._rows, self._tile)

        def task(batch: Any, head: Any, tile: Any) -> Any:
            first = tile * self._tile
            if self.few is True:
                return each(batch, head, first)
            tiled = loops.row_tile(
                self._rows, self._tile, first, lambda row, rows: _Tile(self, batch, head, row, rows).all()
            )
            if self.few is False:
                return tiled
            # Of many rows the last few, too: a condition that is the same for all tasks would be moved out of the loop.
            return tirx.IfThenElse(self._rows - first <= FEW_ROWS, each(batch, head, first), tiled)

        def each(batch: Any, head: Any, first: Any) -> Any:
            count = tirx.min(loops.index(self._tile), loops.index(self._rows) - first)
            return loops.serial(count, lambda r: _Row(self, batch, head, first + r, 1).all(), "row")

        return loops.parallel([self._batch, self._heads, tiles], task)


class _Tile:
    """Some queries of one head."""

    def __init__(self, kernel: _Attention, batch: Any, head: Any, row: Any, rows: int) -> None:
        self._kernel, self._batch, self._head, self._row, self._rows = kernel, batch, head, row, rows
        self._group = head if kernel._groups == 1 else tirx.floordiv(head, kernel._groups)
        self._keys = kernel._together * kernel._block
        # One array for all: sums in one of their own LLVM would keep in registers, and the products want all of these.
        sizes = (self._keys, kernel._width, 1, 1, 1)
        self._state = loops.Local(rows * sum(sizes), "state")
        starts = [rows * sum(sizes[:n]) for n in range(len(sizes))]
        self._scores, self._sums, self._best, self._total, self._fade = map(self._state.part, starts)

    def all(self) -> Any:
        k = self._kernel
        best, total = tirx.min_value("float32"), 0.0
        if "attention_sink" in k._blocks:  # a first score, whose power is 1
            best, total = k._operand("sink", self._head), 1.0

        def begin(r: Any) -> Any:
            return loops.sequence(
                self._best.store(r, best),
                self._total.store(r, _float(total)),
                self._along(lambda d: self._sums.store(r * k._width + d, _float(0))),
            )

        return loops.sequence(
            self._state.allocation,
            loops.serial(self._rows, begin, "r"),
            loops.serial(loops.quotient_up(k._columns, self._keys), self._keys_block, "block"),
            loops.serial(self._rows, self._finish, "r"),
        )

    def _along(self, body: loops.Body) -> Any:
        """Every element of a row of the result, in vectors."""

        def vector(first: Any, lanes: int) -> Any:
            return loops.vectorized(lanes, lambda lane: body(first + lane))

        return loops.vectors(self._kernel._width, self._kernel._lanes, vector)

    def _keys_block(self, block: Any) -> Any:
        """Scores of one block of keys, their powers, and the sums with their values."""
        k = self._kernel
        first = block * self._keys
        count = tirx.min(loops.index(self._keys), loops.index(k._columns) - first)
        if isinstance(k._columns, int) and k._columns % self._keys == 0:
            count = self._keys
        elif isinstance(k._columns, int) and k._columns < self._keys:
            count = k._columns
        return loops.sequence(
            self._block_scores(block, first, count),
            loops.serial(self._rows, lambda r: self._powers(r, first, count), "r"),
            self._add_values(first, count),
        )

    def _block_scores(self, block: Any, first: Any, count: Any) -> Any:
        """Queries times the keys of a block."""
        k = self._kernel
        panels = loops.quotient_up(count, k._block)
        return loops.serial(panels, lambda p: self._products(block * k._together + p, p), "panel")

    def _products(self, panel: Any, place: Any) -> Any:
        """Queries times one panel of keys."""
        k = self._kernel
        columns = k._columns - panel * k._block
        if isinstance(k._columns, int):
            left = k._columns % k._block or k._block
            if left <= (k._vectors - 1) * k._lanes:
                last = loops.quotient_up(left, k._lanes)
                if k._columns < k._block:
                    return self._product(panel, place, last)
                whole = self._product(panel, place, k._vectors)
                return tirx.IfThenElse(panel < k._panels - 1, whole, self._product(panel, place, last))
            return self._product(panel, place, k._vectors)
        return loops.column_tile(columns, k._vectors, k._lanes, lambda v, _: self._product(panel, place, v))

    def _product(self, panel: Any, place: Any, vectors: int) -> Any:
        k = self._kernel
        width = vectors * k._lanes
        sums = loops.Local(self._rows * width, "products", registers=True)

        def add(d: Any) -> Any:
            def one(r: Any, lane: Any) -> Any:
                query = k._operand("query", self._batch, self._head, self._row + r, d)
                key = tirx.BufferLoad(k.packed, [self._batch, self._group, panel, d, lane])
                return sums.store(r * width + lane, sums.load(r * width + lane) + query * key)

            return self._each(vectors, one)

        def keep(r: Any, lane: Any) -> Any:
            return self._scores.store(r * self._keys + place * k._block + lane, sums.load(r * width + lane))

        return loops.sequence(
            sums.allocation,
            self._each(vectors, lambda r, lane: sums.store(r * width + lane, _float(0))),
            loops.serial(
                loops.quotient_up(k._depth, k.unroll),
                lambda d: loops.unrolled(k.unroll, lambda u: add(d * k.unroll + u)),
            ),
            self._each(vectors, keep),
        )

    def _each(self, vectors: int, body: Any, lanes: int = 0) -> Any:
        """Every row and vector (of so many lanes; 0: of all), unrolled."""
        lanes = lanes or self._kernel._lanes

        def vector(r: Any, v: Any) -> Any:
            return loops.vectorized(lanes, lambda lane: body(r, v * lanes + lane))

        return loops.unrolled(self._rows, lambda r: loops.unrolled(vectors, lambda v: vector(r, v), "v"), "r")

    def _powers(self, r: Any, first: Any, count: Any) -> Any:
        """Scale and mask a row of scores, and take their powers; what was summed before fades to the new maximum."""
        k = self._kernel
        lanes, at = k._lanes, r * self._keys
        most, part = (loops.Local(lanes, name, registers=True) for name in ("most", "part"))
        value = loops.Local(1, "new", registers=True)
        whole = count // lanes if isinstance(count, int) else tirx.floordiv(count, lanes)
        rest = count - whole * lanes

        def score(column: Any) -> Any:
            scaled = self._scores.load(at + column) * _float(k._scale / (k._softcap or 1.0))
            if k._softcap:
                scaled = tirx.tanh(scaled) * _float(k._softcap)
            if "attention_mask" not in k._blocks:
                return scaled
            return scaled + k._operand("mask", self._batch, self._head, self._row + r, first + column)

        def scan(v: Any) -> Any:
            def one(lane: Any) -> Any:
                here = self._scores.load(at + v * lanes + lane)
                return loops.sequence(
                    self._scores.store(at + v * lanes + lane, score(v * lanes + lane)),
                    most.store(lane, tirx.max(most.load(lane), here)),
                )

            return loops.vectorized(lanes, one)

        def scan_one(i: Any) -> Any:
            here = self._scores.load(at + whole * lanes + i)
            return loops.sequence(
                self._scores.store(at + whole * lanes + i, score(whole * lanes + i)),
                most.store(0, tirx.max(most.load(0), here)),
            )

        def clear(i: Any) -> Any:
            return self._scores.store(at + count + i, -tirx.infinity("float32"))

        def power(v: Any) -> Any:
            def one(lane: Any) -> Any:
                place = at + v * lanes + lane
                return loops.sequence(
                    self._scores.store(place, tirx.exp(self._scores.load(place) - value.load(0))),
                    part.store(lane, part.load(lane) + self._scores.load(place)),
                )

            return loops.vectorized(lanes, one)

        tail = (
            []
            if isinstance(rest, int) and rest == 0
            else [
                loops.serial(rest, scan_one, "i"),
                loops.serial(loops.quotient_up(count, lanes) * lanes - count, clear, "i"),
            ]
        )
        return loops.sequence(
            most.allocation,
            part.allocation,
            value.allocation,
            loops.vectorized(lanes, lambda lane: most.store(lane, tirx.min_value("float32"))),
            loops.vectorized(lanes, lambda lane: part.store(lane, _float(0))),
            loops.serial(whole, scan, "v"),
            *tail,
            *_fold(most, lanes, tirx.max),
            value.store(0, tirx.max(self._best.load(r), most.load(0))),
            self._fade.store(r, tirx.exp(self._best.load(r) - value.load(0))),
            self._best.store(r, value.load(0)),
            loops.serial(loops.quotient_up(count, lanes), power, "v"),
            *_fold(part, lanes, lambda x, y: x + y),
            self._total.store(r, self._total.load(r) * self._fade.load(r) + part.load(0)),
        )

    def _add_values(self, first: Any, count: Any) -> Any:
        """The values, weighted with the powers, to the faded sums."""
        k = self._kernel
        whole = k._width // k._lanes * k._lanes
        statements = []
        for start in range(0, whole, k._block):
            vectors = min(k._vectors, (whole - start) // k._lanes)
            statements.append(self._add_part(first, count, start, vectors, k._lanes))
        for lanes in [k._lanes >> n for n in range(1, k._lanes.bit_length())]:
            if k._width & lanes:  # behind the wider ones
                start = k._width & -2 * lanes
                statements.append(self._add_part(first, count, start, 1, lanes))
        return loops.sequence(*statements)

    def _add_part(self, first: Any, count: Any, start: int, vectors: int, lanes: int) -> Any:
        k = self._kernel
        width = vectors * lanes
        sums = loops.Local(self._rows * width, "weighted", registers=True)

        def begin(r: Any, lane: Any) -> Any:
            return sums.store(r * width + lane, self._sums.load(r * k._width + start + lane) * self._fade.load(r))

        def add(j: Any) -> Any:
            def one(r: Any, lane: Any) -> Any:
                value = k._operand("value", self._batch, self._group, first + j, lane + start)
                here = r * width + lane
                return sums.store(here, sums.load(here) + self._scores.load(r * self._keys + j) * value)

            return self._each(vectors, one, lanes)

        def keep(r: Any, lane: Any) -> Any:
            return self._sums.store(r * k._width + start + lane, sums.load(r * width + lane))

        return loops.sequence(
            sums.allocation,
            self._each(vectors, begin, lanes),
            loops.serial(count, add, "j"),
            self._each(vectors, keep, lanes),
        )

    def _finish(self, r: Any) -> Any:
        """The row of the result."""
        k = self._kernel
        axes = [a.var for a in k._writer.iter_vars]
        totals, sums = (k._blocks[name].writes[0].source for name in _RESULTS)

        def element(d: Any) -> Any:
            values = dict(zip(axes, [self._batch, self._row + r, self._head, d], strict=True))
            loads = {totals: self._total.load(r), sums: self._sums.load(r * k._width + d)}
            return loops.substitute(k._writer.body, values, loads)

        return self._along(element)


class _Row(_Tile):
    """One query, times keys that are not packed."""

    def _block_scores(self, block: Any, first: Any, count: Any) -> Any:
        k = self._kernel
        part = loops.Local(k._lanes, "product", registers=True)

        def term(key: Any, d: Any) -> Any:
            query = k._operand("query", self._batch, self._head, self._row, d)
            return query * k._operand("key", self._batch, self._group, first + key, d)

        def product(key: Any) -> Any:
            def add(start: Any, lanes: int) -> Any:
                return loops.vectorized(
                    lanes, lambda lane: part.store(lane, part.load(lane) + term(key, start + lane)), "lane"
                )

            return loops.sequence(
                loops.vectorized(k._lanes, lambda lane: part.store(lane, _float(0))),
                loops.vectors(k._depth, k._lanes, add),
                *_fold(part, k._lanes, lambda x, y: x + y),
                self._scores.store(key, part.load(0)),
            )

        return loops.sequence(part.allocation, loops.serial(count, product, "key"))


def _fold(array: loops.Local, lanes: int, combine: Callable[[Any, Any], Any]) -> list[Any]:
    """The lanes of an array into its first one, by halves."""

    def halve(count: int) -> Any:
        return loops.vectorized(count, lambda i: array.store(i, combine(array.load(i), array.load(i + count))))

    return [halve(lanes >> step) for step in range(1, lanes.bit_length())]


def _float(value: float) -> Any:
    return tirx.const(value, "float32")
