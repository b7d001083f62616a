"""Results with a border: what a kernel computes lies in the middle of a larger buffer (see transform/halo.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .tvm_api import HALO, HALO_VALUE, TensorLoad, structural_map, tirx


def store_in_middle(func: Any) -> Any:
    """Make the output with a halo as large as it is, and shift the indices into it. Before buffers are flattened.

    The border is filled first, unless it is there already (a result that takes its argument's memory).
    """
    if not func.attrs or HALO not in func.attrs:
        return func
    place, *amounts, clear = (int(i) for i in func.attrs[HALO])
    rank = len(amounts) // 2
    before, after = amounts[:rank], amounts[rank:]
    small = func.params[place]
    shape = [b + d + a for b, d, a in zip(before, small.shape, after, strict=True)]
    large = tirx.decl_buffer(shape, small.dtype, small.name)

    def shifted(indices: Sequence[Any]) -> list[Any]:
        return [i + b if b else i for i, b in zip(indices, before, strict=True)]

    def load(expr: Any) -> Any:
        return tirx.BufferLoad(large, shifted(expr.indices)) if expr.source.same_as(small) else expr

    def store(statement: Any) -> Any:
        if not statement.buffer.same_as(small):
            return statement
        return tirx.BufferStore(large, statement.value, shifted(statement.indices))

    body = structural_map(func.body, [(TensorLoad, load), (tirx.BufferStore, store)])
    if clear:
        body = tirx.SeqStmt([*_border(large, before, after, func.attrs[HALO_VALUE]), body])
    params = [large if p.same_as(small) else p for p in func.params]
    return tirx.PrimFunc(params, body, func.ret_type, func.attrs)


def _border(buffer: Any, before: Sequence[int], after: Sequence[int], value: Any) -> list[Any]:
    """Loops that fill the border: for each axis what lies outside, within the middle of the axes before it."""
    statements = []
    for axis, (low, high) in enumerate(zip(before, after, strict=True)):
        for start, length in ((0, low), (buffer.shape[axis] - high, high)):
            if length == 0:
                continue
            starts = [*before[:axis], start, *([0] * (len(before) - axis - 1))]
            inner = [d - b - a for d, b, a in zip(buffer.shape, before, after, strict=True)][:axis]
            extents = [*inner, length, *list(buffer.shape)[axis + 1 :]]
            variables = [tirx.Var(f"border{i}", "int32") for i in range(len(extents))]
            statement: Any = tirx.BufferStore(buffer, value, [s + v for s, v in zip(starts, variables, strict=True)])
            for variable, extent in reversed(list(zip(variables, extents, strict=True))):
                statement = tirx.For(variable, 0, extent, tirx.ForKind.SERIAL, statement)
            statements.append(statement)
    return statements
