"""Fused Relay module + kernels -> a program.

Buffers whose size depends on inputs' dimensions alone lie in the arena, which is planned. So do those of which it is
known how large the run can make them; others are blocks of the heap, which grow as they must and are kept for the next
run. Where symbols have bounds, the arena has room for the worst case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

from .. import op as relay_op
from ..kernel.kernel import Kernel
from ..memory.plan import Lifetime, plan
from ..relay.dimension import Dim, Dimension
from ..relay.expr import (
    Attrs,
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
    all_bindings,
    atoms_of,
    defined_symbols,
    subfunctions,
    whole_symbols,
)
from ..relay.run_time import Condition, collect_conditions, is_run_time, is_run_time_symbol, symbol_range
from ..relay.types import TensorType, TupleType, Type, tensor_fields, type_symbols
from .buffers import INT32_MAX, LARGEST_WORST_CASE
from .operator_steps import OperatorSteps, comment_of
from .program import (
    Buffer,
    CopyStep,
    IfStep,
    KernelStep,
    LoopStep,
    Program,
    ResultStep,
    Step,
    ValueResultStep,
    decided_by_run,
)


def build_program(
    module: Module,
    kernels: Mapping[str, Kernel],
    symbols: Sequence[str],
    alignment: int,
    bounds: Mapping[str, int] | None = None,
    heap: bool = True,
) -> Program:
    """Order a fused module into steps and place its buffers.

    Parameters
    ----------
    module : Module
        After fusion: main binds calls of primitive functions, views, tuples, branches, loops, and calls of operators
        that are steps.
    kernels : mapping
        Name of a primitive function -> its kernel.
    symbols : sequence of str
        The model's symbols in the order of the interface.
    alignment : int
        Of buffers in the arena and of weights, in bytes.
    bounds : mapping, optional
        The greatest values of symbols; runs refuse others.
    heap : bool
        There is one. It is used nevertheless where nothing else will do.

    Raises
    ------
    CompileError
        A tensor is too large where symbols have the greatest values.
    """
    largest = LARGEST_WORST_CASE if heap and not bounds else INT32_MAX
    return _Builder(module, kernels, tuple(symbols), alignment, dict(bounds or {}), largest).run()


class _Builder(OperatorSteps):
    def run(self) -> Program:
        main = self.module.main
        self.known.update(self.symbols)
        for symbol, most in self.bounds.items():
            self.greatest = self.greatest.with_product([symbol], most)
        for binding in all_bindings(main):
            self.uses.update(a for a in atoms_of(binding.value) if isinstance(a, Var))
            self.uses.update(sub.result for sub in subfunctions(binding.value))
        self.uses[main.result] += 1
        for index, param in enumerate(main.params):
            size = param.type.byte_size if isinstance(param.type, TensorType) else 0
            self.values[param] = [Buffer("input", size, index)]
        self.function(main)
        types = main.result.type.fields if isinstance(main.result.type, TupleType) else (main.result.type,)
        self.deliver(self.atom(main.result), types, main.attrs["outputs"])
        for buffer in self.arena:
            if buffer.first < 0:  # never written: nothing reads it either
                buffer.first = buffer.last = 0
        living = [b for b in self.arena if b.kind == "arena" and b.parent is None]
        for index, buffer in enumerate(living):
            buffer.index = index
        rooms = [b.size if b.room is None else b.room for b in living]
        placed = plan([Lifetime(r, b.first, b.last) for r, b in zip(rooms, living, strict=True)], self.alignment)
        blocks, slots = self.number_blocks(), self.number_blocks("value")
        offsets, size = {}, 0
        for digest, buffer in self.weights.items():
            assert isinstance(buffer.size, int)
            offsets[digest] = size
            size = (size + buffer.size + self.alignment - 1) // self.alignment * self.alignment
        return Program(
            self.module.name,
            main.params,
            tuple(main.attrs["outputs"]),
            types,
            self.symbols,
            tuple(self.steps),
            placed,
            tuple(living),
            tuple(b.constant for b in self.weights.values() if b.constant is not None),
            offsets,
            size,
            tuple(b.constant for b in self.strings.values() if b.constant is not None),
            main.attrs.get("keys", ()),
            any(kernel.makes_text for kernel in self.kernels.values()),
            main.attrs.get("input_maps", ()),
            tuple(self.run_time),
            blocks,
            self.bounds,
            slots,
        )

    # Results

    def deliver(self, results: list[Buffer], types: Sequence[Type], names: Sequence[str]) -> None:
        """Bring the results into the caller's memory: kernels write there where they can, else by a copy.

        Those whose shape the run decides stay where they are; the caller is told.
        """
        for index, (buffer, type_, name) in enumerate(zip(results, types, names, strict=True)):
            if not isinstance(type_, TensorType):
                self.read(buffer)
                self.steps.append(ValueResultStep(index, buffer))
                continue
            if decided_by_run(type_):
                self.read(buffer)
                self.steps.append(ResultStep(index, buffer, type_.shape))
                continue
            if buffer.kind == "arena" and buffer.parent is None and buffer.size == type_.byte_size:
                buffer.kind, buffer.index = "output", index
                continue
            self.read(buffer)
            self.steps.append(CopyStep(Buffer("output", type_.byte_size, index), buffer, name))
        self.step += 1

    # Steps

    def function(self, function: Function) -> None:
        for binding in function.bindings:
            self.binding(binding)

    def binding(self, binding: Binding) -> None:
        value, var = binding.value, binding.var
        if isinstance(value, (Var, Constant)):
            self.values[var] = self.atom(value)
        elif isinstance(value, Tuple):
            self.values[var] = [self.one(f) for f in value.fields]
        elif isinstance(value, TupleGetItem):
            self.values[var] = [self.values[value.tuple][value.index]]
        elif isinstance(value, If):
            self.branch(binding, value)
        elif isinstance(value, While):
            self.loop(binding, value)
        elif isinstance(value.op, GlobalVar):
            self.call(var, value, value.op)
        else:
            self.operator(binding, value)

    def operator(self, binding: Binding, call: Call) -> None:
        """An operator that is no kernel."""
        assert isinstance(call.op, str)
        var, op = binding.var, relay_op.get(call.op)
        self.check(_conditions(call), call.location.node)
        if op.view:
            source = self.one(call.args[0])
            assert isinstance(var.type, TensorType)
            size = var.type.byte_size
            if op.name == "prefix" and size != source.size:
                source = Buffer(source.kind, size, parent=source)
            self.values[var] = [source]
        elif op.step:
            getattr(self, f"_{op.name.replace('.', '_')}")(var, call)
            self.define(defined_symbols(binding, self.known))
        else:
            assert op.contiguous is not None, f"{call.op} was not fused into a kernel"
            if isinstance(var.type, TupleType):
                self.split(var, call)
            else:
                self.join(var, call)

    def split(self, var: Var, call: Call) -> None:
        """Parts of a buffer, one after the other."""
        source = self.one(call.args[0])
        offset: Dimension = 0
        parts: list[Buffer] = []
        for type_ in tensor_fields(var.type):
            parts.append(Buffer(source.kind, type_.byte_size, parent=source, offset=offset))
            offset = offset + type_.byte_size
        self.values[var] = parts

    def join(self, var: Var, call: Call) -> None:
        """One buffer out of several: they move into it; what cannot (inputs, weights, parts of others) is copied."""
        assert isinstance(var.type, TensorType)
        whole = self.new(var.type.byte_size)
        self.reserve(whole)
        offset: Dimension = 0
        for atom in call.args:
            (source,) = self.atom(atom)
            if self._may_move(source, whole) and not is_run_time(offset):  # when it is written, that is not known
                whole.first, whole.last = min(whole.first, source.first), max(whole.last, source.last)
                source.parent, source.offset = whole, offset
            else:
                target = Buffer(whole.kind, source.size, parent=whole, offset=offset)
                self.copy(target, source, comment_of(self.module, call))
            offset = offset + source.size
        self.write(whole)
        self.step += 1
        self.values[var] = [whole]

    def _may_move(self, source: Buffer, whole: Buffer) -> bool:
        """Not into the heap, whose blocks get their size later; nor from outside into a loop, which would lose it."""
        ours = source.kind == whole.kind == "arena" and source.parent is None and source.first >= 0
        return ours and source.scope == whole.scope and source not in self.states

    def call(self, var: Var, call: Call, target: GlobalVar) -> None:
        kernel = self.kernels[target.name]
        comment = comment_of(self.module, call)
        for binding in self.module.functions[target.name].bindings:
            if isinstance(binding.value, Call):
                self.check(_conditions(binding.value), comment)
        inputs = [self.one(a) for a in call.args]
        if kernel.inplace is None:
            results = outputs = [self.new(t.byte_size) for t in kernel.outputs]
        else:
            results, outputs = [inputs[kernel.inplace]], []
            kind = results[0].place()[0].kind
            assert kind in ("arena", "block"), "only a kernel's own result may be overwritten"
        workspaces = [self.new(size) for size in kernel.workspaces]
        for buffer in inputs:
            self.read(buffer)
        for buffer in [*outputs, *workspaces]:
            self.reserve(buffer)
        for buffer in results:
            self.write(buffer)
        self.step += 1
        self.values[var] = results
        elements: Dimension = sum((t.size for t in kernel.outputs), 0)
        if self.lower_bound(elements) >= 1 or elements == 0:  # of nothing static there is code that does nothing
            elements = 1
        self.steps.append(KernelStep(kernel, (*inputs, *outputs, *workspaces), comment, elements))

    def branch(self, binding: Binding, value: If) -> None:
        var, condition = binding.var, self.one(value.condition)
        free = defined_symbols(binding, self.known)
        self.read(condition)
        self.step += 1
        start = self.step
        results = [self.new_for(t) for t in _fields(var.type)]
        for result in results:
            result.first = start
        branches: list[list[Step]] = [[], []]
        greatest = dict.fromkeys(free, 0.0)
        for steps, function in zip(branches, (value.then_branch, value.else_branch), strict=True):
            with self.nested(steps):
                self.function(function)
                sources = self.atom(function.result)
                for source in sources:
                    self.read(source)
                self.match([(var.type, function.result.type)], free, "")
                for symbol, most in greatest.items():
                    greatest[symbol] = max(most, self.upper_bound(Dim.symbol(symbol)))
                for result, source in zip(results, sources, strict=True):
                    self.reserve(result)
                    since = start if sources.count(source) == 1 else self.step
                    self.hand_over(result, source, since, "result of the branch")
            self.step += 1
        for result in results:
            self.write(result)
        self.step += 1
        self.values[var] = results
        self.define(free)
        for symbol, most in greatest.items():
            if isfinite(most) and symbol_range(symbol)[0] >= 0:
                self.greatest = self.greatest.with_product([symbol], most)
        for result in results:
            if result.kind != "value":
                self.settle(result)
        self.steps.append(IfStep(condition, tuple(branches[0]), tuple(branches[1]), value.location.node))

    def loop(self, binding: Binding, value: While) -> None:
        """The state has buffers of its own, to which each iteration copies what it gives."""
        params = value.body.params
        name = value.location.node
        free = {n for p in params for n in whole_symbols(p.type) if is_run_time_symbol(n)} - self.known
        sources = [self.one(a) for a in value.state]
        for source in sources:
            self.read(source)
        greatest = self.greatest
        self.match([(p.type, a.type) for p, a in zip(params, value.state, strict=True)], free, "")
        self.greatest = greatest  # iterations give these symbols other values
        states = []
        for param, source in zip(params, sources, strict=True):
            state = self.new_for(param.type)
            self.reserve(state)
            if source not in self.uninitialized:
                self.copy(state, source, f"state of {name}")
            states.append(state)
        self.step += 1
        start, scope = self.step, self.scope
        self.loops += 1
        self.scope, self.states = self.loops, self.states | set(states)
        condition_steps: list[Step] = []
        body_steps: list[Step] = []
        with self.nested(condition_steps):
            self.define(free)
            self.values.update(zip(value.condition.params, ([s] for s in states), strict=True))
            self.function(value.condition)
            condition = self.one(value.condition.result)
            self.read(condition)
            self.step += 1
        with self.nested(body_steps):
            self.define(free)
            self.values.update(zip(params, ([s] for s in states), strict=True))
            self.made_in.update(dict.fromkeys(params, self.scope))
            self.function(value.body)
            self._next_state(states, value, free, start)
        self.scope = scope
        for buffer in [*self.arena]:
            root, _ = buffer.place()
            if 0 <= root.first < start <= root.last:  # from outside: the next iteration may need it
                root.last = max(root.last, self.step)
        for state in states:
            self.read(state)
        self.step += 1
        self.steps.append(LoopStep(tuple(condition_steps), condition, tuple(body_steps), name))
        fresh = defined_symbols(binding, self.known)
        self.run_time.update(dict.fromkeys(sorted(free)))
        self.match([(binding.var.type, TupleType(tuple(p.type for p in params)))], fresh, "")
        self.values[binding.var] = states
        self.define(fresh)

    def _next_state(self, states: list[Buffer], value: While, free: set[str], start: int) -> None:
        """Copy what the body gives to the state, by way of other memory where it is a part of the state itself."""
        name = value.location.node
        results = list(self.atom(value.body.result))
        for place, (state, result) in enumerate(zip(states, results, strict=True)):
            root, offset = result.place()
            if root in states and not (root is state and offset == 0):
                results[place] = self.new_for(value.body.params[place].type)
                self.reserve(results[place])
                self.copy(results[place], result, f"state of {name}")
        for state, result in zip(states, results, strict=True):
            if result.place()[0] is not state:
                self.reserve(state, result.size)
                since = start if results.count(result) == 1 else self.step
                self.hand_over(state, result, since, f"state of {name}")
        pairs = zip(value.body.params, _fields(value.body.result.type), strict=True)
        self.match([(param.type, type_) for param, type_ in pairs], free, "")
        self.step += 1


def _conditions(call: Call) -> list[Condition]:
    """What must hold at run time for an operator's arguments to fit."""
    types = [atom.type for atom in call.args]
    if not isinstance(call.op, str) or not (any(map(type_symbols, types)) or call.attrs.symbols()):
        return []
    with collect_conditions() as found:
        relay_op.infer_type(call.op, Attrs(call.attrs), types)
    return found


def _fields(type_: Type) -> tuple[Type, ...]:
    return type_.fields if isinstance(type_, TupleType) else (type_,)
