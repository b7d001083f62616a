"""Cut matrix products into the tiles of the target's registers; pack constant weights into panels for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from .. import op as relay_op
from ..op.nn_dense_packed import pack_panels
from ..op.qnn_dense_blockwise_packed import pack_codes, pack_scales
from ..op.qnn_dense_packed import pack_quad_panels
from ..relay.dimension import Dimension, product
from ..relay.expr import Atom, Binding, Call, Constant, Expr, Function, Module, Var
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
        packing = _packing(value)
        if isinstance(value, Call) and packing is not None:
            bindings += _packed(binding.var, value, packing, target)
        elif isinstance(value, Call) and value.op == "nn.matmul" and _can_tile(value):
            bindings.append(_tiled(binding.var, value, target))
        else:
            bindings.append(Binding(binding.var, value))
    return replace(function, bindings=tuple(bindings))


@dataclass(frozen=True)
class _Packing:
    """How the weights of an operator are packed.

    Attributes
    ----------
    op : str
        The operator on packed weights.
    pack : callable
        ``columns of a panel -> the packed constants``
    bias : tuple of Atom
        The optional last argument.
    attrs : mapping
        Further attributes of `op`.
    """

    op: str
    pack: Callable[[int], Sequence[np.ndarray]]
    bias: tuple[Atom, ...]
    attrs: Mapping[str, object] = field(default_factory=dict)


def _packing(call: Expr) -> _Packing | None:
    """For a product with constant weights; None for others."""
    if not isinstance(call, Call):
        return None
    if call.op == "qnn.dense_blockwise":
        return _blockwise(call)
    weights = call.args[1] if call.op == "nn.dense" else None
    if not isinstance(weights, Constant):
        return None
    array, bias = weights.array, call.args[2:]
    if _of_bytes(call):
        return _Packing("qnn.dense_packed", lambda block: [pack_quad_panels(array, block)], bias)
    if weights.type.dtype == "float32" and call.attrs.out_dtype is None:
        return _Packing("nn.dense_packed", lambda block: [pack_panels(array, block)], bias)
    return None


def _blockwise(call: Call) -> _Packing | None:
    x, *weights = call.args[:4]
    bits, size = call.attrs.bits, call.attrs.block_size
    arrays = [w.array for w in weights if isinstance(w, Constant)]
    assert isinstance(x.type, TensorType)
    depth = x.type.shape[-1]
    if len(arrays) != 3 or x.type.dtype != "float32" or not isinstance(depth, int):
        return None
    if depth % size or size * bits % 32:
        return None
    codes, scales, zero_points = arrays

    def pack(block: int) -> list[np.ndarray]:
        return [pack_codes(codes, bits, block), *pack_scales(scales, zero_points, block)]

    return _Packing("qnn.dense_blockwise_packed", pack, call.args[4:], {"bits": bits, "depth_step": min(32 // bits, 8)})


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


def _packed(var: Var, call: Call, packing: _Packing, target: Target) -> list[Binding]:
    x, weights = call.args[:2]
    assert isinstance(x.type, TensorType) and isinstance(weights.type, TensorType) and isinstance(var.type, TensorType)
    units = weights.type.shape[0]
    assert isinstance(units, int)
    rows = product(x.type.shape[:-1])
    row_tile, block = panel_shape(rows, units, x.type.shape[-1], target)
    constants = [Constant(array, f"{_name(weights)}.packed") for array in packing.pack(block)]
    attrs = {"units": units, "row_tile": row_tile, **packing.attrs}
    result: list[Binding] = []

    def emit(op: str, args: tuple[Atom, ...], name: str, **attrs: object) -> Var:
        full = relay_op.complete_attrs(relay_op.get(op), attrs)
        made = Var(name, relay_op.infer_type(op, full, [a.type for a in args]), call.location)
        result.append(Binding(made, Call(op, args, full, call.location)))
        return made

    if x.type.rank == 2:
        full = relay_op.complete_attrs(relay_op.get(packing.op), attrs)
        result.append(Binding(var, Call(packing.op, (x, *constants, *packing.bias), full, call.location)))
        return result
    x = emit("reshape", (x,), f"{var.name}.rows", shape=(rows, x.type.shape[-1]))
    flat = emit(packing.op, (x, *constants, *packing.bias), f"{var.name}.flat", **attrs)
    full = relay_op.complete_attrs(relay_op.get("reshape"), {"shape": var.type.shape})
    result.append(Binding(var, Call("reshape", (flat,), full, call.location)))
    return result


def _name(atom: Atom) -> str:
    return atom.name or ""


def _run(module: Module, context: PassContext) -> Module:
    target = context.target
    if target is None or target.vector_bits == 0 or target.kernel_format == "c":
        return module
    return map_functions(module, partial(_pack, target))


pack_weights = Pass("pack_weights", 3, _run)
