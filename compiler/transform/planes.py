"""Convolutions that blocks of channels do not suit -> vectors along the rows of planes (nn.conv_planes).

Blocks of channels would stay half empty: of 12 channels in blocks of 4 a processor with vectors of 16 wastes three
quarters. Rows of pixels fill vectors of any length. And a convolution with no others around it pays for its blocks: its
data is brought into them, and its result out of them again. There an estimate of the time decides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..op.nn_conv_planes import pack_weights, padding_of_tiles
from ..relay.dimension import Dimension
from ..relay.expr import Atom, Attrs, Binding, Call, Constant, Module, Var, all_bindings
from ..relay.types import TensorType
from ..target import SUMS, Target
from .base import Pass, PassContext
from .block_layout import keeps_blocks
from .channel_blocks import FEW_CHANNELS, blocks_for_any, input_block
from .pixel_tiles import divisor_tile, pixel_tile
from .regroup import regrouped_work
from .rewrite import Site, rewrite
from .winograd import vector_operations

#: Output channels of a group up to which vectors along rows are better than blocks, if these are not filled.
MOST_CHANNELS = 12
#: Of so many channels the blocks are filled: planes only pay where the window is so large (in numbers for a result).
FILLED, LARGE_WINDOW = 8, 256
#: Strides along rows cost a copy of the data; it pays for so few channels.
MOST_STRIDED_CHANNELS = 4
#: Shortest rows.
LEAST_COLUMNS = 24
#: What is taken for the length of rows that is not known.
TYPICAL_COLUMNS = 64
#: Rows and vectors of a row in a tile at most.
MOST_ROWS, MOST_VECTORS = 8, 24

#: Multiply-adds of whole vectors that take as long as bringing an element into blocks, out of them, into a copy with a
#: border, and into one with the columns of a stride side by side.
INTO_BLOCKS, OUT_OF_BLOCKS, BORDERED, STRIDED = 2.4, 2.4, 0.9, 2.0


def _run(module: Module, context: PassContext) -> Module:
    target = context.target
    if target is None or target.vector_bits == 0 or target.kernel_format == "c":
        return module
    return rewrite(module, {"nn.conv": [partial(_convert, target, _alone(module))]})


def _alone(module: Module) -> set[Var]:
    """Results of convolutions of which no other one could share the blocks: nothing that keeps them lies between."""
    bindings = [b for f in module.functions.values() if not f.is_primitive for b in all_bindings(f)]
    parent: dict[Var, Var] = {}

    def find(var: Var) -> Var:
        while (above := parent.get(var, var)) is not var:
            parent[var] = var = parent.get(above, above)
        return var

    for binding in bindings:
        if keeps_blocks(binding.value):
            assert isinstance(binding.value, Call)
            for atom in binding.value.args:
                if isinstance(atom, Var):
                    parent[find(atom)] = find(binding.var)
    convolutions: dict[Var, list[Binding]] = {}
    for binding in bindings:
        if isinstance(binding.value, Call) and binding.value.op == "nn.conv":
            convolutions.setdefault(find(binding.var), []).append(binding)
    return {own[0].var for own in convolutions.values() if len(own) == 1}


def _convert(target: Target, alone: set[Var], site: Site) -> Atom | None:
    data, weights, *bias = site.args
    attrs = site.attrs
    if not isinstance(weights, Constant) or not isinstance(data.type, TensorType):
        return None
    if not isinstance(data.type.shape[1], int):
        return None
    if weights.type.dtype != "float32" or attrs.out_dtype is not None or not all(isinstance(b, Constant) for b in bias):
        return None
    shape = _Shape.of(site, data.type, weights.array)
    if site.var in alone and shape.skips:
        return _without_skipped(site, data, weights, bias, shape)
    if not _pay(shape, weights.array, site, site.var in alone, target):
        return None
    if site.var in alone and len(shape.window) > 1 and shape.is_pointwise and shape.is_known:  # all pixels are one row
        pixels = _count(shape.sizes)
        data = site.emit("reshape", data, shape=(data.type.shape[0], data.type.shape[1], pixels))
        whole = Constant(weights.array.reshape(*weights.array.shape[:2], 1), weights.name)
        result = _emit(site, data, whole, bias, shape.as_row(pixels), target)
        return site.emit("reshape", result, shape=site.tensor.shape)
    return _emit(site, data, weights, bias, shape, target)


def _without_skipped(site: Site, data: Atom, weights: Constant, bias: Sequence[Atom], shape: _Shape) -> Atom:
    """Windows of one element that leave elements out: what they see is copied first, a fraction of the data."""
    places = {"begin": (0, 0, *[0] * len(shape.sizes)), "strides": (1, 1, *shape.strides)}
    ends = ((size - 1) * stride + 1 for size, stride in zip(shape.sizes, shape.strides, strict=True))
    assert isinstance(data.type, TensorType)
    seen = site.emit("strided_slice", data, **places, end=(*data.type.shape[:2], *ends))
    return site.emit("nn.conv", seen, weights, *bias, **{**site.attrs, "strides": (1,) * len(shape.sizes)})


@dataclass(frozen=True)
class _Shape:
    """A convolution: spatial sizes of the result and the data, its window, and the channels of a group."""

    batch: Dimension
    groups: int
    inputs: int
    outputs: int
    sizes: tuple[Dimension, ...]
    data: tuple[Dimension, ...]
    window: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    padding: tuple[int, ...]

    @staticmethod
    def of(site: Site, data: TensorType, weights: np.ndarray) -> _Shape:
        attrs = site.attrs
        outputs, inputs, *window = weights.shape
        sizes, own = site.tensor.shape[2:], outputs // attrs.groups
        places = (tuple(attrs.strides), tuple(attrs.dilations), tuple(attrs.padding))
        return _Shape(data.shape[0], attrs.groups, inputs, own, sizes, data.shape[2:], tuple(window), *places)

    @property
    def is_pointwise(self) -> bool:
        return {*self.window, *self.strides} == {1} and not any(self.padding)

    @property
    def skips(self) -> bool:
        """Does it see only some of the elements, each by itself?"""
        return {*self.window} == {1} and {*self.strides} != {1} and not any(self.padding) and self.is_known

    def as_row(self, pixels: int) -> _Shape:
        """The same of all pixels in one row; pointwise ones only."""
        one, row = (1,), (pixels,)
        return _Shape(self.batch, self.groups, self.inputs, self.outputs, row, row, one, one, one, (0, 0))

    @property
    def is_depthwise(self) -> bool:
        return self.groups > 1 and self.inputs == self.outputs == 1

    @property
    def is_known(self) -> bool:
        return all(isinstance(size, int) for size in (*self.sizes, *self.data))


def _emit(site: Site, data: Atom, weights: Constant, bias: Sequence[Atom], shape: _Shape, target: Target) -> Atom:
    assert isinstance(data.type, TensorType)
    tile = _tile(shape, target)
    edges = (tile.rows, tile.columns) if len(shape.sizes) > 1 else (tile.columns,)
    strides = Attrs({"strides": shape.strides, "dilations": shape.dilations})
    padding = padding_of_tiles(shape.padding, edges, shape.sizes, shape.data, strides, shape.window)
    packed = pack_weights(weights.array, tile.together, shape.groups)
    grouped = shape.groups > 1
    if grouped:
        bias = [Constant(b.array.reshape(shape.groups, -1), b.name) for b in bias if isinstance(b, Constant)]
    result = site.emit(
        "nn.conv_planes",
        data,
        Constant(packed, f"{weights.name or 'constant'}.planes"),
        *bias,
        **strides,
        padding=padding,
        groups=shape.groups,
        rows=tile.rows,
        columns=tile.columns,
        lanes=tile.lanes,
        sizes=shape.sizes,
        channels=shape.outputs,
    )
    whole = (shape.batch, shape.groups * shape.outputs, *shape.sizes)
    return site.emit("reshape", result, shape=whole) if grouped else result


def _pay(shape: _Shape, weights: np.ndarray, site: Site, alone: bool, target: Target) -> bool:
    """Are vectors along rows better than blocks?"""
    if shape.is_depthwise or not shape.is_known or not (alone or shape.groups > 1):
        return not shape.is_depthwise and _suit(weights[: shape.outputs], shape.strides, shape.sizes[-1])
    planes, blocks = _planes_time(shape, target), _blocks_time(shape, target)
    batch = shape.batch if isinstance(shape.batch, int) else 1
    inputs, outputs = (
        batch * shape.groups * channels * _count(sizes)
        for channels, sizes in ((shape.inputs, shape.data), (shape.outputs, shape.sizes))
    )
    if alone:
        return planes < blocks + INTO_BLOCKS * inputs + OUT_OF_BLOCKS * outputs
    return planes + OUT_OF_BLOCKS * inputs + INTO_BLOCKS * outputs < blocks


def _suit(weights: np.ndarray, strides: Sequence[int], length: Dimension) -> bool:
    """Are vectors along rows better than blocks for a convolution with such weights and rows of such a length?"""
    channels = weights.shape[0]
    if channels > MOST_CHANNELS or (isinstance(length, int) and length < LEAST_COLUMNS):
        return False
    if strides[-1] > 1 and channels > MOST_STRIDED_CHANNELS:
        return False
    return channels % FILLED != 0 or weights[0].size >= LARGE_WINDOW


# Estimates of the time, in multiply-adds of whole vectors


def _count(sizes: Sequence[Dimension]) -> int:
    return math.prod(size if isinstance(size, int) else TYPICAL_COLUMNS for size in sizes)


def _planes_time(shape: _Shape, target: Target) -> float:
    if shape.is_pointwise:
        shape = shape.as_row(_count(shape.sizes))
    batch = shape.batch if isinstance(shape.batch, int) else 1
    data = batch * shape.groups * shape.inputs * _count(shape.data)
    time = batch * shape.groups * _tile(shape, target).time
    return time + (STRIDED * data if shape.strides[-1] > 1 else 0)


def _blocks_time(shape: _Shape, target: Target) -> float:
    """Without what brings values into blocks and out of them."""
    batch = shape.batch if isinstance(shape.batch, int) else 1
    if shape.is_depthwise:  # a load for each multiply-add
        block = blocks_for_any(shape.groups, target)[1]
        channels = -(-shape.groups // block) * max(block, min(target.lanes(), target.full_speed_lanes))
        return 1.5 * batch * channels / target.lanes() * _count(shape.sizes) * math.prod(shape.window)
    factor = 1.0
    if shape.groups > 1:
        factor = regrouped_work(target, shape.inputs, shape.outputs, shape.groups)
    if math.isinf(factor):
        return factor
    out_block = blocks_for_any(shape.outputs, target)[1]
    in_block = 1 if shape.inputs <= FEW_CHANNELS else input_block(shape.inputs, target)
    inputs, outputs = (-(-n // b) * b for n, b in ((shape.inputs, in_block), (shape.outputs, out_block)))
    if shape.groups > 1:
        inputs, outputs = shape.inputs, shape.outputs
    sizes = tuple(_count((size,)) for size in shape.sizes)
    filled = max(1.0, min(target.lanes(), target.full_speed_lanes) / out_block)
    vectors = max(1, out_block // target.lanes())
    height, width = sizes[-2] if len(sizes) > 1 else 1, sizes[-1]
    most = max(1, target.accumulators // vectors)
    rows, columns = divisor_tile(height, width, most)
    depth = inputs // shape.groups * math.prod(shape.window)
    busy = min(1.0, (pixel_tile(sizes, out_block, depth, target) or rows * columns) * vectors / SUMS)
    count = batch * shape.groups * math.prod(sizes)
    direct = factor * filled / busy * count * inputs * outputs * math.prod(shape.window) / target.lanes()
    if shape.groups > 1 or shape.window != (3, 3) or in_block == 1 or {*shape.strides, *shape.dilations} != {1}:
        return direct
    plain = vector_operations(0, batch, sizes, inputs, outputs, target)
    fast = min(vector_operations(m, batch, sizes, inputs, outputs, target) for m in (2, 4))
    return fast if fast < plain else direct


@dataclass(frozen=True)
class _Tile:
    """Output channels, rows and columns that are computed together, and the time of a group's planes by such tiles."""

    together: int
    rows: int
    columns: int
    lanes: int
    time: float = 0.0


