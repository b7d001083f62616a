"""What the cost model knows about a candidate: its knobs, and the loops that they lead to.

Numbers by name. Names say the same for every kernel, so that what was learned on one helps with another: loops around
the statement that does most of the work, what it reads, how far from its inner loops a tensor's parts fit into a cache.
Sizes are logarithms to base 2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..kernel.knobs import Decision
from ..kernel.tvm_api import DOT, WORD, Call, TensorLoad, s_tir, tirx

#: Statements that are described, the heaviest first.
STATEMENTS = 2
#: Loops that are described, from inside.
DEPTHS = 8

_KINDS = {
    tirx.ForKind.SERIAL: "serial",
    tirx.ForKind.PARALLEL: "parallel",
    tirx.ForKind.VECTORIZED: "vectorized",
    tirx.ForKind.UNROLLED: "unrolled",
}
#: Multiplications and additions in a dot product of four bytes, besides the addition that the product is part of.
_DOT_OPERATIONS = 7
_BINARY = (tirx.Add, tirx.Sub, tirx.Mul, tirx.Div, tirx.FloorDiv, tirx.FloorMod, tirx.Min, tirx.Max)


@dataclass
class _Access:
    """An element that is read or written: its tensor, the bytes of an element, the loops in each of its indices."""

    buffer: Any
    item: int
    loops: list[frozenset[int]]


@dataclass
class _Statement:
    """A store with the loops around it, outermost first: (kind, extent) each."""

    loops: list[tuple[str, int]]
    store: _Access
    reads: list[_Access]
    operations: int
    calls: int
    accumulates: bool

    @property
    def iterations(self) -> int:
        return math.prod(extent for _, extent in self.loops)

    @property
    def work(self) -> int:
        return self.iterations * (self.operations + 4 * self.calls + 1)


def knob_features(decisions: Sequence[Decision]) -> dict[str, float]:
    """Knobs as numbers: tuples by element and product, others by the number or the place among their options."""
    found: dict[str, float] = {}
    for decision in decisions:
        value, name = decision.chosen, f"knob.{decision.name}"
        if isinstance(value, tuple):
            found |= {f"{name}.{i}": float(part) for i, part in enumerate(value)}
            found[f"{name}.product"] = _log(math.prod(value))
        elif isinstance(value, str):
            found[name] = float(decision.options.index(value))
        else:
            found[name] = float(value)
    return found


def loop_features(func: Any, dims: Mapping[str, int]) -> dict[str, float]:
    """Loops of a scheduled PrimFunc; symbols have the values `dims`."""
    statements = sorted(_statements(func, dims), key=lambda s: s.work, reverse=True)
    total = sum(s.work for s in statements)
    found = {"statements": float(len(statements)), "work": _log(total), "iterations": 0.0}
    found["iterations"] = _log(sum(s.iterations for s in statements))
    found["heaviest"] = statements[0].work / total if total else 0.0
    for index, statement in enumerate(statements[:STATEMENTS]):
        found |= {f"s{index}.{name}": value for name, value in _describe(statement).items()}
    return found


def operation_count(func: Any, dims: Mapping[str, int]) -> int:
    """Operations of a PrimFunc, as it is written: additions, multiplications, divisions, minima, functions."""
    return sum(s.iterations * (s.operations + s.calls) for s in _statements(func, dims))


def _describe(statement: _Statement) -> dict[str, float]:
    loops = statement.loops
    found: dict[str, float] = {
        "operations": float(statement.operations),
        "calls": float(statement.calls),
        "accumulates": float(statement.accumulates),
        "loops": float(len(loops)),
        "reads": float(len(statement.reads)),
    }
    for kind in _KINDS.values():
        found[kind] = _log(math.prod(extent for k, extent in loops if k == kind))
    inner = len(loops)
    vector = {i for i in range(inner) if loops[i][0] == "vectorized"}
    unrolled = vector | {i for i in range(inner) if loops[i][0] == "unrolled"}
    found["registers"] = _log(_footprint([statement.store], loops, unrolled))
    last = vector or {inner - 1}
    for access in statement.reads:
        name = "broadcast"
        if any(access.loops) and access.loops[-1] & last:
            name = "contiguous"
        elif any(loop & last for loop in access.loops[:-1]):
            name = "strided"
        found[name] = found.get(name, 0.0) + 1.0
    accesses = [statement.store, *statement.reads]
    done = 1
    for depth in range(1, DEPTHS + 1):
        inside = set(range(max(0, inner - depth), inner))
        done = math.prod(loops[i][1] for i in inside)
        touched = _footprint(accesses, loops, inside)
        place = f"d{depth}"
        found[f"{place}.extent"] = _log(loops[inner - depth][1]) if depth <= inner else 0.0
        found[f"{place}.bytes"] = _log(touched)
        found[f"{place}.intensity"] = _log(done * max(1, statement.operations)) - _log(touched)
    return found


def _footprint(accesses: Sequence[_Access], loops: Sequence[tuple[str, int]], inside: set[int]) -> int:
    """Bytes of the elements that some loops reach, each tensor once. (Loops in one index count as if independent.)"""
    largest: dict[Any, int] = {}
    for access in accesses:
        elements = 1
        for index, size in zip(access.loops, access.buffer.shape, strict=True):
            reached = math.prod(loops[i][1] for i in index & inside)
            elements *= min(reached, int(size)) if isinstance(size, tirx.IntImm) else reached
        key = str(access.buffer.name)
        largest[key] = max(largest.get(key, 0), elements * access.item)
    return sum(largest.values())


@dataclass
class _Walk:
    """Collects statements; `vars` says in which loops a variable changes."""

    dims: Mapping[str, int]
    found: list[_Statement] = field(default_factory=list)
    loops: list[tuple[str, int]] = field(default_factory=list)
    vars: dict[Any, frozenset[int]] = field(default_factory=dict)

    def visit(self, node: Any) -> None:
        if isinstance(node, tirx.For):
            extent = self.number(node.extent)
            if extent <= 1:
                self.visit(node.body)
                return
            self.vars[_identity(node.loop_var)] = frozenset({len(self.loops)})
            self.loops.append((_KINDS.get(node.kind, "serial"), extent))
            self.visit(node.body)
            self.loops.pop()
        elif isinstance(node, s_tir.stmt.SBlockRealize):
            for axis, value in zip(node.block.iter_vars, node.iter_values, strict=True):
                self.vars[_identity(axis.var)] = self.changing(value)
            self.visit(node.block.body)
        elif isinstance(node, tirx.SeqStmt):
            for part in node.seq:
                self.visit(part)
        elif isinstance(node, tirx.IfThenElse):
            self.visit(node.then_case)
            if node.else_case is not None:
                self.visit(node.else_case)
        elif isinstance(node, tirx.BufferStore):
            self.store(node)
        elif hasattr(node, "body"):
            self.visit(node.body)

    def store(self, node: Any) -> None:
        reads: list[_Access] = []
        counts = [0, 0]
        self.expression(node.value, reads, counts)
        store = self.access(node.buffer, node.indices)
        accumulates = any(read.buffer.same_as(node.buffer) for read in reads)
        self.found.append(_Statement(list(self.loops), store, reads, counts[0], counts[1], accumulates))

    def expression(self, node: Any, reads: list[_Access], counts: list[int]) -> None:
        """Collect what an expression reads, and count its operations and calls."""
        if isinstance(node, TensorLoad):
            reads.append(self.access(node.source, node.indices))
            return
        parts = _children(node)
        name = str(getattr(node.op, "name", "")).removeprefix("tirx.") if isinstance(node, Call) else ""
        if isinstance(node, tirx.Select) or name == "if_then_else":
            # What is chosen depends on the place mostly, and is decided outside of the loops: one side is computed.
            sides = [[0, 0], [0, 0]]
            for part, side in zip(parts[1:], sides, strict=True):
                self.expression(part, reads, side)
            counts[:] = [count + max(pair) for count, pair in zip(counts, zip(*sides, strict=True), strict=True)]
            return
        if name == DOT:
            counts[0] += _DOT_OPERATIONS
        elif isinstance(node, Call) and name != WORD:
            counts[1] += 1
        elif isinstance(node, _BINARY):
            counts[0] += 1
        for part in parts:
            self.expression(part, reads, counts)

    def access(self, buffer: Any, indices: Any) -> _Access:
        item = max(1, _bits(str(buffer.dtype)) // 8)
        return _Access(buffer, item, [self.changing(index) for index in indices])

    def changing(self, node: Any) -> frozenset[int]:
        """The loops in which an expression changes."""
        if isinstance(node, tirx.Var):
            return self.vars.get(_identity(node), frozenset())
        return frozenset().union(*(self.changing(child) for child in _children(node)))

    def number(self, node: Any) -> int:
        """The value of an extent."""
        if isinstance(node, (int, tirx.IntImm)):
            return int(node)
        if isinstance(node, tirx.Var):
            return self.dims.get(str(node.name), 1)
        parts = [self.number(child) for child in _children(node)]
        if len(parts) == 2 and isinstance(node, _BINARY):
            left, right = parts
            return int(
                {
                    tirx.Add: lambda: left + right,
                    tirx.Sub: lambda: left - right,
                    tirx.Mul: lambda: left * right,
                    tirx.Min: lambda: min(left, right),
                    tirx.Max: lambda: max(left, right),
                    tirx.FloorMod: lambda: left % max(1, right),
                }.get(type(node), lambda: left // max(1, right))()
            )
        return max(parts, default=1)


def _statements(func: Any, dims: Mapping[str, int]) -> list[_Statement]:
    walk = _Walk(dims)
    walk.visit(func.body)
    return walk.found


def _children(node: Any) -> list[Any]:
    """Expressions in an expression."""
    if isinstance(node, (*_BINARY, tirx.LT, tirx.GT, tirx.LE, tirx.GE, tirx.EQ, tirx.NE, tirx.And, tirx.Or)):
        return [node.a, node.b]
    if isinstance(node, Call):
        return list(node.args)
    if isinstance(node, tirx.Select):
        return [node.condition, node.true_value, node.false_value]
    if isinstance(node, tirx.Cast):
        return [node.value]
    if isinstance(node, tirx.Not):
        return [node.a]
    if isinstance(node, TensorLoad):
        return list(node.indices)
    return []


def _identity(var: Any) -> int:
    """Variables are compared by identity; their Python objects are not unique."""
    return int(var.__hash__())


def _bits(dtype: str) -> int:
    digits = "".join(c for c in dtype if c.isdigit())
    return int(digits) if digits else 8


def _log(value: float) -> float:
    return math.log2(value) if value > 1 else 0.0
