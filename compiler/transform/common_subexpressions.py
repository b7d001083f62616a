"""Equal calls on equal arguments -> one call. Constants of equal contents become one, too."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace

from ..relay.expr import (
    Atom,
    Binding,
    Call,
    Constant,
    Expr,
    Function,
    GlobalVar,
    Module,
    Tuple,
    TupleGetItem,
    Var,
    map_atoms,
)
from ..relay.printer import attribute_text
from .base import Pass, PassContext, Substitution, map_functions, map_subfunctions


def _run(module: Module, context: PassContext) -> Module:
    constants: dict[str, Constant] = {}
    return map_functions(module, lambda f: _Merger(constants).function(f, {}))


class _Merger:
    def __init__(self, constants: dict[str, Constant]) -> None:
        self._constants = constants
        self._substitution = Substitution()

    def function(self, function: Function, outer: Mapping[Hashable, Var]) -> Function:
        """Merge within a function; what the enclosing functions have computed before is used, too."""
        known = dict(outer)
        bindings = []
        for binding in function.bindings:
            value = map_subfunctions(map_atoms(binding.value, self._atom), lambda f: self.function(f, known))
            key = self._key(value)
            if key is not None and key in known:
                self._substitution.add(binding.var, known[key])
                continue
            if key is not None:
                known[key] = binding.var
            bindings.append(Binding(binding.var, value))
        return replace(function, bindings=tuple(bindings), result=self._atom(function.result))

    def _atom(self, atom: Atom) -> Atom:
        if isinstance(atom, Constant):
            return self._constants.setdefault(atom.digest, atom)
        return self._substitution(atom)

    def _key(self, value: Expr) -> Hashable | None:
        """What equal expressions share; None for those that are never merged."""
        if isinstance(value, Tuple):
            return ("tuple", value.fields)
        if isinstance(value, TupleGetItem):
            return ("item", value.tuple, value.index)
        if not isinstance(value, Call) or isinstance(value.op, GlobalVar) or value.op.startswith("random"):
            return None
        # By their text, attributes that Python takes for equal (1, 1.0, True) differ, and NaN equals itself.
        attrs = tuple(sorted((name, attribute_text(attr)) for name, attr in value.attrs.items()))
        return (value.op, attrs, value.args)


common_subexpressions = Pass("common_subexpressions", 1, _run)
