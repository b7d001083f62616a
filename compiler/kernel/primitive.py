"""What is known about a primitive function without compiling it (and without TVM)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .. import op as relay_op
from ..diagnostics import NOWHERE, Location
from ..op.base import FusionKind
from ..relay.dimension import Dimension
from ..relay.expr import Call, Function
from ..relay.types import TensorType, tensor_fields, type_symbols
from ..transform.fuse import CHEAP

#: What an elementary function takes, on vectors, in operations such as an addition.
EXPENSIVE = 4


def function_symbols(function: Function) -> list[str]:
    """Symbols of a primitive function's types and attributes, sorted."""
    found: set[str] = set()
    for var in [*function.params, *(b.var for b in function.bindings)]:
        found |= type_symbols(var.type)
    for binding in function.bindings:
        if isinstance(binding.value, Call):
            found |= binding.value.attrs.symbols()
    return sorted(found)


def find_anchor(function: Function) -> Call | None:
    """The call of the greatest fusion kind, if that is a reduction or more."""
    best: Call | None = None
    best_kind = FusionKind.INJECTIVE
    for binding in function.bindings:
        if isinstance(binding.value, Call) and isinstance(binding.value.op, str):
            kind = relay_op.get(binding.value.op).kind
            if kind > best_kind:
                best, best_kind = binding.value, kind
    return best


def heaviest_location(function: Function) -> Location:
    """Where the call of the greatest fusion kind comes from."""
    calls = [b.value for b in function.bindings if isinstance(b.value, Call) and isinstance(b.value.op, str)]
    return max(calls, key=lambda call: relay_op.get(str(call.op)).kind).location if calls else NOWHERE


def operators(function: Function) -> tuple[str, ...]:
    """Names of a primitive function's operators, in order."""
    return tuple(call.op for call, _ in _calls(function) if isinstance(call.op, str))


def multiply_adds(function: Function) -> Dimension:
    """Number of multiplications with an addition in the operators that consist of them."""
    total: Dimension = 0
    for call, results in _calls(function):
        total = total + (_multiply_adds(call, results) or 0)
    return total


def arithmetic(function: Function) -> Dimension:
    """Rough number of operations: multiply-adds, elements that are read by other reductions, results of the rest.

    Functions such as exp, and operators that go over their arguments several times, count `EXPENSIVE`-fold.
    """
    total: Dimension = 0
    for call, results in _calls(function):
        op = relay_op.get(str(call.op))
        count = _multiply_adds(call, results) if op.arithmetic is None else op.arithmetic(call.attrs, _arguments(call))
        if count is None:
            expensive = op.kind >= FusionKind.ANCHOR or (op.kind <= FusionKind.BROADCAST and op.name not in CHEAP)
            for field in _arguments(call) if op.kind >= FusionKind.REDUCTION else results:
                total = total + field.size * (EXPENSIVE if expensive and not op.view else 1)
        else:
            total = total + count
    return total


def moved_bytes(function: Function) -> Dimension:
    """Bytes of all parameters and results."""
    fields = [p.type for p in function.params if isinstance(p.type, TensorType)]
    total: Dimension = 0
    for field in (*fields, *tensor_fields(function.result.type)):
        total = total + field.byte_size
    return total


def _calls(function: Function) -> Iterator[tuple[Call, Sequence[TensorType]]]:
    """The calls of a primitive function with the types of their results."""
    for binding in function.bindings:
        if isinstance(binding.value, Call):
            yield binding.value, tensor_fields(binding.var.type)


def _arguments(call: Call) -> list[TensorType]:
    return [atom.type for atom in call.args if isinstance(atom.type, TensorType)]


def _multiply_adds(call: Call, results: Sequence[TensorType]) -> Dimension | None:
    count = relay_op.get(str(call.op)).multiply_adds
    return None if count is None else count(call.attrs, _arguments(call), results)
