"""Relay expressions, in A-normal form.

A function is parameters, a list of bindings and a result. Arguments are atoms: variables or constants. Everything is
immutable; a pass builds new expressions. Variables are compared by identity, so that two of the same name never mix.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..diagnostics import NOWHERE, Location
from .dimension import Dim, Dimension, substitute
from .run_time import is_run_time_symbol
from .types import FuncType, TensorType, TupleType, Type, type_of_array, type_symbols


class Attrs(dict):
    """Attributes of a call; ``attrs.name`` reads ``attrs["name"]``.

    Values are integers, floats, strings, booleans, None, dimensions, and tuples of these.
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def substitute(self, values: Mapping[str, Any]) -> Attrs:
        """Replace symbols in every dimension among the values."""
        return Attrs({k: _substitute_value(v, values) for k, v in self.items()})

    def symbols(self) -> set[str]:
        """Symbols of every dimension among the values."""
        return _value_symbols(tuple(self.values()))


def _value_symbols(value: Any) -> set[str]:
    if isinstance(value, Dim):
        return value.symbols()
    if isinstance(value, tuple):
        return set().union(*map(_value_symbols, value))
    return set()


def _substitute_value(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, Dim):
        return substitute(value, values)
    if isinstance(value, tuple):
        return tuple(_substitute_value(v, values) for v in value)
    return value


@dataclass(frozen=True, eq=False)
class Var:
    """A named value: a parameter or the left side of a binding."""

    name: str
    type: Type
    location: Location = NOWHERE

    def __repr__(self) -> str:
        return f"%{self.name}: {self.type}"


@dataclass(frozen=True, eq=False)
class Constant:
    """A tensor known at compile time."""

    array: np.ndarray
    name: str = ""

    @cached_property
    def type(self) -> TensorType:
        return type_of_array(self.array)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over type and contents."""
        data = repr(self.array.tolist()).encode() if self.array.dtype == object else np.ascontiguousarray(self.array)
        state = hashlib.sha256(str(self.type).encode())
        state.update(data if isinstance(data, bytes) else data.view(np.uint8).data if data.ndim else data.tobytes())
        return state.hexdigest()

    def __repr__(self) -> str:
        return f"@{self.name}: {self.type}"


Atom = Var | Constant


@dataclass(frozen=True)
class GlobalVar:
    """The name of a function of the module."""

    name: str


@dataclass(frozen=True, eq=False)
class Call:
    """An operator (by name) or a function of the module, applied to atoms.

    The attribute ``defines``, where an operator has it, is a tuple of symbols that a run of the call gives values to:
    sizes of its result, or else the numbers in it.
    """

    op: str | GlobalVar
    args: tuple[Atom, ...]
    attrs: Attrs = field(default_factory=Attrs)
    location: Location = NOWHERE


@dataclass(frozen=True, eq=False)
class Tuple:
    fields: tuple[Atom, ...]
    location: Location = NOWHERE


@dataclass(frozen=True, eq=False)
class TupleGetItem:
    tuple: Var
    index: int
    location: Location = NOWHERE


@dataclass(frozen=True, eq=False)
class If:
    """Two branches without parameters that may use any variable in scope.

    Both have the type of the binding; where that has run-time symbols of its own, the run gives them their values.
    """

    condition: Atom
    then_branch: Function
    else_branch: Function
    location: Location = NOWHERE


@dataclass(frozen=True, eq=False)
class While:
    """Run `body` on the state while `condition` of the state holds (ONNX Loop and Scan).

    Both take the state's fields as parameters; `body` gives the next state, a tuple. Parameters whose size changes from
    one iteration to the next have run-time symbols of their own.
    """

    condition: Function
    body: Function
    state: tuple[Atom, ...]
    location: Location = NOWHERE


Expr = Var | Constant | Call | Tuple | TupleGetItem | If | While


@dataclass(frozen=True, eq=False)
class Binding:
    var: Var
    value: Expr


@dataclass(frozen=True, eq=False)
class Function:
    """``fn (params) { let bindings; result }``.

    attrs: ``primitive`` (True: one kernel), ``outputs`` (names of the results of main), ``keys`` (for each
    of them, of what maps its rows are: a tuple of strings or integers, empty where they are none; only where some are),
    ``input_maps`` (for each parameter of main the name of the map that it is the keys, or then the values, of, or
    nothing; only where there are some).
    """

    params: tuple[Var, ...]
    bindings: tuple[Binding, ...]
    result: Atom
    attrs: Attrs = field(default_factory=Attrs)

    @property
    def type(self) -> FuncType:
        return FuncType(tuple(p.type for p in self.params), self.result.type)

    @property
    def is_primitive(self) -> bool:
        return bool(self.attrs.get("primitive"))


@dataclass(frozen=True, eq=False)
class Module:
    """Functions by name; ``main`` is the model."""

    functions: Mapping[str, Function]
    name: str = "model"

    @property
    def main(self) -> Function:
        return self.functions["main"]

    def with_main(self, main: Function) -> Module:
        return replace(self, functions={**self.functions, "main": main})


def tensor_type(atom: Atom) -> TensorType:
    """The type of a value that must be a tensor."""
    assert isinstance(atom.type, TensorType), atom
    return atom.type


def shape_of(atom: Atom) -> tuple[Dimension, ...]:
    """The shape of a value that must be a tensor."""
    return tensor_type(atom).shape


def dtype_of(atom: Atom) -> str:
    """The element type of a value that must be a tensor."""
    return tensor_type(atom).dtype


def atoms_of(value: Expr) -> tuple[Atom, ...]:
    """The atoms that an expression uses directly (not those inside branches and loop bodies)."""
    if isinstance(value, (Var, Constant)):
        return (value,)
    if isinstance(value, Call):
        return value.args
    if isinstance(value, Tuple):
        return value.fields
    if isinstance(value, TupleGetItem):
        return (value.tuple,)
    if isinstance(value, If):
        return (value.condition,)
    return value.state


def subfunctions(value: Expr) -> tuple[Function, ...]:
    """The functions nested in an expression."""
    if isinstance(value, If):
        return (value.then_branch, value.else_branch)
    if isinstance(value, While):
        return (value.condition, value.body)
    return ()


def free_vars(function: Function) -> list[Var]:
    """Variables used in a function and bound outside it, in order of first use."""
    bound: set[Var] = set(function.params)
    free: dict[Var, None] = {}

    def visit(inner: Function) -> None:
        bound.update(inner.params)
        for binding in inner.bindings:
            for atom in atoms_of(binding.value):
                use(atom)
            for sub in subfunctions(binding.value):
                visit(sub)
            bound.add(binding.var)
        use(inner.result)

    def use(atom: Atom) -> None:
        if isinstance(atom, Var) and atom not in bound:
            free[atom] = None

    visit(function)
    return list(free)


def map_atoms(value: Expr, mapping: Any) -> Expr:
    """Replace the atoms of an expression, also inside nested functions, by ``mapping(atom)``."""
    if isinstance(value, (Var, Constant)):
        return mapping(value)
    if isinstance(value, Call):
        return replace(value, args=tuple(map(mapping, value.args)))
    if isinstance(value, Tuple):
        return replace(value, fields=tuple(map(mapping, value.fields)))
    if isinstance(value, TupleGetItem):
        return replace(value, tuple=mapping(value.tuple))
    if isinstance(value, If):
        return replace(
            value,
            condition=mapping(value.condition),
            then_branch=map_function(value.then_branch, mapping),
            else_branch=map_function(value.else_branch, mapping),
        )
    return replace(
        value,
        condition=map_function(value.condition, mapping),
        body=map_function(value.body, mapping),
        state=tuple(map(mapping, value.state)),
    )


def map_function(function: Function, mapping: Any) -> Function:
    """Replace atoms in a function's bindings and result; its own variables stay."""
    bindings = tuple(Binding(b.var, map_atoms(b.value, mapping)) for b in function.bindings)
    return replace(function, bindings=bindings, result=mapping(function.result))


