"""Convolution by 3x3 windows with fewer multiplications: Winograd's minimal filtering, F(m, 3) on both axes.

An m x m tile of the result comes from an n x n tile of the data (n = m + 2): both are transformed, multiplied element
by element (summed over channels: n*n matrix products), and transformed back,

    Y = A^T [ (G g G^T) . (B^T d B) ] A

with n*n instead of 9*m*m multiplications: a quarter for m = 4, 4/9 for m = 2 (Lavin and Gray 2016,
"Fast algorithms for convolutional neural networks"). The points are 0, 1, -1, (2, -2,) and infinity.

Data is blocked, (N, I/ib, H, W, ib), see `layout`. The weights are transformed already (`transform_weights`):
(O/ob, n, n, I/ib, ib, ob). The optional bias is (O/ob, ob). `padding` surrounds the data so that whole tiles can be
read; of what they give, `sizes` (height, width) is the result.

How it is computed, unless a tuning record says otherwise: a `group` of so many rows and columns of tiles at a time,
and of the group, `together` tiles in registers. Groups divide the numbers of tiles; where these are not known, what
would lie beyond the last tiles is those once more. Where `together` does not divide the group, its last tile is
computed again and again to fill up. `fused`: the group's data is transformed where it is multiplied, by the same
task; else all data is transformed before. The result does not depend on any of these.

In float32 the result differs more from the exact sum than the direct one does, since terms of different size meet in
the transforms; see the README for bounds that were measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import Dimension, is_static
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import REQUIRED, FusionKind, Op, register, same_dtype, tensors
from .layout import block_array, unblock_array
from .nn_conv_blocked import pack_weights
from .window import pad_array, pad_stage

#: Bytes of a group's products, and of its transformed data, that may lie on the stack.
MOST_BYTES = 1 << 17
#: Tiles in registers that a tuner tries, and the part of them that may be there to fill up.
MOST_TOGETHER = 28
MOST_WASTE = 0.15

#: By m: B^T, G, A^T.
_MATRICES: dict[int, tuple[list[list[float]], list[list[float]], list[list[float]]]] = {
    2: (
        [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]],
        [[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]],
        [[1, 1, 1, 0], [0, 1, -1, -1]],
    ),
    4: (
        [
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ],
        [
            [1 / 4, 0, 0],
            [-1 / 6, -1 / 6, -1 / 6],
            [-1 / 6, 1 / 6, -1 / 6],
            [1 / 24, 1 / 12, 1 / 6],
            [1 / 24, -1 / 12, 1 / 6],
            [0, 0, 1],
        ],
        [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
    ),
}


def transform_weights(weights: np.ndarray, tile: int, in_block: int, out_block: int) -> np.ndarray:
    """(O, I, 3, 3) to (ceil(O/ob), n, n, ceil(I/ib), ib, ob)."""
    matrix = _MATRICES[tile][1]
    # Planes of (O, I), one for each place in the window, and sums of whole planes: a quarter of what einsum takes; and
    # unlike those of a library for matrix products, the sums round alike on every machine.
    window = weights.transpose(2, 3, 0, 1).astype(np.float64)
    rows = [_weighted_sum(row, window) for row in matrix]
    points = np.array([[_weighted_sum(row, planes) for row in matrix] for planes in rows], np.float32)
    packed = pack_weights(points.transpose(2, 3, 0, 1), in_block, out_block)  # (O/ob, I/ib, n, n, ib, ob)
    return np.ascontiguousarray(np.moveaxis(packed, 1, 3))


def _weighted_sum(factors: Sequence[float], arrays: np.ndarray) -> np.ndarray:
    """The sum of arrays, each times its factor."""
    terms = [array if factor == 1 else factor * array for factor, array in zip(factors, arrays, strict=True) if factor]
    return sum(terms[1:], terms[0])


def padding_of_tiles(
    sizes: Sequence[Dimension], data: Sequence[Dimension], before: Sequence[int], tile: int
) -> tuple[int, ...]:
    """Padding, before and behind each axis, with which tiles cover results of the sizes, whatever these are."""

    def behind(size: Dimension, elements: Dimension, first: int) -> int:
        if isinstance(size, int) and isinstance(elements, int):
            return max(0, -(-size // tile) * tile + 2 - elements - first)
        most = size + tile - 1 + 2 - elements - first
        assert isinstance(most, int), "a convolution without strides"
        return max(0, most)

    return (*before, *(behind(*each) for each in zip(sizes, data, before, strict=True)))


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    types = tensors("nn.conv_winograd", args, (2, 3))
    dtype = same_dtype("nn.conv_winograd", types)
    data, weights = types[0], types[1]
    if attrs.tile not in _MATRICES:
        raise CompileError(f"nn.conv_winograd with tiles of {attrs.tile}", expected="2 or 4")
    points = attrs.tile + 2
    if data.rank != 5 or weights.rank != 6 or weights.shape[1:3] != (points, points):
        raise CompileError(f"nn.conv_winograd of data {data.shape} with weights {weights.shape}")
    chunks, *_, in_chunks, in_block, out_block = weights.shape
    if (data.shape[1], data.shape[-1]) != (in_chunks, in_block):
        raise CompileError(
            f"nn.conv_winograd: data {data.shape}, weights {weights.shape}",
            expected=f"{in_chunks} chunks of {in_block} channels",
        )
    if len(types) == 3 and types[2].shape != (chunks, out_block):
        raise CompileError(f"nn.conv_winograd: bias {types[2].shape}", expected=f"({chunks}, {out_block})")
    known = [(size, group) for size, group in zip(attrs.sizes, attrs.group, strict=True) if isinstance(size, int)]
    if is_static(attrs.sizes) and any(-(-size // attrs.tile) % group for size, group in known):
        raise CompileError(f"nn.conv_winograd of {attrs.sizes} by groups of {attrs.group} tiles", expected="divisors")
    if not 1 <= attrs.together <= attrs.group[0] * attrs.group[1]:
        raise CompileError(f"nn.conv_winograd: {attrs.together} of {attrs.group} tiles", expected="1 to all of them")
    for size, dim, before, after in zip(
        attrs.sizes, data.shape[2:4], attrs.padding[:2], attrs.padding[2:], strict=True
    ):
        if isinstance(size, int) and isinstance(dim, int):
            needed, there = -(-size // attrs.tile) * attrs.tile + 2, dim + before + after
        else:  # at most so much
            needed, there = attrs.tile + 1, dim + before + after - size
        if not isinstance(there, int) or there < needed:
            raise CompileError(f"nn.conv_winograd: {dim} elements padded by {before}, {after}", expected=f"{needed}")
    return TensorType((data.shape[0], chunks, *attrs.sizes, out_block), dtype)


def _reference(attrs: Attrs, data: np.ndarray, weights: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    tile = attrs.tile
    points = tile + 2
    input_matrix, _, output_matrix = (np.array(m) for m in _MATRICES[tile])
    padded = pad_array(unblock_array(data).astype(np.float64), attrs.padding[:2], attrs.padding[2:])
    rows, columns = (-(-s // tile) for s in attrs.sizes)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (points, points), (2, 3))
    windows = windows[:, :, : rows * tile : tile, : columns * tile : tile]
    inputs = np.einsum("ia,ncyxab,jb->ncyxij", input_matrix, windows, input_matrix)
    chunks, _, _, in_chunks, in_block, out_block = weights.shape
    flat = np.moveaxis(weights, -1, 1).reshape(chunks * out_block, points, points, in_chunks * in_block)
    products = np.einsum("ncyxij,oijc->noyxij", inputs, flat.astype(np.float64))
    outputs = np.einsum("ia,noyxab,jb->noyixj", output_matrix, products, output_matrix)
    result = outputs.reshape(*outputs.shape[:2], rows * tile, columns * tile)[:, :, : attrs.sizes[0], : attrs.sizes[1]]
    if bias is not None:
        result = result + bias.reshape(-1, 1, 1)
    return block_array(result.astype(data.dtype), out_block)


def _transform_input(T: Any, tile: int, d: Sequence[Any]) -> list[Any]:
    """B^T d for one column, written so that equal terms are computed once."""
    if tile == 2:
        return [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]]
    two, four, five = (T.const(v, "float32") for v in (2.0, 4.0, 5.0))
    even4, odd4 = d[4] - four * d[2], d[3] - four * d[1]
    even1, odd1 = d[4] - d[2], two * (d[3] - d[1])
    first, last = (four * d[0] - five * d[2]) + d[4], (four * d[1] - five * d[3]) + d[5]
    return [first, even4 + odd4, even4 - odd4, even1 + odd1, even1 - odd1, last]


def _transform_output(T: Any, tile: int, m: Sequence[Any]) -> list[Any]:
    """A^T m for one column."""
    if tile == 2:
        return [(m[0] + m[1]) + m[2], (m[1] - m[2]) - m[3]]
    two, four, eight = (T.const(v, "float32") for v in (2.0, 4.0, 8.0))
    sum1, sum2, difference1, difference2 = m[1] + m[2], m[3] + m[4], m[1] - m[2], m[3] - m[4]
    return [
        (m[0] + sum1) + sum2,
        difference1 + two * difference2,
        sum1 + four * sum2,
        (difference1 + eight * difference2) + m[5],
    ]


def _pick(T: Any, index: Any, values: Sequence[Any]) -> Any:
    """values[index]; the schedule unrolls the index, so that one of them remains."""
    result = values[-1]
    for i in range(len(values) - 2, -1, -1):
        result = T.select(index < i + 1, values[i], result)
    return result


def product_bytes(tile: int, count: int, together: int, block: int) -> int:
    """Bytes of the products of a group of so many tiles with a block of channels."""
    return (tile + 2) ** 2 * filled_up(count, together) * block * 4


def filled_up(count: int, together: int) -> int:
    """The next multiple."""
    return -(-count // together) * together


def whole_groups(sizes: Sequence[int], tile: int) -> list[tuple[int, int]]:
    """Rows and columns of tiles that can be a group."""
    rows, columns = (-(-size // tile) for size in sizes)
    return [(r, c) for r in range(1, rows + 1) for c in range(1, columns + 1) if rows % r == 0 and columns % c == 0]


def possible_together(count: int) -> list[int]:
    """How many tiles of a group can be in registers."""
    every = range(1, min(count, MOST_TOGETHER) + 1)
    return [n for n in every if filled_up(count, n) <= (1 + MOST_WASTE) * count]


def _choose_tiles(T: Any, attrs: Attrs, sizes: Sequence[int], block: int) -> tuple[int, int, int]:
    """Rows and columns of tiles of a group, and how many are together in registers."""

    def fits(group: tuple[int, int], together: int) -> bool:
        return product_bytes(attrs.tile, group[0] * group[1], together, block) <= MOST_BYTES

    if not is_static(tuple(sizes)):
        return (*attrs.group, attrs.together)
    options = {group for group in whole_groups(sizes, attrs.tile) if fits(group, 1)}
    group: tuple[int, int] = T.knobs.choose("winograd.group", sorted({*options, attrs.group}), attrs.group)
    count = group[0] * group[1]
    usual = attrs.together if group == attrs.group else max(n for n in possible_together(count) if n <= attrs.together)
    possible = {n for n in possible_together(count) if fits(group, n)}
    together: int = T.knobs.choose("winograd.together", sorted({*possible, usual}), usual)
    return (*group, together)


def _compute(T: Any, attrs: Attrs, data: Any, weights: Any, bias: Any = None) -> Any:
    tile = attrs.tile
    points = tile + 2
    before, after = attrs.padding[:2], attrs.padding[2:]
    padded = pad_stage(T, data, (*before, 0), (*after, 0), T.const(0, T.dtype(data)), "conv_pad")
    chunks, _, _, in_chunks, in_block, out_block = T.shape(weights)
    batch, _, *sizes, _ = T.result_shape()
    high, wide, together = _choose_tiles(T, attrs, attrs.sizes, out_block)
    static = is_static(attrs.sizes)

    def parts_of(size: Any, part: int) -> Any:
        return -(-size // part) if isinstance(size, int) else T.floor_div(size + (part - 1), part)

    rows, columns = (parts_of(size, tile) for size in sizes)
    groups = (batch, parts_of(rows, high), parts_of(columns, wide))
    count = high * wide
    # The tiles of a group are one axis, cut into parts here: the schedule takes parts as they are.
    parts = (-(-count // together), together)

    def transformed_rows(n: Any, gy: Any, gx: Any, c: Any, p: Any, q: Any, i: Any, b: Any, lane: Any) -> Any:
        t = p * together + q
        if count % together:
            t = T.minimum(t, count - 1)
        row, column = gy * high + T.floor_div(t, wide), gx * wide + T.floor_mod(t, wide)
        if not static:  # nobody reads what comes of the last ones once more
            row, column = T.minimum(row, rows - 1), T.minimum(column, columns - 1)
        row, column = row * tile, column * tile
        window = [padded(n, c, row + a, column + b, lane) for a in range(points)]
        return _pick(T, i, _transform_input(T, tile, window))

    half = T.compute((*groups, in_chunks, *parts, points, points, in_block), transformed_rows, "winograd_input_rows")

    def transformed(n: Any, gy: Any, gx: Any, i: Any, j: Any, c: Any, p: Any, q: Any, lane: Any) -> Any:
        return _pick(T, j, _transform_input(T, tile, [half(n, gy, gx, c, p, q, i, b, lane) for b in range(points)]))

    inputs = T.compute((*groups, points, points, in_chunks, *parts, in_block), transformed, "winograd_input")
    chunk, channel = T.reduce_axis(in_chunks, "icc"), T.reduce_axis(in_block, "ic")

    def product(n: Any, gy: Any, gx: Any, k: Any, i: Any, j: Any, p: Any, q: Any, lane: Any) -> Any:
        value = inputs(n, gy, gx, i, j, chunk, p, q, channel) * weights(k, i, j, chunk, channel, lane)
        return T.sum(value, [chunk, channel])

    products = T.compute((*groups, chunks, points, points, *parts, out_block), product, "winograd_product")

    def output_rows(n: Any, gy: Any, gx: Any, k: Any, t: Any, i: Any, b: Any, lane: Any) -> Any:
        place = (T.floor_div(t, together), T.floor_mod(t, together))
        column = [products(n, gy, gx, k, a, b, *place, lane) for a in range(points)]
        return _pick(T, i, _transform_output(T, tile, column))

    half_out = T.compute((*groups, chunks, count, tile, points, out_block), output_rows, "winograd_output_rows")

    def output(n: Any, gy: Any, gx: Any, k: Any, t: Any, i: Any, j: Any, lane: Any) -> Any:
        return _pick(T, j, _transform_output(T, tile, [half_out(n, gy, gx, k, t, i, b, lane) for b in range(points)]))

    result = T.compute((*groups, chunks, count, tile, tile, out_block), output, "winograd_output")

    def untile(n: Any, k: Any, y: Any, x: Any, lane: Any) -> Any:
        row, column = T.floor_div(y, tile), T.floor_div(x, tile)
        group_of = (T.floor_div(row, high), T.floor_div(column, wide))
        t = T.floor_mod(row, high) * wide + T.floor_mod(column, wide)
        value = result(n, *group_of, k, t, T.floor_mod(y, tile), T.floor_mod(x, tile), lane)
        return value if bias is None else value + bias(k, lane)

    return T.compute(T.result_shape(), untile, "winograd_untile")


class _Counted:
    """Counts additions, subtractions and multiplications of numbers of its kind."""

    total = 0

    def _count(self, other: object) -> _Counted:
        _Counted.total += 1
        return self

    __add__ = __sub__ = __mul__ = _count


class _Counting:
    """What the transforms ask of tensor expressions."""

    @staticmethod
    def const(value: float, dtype: str) -> _Counted:
        return _Counted()


def _operations(transform: Callable[..., list[Any]], tile: int) -> int:
    """Additions and multiplications of a transform of so many columns, then of the rows of what they gave."""
    points = tile + 2
    before, numbers = _Counted.total, [_Counted()] * points
    rows = len(transform(_Counting, tile, numbers))
    return (_Counted.total - before) * (points + rows)


@cache
def transform_operations(tile: int) -> tuple[int, int]:
    """Additions and multiplications of the transforms, of the data and back, of one tile and one channel."""
    return _operations(_transform_input, tile), _operations(_transform_output, tile)


def _multiply_adds(attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> Dimension:
    """Those of the products (each tile takes every weight once), and two operations of the transforms count as one.

    Tiles that fill up do not count.
    """
    rows, columns = (-(-size // attrs.tile) for size in attrs.sizes)
    chunks, _, _, in_chunks, in_block, out_block = args[1].shape
    of_data, back = transform_operations(attrs.tile)
    transforms = (of_data * in_chunks * in_block + back * chunks * out_block) // 2
    return args[0].shape[0] * (rows * columns) * (args[1].size + transforms)


register(
    Op(
        "nn.conv_winograd",
        FusionKind.ANCHOR,
        _relation,
        _reference,
        _compute,
        attributes={
            "tile": REQUIRED,
            "group": (1, 1),
            "together": 1,
            "fused": False,
            "padding": REQUIRED,
            "sizes": REQUIRED,
        },
        multiply_adds=_multiply_adds,
    )
)
