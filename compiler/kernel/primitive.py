"""What is known about a primitive function without compiling it (and without TVM)."""

from __future__ import annotations

from typing import Any

from .. import op as relay_op
from ..diagnostics import NOWHERE, Location
from ..op.base import FusionKind
from ..relay.dimension import Dim, Dimension, symbols
from ..relay.expr import Call, Function
from ..relay.types import TensorType, TupleType, tensor_fields, type_symbols


def function_symbols(function: Function) -> list[str]:
    """Symbols of a primitive function's types and attributes, sorted."""
    found: set[str] = set()
    for var in [*function.params, *(b.var for b in function.bindings)]:
        found |= type_symbols(var.type)
    for binding in function.bindings:
        if isinstance(binding.value, Call):
            found |= _attr_symbols(tuple(binding.value.attrs.values()))
    return sorted(found)


def _attr_symbols(value: Any) -> set[str]:
    if isinstance(value, Dim):
        return symbols(value)
    if isinstance(value, tuple):
        return set().union(*(_attr_symbols(v) for v in value))
    return set()


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


def arithmetic(function: Function) -> Dimension:
    """Rough count of a primitive function's operations: results' elements, times the reduction of anchors."""
    total: Dimension = 0
    for binding in function.bindings:
        if not isinstance(binding.value, Call):
            continue
        type_ = binding.var.type
        fields = tensor_fields(type_) if isinstance(type_, (TensorType, TupleType)) else ()
        size: Dimension = 0
        for field in fields:
            size = size + field.size
        total = total + size * _reduction(binding.value)
        assert isinstance(binding.value.op, str)
    return total


def _reduction(call: Call) -> Dimension:
    if not isinstance(call.op, str) or relay_op.get(call.op).kind < FusionKind.REDUCTION:
        return 1
    arguments = [a.type for a in call.args if isinstance(a.type, TensorType)]
    if call.op in ("nn.conv", "nn.conv_transpose") and len(arguments) > 1:
        weights, per_output = arguments[1], arguments[1].shape[0]
        return weights.size // per_output if isinstance(weights.size, int) and isinstance(per_output, int) else 64
    if call.op == "nn.dense" and arguments:
        return arguments[0].shape[-1]
    if call.op == "nn.matmul" and arguments:
        return arguments[0].shape[-2 if call.attrs.get("transpose_a") else -1]
    return 8
