"""Checks that a module is well formed: run after every pass, so that a pass's bug shows where it was made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from ..diagnostics import CompileError
from .dimension import Dim, symbols
from .expr import (
    Atom,
    Attrs,
    Binding,
    Call,
    Constant,
    Expr,
    Function,
    GlobalVar,
    If,
    Module,
    Tuple,
    TupleGetItem,
    Var,
    While,
    atoms_of,
)
from .types import TensorType, TupleType, Type, type_symbols

#: ``(op name, attrs, argument types) -> type``; raises CompileError where these do not fit together.
InferType = Callable[[str, Attrs, Sequence[Type]], Type]


class VerificationError(AssertionError):
    """A module is broken: a bug in the compiler, never the user's mistake."""


def verify(module: Module, infer: InferType, after: str = "") -> None:
    """Check a module.

    Every variable is bound once and before it is used; every binding has the type that its expression has; calls fit
    the functions that they call; primitive functions hold operators only; every symbol is a dimension of main's
    parameters.

    Parameters
    ----------
    module : Module
    infer : callable
        Type of an operator's call.
    after : str
        The pass that made the module, for the error.

    Raises
    ------
    VerificationError
        Names the pass, the function and the binding.
    """
    if "main" not in module.functions:
        raise VerificationError(f"{_after(after)}the module '{module.name}' has no main")
    known = _bound_symbols(module.main)
    for name, function in module.functions.items():
        _Verifier(module, infer, known, f"{_after(after)}function @{name}").function(function)


def _after(pass_name: str) -> str:
    return f"after pass '{pass_name}': " if pass_name else ""


def _bound_symbols(main: Function) -> set[str]:
    """Symbols whose values an input's shape gives: those that are a whole dimension."""
    found: set[str] = set()
    for param in main.params:
        if isinstance(param.type, TensorType):
            for dim in param.type.shape:
                names = symbols(dim)
                if len(names) == 1 and dim == Dim.symbol(next(iter(names))):
                    found |= names
    return found


