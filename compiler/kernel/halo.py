"""Results with a border: what a kernel computes lies in the middle of a larger buffer (see transform/halo.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .tvm_api import HALO, HALO_VALUE, TensorLoad, structural_map, structural_walk, tirx

#: Products of rows and tasks stay small numbers.
MOST_TASKS = 1 << 15

#: Channels of a block.
BLOCKS = (4, 8, 16)


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
        body = _with_border(body, large, before, after, func.attrs[HALO_VALUE])
    params = [large if p.same_as(small) else p for p in func.params]
    return tirx.PrimFunc(params, body, func.ret_type, func.attrs)


def _with_border(body: Any, buffer: Any, before: Sequence[int], after: Sequence[int], value: Any) -> Any:
    """The same with the border filled: by the tasks of the loop that threads share, else before everything.

    Each task fills the border of as many rows as fall to it: where tasks are rows in their order, as those of
    convolutions are, a thread has then written itself what it reads in the next kernel.
    """
    tasks = _only_parallel_loop(body)
    axis = next(i for i, amounts in enumerate(zip(before, after, strict=True)) if any(amounts))
    rows = _known(buffer.shape[axis])
    count = None if tasks is None else _known(tasks.extent)
    if tasks is None or count is None or rows is None or not 1 < count <= MOST_TASKS:
        return tirx.SeqStmt([*_border(buffer, before, after, value, []), body])
    first = tirx.floordiv(tasks.loop_var * rows, count)
    last = tirx.floordiv((tasks.loop_var + 1) * rows, count)
    row = tirx.Var("row", "int32")
    outer = [tirx.Var(f"border{i}", "int32") for i in range(axis)]
    indices = [*outer, first + row]
    sides = _border(buffer, before, after, value, indices)
    whole = _fill(buffer, value, indices, [0] * (len(before) - axis - 1), list(buffer.shape)[axis + 1 :])
    outside = tirx.any(first + row < before[axis], first + row >= rows - after[axis])
    fill: Any = tirx.IfThenElse(outside, whole, tirx.SeqStmt(sides) if len(sides) > 1 else sides[0] if sides else None)
    for variable, extent in reversed(list(zip(outer, list(buffer.shape)[:axis], strict=True))):
        fill = tirx.For(variable, 0, extent, tirx.ForKind.SERIAL, fill)
    fill = tirx.For(row, 0, last - first, tirx.ForKind.SERIAL, fill)
    shared = tirx.For(tasks.loop_var, tasks.min, tasks.extent, tasks.kind, tirx.SeqStmt([fill, tasks.body]))
    return structural_map(body, [(tirx.For, lambda loop: shared if loop.same_as(tasks) else loop)], order="pre")


def _only_parallel_loop(body: Any) -> Any | None:
    found: list[Any] = []
    structural_walk(body, (tirx.For, lambda loop: found.append(loop) if loop.kind == tirx.ForKind.PARALLEL else None))
    return found[0] if len(found) == 1 else None


def _known(extent: Any) -> int | None:
    return int(extent) if isinstance(extent, (int, tirx.IntImm)) else None


def _border(buffer: Any, before: Sequence[int], after: Sequence[int], value: Any, within: Sequence[Any]) -> list[Any]:
    """Loops that fill the border: for each axis what lies outside, within the middle of the axes before it.

    Only of that part of the buffer whose first indices are `within`.
    """
    statements = []
    done = len(within)
    for axis in range(done, len(before)):
        low, high = before[axis], after[axis]
        for start, length in ((0, low), (buffer.shape[axis] - high, high)):
            if length == 0:
                continue
            starts = [*before[done:axis], start, *([0] * (len(before) - axis - 1))]
            inner = [d - b - a for d, b, a in zip(buffer.shape, before, after, strict=True)][done:axis]
            extents = [*inner, length, *list(buffer.shape)[axis + 1 :]]
            statements.append(_fill(buffer, value, within, starts, extents))
    return statements


def _fill(buffer: Any, value: Any, within: Sequence[Any], starts: Sequence[Any], extents: Sequence[Any]) -> Any:
    """Loops that store a value into a box of the part of a buffer whose first indices are `within`."""
    variables = [tirx.Var(f"border{len(within) + i}", "int32") for i in range(len(extents))]
    indices = [*within, *(s + v for s, v in zip(starts, variables, strict=True))]
    statement: Any = tirx.BufferStore(buffer, value, indices)
    for variable, extent in reversed(list(zip(variables, extents, strict=True))):
        # A block of channels is a vector. Left to itself, LLVM makes many copies of such loops, for each length of its
        # own: of a convolution with a border of unknown size they were nine tenths of the code.
        vector = variable.same_as(variables[-1]) and _known(extent) in BLOCKS and "x" not in str(buffer.dtype)
        kind = tirx.ForKind.VECTORIZED if vector else tirx.ForKind.SERIAL
        statement = tirx.For(variable, 0, extent, kind, statement)
    return statement
