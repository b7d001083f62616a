"""Sequences and optional values of a program: the steps of their operators, and what these are in C.

Each lies in a slot of the heap (`onnxc_sequence.c`). Those that are inputs are the caller's, and are read where they
lie.
"""

from __future__ import annotations

from collections.abc import Callable

from ..relay.dimension import Dimension
from ..relay.expr import Atom, Call, Var
from ..relay.types import DTYPES, OpenTensorType, OptionalType, SequenceType, TensorType, Type
from .buffers import Memory
from .names import c_comment
from .program import Buffer, FindStep, ValueStep


def is_value(type_: Type) -> bool:
    """Is a value of a type a sequence or an optional?"""
    return isinstance(type_, (SequenceType, OptionalType))


def tensor_of(type_: Type) -> TensorType | OpenTensorType:
    """The type of a tensor, or of those in a sequence or an optional."""
    element = type_.element if isinstance(type_, OptionalType) else type_
    element = element.element if isinstance(element, SequenceType) else element
    assert isinstance(element, (TensorType, OpenTensorType)), type_
    return element


def value_form(type_: Type) -> str:
    """How a sequence or an optional is given: see onnxc_runtime.h."""
    if isinstance(type_, OptionalType):
        return f"{'ONNXC_SEQUENCE' if isinstance(type_.element, SequenceType) else 'ONNXC_VALUE'} | ONNXC_OPTIONAL"
    return "ONNXC_SEQUENCE"


