"""What a program is built on: buffers with their lifetimes, and the run-time symbols that are known at a place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from typing import Any

from ..diagnostics import CompileError
from ..kernel.kernel import Kernel
from ..relay.dimension import Dim, Dimension, bounds, lower_bound, product
from ..relay.dimension import symbols as symbols_of
from ..relay.expr import Atom, Module, Var
from ..relay.run_time import NOTHING_KNOWN, Condition, Greatest, assume_greatest, is_run_time, symbol_range
from ..relay.types import TensorType, TupleType, Type
from .program import AssignStep, Buffer, CheckStep, CopyStep, ReserveStep, Step, ValueStep

INT32_MAX = 2**31 - 1

#: A buffer whose size the run decides lies in the arena where it cannot be larger than this, in bytes; a larger one is
#: the heap's, since it is seldom as large as it can be. With bounds for symbols, and on targets without a heap, all
#: that have a worst case lie in the arena.
LARGEST_WORST_CASE = 1 << 20


@dataclass
class Memory:
    """Buffers and steps of a program under construction.

    Attributes
    ----------
    values : dict
        Where each variable lies.
    arena : list of Buffer
        All buffers of the arena and the heap.
    step : int
        Counts steps; lifetimes are in this time.
    scope : int
        The loop whose body is being built.
    known : set of str
        Symbols that have values here.
    checked : set of Condition
        What has been checked on the way here.
    run_time : dict
        All run-time symbols, in order.
    states, uninitialized : set of Buffer
        Those that carry a loop's state; those that hold nothing yet.
    uses : Counter
        How often each variable is used.
    greatest : Greatest
        How large symbols can be here, as far as it is known: by the bounds, and by what has been checked on the way.
    made_in : dict
        Sequences and optional values that an operator has made, or that a loop carries: the loop in whose body.
    """

    module: Module
    kernels: Mapping[str, Kernel]
    symbols: tuple[str, ...]
    alignment: int
    bounds: Mapping[str, int] = field(default_factory=dict)
    largest_worst_case: int = LARGEST_WORST_CASE
    values: dict[Var, list[Buffer]] = field(default_factory=dict)
    arena: list[Buffer] = field(default_factory=list)
    weights: dict[str, Buffer] = field(default_factory=dict)
    strings: dict[str, Buffer] = field(default_factory=dict)
    constants: dict[int, Buffer] = field(default_factory=dict)
    step: int = 0
    steps: list[Step] = field(default_factory=list)
    scope: int = 0
    loops: int = 0
    known: set[str] = field(default_factory=set)
    checked: set[Condition] = field(default_factory=set)
    run_time: dict[str, None] = field(default_factory=dict)
    states: set[Buffer] = field(default_factory=set)
    uninitialized: set[Buffer] = field(default_factory=set)
    uses: Counter[Atom] = field(default_factory=Counter)
    greatest: Greatest = NOTHING_KNOWN
    made_in: dict[Var, int] = field(default_factory=dict)

    def atom(self, atom: Atom) -> list[Buffer]:
        if isinstance(atom, Var):
            return self.values[atom]
        if id(atom) not in self.constants:  # digests are slow on large weights: once per object
            if atom.type.dtype == "string":
                buffer = Buffer("strings", atom.type.byte_size, len(self.strings), constant=atom)
                self.constants[id(atom)] = self.strings.setdefault(atom.digest, buffer)
            else:
                buffer = Buffer("weight", atom.type.byte_size, constant=atom)
                self.constants[id(atom)] = self.weights.setdefault(atom.digest, buffer)
        return [self.constants[id(atom)]]

    def one(self, atom: Atom) -> Buffer:
        (buffer,) = self.atom(atom)
        return buffer

    def new(self, size: Dimension) -> Buffer:
        buffer = Buffer("arena", size, scope=self.scope)
        self.settle(buffer)
        self.arena.append(buffer)
        return buffer

    def settle(self, buffer: Buffer) -> None:
        """Decide where a new buffer lies, and how much of the arena it takes."""
        buffer.room = self.worst_case(buffer.size)
        known = buffer.room is not None and buffer.room <= self.largest_worst_case
        buffer.kind = "arena" if known or not is_run_time(buffer.size) else "block"
        if buffer.kind == "block" or isinstance(buffer.size, int):
            buffer.room = None

    def worst_case(self, size: Dimension) -> int | None:
        """How many bytes a size can be at most; None where only the run, or nobody, can tell."""
        with assume_greatest(self.greatest):
            if any(symbol_range(name)[1] == inf for name in symbols_of(size)):
                return None
            _, most = bounds(size)
        if most <= INT32_MAX:
            return max(0, int(most))
        if not is_run_time(size):
            limits = ", ".join(f"{name} = {self.bounds[name]}" for name in sorted(symbols_of(size)))
            raise CompileError(
                f"with {limits} a tensor takes {size} = {int(most)} bytes",
                expected="less than 2147483648",
                remedy="give smaller bounds",
            )
        return None

    def new_value(self) -> Buffer:
        """A slot for a sequence or an optional."""
        buffer = Buffer("value", 0, scope=self.scope)
        self.arena.append(buffer)
        return buffer

    def new_for(self, type_: Type) -> Buffer:
        return self.new(type_.byte_size) if isinstance(type_, TensorType) else self.new_value()

    def reserve(self, buffer: Buffer, size: Dimension | None = None, kept: Dimension = 0) -> None:
        """Have memory for a buffer that is written now, if it is the heap's."""
        self.write(buffer)
        size = buffer.size if size is None else size
        if buffer.kind == "block" or (is_run_time(size) and self.lower_bound(size) < 0):
            self.steps.append(ReserveStep(buffer, size, kept))

    def read(self, buffer: Buffer) -> None:
        root, _ = buffer.place()
        root.last = max(root.last, self.step)

    def write(self, buffer: Buffer) -> None:
        root, _ = buffer.place()
        if root.first < 0:
            root.first = self.step
        root.last = max(root.last, self.step)

    def copy(self, destination: Buffer, source: Buffer, comment: str) -> None:
        self.read(source)
        self.write(destination)
        if destination.kind == "value":
            kind = "borrow" if source.kind == "input" else "copy"
            self.steps.append(ValueStep(kind, destination, source, None, (), comment))
        else:
            self.steps.append(CopyStep(destination, source, comment))

    def hand_over(self, destination: Buffer, source: Buffer, since: int, comment: str) -> None:
        """A copy of what nothing reads any more where it was made at a step or later."""
        if destination.kind == source.kind == "value" and source.first >= since:
            self.read(source)
            self.write(destination)
            self.steps.append(ValueStep("move", destination, source, None, (), comment))
        else:
            self.copy(destination, source, comment)

    # Symbols

    def define(self, symbols: Iterable[str]) -> None:
        for symbol in sorted(symbols):
            self.known.add(symbol)
            self.run_time[symbol] = None

    def check(self, conditions: Iterable[Condition], comment: str) -> None:
        """Check what the run has not checked on the way here."""
        new = tuple(c for c in dict.fromkeys(conditions) if c not in self.checked)
        self.checked.update(new)
        if new:
            self.steps.append(CheckStep(new, comment))
        for condition in new:
            self.learn(condition)

    # Bounds

    def lower_bound(self, dim: Dimension) -> float:
        with assume_greatest(self.greatest):
            return lower_bound(dim)

    def upper_bound(self, dim: Dimension) -> float:
        with assume_greatest(self.greatest):
            return bounds(dim)[1]

    def learn(self, condition: Condition) -> None:
        """Bounds of symbols that follow from a condition which holds from here on."""
        if condition.where != 1:
            return
        if condition.kind in ("equal", "at most"):
            self.limit(condition.left, condition.right)
        if condition.kind == "equal":
            self.limit(condition.right, condition.left)

    def limit(self, dim: Dimension, most: Dimension) -> None:
        """A dimension is no greater than another."""
        if not isinstance(dim, Dim) or len(dim.terms) != 1:
            return
        ((monomial, coefficient),) = dim.terms.items()
        names = [atom.name for atom in monomial if atom.kind == "sym"]
        if coefficient < 1 or len(names) != len(monomial) or any(symbol_range(name)[0] < 0 for name in names):
            return
        found = [(names, self.upper_bound(most) / coefficient)]
        for name in dict.fromkeys(names):  # alone, where the others are at least 1
            others = [other for other in names if other != name]
            if names.count(name) == 1 and others and all(symbol_range(other)[0] >= 1 for other in others):
                rest = coefficient * product(map(Dim.symbol, others))
                found.append(([name], self.upper_bound(most // rest)))
        for key, value in found:
            if value != inf:
                self.greatest = self.greatest.with_product(key, value // 1)

    def assign(self, symbols: Iterable[str], values: Iterable[Dimension]) -> None:
        """Symbols have values, all at once."""
        pairs = [(symbol, self.upper_bound(value)) for symbol, value in zip(symbols, values, strict=True)]
        for symbol, most in pairs:
            if most != inf and symbol_range(symbol)[0] >= 0:
                self.greatest = self.greatest.with_product([symbol], most)

    # Matching types

    def match(self, pairs: Sequence[tuple[Type, Type]], free: Iterable[str], comment: str) -> None:
        """Give free symbols the values under which types become those of actual values."""
        values: dict[str, Dimension] = {}
        conditions = []
        names = set(free)
        for wanted, actual in pairs:
            for left, right in zip(dims_of(wanted), dims_of(actual), strict=True):
                name = next((n for n in names if left == Dim.symbol(n)), None)
                if name is not None and name not in values:
                    values[name] = right
                elif name is not None and values[name] != right:
                    conditions.append(Condition("equal", values[name], right))
        if conditions:
            self.steps.append(CheckStep(tuple(conditions), comment))
        if values:
            self.steps.append(AssignStep(tuple(values), tuple(values.values()), False, comment))
            self.assign(values, values.values())

    @contextmanager
    def nested(self, steps: list[Step]) -> Any:
        """Inside: other steps; symbols, checks and bounds of their own."""
        outer, known, checked, greatest = self.steps, set(self.known), set(self.checked), self.greatest
        self.steps = steps
        yield
        self.steps, self.known, self.checked, self.greatest = outer, known, checked, greatest

    def number_blocks(self, kind: str = "block") -> int:
        """Give blocks, or slots, to buffers of the heap: one serves several that are not alive at the same time."""
        last: list[int] = []
        for buffer in sorted((b for b in self.arena if b.kind == kind and b.parent is None), key=lambda b: b.first):
            free = [i for i, end in enumerate(last) if end < buffer.first]
            buffer.index = free[0] if free else len(last)
            last[buffer.index : buffer.index + 1] = [buffer.last]
        return len(last)


def dims_of(type_: Type) -> list[Dimension]:
    """All dimensions in a type, in order."""
    if isinstance(type_, TupleType):
        return [dim for part in type_.fields for dim in dims_of(part)]
    return list(type_.shape) if isinstance(type_, TensorType) else []
