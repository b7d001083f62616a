"""Kernels take sizes of their own instead of the model's symbols.

Deep in a network of images every size is an expression such as (H + 31) // 32. To a kernel that is a number like any
other: where all that its types and attributes say about H goes by way of one such expression, that becomes a symbol of
the kernel, and its calls say what it is. So kernels of the same shape at different depths, or of different models, are
one, and TVM works with plain variables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import Any

from .. import op as relay_op
from ..diagnostics import CompileError
from ..relay.dimension import Atom, Dim, Dimension, Monomial, lower_bound, product, substitute
from ..relay.expr import Atom as Value
from ..relay.expr import Attrs, Binding, Call, Function, Var, map_atoms
from ..relay.run_time import collect_conditions
from ..relay.types import TensorType, TupleType, Type


def own_sizes(function: Function) -> tuple[Function, dict[str, Dimension]]:
    """A primitive function with symbols of its own, and what each of them is in those of the model.

    They are numbered as they occur. Each is at least 0, or its name ends with two underscores, as elsewhere.
    """
    dims = list(dict.fromkeys(_dims_of(function)))
    if not dims:
        return function, {}
    try:
        own = _with_own_sizes(function, dims)
        if _is_consistent(own[0]):
            return own
    except CompileError:
        pass
    # Something fits by what is known of the model's symbols alone.
    return function, {name: Dim.symbol(name) for name in sorted(set().union(*(d.symbols() for d in dims)))}


def _with_own_sizes(function: Function, dims: Sequence[Dim]) -> tuple[Function, dict[str, Dimension]]:
    meanings: dict[str, Dimension] = {}

    def name(meaning: Dimension) -> Dimension:
        """A provisional symbol; no input's dimension has a space in its name."""
        meanings[f"size {len(meanings)}"] = meaning
        return Dim.symbol(f"size {len(meanings) - 1}")

    compound = {atom for dim in dims for monomial in dim.terms for atom in monomial if atom.kind != "sym"}
    atoms: dict[Atom, Dimension] = {}
    for family in _families(compound, dims):
        atoms.update(_one_size(family, name))
    without = {dim: _replaced(dim, atoms, {}) for dim in dims}
    products = {m: name(_replaced(Dim({m: 1}), {}, {}, meanings)) for m in _products(without.values())}
    renamed = {dim: _replaced(d, {}, products) if isinstance(d, Dim) else d for dim, d in without.items()}

    symbols: dict[str, Dimension] = {}
    values: dict[str, Dimension] = {}
    for dim in renamed.values():
        for old in sorted(dim.symbols()) if isinstance(dim, Dim) else ():
            if old in symbols:
                continue
            meaning = meanings.get(old, Dim.symbol(old))
            least = lower_bound(meaning)
            begin = int(least) if isfinite(least) else 0
            new = f"n{len(symbols)}" + ("" if isfinite(least) else "__")
            symbols[old], values[new] = Dim.symbol(new) + begin, meaning - begin
    final = {dim: substitute(d, symbols) for dim, d in renamed.items()}
    return _map_dims(function, final), values


def _families(atoms: Iterable[Atom], dims: Sequence[Dim]) -> Iterator[list[Atom]]:
    """Operations that share symbols, and whose symbols stand nowhere else."""
    exposed = {atom.name for dim in dims for monomial in dim.terms for atom in monomial if atom.kind == "sym"}
    families: list[tuple[set[str], list[Atom]]] = []
    for atom in sorted(atoms, key=str):
        names, members = Dim({(atom,): 1}).symbols(), [atom]
        for family in [f for f in families if f[0] & names]:
            families.remove(family)
            names, members = names | family[0], family[1] + members
        families.append((names, members))
    return (members for names, members in families if not names & exposed)