def _tile(shape: _Shape, target: Target) -> _Tile:
    """The fastest one: most work for each load, least beyond the ends of rows and channels."""
    most, full = max(4, target.vector_registers - 8), target.lanes()
    width = shape.sizes[-1] if isinstance(shape.sizes[-1], int) else TYPICAL_COLUMNS
    height = shape.sizes[-2] if len(shape.sizes) > 1 else 1
    depth, images = shape.inputs * math.prod(shape.window), _count(shape.sizes[:-2])

    def tile(together: int, rows: int, vectors: int, lanes: int) -> _Tile:
        parts = -(-width // (vectors * lanes)) * -(-shape.outputs // together) * images
        parts *= -(-height // rows) if isinstance(height, int) else TYPICAL_COLUMNS
        # What is read behind the data, because of padding or of tiles that do not divide the image, costs a copy.
        whole = width % (vectors * lanes) == 0 and (not isinstance(height, int) or height % rows == 0)
        copied = 0 if whole and not any(shape.padding) else shape.inputs * _count(shape.data)
        sums, part = together * rows * vectors, lanes / full
        # Enough independent sums hide the latency of multiply-adds. Two loads begin in a cycle, of half a vector or
        # less each: a broadcast is one, a vector that crosses lines of the cache about three.
        multiply = sums * part * max(1.0, SUMS / sums)
        loads = together / 2 + 2 * rows * vectors * part
        each = depth * (max(multiply, loads) + loads / 8) + _BEGINNING + _STORING * sums
        return _Tile(together, rows, vectors * lanes, lanes, parts * each + BORDERED * copied)

    narrow = min(full, target.full_speed_lanes)
    tiles = [
        tile(together, rows, vectors, lanes)
        for lanes in sorted({full, narrow}, reverse=True)
        for together in range(1, min(shape.outputs, most) + 1)
        for rows in range(1, min(MOST_ROWS, height if isinstance(height, int) else 1, most // together) + 1)
        for vectors in range(1, min(MOST_VECTORS, most // (together * rows), -(-width // lanes)) + 1)
    ]
    return min(tiles, key=lambda found: found.time)


#: Beginning a tile, and storing a vector of its results.
_BEGINNING, _STORING = 20, 3

planes = Pass("planes", 3, _run)
