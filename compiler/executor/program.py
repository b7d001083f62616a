"""Fused Relay module + kernels -> a program: buffers, and steps that run kernels on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .. import op as relay_op
from ..diagnostics import CompileError
from ..kernel.kernel import Kernel
from ..memory.plan import Lifetime, Plan, plan
from ..relay.dimension import Dimension
from ..relay.expr import (
    Atom,
    Binding,
    Call,
    Constant,
    Function,
    GlobalVar,
    If,
    Module,
    Tuple,
    TupleGetItem,
    Var,
    While,
)
from ..relay.types import TensorType, TupleType, tensor_fields


@dataclass(eq=False)
class Buffer:
    """Memory of a tensor.

    Attributes
    ----------
    kind : str
        ``input``, ``output`` (the caller's), ``weight``, ``strings`` (a constant of them) or ``arena``.
    size : Dimension
        Bytes.
    index : int
        Position among the inputs or outputs; position in the plan for the arena's.
    first, last : int
        Steps between which an arena buffer is alive.
    parent, offset : Buffer or None, Dimension
        The buffer that this one is a part of, and where in it, in bytes.
    """

    kind: str
    size: Dimension
    index: int = -1
    constant: Constant | None = None
    first: int = -1
    last: int = -1
    parent: Buffer | None = None
    offset: Dimension = 0

    def place(self) -> tuple[Buffer, Dimension]:
        """The buffer with memory of its own that this one lies in, and where."""
        if self.parent is None:
            return self, 0
        root, offset = self.parent.place()
        return root, offset + self.offset


@dataclass(frozen=True)
class KernelStep:
    """Run a kernel; arguments are inputs, outputs, workspaces."""

    kernel: Kernel
    arguments: tuple[Buffer, ...]
    comment: str


@dataclass(frozen=True)
class CopyStep:
    """Copy a whole buffer."""

    destination: Buffer
    source: Buffer
    comment: str


@dataclass(frozen=True)
class IfStep:
    """Run one of two lists of steps, by a bool in a buffer."""

    condition: Buffer
    then_steps: tuple[Step, ...]
    else_steps: tuple[Step, ...]
    comment: str


Step = KernelStep | CopyStep | IfStep


@dataclass(frozen=True)
class Program:
    """A model as steps on buffers.

    Attributes
    ----------
    weights : tuple of Constant
        Distinct constants, in order of first use.
    weight_offsets : dict
        Constant digest -> byte offset in the weight blob.
    strings : tuple of Constant
        Distinct constants of strings, which are no weights: they hold addresses.
    keys : tuple
        For each output the keys of the maps that its rows are, empty where they are none; empty where none are.
    makes_text : bool
        Its kernels make strings, which need memory of their own.
    input_maps : tuple
        For each input the map that it is the keys, or then the values, of, or nothing; empty where there are none.
    """

    name: str
    inputs: tuple[Var, ...]
    output_names: tuple[str, ...]
    output_types: tuple[TensorType, ...]
    symbols: tuple[str, ...]
    steps: tuple[Step, ...]
    plan: Plan
    arena_buffers: tuple[Buffer, ...]
    weights: tuple[Constant, ...]
    weight_offsets: Mapping[str, int]
    weights_size: int
    strings: tuple[Constant, ...] = ()
    keys: tuple[tuple[int | str, ...], ...] = ()
    makes_text: bool = False
    input_maps: tuple[str, ...] = ()


def build_program(module: Module, kernels: Mapping[str, Kernel], symbols: Sequence[str], alignment: int) -> Program:
    """Order a fused module into steps and place its buffers.

    Parameters
    ----------
    module : Module
        After fusion: main binds calls of primitive functions, views, tuples and Ifs.
    kernels : mapping
        Name of a primitive function -> its kernel.
    symbols : sequence of str
        The model's symbols in the order of the interface.
    alignment : int
        Of buffers in the arena and of weights, in bytes.
    """
    return _Builder(module, kernels, tuple(symbols), alignment).run()


@dataclass
class _Builder:
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

    def run(self) -> Program:
        main = self.module.main
        for index, param in enumerate(main.params):
            if not isinstance(param.type, TensorType):
                raise CompileError(f"the input has the type {param.type}", param.location, expected="a tensor")
            self.values[param] = [Buffer("input", param.type.byte_size, index)]
        types = tensor_fields(main.result.type)
        steps = self.function(main)
        steps += self.deliver(self.atom(main.result), types, main.attrs["outputs"])
        for buffer in self.arena:
            if buffer.first < 0:  # never written: nothing reads it either
                buffer.first = buffer.last = 0
        living = [b for b in self.arena if b.kind == "arena" and b.parent is None]
        for index, buffer in enumerate(living):
            buffer.index = index
        placed = plan([Lifetime(b.size, b.first, b.last) for b in living], self.alignment)
        offsets, size = {}, 0
        for digest, buffer in self.weights.items():
            assert isinstance(buffer.size, int)
            offsets[digest] = size
            size = (size + buffer.size + self.alignment - 1) // self.alignment * self.alignment
        weights = tuple(b.constant for b in self.weights.values() if b.constant is not None)
        return Program(
            self.module.name,
            main.params,
            tuple(main.attrs["outputs"]),
            types,
            self.symbols,
            tuple(steps),
            placed,
            tuple(living),
            weights,
            offsets,
            size,
            tuple(b.constant for b in self.strings.values() if b.constant is not None),
            main.attrs.get("keys", ()),
            any(kernel.makes_text for kernel in self.kernels.values()),
            main.attrs.get("input_maps", ()),
        )

    def deliver(self, results: list[Buffer], types: Sequence[TensorType], names: Sequence[str]) -> list[Step]:
        """Bring the results into the caller's memory: kernels write there where they can, else by a copy."""
        copies: list[Step] = []
        for index, (buffer, type_, name) in enumerate(zip(results, types, names, strict=True)):
            if buffer.kind == "arena" and buffer.parent is None and buffer.size == type_.byte_size:
                buffer.kind, buffer.index = "output", index
                continue
            self.read(buffer)
            copies.append(CopyStep(Buffer("output", type_.byte_size, index), buffer, name))
        self.step += 1
        return copies

    def function(self, function: Function) -> list[Step]:
        steps: list[Step] = []
        for binding in function.bindings:
            steps += self.binding(binding)
        return steps

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
        buffer = Buffer("arena", size)
        self.arena.append(buffer)
        return buffer

    def read(self, buffer: Buffer) -> None:
        root, _ = buffer.place()
        root.last = max(root.last, self.step)

    def write(self, buffer: Buffer) -> None:
        root, _ = buffer.place()
        if root.first < 0:
            root.first = self.step
        root.last = max(root.last, self.step)

    def binding(self, binding: Binding) -> list[Step]:
        value, var = binding.value, binding.var
        if isinstance(value, (Var, Constant)):
            self.values[var] = self.atom(value)
        elif isinstance(value, Tuple):
            self.values[var] = [self.one(f) for f in value.fields]
        elif isinstance(value, TupleGetItem):
            self.values[var] = [self.values[value.tuple][value.index]]
        elif isinstance(value, If):
            return [self.branch(var, value)]
        elif isinstance(value, While):
            raise CompileError("loops are not supported yet", value.location)
        elif isinstance(value.op, GlobalVar):
            return [self.call(var, value, value.op)]
        elif relay_op.get(value.op).view:
            self.values[var] = [self.one(value.args[0])]
        else:
            assert relay_op.get(value.op).contiguous is not None, f"{value.op} was not fused into a kernel"
            return self.split(var, value) if isinstance(var.type, TupleType) else self.join(var, value)
        return []

    def split(self, var: Var, call: Call) -> list[Step]:
        """Parts of a buffer, one after the other."""
        source = self.one(call.args[0])
        offset: Dimension = 0
        parts: list[Buffer] = []
        for type_ in tensor_fields(var.type):
            parts.append(Buffer(source.kind, type_.byte_size, parent=source, offset=offset))
            offset = offset + type_.byte_size
        self.values[var] = parts
        return []

    def join(self, var: Var, call: Call) -> list[Step]:
        """One buffer out of several: they move into it; what cannot (inputs, weights, parts of others) is copied."""
        assert isinstance(var.type, TensorType)
        whole = self.new(var.type.byte_size)
        copies: list[Step] = []
        offset: Dimension = 0
        for atom in call.args:
            (source,) = self.atom(atom)
            if source.kind == "arena" and source.parent is None and source.first >= 0:
                first = source.first if whole.first < 0 else min(whole.first, source.first)
                whole.first, whole.last = first, max(whole.last, source.last)
                source.parent, source.offset = whole, offset
            else:
                self.read(source)
                target = Buffer("arena", source.size, parent=whole, offset=offset)
                copies.append(CopyStep(target, source, comment_of(self.module, call)))
            offset = offset + source.size
        self.write(whole)
        self.step += 1
        self.values[var] = [whole]
        return copies

    def call(self, var: Var, call: Call, target: GlobalVar) -> Step:
        kernel = self.kernels[target.name]
        inputs = [self.one(a) for a in call.args]
        if kernel.inplace is None:
            results = outputs = [self.new(t.byte_size) for t in kernel.outputs]
        else:
            results, outputs = [inputs[kernel.inplace]], []
            assert results[0].place()[0].kind == "arena", "only a kernel's own result may be overwritten"
        workspaces = [self.new(size) for size in kernel.workspaces]
        for buffer in inputs:
            self.read(buffer)
        for buffer in [*results, *workspaces]:
            self.write(buffer)
        self.step += 1
        self.values[var] = results
        return KernelStep(kernel, (*inputs, *outputs, *workspaces), comment_of(self.module, call))

    def branch(self, var: Var, value: If) -> Step:
        condition = self.one(value.condition)
        self.read(condition)
        self.step += 1
        start = self.step
        results = [self.new(t.byte_size) for t in tensor_fields(var.type)]
        for result in results:
            result.first = start
        branches = []
        for function in (value.then_branch, value.else_branch):
            steps = self.function(function)
            for result, source in zip(results, self.atom(function.result), strict=True):
                self.read(source)
                steps.append(CopyStep(result, source, "result of the branch"))
            self.step += 1
            branches.append(tuple(steps))
        for result in results:
            self.write(result)
        self.step += 1
        self.values[var] = results
        return IfStep(condition, branches[0], branches[1], value.location.node)


def comment_of(module: Module, call: Call) -> str:
    """Names of the ONNX nodes behind a kernel call."""
    if isinstance(call.op, GlobalVar):
        names = [
            b.value.location.node
            for b in module.functions[call.op.name].bindings
            if isinstance(b.value, Call) and b.value.location.node
        ]
        named = call.location.node or ", ".join(dict.fromkeys(names))
        return named
    return call.location.node
