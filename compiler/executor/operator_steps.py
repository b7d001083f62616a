"""Operators that are steps of a program and no kernels: about sizes that the run finds, rows of a loop, and checks."""

from __future__ import annotations

from ..relay.dimension import Dim, product
from ..relay.expr import Call, GlobalVar, Module, Var
from ..relay.types import TensorType, tensor_fields
from .program import AssignStep, AssumeStep, Buffer, FailStep, PlaceStep, ReadStep
from .values import ValueSteps


class OperatorSteps(ValueSteps):
    """The part of the builder that makes the steps of these operators: for each a method of its name."""

    def _read_dimensions(self, var: Var, call: Call) -> None:
        source = self.one(call.args[0])
        type_ = call.args[0].type
        assert isinstance(type_, TensorType)
        self.read(source)
        symbols = tuple(_name(symbol) for symbol in call.attrs.defines)
        comment = call.location.node
        self.steps.append(ReadStep(source, type_.dtype, symbols, call.attrs.rule, tuple(call.attrs.source), comment))
        if call.attrs.rule in ("reshape", "reshape_zero"):
            total = product(call.attrs.source)
            self.limit(product(call.attrs.defines), total)
            for symbol in symbols if self.lower_bound(total) >= 1 else ():  # then none of them is 0
                self.limit(Dim.symbol(symbol), total)
        self.step += 1

    def _compute_dimensions(self, var: Var, call: Call) -> None:
        symbols, values = tuple(_name(symbol) for symbol in call.attrs.defines), tuple(call.attrs["values"])
        self.steps.append(AssignStep(symbols, values, True, call.location.node))
        self.assign(symbols, values)

    def _uninitialized(self, var: Var, call: Call) -> None:
        assert isinstance(var.type, TensorType)
        buffer = self.new(var.type.byte_size)
        self.reserve(buffer)
        self.uninitialized.add(buffer)
        self.values[var] = [buffer]

    def _append(self, var: Var, call: Call) -> None:
        """In place where the rows are a loop's state: what they hold stays as it is, memory behind them is added."""
        rows, row = self.one(call.args[0]), self.one(call.args[1])
        assert isinstance(var.type, TensorType)
        comment = comment_of(self.module, call)
        size = var.type.byte_size
        if rows in self.states and rows.kind == "block" and self.uses[call.args[0]] == 1:
            whole = Buffer("block", size, parent=rows)
            self.reserve(rows, size, kept=rows.size)
        else:
            whole = self.new(size)
            self.reserve(whole)
            self.copy(Buffer(whole.kind, rows.size, parent=whole), rows, comment)
        self.copy(Buffer("block", row.size, parent=whole, offset=rows.size), row, comment)
        self.values[var] = [whole]
        self.step += 1

    def _place(self, var: Var, call: Call) -> None:
        """In place where the rows are a loop's state that nothing else reads."""
        rows, row, index = (self.one(atom) for atom in call.args)
        assert isinstance(var.type, TensorType)
        comment = comment_of(self.module, call)
        whole = rows
        if rows not in self.states or self.uses[call.args[0]] != 1:
            whole = self.new(var.type.byte_size)
            self.reserve(whole)
            self.copy(whole, rows, comment)
        for buffer in (row, index):
            self.read(buffer)
        self.write(whole)
        self.steps.append(PlaceStep(whole, row, index, var.type.shape[0], comment))
        self.values[var] = [whole]
        self.step += 1

    def _assume(self, var: Var, call: Call) -> None:
        source, condition = (self.one(atom) for atom in call.args)
        self.read(condition)
        self.steps.append(AssumeStep(condition, call.attrs["value"], call.location.node))
        self.values[var] = [source]
        self.step += 1

    def _fail(self, var: Var, call: Call) -> None:
        self.steps.append(FailStep(f"{call.location.node}: {call.attrs.message}"))
        self.values[var] = [self.new(type_.byte_size) for type_ in tensor_fields(var.type)]
        for buffer in self.values[var]:
            self.write(buffer)


def _name(symbol: Dim) -> str:
    (name,) = symbol.symbols()
    return name


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
