"""Matrix products on panels: a tile of rows times one panel of columns stays in registers.

The last rows take narrower tiles, of as many rows as there are (or, where that is only known at run time, of 8, 4, 2
and 1), and the last panel as many vectors as it has columns: nothing is computed in vain, and no inner loop is scalar.
8 x 48 sums on AVX-512 reach 116 GFLOP/s on one Zen 4 core, whose peak that is; 4 x 24 on AVX2 reach 115.
"""

from __future__ import annotations

from typing import Any

from onnxc.kernel.knobs import Knobs
from onnxc.kernel.lower import Lowered
from onnxc.kernel.prefetch import PREFETCH
from onnxc.kernel.tvm_api import tirx
from onnxc.target import Target

from . import blocks as b
from . import loops
from .generic import schedule_elementwise
from .streams import choose_ahead

_STAGES = {
    "nn.dense_packed": "dense_packed",
    "qnn.dense_packed": "dense_packed",
    "qnn.dense_blockwise_packed": "dense_packed",
    "nn.matmul_tiled": "matmul_tiled",
}

#: Rows of a tile that a tuner may try.
MOST_ROWS = 14


def schedule(lowered: Lowered, target: Target, knobs: Knobs) -> Any | None:
    """Schedule a function around one of these operators; None for others."""
    if lowered.anchor is None or lowered.anchor.op not in _STAGES:
        return None
    stage = _STAGES[str(lowered.anchor.op)]
    sch = b.new_schedule(lowered)
    b.inline_injective(sch, keep=("matmul_pack",))
    blocks = {b.name_of(sch, k): k for k in b.all_blocks(sch)}
    writer = next(reversed(blocks.values()))
    rest = set(blocks) - {stage, "matmul_pack", b.name_of(sch, writer)}
    if rest or stage not in blocks or b.name_of(sch, writer) == stage:
        return None  # several results, or an epilogue with stages of its own
    product, epilogue = sch.get(blocks[stage]), sch.get(writer)
    statements, buffers = [], []
    if "matmul_pack" in blocks:
        buffers.append(sch.get(blocks["matmul_pack"]).writes[0].source)
        schedule_elementwise(sch, blocks["matmul_pack"])
        statements.append(sch.get(sch.get_loops(blocks["matmul_pack"])[0]))
    attrs = lowered.anchor.attrs
    tiles = _Tiles(product, epilogue, target.lanes(), attrs["row_tile"], attrs.get("depth_step", 1), knobs)
    if "matmul_pack" not in blocks and target.kernel_format == "object" and tiles.one_pass:
        tiles.ahead = choose_ahead(knobs, "matmul.prefetch", 0)
    return loops.with_body(sch.mod["main"], [*statements, tiles.all()], buffers)


