"""What a pass is, and what passes have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..relay.expr import Atom, Binding, Call, Expr, Function, GlobalVar, If, Module, Var, While, all_bindings
from ..target import Target


@dataclass(frozen=True)
class PassContext:
    """What a pass may ask about the compilation.

    Attributes
    ----------
    target : Target, optional
    level : int
        Optimisation level, 0 to 3.
    options : mapping
        Options of passes, by ``pass.option``.
    """

    target: Target | None = None
    level: int = 2
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Pass:
    """A step from module to module.

    Attributes
    ----------
    name : str
    level : int
        The lowest optimisation level that runs it.
    run : callable
        ``(module, context) -> module``.
    """

    name: str
    level: int
    run: Callable[[Module, PassContext], Module]


def map_functions(module: Module, rewrite: Callable[[Function], Function]) -> Module:
    """Rewrite the functions of a module that are not primitive: those are kernels already."""
    functions = {n: f if f.is_primitive else rewrite(f) for n, f in module.functions.items()}
    return replace(module, functions=functions)


def called_functions(functions: Mapping[str, Function]) -> dict[str, Function]:
    """Main, and the functions that it calls."""
    calls = (b.value for b in all_bindings(functions["main"]) if isinstance(b.value, Call))
    called = {c.op.name for c in calls if isinstance(c.op, GlobalVar)}
    return {n: f for n, f in functions.items() if n == "main" or n in called}


def map_subfunctions(value: Expr, rewrite: Callable[[Function], Function]) -> Expr:
    """Rewrite the functions nested directly in an expression."""
    if isinstance(value, If):
        return replace(value, then_branch=rewrite(value.then_branch), else_branch=rewrite(value.else_branch))
    if isinstance(value, While):
        return replace(value, condition=rewrite(value.condition), body=rewrite(value.body))
    return value


def replace_calls(function: Function, op: str, convert: Callable[[Call, Var], Expr | None]) -> Function:
    """Put something else in place of an operator's calls, also in nested functions.

    Parameters
    ----------
    function : Function
    op : str
    convert : callable
        Gets a call and the variable that it is bound to; None leaves the call as it is.
    """
    bindings = []
    for binding in function.bindings:
        value = map_subfunctions(binding.value, lambda inner: replace_calls(inner, op, convert))
        if isinstance(value, Call) and value.op == op:
            value = convert(value, binding.var) or value
        bindings.append(Binding(binding.var, value))
    return replace(function, bindings=tuple(bindings))


@dataclass
class Substitution:
    """Atoms to put in place of variables. What it gives is never itself replaced."""

    atoms: dict[Var, Atom] = field(default_factory=dict)

    def __call__(self, atom: Atom) -> Atom:
        return self.atoms.get(atom, atom) if isinstance(atom, Var) else atom

    def add(self, var: Var, atom: Atom) -> None:
        self.atoms[var] = self(atom)
