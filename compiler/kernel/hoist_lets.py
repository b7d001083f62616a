"""Intermediate values of an expression -> local arrays, each value once.

Operators that use their argument several times multiply what is computed for it when they are inlined; and TVM, where
it simplifies, puts the value of a ``Let`` in the place of its variable: functions of functions of functions (see
`lower_math`) take it minutes. It does not look into arrays, which LLVM turns into registers again.
"""

from __future__ import annotations

from typing import Any

from .tvm_api import Call, StructuralKey, structural_map, structural_walk, tirx


def hoist_lets(func: Any) -> Any:
    """A function whose stores have no ``Let`` in their values."""
    if not _has_let(func.body):  # most; a look at each store by itself takes many times as long
        return func
    return func.with_body(structural_map(func.body, (tirx.BufferStore, _store)))


def _store(store: Any) -> Any:
    if not _has_let(store.value):  # most; a look costs a fraction of a new expression
        return store
    values = _Values({}, {})
    value = values.take_from(store.value)
    return values.before(tirx.BufferStore(store.buffer, value, store.indices))


class _Values:
    """What is computed in front of a store, in order.

    Parameters
    ----------
    known : dict
        The loads of values that are known already, by their expressions.
    loads : dict
        And by their variables.
    """

    def __init__(self, known: dict[Any, Any], loads: dict[Any, Any]) -> None:
        self.statements: list[Any] = []
        self._known, self._loads = known, loads

    def before(self, statement: Any) -> Any:
        return tirx.SeqStmt([*self.statements, statement]) if self.statements else statement

    def take_from(self, expr: Any) -> Any:
        """An expression without its Lets."""
        rules = ((tirx.Let, self._let), (Call, self._call), (tirx.Var, lambda var: self._loads.get(var, var)))
        return structural_map(expr, rules, order="pre")

    def _let(self, node: Any) -> Any:
        while isinstance(node, tirx.Let):  # a Let's body is often the next one
            value = self.take_from(node.value)
            key = StructuralKey(value)  # type: ignore[call-arg]  # the stub declares the fields, not __init__
            if key not in self._known:
                array = self._array(value.ty)
                self.statements.append(array.store(value))
                self._known[key] = array.load
            self._loads[node.var] = self._known[key]
            node = node.body
        return self.take_from(node)

    def _call(self, node: Any) -> Any:
        """A condition around Lets becomes one around statements."""
        if str(getattr(node.op, "name", "")) != "tirx.if_then_else" or not _has_let(node):
            return node
        condition, *choices = node.args
        condition, array = self.take_from(condition), self._array(node.ty)
        branches = []
        for choice in choices:
            inside = _Values(dict(self._known), dict(self._loads))
            value = inside.take_from(choice)
            branches.append(inside.before(array.store(value)))
        self.statements.append(tirx.IfThenElse(condition, *branches))
        return array.load

    def _array(self, type_: Any) -> _Array:
        array = _Array(type_)
        self.statements.append(tirx.AllocBuffer(array.buffer))
        return array


class _Array:
    """A local array of one element."""

    def __init__(self, type_: Any) -> None:
        self._zero = tirx.const(0, "int32")
        self.buffer = tirx.decl_buffer((1,), str(type_), "value")
        self.load = tirx.BufferLoad(self.buffer, [self._zero])

    def store(self, value: Any) -> Any:
        return tirx.BufferStore(self.buffer, value, [self._zero])


def _has_let(expr: Any) -> bool:
    found: list[Any] = []
    structural_walk(expr, (tirx.Let, found.append))
    return bool(found)
