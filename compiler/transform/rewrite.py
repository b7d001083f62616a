"""Rewrites functions binding by binding with rules that stand in tables by operator.

A rule looks at one call and at what defines its arguments, and gives an atom of the same type to use instead. Calls
that a rule makes are rewritten themselves before they are bound, so a function needs one walk only, provided that every
rule makes its call simpler.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import op as relay_op
from ..diagnostics import CompileError
from ..relay.expr import (
    Atom,
    Attrs,
    Binding,
    Call,
    Constant,
    Expr,
    Function,
    If,
    Module,
    Tuple,
    TupleGetItem,
    Var,
    While,
    all_bindings,
    atoms_of,
    map_atoms,
    subfunctions,
)
from ..relay.types import TensorType, TupleType, Type
from .base import Substitution, map_functions, map_subfunctions
from .dead_code import without_dead_bindings

#: ``site -> atom of the site's type, or None where the rule does not apply``
Rule = Callable[["Site"], "Atom | None"]

#: Rules by operator; those under "*" are tried on every operator, first.
Rules = Mapping[str, Sequence[Rule]]


@dataclass(frozen=True)
class Site:
    """A call that rules look at.

    Attributes
    ----------
    call : Call
    type : Type
        Of the call's value.
    """

    call: Call
    type: Type
    _rewriter: _Rewriter
    _target: Var

    @property
    def var(self) -> Var:
        """The variable that the call is bound to."""
        return self._target

    @property
    def op(self) -> str:
        assert isinstance(self.call.op, str)
        return self.call.op

    @property
    def attrs(self) -> Attrs:
        return self.call.attrs

    @property
    def args(self) -> tuple[Atom, ...]:
        return self.call.args

    @property
    def tensor(self) -> TensorType:
        """Type of the value, which must be a tensor."""
        assert isinstance(self.type, TensorType)
        return self.type

    def definition(self, atom: Atom, *ops: str) -> Site | None:
        """The call that computes an atom, if it is of one of these operators (of any, without names)."""
        value = self._rewriter.definitions.get(atom) if isinstance(atom, Var) else None
        if not isinstance(value, Call) or not isinstance(value.op, str) or (ops and value.op not in ops):
            return None
        return Site(value, atom.type, self._rewriter, self._target)

    def uses(self, atom: Atom) -> int:
        """How often the function uses an atom."""
        return self._rewriter.uses[atom] if isinstance(atom, Var) else 1

    def emit(self, op: str, *args: Atom, **attrs: Any) -> Atom:
        """A new call, simplified, in front of this one."""
        return self._rewriter.emit(self._target, self.call.location, op, args, attrs)

    def emit_as(self, op: str, *args: Atom, **attrs: Any) -> Atom | None:
        """A new call in place of this one; None, and nothing is emitted, where its type would be another."""
        try:
            found = relay_op.infer_call(op, attrs, [a.type for a in args])[1]
        except CompileError:
            return None
        return self.emit(op, *args, **attrs) if found == self.type else None

    def tuple(self, fields: Sequence[Atom]) -> Atom:
        """A new tuple in front of this call."""
        value = Tuple(tuple(fields), self.call.location)
        return self._rewriter.bind_new(self._target, value, TupleType(tuple(f.type for f in fields)))


class _Rewriter:
    def __init__(self, rules: Rules, function: Function) -> None:
        self._rules = rules
        self._substitution = Substitution()
        self._out: list[Binding] = []
        self.definitions: dict[Var, Expr] = {}
        self.uses: Counter[Var] = Counter(_uses(function))

    def function(self, function: Function) -> Function:
        outer, self._out = self._out, []
        for binding in function.bindings:
            self._binding(binding)
        result = replace(function, bindings=tuple(self._out), result=self._substitution(function.result))
        self._out = outer
        return result

    def _binding(self, binding: Binding) -> None:
        value = map_atoms(binding.value, self._substitution)
        if isinstance(value, If) and isinstance(value.condition, Constant):
            self._inline(binding.var, value, bool(value.condition.array.reshape(())))
        elif isinstance(value, (If, While)):
            self._put(binding.var, self._nested(value))
        else:
            self._bind(binding.var, value)

    def _inline(self, var: Var, value: If, condition: bool) -> None:
        """The taken branch in place of the If."""
        taken, other = (value.then_branch, value.else_branch)[:: 1 if condition else -1]
        for unused in _uses(other):
            self.uses[unused] -= 1
        for binding in taken.bindings:
            self._binding(binding)
        result = self._substitution(taken.result)
        if isinstance(result, Var):
            self.uses[result] -= 1
        self._replace(var, result)

    def _nested(self, value: If | While) -> Expr:
        known = self.definitions
        if isinstance(value, While):
            self.definitions = {}  # a rule must not move work from outside into the loop
        value_ = map_subfunctions(value, self.function)
        self.definitions = known
        return value_

    def _bind(self, var: Var, value: Expr) -> None:
        """Bind a variable to a value, or to what the first rule that applies makes of it."""
        simpler = self._simplify(var, value)
        if simpler is None:
            self._put(var, value)
            return
        assert simpler.type == var.type, f"{value} of type {var.type} became {simpler}"
        self._replace(var, simpler)
        for atom in atoms_of(value):
            self._release(atom)

    def _simplify(self, var: Var, value: Expr) -> Atom | None:
        if isinstance(value, (Var, Constant)):
            return value
        if isinstance(value, TupleGetItem):
            tuple_ = self.definitions.get(value.tuple)
            return tuple_.fields[value.index] if isinstance(tuple_, Tuple) else None
        if isinstance(value, Call) and isinstance(value.op, str):
            site = Site(value, var.type, self, var)
            for rule in (*self._rules.get("*", ()), *self._rules.get(value.op, ())):
                simpler = rule(site)
                if simpler is not None:
                    return simpler
        return None

    def _put(self, var: Var, value: Expr) -> None:
        self._out.append(Binding(var, value))
        self.definitions[var] = value

    def _replace(self, var: Var, atom: Atom) -> None:
        """Use an atom wherever the function uses a variable."""
        last = self._out[-1] if self._out else None
        if last is not None and last.var is atom and not self.uses[last.var]:
            # A new call that stands for this one alone takes over its variable, and with it its name.
            del self.definitions[last.var]
            self._out.pop()
            self._put(var, last.value)
            return
        if isinstance(atom, Var):
            self.uses[atom] += self.uses[var]
        self._substitution.add(var, atom)

    def _release(self, atom: Atom) -> None:
        """One use less; what nothing uses any more does not use its own arguments."""
        if not isinstance(atom, Var):
            return
        self.uses[atom] -= 1
        value = self.definitions.get(atom)
        if self.uses[atom] == 0 and isinstance(value, Call):
            for argument in value.args:
                self._release(argument)

    def emit(self, target: Var, location: Any, op: str, args: tuple[Atom, ...], attrs: Mapping[str, Any]) -> Atom:
        full, type_ = relay_op.infer_call(op, attrs, [a.type for a in args])
        return self.bind_new(target, Call(op, args, full, location), type_)

    def bind_new(self, target: Var, value: Expr, type_: Type) -> Atom:
        var = Var(target.name, type_, target.location)
        for atom in atoms_of(value):
            if isinstance(atom, Var):
                self.uses[atom] += 1
        self._bind(var, value)
        return self._substitution(var)


def _uses(function: Function) -> Iterable[Var]:
    """Every use of a variable in a function and the functions nested in it."""
    results = [function, *(s for b in all_bindings(function) for s in subfunctions(b.value))]
    yield from (f.result for f in results if isinstance(f.result, Var))
    for binding in all_bindings(function):
        yield from (a for a in atoms_of(binding.value) if isinstance(a, Var))


def rewrite(module: Module, rules: Rules) -> Module:
    """Apply rules to all calls of a module.

    An If with a constant condition becomes the branch that is taken, and what is not used any more is left out.
    """

    def rewritten(function: Function) -> Function:
        return without_dead_bindings(_Rewriter(rules, function).function(function))

    return map_functions(module, rewritten)


def merge_rules(*tables: Rules) -> dict[str, list[Rule]]:
    """One table of several; the rules of earlier tables are tried first."""
    merged: dict[str, list[Rule]] = {}
    for table in tables:
        for op, rules in table.items():
            merged.setdefault(op, []).extend(rules)
    return merged


def scalar_value(atom: Atom) -> float | int | bool | None:
    """The value that all elements of a constant have; None where they differ, or it has none."""
    if not isinstance(atom, Constant) or atom.array.size == 0 or atom.array.dtype.kind in "Oc":
        return None
    flat = atom.array.reshape(-1)
    if atom.array.size > 1 and not np.all(flat == flat[0]):
        return None
    first = flat[0]
    value = first.item() if isinstance(first, np.generic) and flat.dtype.kind in "iufb" else float(first)
    assert isinstance(value, (int, float, bool))
    return value
