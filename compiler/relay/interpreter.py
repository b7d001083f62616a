"""Evaluates a module with the operators' numpy references: the oracle of every pass, and the constant folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from .dimension import Dim, symbols
from .expr import Atom, Attrs, Call, Constant, Expr, Function, GlobalVar, If, Module, Tuple, TupleGetItem, Var
from .types import TensorType, TupleType, Type

#: ``(op name, attrs, arrays) -> array or tuple of arrays``
Reference = Callable[[str, Attrs, Sequence[np.ndarray]], Any]


def bind_symbols(params: Sequence[Var], arrays: Sequence[np.ndarray]) -> dict[str, int]:
    """Values of the symbols in the parameters' types, from actual shapes.

    Raises
    ------
    CompileError
        A shape contradicts its type, or two uses of a symbol differ.
    """
    values: dict[str, int] = {}
    for param, array in zip(params, arrays, strict=True):
        type_ = param.type
        if not isinstance(type_, TensorType):
            continue
        if len(type_.shape) != np.ndim(array):
            raise CompileError(f"'{param.name}' has rank {np.ndim(array)}", expected=f"the shape {type_.shape}")
        for dim, actual in zip(type_.shape, np.shape(array), strict=True):
            if isinstance(dim, Dim) and len(names := symbols(dim)) == 1:
                (name,) = names
                more = dim - Dim.symbol(name)  # a padded dimension
                if isinstance(more, int):
                    dim = values.setdefault(name, actual - more) + more
            if isinstance(dim, int) and dim != actual:
                raise CompileError(f"'{param.name}' has the shape {np.shape(array)}", expected=str(type_.shape))
    return values


def _define_symbols(type_: Type, value: Any, known: dict[str, int]) -> None:
    """Learn from a value the symbols that its type is the first to have as whole dimensions."""
    if isinstance(type_, TupleType):
        for field, part in zip(type_.fields, value, strict=True):
            _define_symbols(field, part, known)
    elif isinstance(type_, TensorType):
        for dim, size in zip(type_.shape, np.shape(value), strict=True):
            for name in symbols(dim):
                if dim == Dim.symbol(name):
                    known.setdefault(name, size)


class Interpreter:
    """Runs functions of a module on numpy arrays."""

    def __init__(self, module: Module, reference: Reference) -> None:
        self._module, self._reference = module, reference

    def run(self, *arrays: Any) -> list[Any]:
        """Results of ``main``."""
        main = self._module.main
        result = self._function(main, arrays, {}, bind_symbols(main.params, arrays))
        return list(result) if isinstance(result, tuple) else [result]

    def _function(
        self, function: Function, arrays: Sequence[Any], outer: Mapping[Var, Any], dims: Mapping[str, int]
    ) -> Any:
        scope, known = dict(outer), dict(dims)
        for param, array in zip(function.params, arrays, strict=True):
            scope[param] = array
            _define_symbols(param.type, array, known)
        for binding in function.bindings:
            scope[binding.var] = value = self._expr(binding.value, scope, known)
            if not isinstance(binding.value, Call):
                _define_symbols(binding.var.type, value, known)
            elif defines := binding.value.attrs.get("defines"):
                _define_symbols(binding.var.type, value, known)
                names = [name for symbol in defines for name in symbol.symbols()]
                for name, number in zip(names, np.ravel(value) if isinstance(value, np.ndarray) else (), strict=False):
                    if name not in known:
                        known[name] = int(number)
        return self._atom(function.result, scope)

    def _atom(self, atom: Atom, scope: Mapping[Var, Any]) -> Any:
        return atom.array if isinstance(atom, Constant) else scope[atom]

    def _expr(self, value: Expr, scope: Mapping[Var, Any], dims: Mapping[str, int]) -> Any:
        if isinstance(value, (Var, Constant)):
            return self._atom(value, scope)
        if isinstance(value, Tuple):
            return tuple(self._atom(f, scope) for f in value.fields)
        if isinstance(value, TupleGetItem):
            return scope[value.tuple][value.index]
        if isinstance(value, If):
            taken = bool(np.asarray(self._atom(value.condition, scope)).reshape(()))
            return self._function(value.then_branch if taken else value.else_branch, (), scope, dims)
        if isinstance(value, Call):
            arrays = [self._atom(a, scope) for a in value.args]
            if isinstance(value.op, GlobalVar):
                return self._function(self._module.functions[value.op.name], arrays, {}, dims)
            with np.errstate(all="ignore"):
                return self._reference(value.op, value.attrs.substitute(dims), arrays)
        state = tuple(self._atom(a, scope) for a in value.state)
        while bool(np.asarray(self._function(value.condition, state, scope, dims)).reshape(())):
            state = self._function(value.body, state, scope, dims)
        return state
