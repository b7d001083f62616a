"""Intermediate values of an expression -> local arrays, each value once.

Operators that use their argument several times multiply what is computed for it when they are inlined; and TVM's code
generator, where it simplifies, puts the value of a ``Let`` in the place of its variable: functions of functions of
functions (see `lower_math`) take it minutes. It does not look into arrays, which LLVM turns into registers again.
"""

from __future__ import annotations

from typing import Any

from .tvm_api import Call, StructuralKey, structural_map, tirx


def hoist_lets(func: Any) -> Any:
    """A function whose stores have no ``Let`` in their values, but for those that a condition guards."""
    return func.with_body(structural_map(func.body, (tirx.BufferStore, _store)))


def _store(store: Any) -> Any:
    values = _Values()
    value = values.take_from(store.value)
    if not values.statements:
        return store
    return tirx.SeqStmt([*values.statements, tirx.BufferStore(store.buffer, value, store.indices)])


class _Values:
    """What is computed in front of a store, in order."""

    def __init__(self) -> None:
        self.statements: list[Any] = []
        self._known: dict[Any, Any] = {}  # value -> the load of it
        self._loads: dict[Any, Any] = {}  # variable -> the load of its value

    def take_from(self, expr: Any) -> Any:
        """An expression without its Lets."""
        guarded: dict[Any, Any] = {}

        def let(node: Any) -> Any:
            value = self.take_from(node.value)
            key = StructuralKey(value)  # type: ignore[call-arg]  # it computes its hash itself
            if key not in self._known:
                self._known[key] = self._keep(value)
            self._loads[node.var] = self._known[key]
            return self.take_from(node.body)

        def call(node: Any) -> Any:
            if str(getattr(node.op, "name", "")) != "tirx.if_then_else":
                return node
            hidden = tirx.Var("guarded", node.ty)
            guarded[hidden] = structural_map(node, (tirx.Var, self._load))
            return hidden

        rules = ((tirx.Let, let), (Call, call), (tirx.Var, self._load))
        result = structural_map(expr, rules, order="pre")
        return structural_map(result, (tirx.Var, lambda v: guarded.get(v, v))) if guarded else result

    def _keep(self, value: Any) -> Any:
        buffer = tirx.decl_buffer((1,), str(value.ty), "value")
        zero = tirx.const(0, "int32")
        self.statements += [tirx.AllocBuffer(buffer), tirx.BufferStore(buffer, value, [zero])]
        return tirx.BufferLoad(buffer, [zero])

    def _load(self, var: Any) -> Any:
        return self._loads.get(var, var)
