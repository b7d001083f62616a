"""Checks that a module is well formed: run after every pass, so that a pass's bug shows where it was made."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from typing import NoReturn

from ..diagnostics import CompileError
from .dimension import Dim
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
    defined_symbols,
    used_symbols,
    whole_symbols,
)
from .run_time import is_run_time_symbol
from .types import OptionalType, SequenceType, TensorType, TupleType, Type, join_types, type_symbols

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
    known = set().union(*(whole_symbols(param.type) for param in module.main.params))
    for name, function in module.functions.items():
        _Verifier(module, infer, known, f"{_after(after)}function @{name}").function(function)


def _after(pass_name: str) -> str:
    return f"after pass '{pass_name}': " if pass_name else ""


class _Verifier:
    """Verifies one function of the module with all that is nested in it."""

    def __init__(self, module: Module, infer: InferType, symbols_known: set[str], where: str) -> None:
        self._module, self._infer, self._where = module, infer, where
        self._known: Set[str] = symbols_known
        self._bound: set[Var] = set()
        self._binding: Binding | None = None

    def function(self, function: Function, outer: frozenset[Var] = frozenset()) -> None:
        scope, enclosing, known = set(outer), self._binding, self._known
        self._known = known | set().union(*(whole_symbols(p.type) for p in function.params))
        if function.is_primitive:  # its callers know the run-time symbols
            symbols = set().union(
                *(type_symbols(p.type) for p in function.params), *map(used_symbols, function.bindings)
            )
            self._known = self._known | {name for name in symbols if is_run_time_symbol(name)}
        for param in function.params:
            self._bind(param, scope)
        for binding in function.bindings:
            self._binding = binding
            for atom in atoms_of(binding.value):
                self._check_atom(atom, scope)
            if function.is_primitive:
                self._check_primitive(binding.value)
            found = self._type(binding.value, frozenset(scope))
            defined = defined_symbols(binding, self._known)
            if not is_instance(found, binding.var.type, defined if isinstance(binding.value, While) else set()):
                self._fail(f"its expression has the type {found}")
            self._known = self._known | defined
            self._bind(binding.var, scope)
        self._binding, self._known = enclosing, known
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
            if name != "defines":
                self._check_symbols(Attrs({name: attr}).symbols(), f"the attribute {name}={attr}")
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
        assert self._binding is not None
        type_, free = self._binding.var.type, defined_symbols(self._binding, self._known)
        if not is_instance(then_type, type_, free) or not is_instance(else_type, type_, free):
            self._fail(f"the branches have the types {then_type} and {else_type}")
        return type_

    def _while_type(self, value: While, scope: frozenset[Var]) -> Type:
        state = TupleType(tuple(a.type for a in value.state))
        wanted = TupleType(tuple(p.type for p in value.body.params))
        free = {name for name in whole_symbols(wanted) if is_run_time_symbol(name)} - self._known
        for name, function in (("condition", value.condition), ("body", value.body)):
            taken = TupleType(tuple(p.type for p in function.params))
            if taken != wanted or not is_instance(state, wanted, free):
                self._fail(f"the {name} takes {taken}, but the state is {state}")
            self.function(function, scope)
        self._check_condition(value.condition.result.type)
        if not is_instance(value.body.result.type, wanted, free):
            self._fail(f"the body gives {value.body.result.type}, but the state is {wanted}")
        return wanted

    def _check_condition(self, type_: Type) -> None:
        if not isinstance(type_, TensorType) or type_.dtype != "bool" or type_.size != 1:
            self._fail(f"the condition has the type {type_}, not one bool")

    def _fail(self, found: str) -> NoReturn:
        binding = self._binding
        place = f", binding %{binding.var.name}: {binding.var.type} ({_describe(binding.value)})" if binding else ""
        raise VerificationError(f"{self._where}{place}: {found}")


def is_instance(found: Type, wanted: Type, free: Set[str]) -> bool:
    """Is a type the wanted one for some values of the free symbols?"""
    if isinstance(found, TupleType) and isinstance(wanted, TupleType) and len(found.fields) == len(wanted.fields):
        return all(is_instance(f, w, free) for f, w in zip(found.fields, wanted.fields, strict=True))
    if not isinstance(found, TensorType) or not isinstance(wanted, TensorType):
        kind = (SequenceType, OptionalType)  # all the same to the run: of these, types say what is known
        return found == wanted or (type(found) is type(wanted) in kind and join_types(found, wanted) == wanted)
    if found.dtype != wanted.dtype or found.rank != wanted.rank:
        return False
    pairs = zip(found.shape, wanted.shape, strict=True)
    return all(f == w or (isinstance(w, Dim) and w in map(Dim.symbol, free)) for f, w in pairs)


def _describe(value: Expr) -> str:
    if isinstance(value, Call):
        name = f"@{value.op.name}" if isinstance(value.op, GlobalVar) else value.op
        where = f" from {value.location}" if str(value.location) else ""
        return f"call of {name}{where}"
    return type(value).__name__


def _listing(types: Sequence[Type]) -> str:
    return f"({', '.join(map(str, types))})"
