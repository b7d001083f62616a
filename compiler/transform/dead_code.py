"""Leave out bindings that nothing uses, and functions that nothing calls. Operators have no effect but their value."""

from __future__ import annotations

from dataclasses import replace

from ..relay.expr import (
    Binding,
    Call,
    Function,
    GlobalVar,
    Module,
    Var,
    all_bindings,
    atoms_of,
    defined_symbols,
    free_vars,
    subfunctions,
    used_symbols,
    whole_symbols,
)
from ..relay.types import type_symbols
from .base import Pass, PassContext, map_functions, map_subfunctions


def _run(module: Module, context: PassContext) -> Module:
    module = map_functions(module, without_dead_bindings)
    called = {
        binding.value.op.name
        for function in module.functions.values()
        for binding in all_bindings(function)
        if isinstance(binding.value, Call) and isinstance(binding.value.op, GlobalVar)
    }
    return replace(module, functions={n: f for n, f in module.functions.items() if n == "main" or n in called})


def without_dead_bindings(function: Function) -> Function:
    """The function with only what its result needs: values, and run-time symbols in what is kept."""
    used = {function.result} if isinstance(function.result, Var) else set()
    known: set[str] = set().union(*(whole_symbols(param.type) for param in function.params))
    defined: list[set[str]] = []
    for binding in function.bindings:
        defined.append(defined_symbols(binding, known))
        known |= defined[-1]
    symbols = type_symbols(function.result.type)
    kept: list[Binding] = []
    for binding, defines in zip(reversed(function.bindings), reversed(defined), strict=True):
        if binding.var not in used and not defines & symbols:
            continue
        binding = replace(binding, value=map_subfunctions(binding.value, without_dead_bindings))
        used.update(a for a in atoms_of(binding.value) if isinstance(a, Var))
        for sub in subfunctions(binding.value):
            used.update(free_vars(sub))
        symbols |= used_symbols(binding)
        kept.append(binding)
    return replace(function, bindings=tuple(reversed(kept)))


dead_code = Pass("dead_code", 0, _run)
