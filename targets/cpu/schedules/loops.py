"""Loops written by hand, for what schedule primitives cannot make: tiles of several sizes, sums in registers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any

from onnxc.kernel.tvm_api import EXACT_ARRAYS, TensorLoad, structural_map, tirx

Body = Callable[[Any], Any]


def sequence(*statements: Any) -> Any:
    """Statements one after the other."""
    if not statements:
        return tirx.Evaluate(index(0))
    return statements[0] if len(statements) == 1 else tirx.SeqStmt(list(statements))


def index(value: Any) -> Any:
    """An int32 expression."""
    return tirx.const(value, "int32") if isinstance(value, int) else value


def _loop(extent: Any, body: Body, kind: Any, name: str, annotations: Mapping[str, Any] | None = None) -> Any:
    if isinstance(extent, tirx.IntImm):
        extent = int(extent)
    if isinstance(extent, int) and extent == 1 and kind != tirx.ForKind.PARALLEL:
        return body(index(0))
    var = tirx.Var(name, "int32")
    return tirx.For(var, index(0), index(extent), kind, body(var), annotations=dict(annotations or {}))


def serial(extent: Any, body: Body, name: str = "i", annotations: Mapping[str, Any] | None = None) -> Any:
    return _loop(extent, body, tirx.ForKind.SERIAL, name, annotations)


def unrolled(extent: int, body: Body, name: str = "u") -> Any:
    return _loop(extent, body, tirx.ForKind.UNROLLED, name)


def vectorized(lanes: int, body: Body, name: str = "lane") -> Any:
    return _loop(lanes, body, tirx.ForKind.VECTORIZED, name)


def parallel(extents: Sequence[Any], body: Callable[..., Any], name: str = "task") -> Any:
    """A loop over all combinations of indices below the extents, the last one fastest, that threads share."""
    total: Any = index(1)
    for extent in extents:
        total = total * extent

    def task(number: Any) -> Any:
        indices: list[Any] = []
        for extent in reversed(extents[1:]):
            one = isinstance(extent, (int, tirx.IntImm)) and int(extent) == 1
            indices.append(index(0) if one else tirx.floormod(number, extent))
            number = number if one else tirx.floordiv(number, extent)
        return body(number, *reversed(indices))

    return _loop(total, task, tirx.ForKind.PARALLEL, name)


class Local:
    """A local array.

    Parameters
    ----------
    registers : bool
        All indices are constants once loops are unrolled. TVM then must not let the array share memory with others, so
        that LLVM makes registers of it.
    """

    def __init__(self, size: int, name: str, dtype: str = "float32", registers: bool = False) -> None:
        self.buffer = tirx.decl_buffer((size,), dtype, name, scope="local" if registers else "global")
        self.allocation = tirx.AllocBuffer(self.buffer)
        self._start = 0

    def part(self, start: int) -> Local:
        """What begins at an element of the array."""
        part = copy(self)
        part._start = self._start + start
        return part

    def load(self, at: Any) -> Any:
        return tirx.BufferLoad(self.buffer, [index(at) + self._start])

    def store(self, at: Any, value: Any) -> Any:
        return tirx.BufferStore(self.buffer, value, [index(at) + self._start])

    def load_vector(self, lanes: int) -> Any:
        """The first elements as one vector."""
        return tirx.BufferLoad(self.buffer, [tirx.Ramp(index(self._start), index(1), lanes)])

    def store_vector(self, value: Any, lanes: int) -> Any:
        return tirx.BufferStore(self.buffer, value, [tirx.Ramp(index(self._start), index(1), lanes)])


def substitute(node: Any, variables: Mapping[Any, Any], loads: Mapping[Any, Any]) -> Any:
    """An expression or statement with variables and whole loads of some buffers replaced.

    Parameters
    ----------
    variables, loads : mapping
        What stands in the place of a variable, and of a load (of whatever element) of a buffer.
    """

    def load(expr: Any) -> Any:
        return next((value for buffer, value in loads.items() if expr.source.same_as(buffer)), expr)

    rules = ((TensorLoad, load), (tirx.Var, lambda var: variables.get(var, var)))
    return structural_map(node, rules, order="pre")


def with_body(func: Any, statements: Sequence[Any], buffers: Sequence[Any]) -> Any:
    """A function that does these statements and has these intermediate buffers."""
    realize = func.body
    block = realize.block
    head = (block.iter_vars, block.reads, block.writes, block.name_hint, sequence(*statements), block.init)
    changed = type(block)(*head, list(buffers), block.match_buffers, block.annotations)
    func = func.with_body(type(realize)(realize.iter_values, realize.predicate, changed))
    return func.with_attr(EXACT_ARRAYS, True)


def known(extent: Any) -> Any:
    """An extent, as a Python integer where it is known."""
    return int(extent) if isinstance(extent, (int, tirx.IntImm)) else extent


def quotient_up(number: Any, divisor: int) -> Any:
    """The quotient, rounded up."""
    return -(-number // divisor) if isinstance(number, int) else tirx.floordiv(number + (divisor - 1), divisor)


def vectors(length: Any, lanes: int, body: Callable[[Any, int], Any]) -> Any:
    """A loop over whole vectors, and over one of half, a quarter, ... of the lanes for what is left.

    Parameters
    ----------
    length : int or expression
    body : callable
        ``(first element, lanes) -> statement``
    """
    if isinstance(length, int):
        statements = [serial(length // lanes, lambda v: body(v * lanes, lanes), "v")] if length >= lanes else []
        left, done = length % lanes, length // lanes * lanes
        for width in [lanes >> n for n in range(1, lanes.bit_length())]:
            if left & width:
                statements.append(body(index(done), width))
                done += width
        return sequence(*statements)
    statements = [serial(tirx.floordiv(length, lanes), lambda v: body(v * lanes, lanes), "v")]
    for width in [lanes >> n for n in range(1, lanes.bit_length())]:
        first = tirx.bitwise_and(length, index(-2 * width))  # behind the wider ones
        statements.append(tirx.IfThenElse(tirx.bitwise_and(length, index(width)) != 0, body(first, width), None))
    return sequence(*statements)


def row_tile(rows: Any, size: int, row: Any, body: Callable[[Any, int], Any]) -> Any:
    """The tile of so many rows that begins at a row, or narrower ones for the rows that are left.

    Parameters
    ----------
    rows : int or expression
        How many there are.
    size : int
        Rows of a tile, at most 16; `row` is a multiple of it.
    body : callable
        ``(first row, number of rows) -> statement``
    """
    whole = body(row, size)
    if isinstance(rows, int):
        left = rows % size
        if left == 0:
            return whole
        last = body(row, left)
        return last if rows < size else tirx.IfThenElse(row + size <= rows, whole, last)
    rest = rows - row
    parts = []
    for part in [p for p in (8, 4, 2, 1) if p < size]:
        done = tirx.bitwise_and(rest, index(~(2 * part - 1) & 15))  # by the larger ones
        parts.append(tirx.IfThenElse(tirx.bitwise_and(rest, index(part)) != 0, body(row + done, part), None))
    return tirx.IfThenElse(rest >= size, whole, sequence(*parts)) if parts else whole


def column_tile(columns: Any, vectors: int, lanes: int, body: Callable[[int, Any], Any]) -> Any:
    """Some vectors of columns, or fewer where so many columns are not there.

    Parameters
    ----------
    columns : int or expression
        How many there are, from the first of the tile on.
    body : callable
        ``(vectors, columns) -> statement``
    """
    if isinstance(columns, int):
        return body(min(vectors, quotient_up(columns, lanes)), min(columns, vectors * lanes))
    half = vectors // 2
    last = body(vectors, columns)
    if half:
        last = tirx.IfThenElse(columns <= half * lanes, body(half, columns), last)
    return tirx.IfThenElse(columns >= vectors * lanes, body(vectors, vectors * lanes), last)