class _Tiles:
    """The loops over the tiles of a product.

    Parameters
    ----------
    product, epilogue : SBlock
        The sum over ``k`` at (stack..., row, panel, lane); and what is done with it at (stack..., row, column).
    """

    def __init__(self, product: Any, epilogue: Any, lanes: int, row_tile: int, depth_step: int, knobs: Knobs) -> None:
        self._product, self._epilogue = product, epilogue
        *self._stack, row, panel, lane, depth = (axis.dom.extent for axis in product.iter_vars)
        self._rows, self._panels, self._depth = loops.known(row), loops.known(panel), loops.known(depth)
        self._columns = loops.known(epilogue.iter_vars[-1].dom.extent)
        self._block = int(lane)
        self._lanes = min(lanes, self._block)
        assert self._block % self._lanes == 0
        most = min(self._rows, MOST_ROWS) if isinstance(self._rows, int) else MOST_ROWS
        self._tile = knobs.choose("matmul.rows", range(1, most + 1), min(row_tile, most))
        # Columns outside: a panel stays in the L2 cache for all rows.
        self._outer = knobs.choose("matmul.outer", ("columns", "rows"), "columns")
        steps = [u for u in (1, 2, 4, 8, 16) if isinstance(self._depth, int) and self._depth % u == 0] or [1]
        #: Bytes ahead of which weights are asked for.
        self.ahead = 0
        self._unroll = knobs.choose("matmul.unroll", steps, depth_step if depth_step in steps else 1)

    @property
    def one_pass(self) -> bool:
        """Are all weights read once, for all rows?"""
        return isinstance(self._rows, int) and self._rows <= self._tile

    def all(self) -> Any:
        """The whole product."""
        tiles = loops.quotient_up(self._rows, self._tile)
        if self._outer == "columns":
            return loops.parallel(
                [*self._stack, self._panels, tiles], lambda *i: self._task(i[:-2], tile=i[-1], panel=i[-2])
            )
        return loops.parallel(
            [*self._stack, tiles, self._panels], lambda *i: self._task(i[:-2], tile=i[-2], panel=i[-1])
        )

    def _task(self, stack: Any, tile: Any, panel: Any) -> Any:
        """One tile of rows, or those rows that are left, times a panel."""
        return loops.row_tile(
            self._rows, self._tile, tile * self._tile, lambda row, rows: self._at_columns(stack, row, rows, panel)
        )

    def _at_columns(self, stack: Any, row: Any, rows: int, panel: Any) -> Any:
        """So many rows times a panel, of which the last one may have fewer vectors."""
        vectors = self._block // self._lanes

        def tile(columns: Any) -> Any:
            return loops.column_tile(
                columns, vectors, self._lanes, lambda v, count: self._tile_of(stack, row, rows, panel, v, count)
            )

        if not isinstance(self._columns, int):
            return tile(self._columns - panel * self._block)
        left = self._columns % self._block
        if left == 0 or self._columns < self._block:
            return tile(min(self._columns, self._block))
        return tirx.IfThenElse(panel < self._panels - 1, tile(self._block), tile(left))

    def _tile_of(self, stack: Any, row: Any, rows: int, panel: Any, vectors: int, columns: Any) -> Any:
        """Rows times some vectors of a panel, with the epilogue for so many columns."""
        width = vectors * self._lanes
        dtype = str(self._product.body.buffer.dtype)
        sums = loops.Local(rows * width, "sums", dtype, registers=True)
        results = loops.Local(rows * width, "results", dtype)

        def at_sums(statement: Any) -> Any:
            def at_row(r: Any) -> Any:
                def at_vector(v: Any) -> Any:
                    return loops.vectorized(self._lanes, lambda lane: statement(r, v * self._lanes + lane))

                return loops.unrolled(vectors, at_vector, "v")

            return loops.unrolled(rows, at_row, "r")

        def add(k: Any) -> Any:
            def one(r: Any, lane: Any) -> Any:
                axes = [a.var for a in self._product.iter_vars]
                values = dict(zip(axes, [*stack, row + r, panel, lane, k], strict=True))
                here = sums.load(r * width + lane)
                value = loops.substitute(self._product.body.value, values, {self._product.body.buffer: here})
                return sums.store(r * width + lane, value)

            return at_sums(one)

        def finish(r: Any, column: Any) -> Any:
            axes = [a.var for a in self._epilogue.iter_vars]
            values = dict(zip(axes, [*stack, row + r, panel * self._block + column], strict=True))
            here = results.load(r * width + column)
            return loops.substitute(self._epilogue.body, values, {self._product.body.buffer: here})

        def finish_row(r: Any) -> Any:
            if not isinstance(columns, int) or columns % self._lanes:
                return loops.serial(columns, lambda c: finish(r, c))
            return loops.serial(
                columns // self._lanes,
                lambda v: loops.vectorized(self._lanes, lambda lane: finish(r, v * self._lanes + lane)),
            )

        zero = tirx.const(0, dtype)
        steps = self._unroll
        return loops.sequence(
            sums.allocation,
            at_sums(lambda r, lane: sums.store(r * width + lane, zero)),
            loops.serial(
                loops.quotient_up(self._depth, steps),
                lambda k: loops.unrolled(steps, lambda u: add(k * steps + u)),
                "k",
                {PREFETCH: self.ahead} if self.ahead else {},
            ),
            results.allocation,
            at_sums(lambda r, lane: results.store(r * width + lane, sums.load(r * width + lane))),
            loops.serial(rows, finish_row, "r"),
        )