class ValueSteps(Memory):
    """The part of the builder that makes steps of operators on sequences and optional values."""

    def _value_step(
        self, kind: str, target: Buffer, call: Call, source: Atom | None = None, at: Atom | None = None
    ) -> None:
        """A step that makes or changes the target, from a tensor or another value."""
        type_ = None if source is None else source.type
        shape = type_.shape if isinstance(type_, TensorType) else ()
        buffers = [None if atom is None else self.one(atom) for atom in (source, at)]
        for buffer in buffers:
            if buffer is not None:
                self.read(buffer)
        self.write(target)
        self.steps.append(ValueStep(kind, target, buffers[0], buffers[1], shape, call.location.node))

    def _changed(self, var: Var, call: Call) -> Buffer:
        """The slot of what an operator changes: its first argument's own where nothing else reads that."""
        atom = call.args[0]
        source = self.one(atom)
        if isinstance(atom, Var) and self.made_in.get(atom) == self.scope and self.uses[atom] == 1:
            target = source
        else:
            target = self.new_value()
            self.copy(target, source, call.location.node)
        self._made(var, target)
        return target

    def _made(self, var: Var, buffer: Buffer) -> None:
        self.values[var] = [buffer]
        self.made_in[var] = self.scope

    def _sequence_construct(self, var: Var, call: Call) -> None:
        target = self.new_value()
        self._value_step("empty", target, call)
        for atom in call.args:
            self._value_step("insert", target, call, atom)
        self._made(var, target)
        self.step += 1

    def _sequence_insert(self, var: Var, call: Call) -> None:
        self.read(self.one(call.args[1]))
        target = self._changed(var, call)
        self._value_step("insert", target, call, call.args[1], _optional_atom(call, 2))
        self.step += 1

    def _sequence_erase(self, var: Var, call: Call) -> None:
        target = self._changed(var, call)
        self._value_step("erase", target, call, at=_optional_atom(call, 1))
        self.step += 1

    def _optional_some(self, var: Var, call: Call) -> None:
        target = self.new_value()
        if is_value(call.args[0].type):
            self.copy(target, self.one(call.args[0]), call.location.node)
        else:
            self._value_step("set", target, call, call.args[0])
        self._made(var, target)
        self.step += 1

    def _optional_none(self, var: Var, call: Call) -> None:
        target = self.new_value()
        self._value_step("none", target, call)
        self._made(var, target)
        self.step += 1

    # What is told about them

    def _sequence_length(self, var: Var, call: Call) -> None:
        self._told("length", var, call)

    def _optional_has(self, var: Var, call: Call) -> None:
        self._told("has", var, call)

    def _told(self, kind: str, var: Var, call: Call) -> None:
        assert isinstance(var.type, TensorType)
        result = self.new(var.type.byte_size)
        self._value_step(kind, result, call, call.args[0])
        self.values[var] = [result]
        self.step += 1

    # What is taken out of them

    def _sequence_at(self, var: Var, call: Call) -> None:
        self._find("at", var, call, self.one(call.args[1]))

    def _optional_get(self, var: Var, call: Call) -> None:
        if not is_value(var.type):
            self._find("get", var, call)
            return
        source, target = self.one(call.args[0]), self.new_value()
        self._value_step("present", target, call, call.args[0])
        self.copy(target, source, call.location.node)
        self._made(var, target)
        self.step += 1

    def _sequence_concat(self, var: Var, call: Call) -> None:
        self._find("concat", var, call)

    def _find(self, kind: str, var: Var, call: Call, at: Buffer | None = None) -> None:
        """A tensor's shape first, which may be symbols; then its bytes."""
        type_, source = var.type, self.one(call.args[0])
        assert isinstance(type_, TensorType)
        for buffer in (source, at):
            if buffer is not None:
                self.read(buffer)
        axis, new_axis = call.attrs.get("axis", 0), int(call.attrs.get("new_axis", 0))
        if kind == "concat" and axis < 0:
            axis += type_.rank
        defines = {name for symbol in call.attrs.defines for name in symbol.symbols()}
        comment = call.location.node
        step = FindStep(kind, source, at, type_.shape, frozenset(defines), axis, new_axis, comment)
        self.steps.append(step)
        self.define(defines)
        result = self.new(type_.byte_size)
        self.reserve(result)
        if kind == "concat":
            width = max(1, DTYPES[type_.dtype][1] // 8)
            self.steps.append(ValueStep("concat", result, source, None, (axis, width), comment))
        else:
            self.copy(result, Buffer("item", type_.byte_size), comment)
        self.values[var] = [result]
        self.step += 1


def _optional_atom(call: Call, index: int) -> Atom | None:
    return call.args[index] if len(call.args) > index else None


def value_lines(step: ValueStep, address: Callable[[Buffer], str], number: Callable[[Dimension], str]) -> list[str]:
    """A step on values in C."""
    comment = f" /* {c_comment(step.comment)} */" if step.comment else ""
    target = step.target.place()[0].index
    at = "" if step.at is None else f"*(const int64_t *){address(step.at)}"
    source = "" if step.source is None else address(step.source)
    count = f"onnxc_value_of(heap, {target})->count"
    if step.kind in ("insert", "set"):
        assert step.source is not None
        shape = ", ".join(map(number, step.shape))
        shape = f"(const int64_t[]){{{shape}}}" if shape else "NULL"
        size = number(step.source.size)
        view = f"&(const onnxc_view){{{source}, {size}, {len(step.shape)}, {shape}}}"
        if step.kind == "set":
            return [f"RUN(onnxc_value_set(heap, {target}, {view}));{comment}"]
        return [f"RUN(onnxc_sequence_insert(heap, {target}, {at or count}, {view}));{comment}"]
    if step.kind == "erase":
        return [f"RUN(onnxc_sequence_erase(heap, {target}, {at or '-1'}));{comment}"]
    if step.kind in ("copy", "move", "borrow"):
        other = source if step.kind == "borrow" else str(step.source.place()[0].index if step.source else "")
        call = f"onnxc_value_{step.kind}(heap, {target}, {other})"
        return [f"{call};{comment}" if step.kind == "move" else f"RUN({call});{comment}"]
    if step.kind == "present":
        return [f"if (VALUE({source})->form == ONNXC_NONE) return ONNXC_ERROR_VALUE;{comment}"]
    if step.kind == "length":
        return [f"*(int64_t *){address(step.target)} = VALUE({source})->count;{comment}"]
    if step.kind == "has":
        return [f"*(bool *){address(step.target)} = VALUE({source})->form != ONNXC_NONE;{comment}"]
    if step.kind == "concat":
        axis, width = step.shape
        return [f"onnxc_sequence_concat(VALUE({source}), {axis}, {width}, {address(step.target)});{comment}"]
    form = "ONNXC_SEQUENCE" if step.kind == "empty" else "ONNXC_NONE"
    return [f"onnxc_value_clear(heap, {target}, {form});{comment}"]


def find_lines(
    step: FindStep, address: Callable[[Buffer], str], number: Callable[[Dimension], str], symbol: Callable[[str], str]
) -> list[str]:
    """Find a tensor, or what many are together, and what shape it has; the tensor is `item` then."""
    comment = f" /* {c_comment(step.comment)} */" if step.comment else ""
    source, rank = f"VALUE({address(step.source)})", len(step.shape)
    if step.kind == "concat":
        lines = [
            f"  int64_t shape[{max(1, rank)}];",
            f"  RUN(onnxc_sequence_shape({source}, {step.axis}, {rank - step.new_axis}, {step.new_axis}, shape));",
        ]
    else:
        found = f"if ((item = {source})->form == ONNXC_NONE) return ONNXC_ERROR_VALUE;"
        if step.at is not None:
            found = f"RUN(onnxc_sequence_find({source}, *(const int64_t *){address(step.at)}, &item));"
        lines = [f"  {found}", f"  if (item->ndim != {rank}) return ONNXC_ERROR_SHAPE;"]
        lines += ["  const int64_t *const shape = item->shape;"] if rank else []
    for axis, dim in enumerate(step.shape):
        names = set() if isinstance(dim, int) else dim.symbols() & step.defines
        if names:
            (name,) = names
            lines.append(f"  RUN(onnxc_size(shape[{axis}], &{symbol(name)}));")
        else:
            lines.append(f"  if (shape[{axis}] != {number(dim)}) return ONNXC_ERROR_SHAPE;")
    return [f"{{{comment}", *lines, "}"]