class _Verifier:
    """Verifies one function of the module with all that is nested in it."""

    def __init__(self, module: Module, infer: InferType, symbols_known: set[str], where: str) -> None:
        self._module, self._infer, self._known, self._where = module, infer, symbols_known, where
        self._bound: set[Var] = set()
        self._binding: Binding | None = None

    def function(self, function: Function, outer: frozenset[Var] = frozenset()) -> None:
        scope, enclosing = set(outer), self._binding
        for param in function.params:
            self._bind(param, scope)
        for binding in function.bindings:
            self._binding = binding
            for atom in atoms_of(binding.value):
                self._check_atom(atom, scope)
            if function.is_primitive:
                self._check_primitive(binding.value)
            found = self._type(binding.value, frozenset(scope))
            if found != binding.var.type:
                self._fail(f"its expression has the type {found}")
            self._bind(binding.var, scope)
        self._binding = enclosing
        self._check_atom(function.result, scope)

    def _bind(self, var: Var, scope: set[Var]) -> None:
        if var in self._bound:
            self._fail(f"%{var.name} is bound twice")
        self._bound.add(var)
        scope.add(var)
        self._check_symbols(type_symbols(var.type), f"the type of %{var.name}: {var.type}")

    def _check_symbols(self, found: set[str], what: str) -> None:
        if found - self._known:
            names = ", ".join(sorted(found - self._known))
            self._fail(f"{what}: no parameter of main has the dimension {names}")

    def _check_atom(self, atom: Atom, scope: set[Var]) -> None:
        if isinstance(atom, Var):
            if atom not in scope:
                reason = "another variable of this name is" if any(v.name == atom.name for v in scope) else "it is not"
                self._fail(f"uses %{atom.name}, but {reason} in scope")
        elif not isinstance(atom, Constant):
            self._fail(f"an argument is a {type(atom).__name__}, neither variable nor constant")

    def _check_primitive(self, value: Expr) -> None:
        if isinstance(value, (If, While)) or (isinstance(value, Call) and isinstance(value.op, GlobalVar)):
            self._fail("a primitive function holds operators only")

    def _type(self, value: Expr, scope: frozenset[Var]) -> Type:
        """The type that an expression has, after checking what is inside."""
        if isinstance(value, (Var, Constant)):
            return value.type
        if isinstance(value, Tuple):
            return TupleType(tuple(f.type for f in value.fields))
        if isinstance(value, TupleGetItem):
            return self._item_type(value)
        if isinstance(value, Call):
            return self._call_type(value)
        if isinstance(value, If):
            return self._if_type(value, scope)
        if isinstance(value, While):
            return self._while_type(value, scope)
        self._fail(f"a {type(value).__name__} is no expression")

    def _item_type(self, value: TupleGetItem) -> Type:
        type_ = value.tuple.type
        if not isinstance(type_, TupleType) or not 0 <= value.index < len(type_.fields):
            self._fail(f"there is no field {value.index} of {type_}")
        return type_.fields[value.index]

    def _call_type(self, value: Call) -> Type:
        types = [a.type for a in value.args]
        for name, attr in value.attrs.items():
            self._check_symbols(_attribute_symbols(attr), f"the attribute {name}={attr}")
        if isinstance(value.op, str):
            try:
                return self._infer(value.op, value.attrs, types)
            except CompileError as error:
                self._fail(f"{value.op} does not accept its arguments: {error}")
        callee = self._module.functions.get(value.op.name)
        if callee is None or value.op.name == "main":
            self._fail(f"calls @{value.op.name}, which is no function to call")
        wanted = [p.type for p in callee.params]
        if wanted != types:
            self._fail(f"calls @{value.op.name} with {_listing(types)}, but it takes {_listing(wanted)}")
        return callee.type.result

    def _if_type(self, value: If, scope: frozenset[Var]) -> Type:
        self._check_condition(value.condition.type)
        for branch in (value.then_branch, value.else_branch):
            if branch.params:
                self._fail("a branch has parameters")
            self.function(branch, scope)
        then_type, else_type = value.then_branch.result.type, value.else_branch.result.type
        if then_type != else_type:
            self._fail(f"the branches have the types {then_type} and {else_type}")
        return then_type

    def _while_type(self, value: While, scope: frozenset[Var]) -> Type:
        types = [a.type for a in value.state]
        for name, function in (("condition", value.condition), ("body", value.body)):
            wanted = [p.type for p in function.params]
            if wanted != types:
                self._fail(f"the {name} takes {_listing(wanted)}, but the state is {_listing(types)}")
            self.function(function, scope)
        self._check_condition(value.condition.result.type)
        state = TupleType(tuple(types))
        if value.body.result.type != state:
            self._fail(f"the body gives {value.body.result.type}, but the state is {state}")
        return state

    def _check_condition(self, type_: Type) -> None:
        if not isinstance(type_, TensorType) or type_.dtype != "bool" or type_.size != 1:
            self._fail(f"the condition has the type {type_}, not one bool")

    def _fail(self, found: str) -> NoReturn:
        binding = self._binding
        place = f", binding %{binding.var.name}: {binding.var.type} ({_describe(binding.value)})" if binding else ""
        raise VerificationError(f"{self._where}{place}: {found}")


def _describe(value: Expr) -> str:
    if isinstance(value, Call):
        name = f"@{value.op.name}" if isinstance(value.op, GlobalVar) else value.op
        where = f" from {value.location}" if str(value.location) else ""
        return f"call of {name}{where}"
    return type(value).__name__


def _listing(types: Sequence[Type]) -> str:
    return f"({', '.join(map(str, types))})"


def _attribute_symbols(value: Any) -> set[str]:
    if isinstance(value, Dim):
        return symbols(value)
    if isinstance(value, tuple):
        return set().union(*map(_attribute_symbols, value))
    return set()
