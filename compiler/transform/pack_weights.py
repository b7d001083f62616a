"""Cut matrix products into the tiles of the target's registers; pack constant weights into panels for them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from .. import op as relay_op
from ..op.nn_dense_packed import pack_panels
from ..op.qnn_dense_packed import pack_quad_panels
from ..relay.dimension import Dimension, product
from ..relay.expr import Atom, Binding, Call, Constant, Function, Module, Var
from ..relay.types import TensorType
from ..target import Target
from .base import Pass, PassContext, map_functions, map_subfunctions

#: Rows that a tile may have, and that a product of unknown rows is taken to have.
MOST_ROWS, TYPICAL_ROWS = 14, 64
#: Ways of the L1 cache, and the distance at which addresses share a set of it.
CACHE_WAYS, CACHE_SET_BYTES = 8, 4096


def panel_shape(rows: Dimension, columns: Dimension, depth: Dimension, target: Target) -> tuple[int, int]:
    """(rows, columns) of the tile that a kernel keeps in registers, by the cost of all tiles.

    One row is bound by memory: four vectors of columns hide the latency of the additions. More rows, on one Zen 4 core
    (128 x 3072 x 768; 32 x 768 x 3072): 8 x 48 114 and 116 GFLOP/s, 6 x 64 113 and 115, 12 x 32 102 and 117.
    """
    lanes = target.lanes()
    needed = -(-columns // lanes) if isinstance(columns, int) else 2
    if rows == 1:
        return 1, min(4, needed) * lanes
    count = rows if isinstance(rows, int) else TYPICAL_ROWS
    # Elements of one column that lie so far apart would drive each other out of the L1 cache.
    most = CACHE_WAYS if isinstance(depth, int) and depth * 4 % CACHE_SET_BYTES == 0 else MOST_ROWS
    candidates = [
        (tile, vectors)
        for vectors in (range(1, min(4, needed) + 1) if isinstance(columns, int) else (2,))
        for tile in range(1, min(most, count, max(2, (target.vector_registers - 1 - vectors) // vectors)) + 1)
    ]
    cost = {
        (tile, vectors): sum(
            _step_cost(r, v) * times * across for r, times in _cut(count, tile) for v, across in _cut(needed, vectors)
        )
        for tile, vectors in candidates
    }
    tile, vectors = min(candidates, key=lambda shape: cost[shape])
    return tile, vectors * lanes


def _cut(total: int, part: int) -> list[tuple[int, int]]:
    """(Size, how many) of the parts of a number: equal ones, and what is left."""
    return [(part, total // part), (total % part, 1)] if total % part else [(part, total // part)]


def _step_cost(rows: int, vectors: int) -> float:
    """Cost of a step along the depth, in multiply-adds: each waits for the one before it, and loads take their time."""
    return max(rows * vectors, 4) + (rows + 2 * vectors) / 8


def _pack(target: Target, function: Function) -> Function:
    bindings: list[Binding] = []
    for binding in function.bindings:
        value = map_subfunctions(binding.value, partial(_pack, target))
        if isinstance(value, Call) and value.op == "nn.dense" and _applies(value):
            bindings += _packed(binding.var, value, target)
        elif isinstance(value, Call) and value.op == "nn.matmul" and _can_tile(value):
            bindings.append(_tiled(binding.var, value, target))
        else:
            bindings.append(Binding(binding.var, value))
    return replace(function, bindings=tuple(bindings))


def _applies(call: Call) -> bool:
    weights = call.args[1]
    if not isinstance(weights, Constant):
        return False
    return (weights.type.dtype == "float32" and call.attrs.out_dtype is None) or _of_bytes(call)


def _of_bytes(call: Call) -> bool:
    """A product as `qnn.dense_packed` computes it."""
    x, weights = (a.type for a in call.args[:2])
    assert isinstance(x, TensorType) and isinstance(weights, TensorType)
    known = isinstance(x.shape[-1], int)
    return (x.dtype, weights.dtype, call.attrs.out_dtype, known) == ("uint8", "int8", "int32", True)


def _can_tile(call: Call) -> bool:
    left, right = (a.type for a in call.args)
    assert isinstance(left, TensorType) and isinstance(right, TensorType)
    matrices = left.rank >= 2 and right.rank >= 2 and left.dtype == "float32" and call.attrs.out_dtype is None
    # A single row reads every weight once: packing them would only double the traffic.
    return matrices and left.shape[-1 if call.attrs.transpose_a else -2] != 1


def _tiled(var: Var, call: Call, target: Target) -> Binding:
    assert isinstance(var.type, TensorType)
    rows, columns = var.type.shape[-2:]
    assert isinstance(call.args[0].type, TensorType)
    depth = 1 if call.attrs.transpose_a else call.args[0].type.shape[-1]  # one column of the left side is contiguous
    row_tile, block = panel_shape(rows, columns, depth, target)
    attrs = {"transpose_a": call.attrs.transpose_a, "transpose_b": call.attrs.transpose_b}
    op = relay_op.get("nn.matmul_tiled")
    full = relay_op.complete_attrs(op, {**attrs, "row_tile": row_tile, "block": block})
    return Binding(var, Call(op.name, call.args, full, call.location))


def _packed(var: Var, call: Call, target: Target) -> list[Binding]:
    x, weights, *bias = call.args
    assert isinstance(weights, Constant) and isinstance(x.type, TensorType) and isinstance(var.type, TensorType)
    units = weights.array.shape[0]
    rows = product(x.type.shape[:-1])
    row_tile, block = panel_shape(rows, units, x.type.shape[-1], target)
    packing, op = (pack_quad_panels, "qnn.dense_packed") if _of_bytes(call) else (pack_panels, "nn.dense_packed")
    packed = Constant(packing(weights.array, block), f"{weights.name}.packed")
    result: list[Binding] = []

    def emit(op: str, args: tuple[Atom, ...], name: str, **attrs: object) -> Var:
        full = relay_op.complete_attrs(relay_op.get(op), attrs)
        made = Var(name, relay_op.infer_type(op, full, [a.type for a in args]), call.location)
        result.append(Binding(made, Call(op, args, full, call.location)))
        return made

    is_matrix = x.type.rank == 2
    if not is_matrix:
        x = emit("reshape", (x,), f"{var.name}.rows", shape=(rows, x.type.shape[-1]))
    if is_matrix:
        full = relay_op.complete_attrs(relay_op.get(op), {"units": units, "row_tile": row_tile})
        result.append(Binding(var, Call(op, (x, packed, *bias), full, call.location)))
        return result
    flat = emit(op, (x, packed, *bias), f"{var.name}.flat", units=units, row_tile=row_tile)
    full = relay_op.complete_attrs(relay_op.get("reshape"), {"shape": var.type.shape})
    result.append(Binding(var, Call("reshape", (flat,), full, call.location)))
    return result


def _run(module: Module, context: PassContext) -> Module:
    target = context.target
    if target is None or target.vector_bits == 0 or target.kernel_format == "c":
        return module
    return map_functions(module, partial(_pack, target))


pack_weights = Pass("pack_weights", 3, _run)
