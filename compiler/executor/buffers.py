"""What a program is built on: buffers with their lifetimes, and the run-time symbols that are known at a place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..kernel.kernel import Kernel
from ..relay.dimension import Dim, Dimension
from ..relay.expr import Atom, Module, Var
from ..relay.run_time import Condition, is_run_time
from ..relay.types import TensorType, TupleType, Type
from .program import AssignStep, Buffer, CheckStep, CopyStep, ReserveStep, Step


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
    """

    module: Module
    kernels: Mapping[str, Kernel]
    symbols: tuple[str, ...]
    alignment: int
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
        buffer = Buffer("block" if is_run_time(size) else "arena", size, scope=self.scope)
        self.arena.append(buffer)
        return buffer

    def reserve(self, buffer: Buffer, size: Dimension | None = None, kept: Dimension = 0) -> None:
        """Have memory for a buffer that is written now, if it is the heap's."""
        self.write(buffer)
        if buffer.kind == "block":
            self.steps.append(ReserveStep(buffer, buffer.size if size is None else size, kept))

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
        self.steps.append(CopyStep(destination, source, comment))

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

    @contextmanager
    def nested(self, steps: list[Step]) -> Any:
        """Inside: other steps; symbols and checks of their own."""
        outer, known, checked = self.steps, set(self.known), set(self.checked)
        self.steps = steps
        yield
        self.steps, self.known, self.checked = outer, known, checked

    def number_blocks(self) -> int:
        """Give blocks to buffers of the heap: one serves several that are not alive at the same time."""
        last: list[int] = []
        for buffer in sorted((b for b in self.arena if b.kind == "block" and b.parent is None), key=lambda b: b.first):
            free = [i for i, end in enumerate(last) if end < buffer.first]
            buffer.index = free[0] if free else len(last)
            last[buffer.index : buffer.index + 1] = [buffer.last]
        return len(last)


def dims_of(type_: Type) -> list[Dimension]:
    """All dimensions in a type, in order."""
    if isinstance(type_, TupleType):
        return [dim for part in type_.fields for dim in dims_of(part)]
    return list(type_.shape) if isinstance(type_, TensorType) else []
