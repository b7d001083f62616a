"""What schedules of convolutions on blocked channels share: loops around a tile of pixels, and those inside of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from onnxc.kernel.knobs import Knobs
from onnxc.kernel.tvm_api import s_tir, tirx, tirx_transform

from . import blocks as b

_ANCHORS = ("conv_blocked", "conv_depthwise", "conv_blocked_tiled", "conv_depthwise_tiled")


def find_convolution(sch: Any) -> tuple[Any, Any] | None:
    """The block that sums up, and the one that writes its results; None where they do not stand alone.

    One writes results as they are where nothing follows.
    """
    anchors = [k for k in b.all_blocks(sch) if b.name_of(sch, k) in _ANCHORS]
    if len(anchors) != 1:
        return None
    (conv,) = anchors
    if is_cut(sch, conv):
        consumers = list(sch.get_consumers(conv))
        return None if len(consumers) != 1 or b.is_reduction(sch, consumers[0]) else (conv, consumers[0])
    writer = b.epilogue_of(sch, conv)
    return conv, sch.cache_write(conv, 0, "global") if writer is None else writer


def is_cut(sch: Any, conv: Any) -> bool:
    """Has the compute cut the pixels into tiles already?"""
    return b.name_of(sch, conv).endswith("_tiled")


def join_cut_axes(sch: Any, conv: Any, writer: Any) -> tuple[Any, Any, Any]:
    """A schedule in which the writer has one axis for all pixels, if tiles go on from one row into the next.

    TVM knows then which tile a pixel is in: it does not see through quotients and remainders that are put together.
    """
    _, _, *spatial, _ = sch.get_loops(writer)
    if not is_cut(sch, conv) or len(_result_axes(sch, conv)) > len(spatial) + 3:
        return sch, conv, writer
    sizes = [b.extent(sch, loop) for loop in spatial]
    names = b.name_of(sch, conv), b.name_of(sch, writer)

    def joined(n: Any, c: Any, *rest: Any) -> tuple[Any, ...]:
        *position, inner = rest
        number = position[0]
        for size, index in zip(sizes[1:], position[1:], strict=True):
            number = number * size + index
        return n, c, number, inner

    sch.transform_block_layout(writer, tirx.IndexMap.from_func(joined, ndim=len(spatial) + 3, index_dtype="int32"))
    sch = s_tir.Schedule(tirx_transform.StmtSimplify()(sch.mod), enable_check=True)
    return sch, *(sch.get_sblock(name) for name in names)


def _result_axes(sch: Any, block: Any) -> list[Any]:
    return [axis for axis in sch.get(block).iter_vars if axis.iter_type != tirx.IterVar.CommReduce]


def is_depthwise(sch: Any, conv: Any) -> bool:
    return "depthwise" in b.name_of(sch, conv)


def tile_as_cut(sch: Any, conv: Any, writer: Any) -> int:
    """Compute what the compute has cut tile by tile; the last one writes only what there is.

    Returns the number of axes that lie in a tile, for `accumulate`.
    """
    batch, chunk, *spatial, lane = sch.get_loops(writer)
    tile = int(_result_axes(sch, conv)[-2].dom.extent)
    part, place = sch.split(spatial[-1], [None, tile])
    sch.reorder(batch, chunk, *spatial[:-1], part, place, lane)
    if len(spatial) > 1:
        b.parallel(sch, [batch, chunk, *spatial[:-1]])
    else:
        part = b.parallel(sch, [batch, chunk, part])
    sch.unroll(place)
    sch.vectorize(lane)
    sch.compute_at(conv, part, preserve_unit_loops=True)
    return len(spatial) + 1


def tile_pixels(sch: Any, conv: Any, writer: Any, tile: Sequence[int], together: int, rows_first: bool = False) -> int:
    """Compute so many rows and columns of pixels, for so many blocks of output channels, at a time.

    A task is a row of tiles, so that small images give enough of them; neighbours share their weights, or, with rows
    first, their data. Returns the number of axes that lie in a tile, for `accumulate`.
    """
    batch, chunk, *spatial, lane = sch.get_loops(writer)
    outer: list[Any] = list(spatial)
    inner: list[Any] = []
    rows, columns = tile
    for axis, size in ((-1, columns), *(((-2, rows),) if len(spatial) > 1 else ())):
        if size > 1:  # symbolic sizes stay whole
            outer[axis], part = sch.split(spatial[axis], [None, size])
            inner.insert(0, part)
    if together > 1:
        chunk, part = sch.split(chunk, [None, together])
        inner.append(part)
    tasks = [batch, *outer[:-1], chunk] if rows_first else [batch, chunk, *outer[:-1]]
    sch.reorder(*tasks, outer[-1], *inner, lane)
    b.parallel(sch, tasks)
    for loop in inner:
        sch.unroll(loop)
    sch.vectorize(lane)
    sch.compute_at(conv, outer[-1], preserve_unit_loops=True)
    return len(spatial)


def choose_steps(sch: Any, conv: Any, knobs: Knobs) -> int:
    """Steps of the last reduction (input channels, or words of four of them) that are unrolled."""
    if is_depthwise(sch, conv):
        return 1
    length = b.extent(sch, list(sch.get_loops(conv))[-1])
    return knobs.choose("conv.unroll", [u for u in (1, 2, 4, 8) if length is not None and length % u == 0] or [1], 1)


def choose_window(sch: Any, conv: Any, knobs: Knobs) -> int | None:
    """Axes of a depthwise window that are unrolled, from the last one on; None: all."""
    if not is_depthwise(sch, conv):
        return None
    axes = sum(axis.iter_type == tirx.IterVar.CommReduce for axis in sch.get(conv).iter_vars)
    return knobs.choose("conv.window", list(range(1, axes + 1)), axes)


def choose_rows_first(knobs: Knobs, usually: bool = False) -> bool:
    """Do tasks that follow each other share their data (rows), rather than their weights (channels)?

    Threads share rows in the next kernel, too: rows first, they find there what they have written themselves.
    """
    return knobs.choose("conv.outer", ("channels", "rows"), "rows" if usually else "channels") == "rows"


def accumulate(sch: Any, conv: Any, spatial: int, steps: int = 1, window: int | None = None) -> Any:
    """Order the loops of the tile: reduction outside, then pixels and blocks (unrolled), then lanes (vectorised).

    `spatial` axes lie in a tile; so many `steps` of the last reduction are unrolled, and of a depthwise window the last
    axes: so many, or all.
    Returns the innermost loop of the reduction that is not unrolled by steps.
    """
    loops = list(sch.get_loops(conv))
    batch, chunk, *rest = loops[len(loops) - len(list(sch.get(conv).iter_vars)) :]
    pixels, lane, reduced = rest[:spatial], rest[spatial], rest[spatial + 1 :]
    if steps > 1:
        reduced[-1:] = sch.split(reduced[-1], [None, steps])
        sch.unroll(reduced[-1])
    sch.reorder(batch, *reduced, *pixels, chunk, lane)
    for loop in (*pixels, chunk):
        sch.unroll(loop)
    sch.vectorize(lane)
    init = sch.decompose_reduction(conv, reduced[0])
    init_loops = list(sch.get_loops(init))
    for loop in init_loops[len(init_loops) - spatial - 2 : -1]:
        sch.unroll(loop)
    sch.vectorize(init_loops[-1])
    if is_depthwise(sch, conv):
        for loop in reduced if window is None else reduced[len(reduced) - window :]:
            sch.unroll(loop)
    return reduced[-2 if steps > 1 else -1]