def _one_size(family: Sequence[Atom], name: Any) -> dict[Atom, Dimension]:
    """Operations -> expressions of one new symbol; none where that cannot be.

    floor((n + e*c) / (c*d)) is floor((floor(n / c) + e) / d): quotients follow from the one with the least divisor.
    """
    if len(family) == 1:
        return {family[0]: name(Dim({(family[0],): 1}))}
    divisors = [atom.right for atom in family if atom.kind == "//" and isinstance(atom.right, int)]
    if len(divisors) != len(family):
        return {}
    first = min(family, key=lambda atom: (atom.right, str(atom)))
    assert isinstance(first.right, int)
    shifts: dict[Atom, tuple[int, int]] = {}
    for atom in family:
        shift = atom.left - first.left
        assert isinstance(atom.right, int)
        if not isinstance(shift, int) or shift % first.right or atom.right % first.right:
            return {}
        shifts[atom] = shift // first.right, atom.right // first.right
    size = name(Dim({(first,): 1}))
    return {atom: (size + shift) // divisor for atom, (shift, divisor) in shifts.items()}


def _products(dims: Iterable[Dimension]) -> list[Monomial]:
    """Products of symbols that stand nowhere else."""
    known = [dim for dim in dims if isinstance(dim, Dim)]
    where: dict[str, set[Monomial]] = {}
    for dim in known:
        for monomial in dim.terms:
            for name in Dim({monomial: 1}).symbols() if monomial else ():
                where.setdefault(name, set()).add(monomial)
    found = {m for dim in known for m in dim.terms if len(m) > 1 and all(atom.kind == "sym" for atom in m)}
    alone = [m for m in found if all(where[atom.name] == {m} for atom in m)]
    return sorted(alone, key=lambda m: [str(atom) for atom in m])


def _replaced(
    dim: Dim,
    atoms: Mapping[Atom, Dimension],
    monomials: Mapping[Monomial, Dimension],
    symbols: Mapping[str, Dimension] | None = None,
) -> Dimension:
    """A dimension with some of its atoms and whole monomials replaced; last of all, symbols."""
    total: Dimension = 0
    for monomial, coefficient in dim.terms.items():
        if monomial in monomials:
            total = total + coefficient * monomials[monomial]
        else:
            total = total + coefficient * product(atoms.get(atom, Dim({(atom,): 1})) for atom in monomial)
    return substitute(total, symbols) if symbols else total


def _is_consistent(function: Function) -> bool:
    """Do the types of all calls follow from those of their arguments?"""
    with collect_conditions():
        return all(
            relay_op.infer_type(b.value.op, b.value.attrs, [a.type for a in b.value.args]) == b.var.type
            for b in function.bindings
            if isinstance(b.value, Call) and isinstance(b.value.op, str)
        )


def _dims_of(function: Function) -> Iterator[Dim]:
    """The symbolic dimensions of a function, as they occur."""
    for param in function.params:
        yield from _type_dims(param.type)
    for binding in function.bindings:
        yield from _type_dims(binding.var.type)
        if isinstance(binding.value, Call):
            yield from _value_dims(tuple(binding.value.attrs.values()))


def _type_dims(type_: Type) -> Iterator[Dim]:
    if isinstance(type_, TensorType):
        yield from _value_dims(type_.shape)
    elif isinstance(type_, TupleType):
        for field in type_.fields:
            yield from _type_dims(field)


def _value_dims(value: Any) -> Iterator[Dim]:
    if isinstance(value, Dim):
        yield value
    elif isinstance(value, tuple):
        for inner in value:
            yield from _value_dims(inner)


def _map_dims(function: Function, new: Mapping[Dim, Dimension]) -> Function:
    """The function with other dimensions in their places."""

    def of_value(value: Any) -> Any:
        if isinstance(value, Dim):
            return new[value]
        return tuple(map(of_value, value)) if isinstance(value, tuple) else value

    def of_type(type_: Type) -> Type:
        if isinstance(type_, TensorType):
            return TensorType(of_value(type_.shape), type_.dtype)
        return TupleType(tuple(map(of_type, type_.fields))) if isinstance(type_, TupleType) else type_

    variables: dict[Value, Var] = {}

    def renewed(var: Var) -> Var:
        variables[var] = replace(var, type=of_type(var.type))
        return variables[var]

    def atom(value: Value) -> Value:
        return variables.get(value, value)

    params = tuple(map(renewed, function.params))
    bindings = []
    for binding in function.bindings:
        value = map_atoms(binding.value, atom)
        if isinstance(value, Call):
            value = replace(value, attrs=Attrs({key: of_value(v) for key, v in value.attrs.items()}))
        bindings.append(Binding(renewed(binding.var), value))
    return replace(function, params=params, bindings=tuple(bindings), result=atom(function.result))