def whole_symbols(type_: Type) -> set[str]:
    """Symbols that are a whole dimension of a tensor: a value of that type tells what they are."""
    dims = type_.shape if isinstance(type_, TensorType) else ()
    if isinstance(type_, TupleType):
        return set().union(*map(whole_symbols, type_.fields))
    return {name for dim in dims if isinstance(dim, Dim) for name in dim.symbols() if dim == Dim.symbol(name)}


def defined_symbols(binding: Binding, known: Set[str] = frozenset()) -> set[str]:
    """Run-time symbols that a binding defines, beside those already known."""
    value = binding.value
    if isinstance(value, (If, While)):
        return {name for name in whole_symbols(binding.var.type) if is_run_time_symbol(name)} - known
    if isinstance(value, Call):
        return set().union(*(symbol.symbols() for symbol in value.attrs.get("defines", ()))) - known
    return set()


def used_symbols(binding: Binding) -> set[str]:
    """Symbols in the type and the attributes of a binding, and in the functions nested in it."""
    found = type_symbols(binding.var.type)
    if isinstance(binding.value, Call):
        found |= binding.value.attrs.symbols()
    for sub in subfunctions(binding.value):
        found |= set().union(*(type_symbols(param.type) for param in sub.params), *map(used_symbols, sub.bindings))
    return found


def all_bindings(function: Function) -> Iterator[Binding]:
    """The bindings of a function and of the functions nested in it, in order."""
    for binding in function.bindings:
        for sub in subfunctions(binding.value):
            yield from all_bindings(sub)
        yield binding


def constants_of(module: Module) -> list[Constant]:
    """The distinct constants of a module, in order of first use."""
    found: dict[Constant, None] = {}
    for function in module.functions.values():
        for binding in all_bindings(function):
            values = [binding.value, *(sub.result for sub in subfunctions(binding.value))]
            for atom in (a for v in values for a in atoms_of(v)):
                if isinstance(atom, Constant):
                    found[atom] = None
        if isinstance(function.result, Constant):
            found[function.result] = None
    return list(found)


def result_types(function: Function) -> tuple[Type, ...]:
    """Types of the results: the fields where the result is a tuple."""
    type_ = function.result.type
    return type_.fields if isinstance(type_, TupleType) else (type_,)
