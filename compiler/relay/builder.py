"""Builds a function binding by binding, with its types and, where they are known, its shape values.

A *shape value* is what an integer tensor holds, as an object array of dimensions, known at compile time: the shape of
an input, its second element plus one, and so on. Models compute shapes with tensors; this is where they become types.
What a tensor holds that is not known is read during the run, into symbols: see run_time.py.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from ..diagnostics import NOWHERE, CompileError, Location, located
from .dimension import Dim, Dimension, lower_bound
from .expr import (
    Atom,
    Attrs,
    Binding,
    Call,
    Constant,
    Expr,
    Function,
    If,
    Tuple,
    TupleGetItem,
    Var,
    While,
    atoms_of,
    free_vars,
    subfunctions,
)
from .run_time import is_run_time
from .types import TensorType, TupleType, Type

#: Larger tensors are data, not shapes.
SHAPE_VALUE_LIMIT = 64


class FunctionBuilder:
    """Collects bindings.

    Parameters
    ----------
    infer : callable
        ``(op name, attrs, argument types) -> (complete attrs, type)``.
    shape_reference : callable
        ``op name -> reference or None``: the numpy reference of operators that work on shape values.
    parent : FunctionBuilder, optional
        Builder of the enclosing function, whose variables are in scope.
    notes : dict, optional
        What earlier attempts to convert the model have found out.
    """

    def __init__(
        self,
        infer: Callable[[str, dict[str, Any], list[Type]], tuple[Attrs, Type]],
        shape_reference: Callable[[str], Callable[..., Any] | None],
        parent: FunctionBuilder | None = None,
        notes: dict[Hashable, Any] | None = None,
    ) -> None:
        self._infer, self._shape_reference, self.parent = infer, shape_reference, parent
        self.params: list[Var] = []
        self.bindings: list[Binding] = []
        #: Keys of matrices that stand for sequences of maps, one for each row (ONNX ZipMap).
        self.row_keys: dict[Atom, tuple[Any, ...]] = parent.row_keys if parent else {}
        #: What sequences and optional values hold, where that is known: their tensors; one or no value.
        self.parts: ChainMap[Atom, tuple[Atom, ...]] = parent.parts.new_child() if parent else ChainMap()
        #: The numbers of the iterations of the loops around, from the outermost in.
        self.iterations: tuple[Atom, ...] = parent.iterations if parent else ()
        self._names: dict[str, int] = parent._names if parent else {}
        self._symbols: set[str] = parent._symbols if parent else set()
        self.own_symbols: set[str] = set()  # run-time symbols that have their values in this function alone
        # What converters want to remember until they convert the same graph again.
        self.notes: dict[Hashable, Any] = parent.notes if parent else {} if notes is None else notes
        # What a nested function finds out holds only there: its symbols get their values there.
        self._shape_values: ChainMap[Var, np.ndarray] = parent._shape_values.new_child() if parent else ChainMap()

    def child(self) -> FunctionBuilder:
        """A builder for a function nested in this one."""
        return FunctionBuilder(self._infer, self._shape_reference, self)

    def take_over(self, child: FunctionBuilder) -> None:
        """Bind here what a nested function binds, since it always runs."""
        self.bindings.extend(child.bindings)
        self.own_symbols |= child.own_symbols
        self._shape_values.update(child._shape_values.maps[0])
        self.parts.update(child.parts.maps[0])

    def unique_name(self, name: str) -> str:
        """The name itself, or with a number where it is taken."""
        name = name or "v"
        if name not in self._names:
            self._names[name] = 1
            return name
        while True:
            candidate = f"{name}.{self._names[name]}"
            self._names[name] += 1
            if candidate not in self._names:
                self._names[candidate] = 1
                return candidate

    def param(self, name: str, type_: Type, location: Location = NOWHERE) -> Var:
        var = Var(self.unique_name(name), type_, location)
        self.params.append(var)
        return var

    def bind(self, value: Expr, type_: Type, name: str = "", location: Location = NOWHERE) -> Var:
        var = Var(self.unique_name(name), type_, location)
        self.bindings.append(Binding(var, value))
        return var

    def call(self, op: str, *args: Atom, name: str = "", location: Location = NOWHERE, **attrs: Any) -> Atom:
        """Bind an operator call.

        Returns the variable, or a constant where the result is a small integer tensor known by now, or has no elements.
        """
        with located(location):
            full, type_ = self._infer(op, attrs, [a.type for a in args])
        if isinstance(type_, TensorType) and type_.is_static and type_.size == 0:
            return Constant(np.empty(type_.shape, type_.numpy_dtype), name)  # type: ignore[arg-type]
        known = self._known_result(op, full, args, type_)
        if known is not None and all(not isinstance(d, Dim) for d in known.flat):
            assert isinstance(type_, TensorType)
            return Constant(known.astype(type_.numpy_dtype), name)
        var = self.bind(Call(op, args, full, location), type_, name, location)
        if known is not None:
            self._shape_values[var] = known
        return var

    def _known_result(self, op: str, attrs: Attrs, args: tuple[Atom, ...], type_: Type) -> np.ndarray | None:
        if not isinstance(type_, TensorType) or not type_.is_static or type_.dtype not in ("int64", "int32", "bool"):
            return None
        size = type_.size
        if not isinstance(size, int) or size > SHAPE_VALUE_LIMIT:
            return None
        if op == "shape_of":
            dims = args[0].type.shape  # type: ignore[union-attr]
            return _object_array(dims[attrs.start : attrs.end])
        reference = self._shape_reference(op)
        values = [self.shape_value(a) for a in args]
        if reference is None or any(v is None for v in values):
            return None
        try:
            result = np.asarray(reference(attrs, *values), dtype=object)
        except (TypeError, ValueError, CompileError):  # an operation that symbolic dimensions do not have
            return None
        return result if result.shape == type_.shape else None

    def shape_value(self, atom: Atom) -> np.ndarray | None:
        """The shape value of an atom: an object array of integers and dimensions, or None where it is not known."""
        if isinstance(atom, Constant):
            if atom.array.size > SHAPE_VALUE_LIMIT or atom.array.dtype.kind not in "iub":
                return None
            return _object_array(atom.array)
        return self._shape_values.get(atom)

    # Dimensions that only the run knows

    def new_symbol(self, name: str, signed: bool = False) -> Dim:
        """A run-time symbol, named after what it is the size of."""
        base = re.sub(r"\W", "_", name).strip("_") or "size"
        if base[0].isdigit():
            base = f"d{base}"
        stem, number = base, 0
        while stem in self._symbols:
            number += 1
            stem = f"{base}_{number}"
        self._symbols.add(stem)
        name = f"{stem}__" if signed else f"{stem}_"
        self.own_symbols.add(name)
        return Dim.symbol(name)

    def seen_outside(self, type_: Type, name: str, outside: FunctionBuilder) -> Type:
        """A type as it is where this function's own symbols have no values: with new symbols in their place."""
        if isinstance(type_, TupleType):
            return TupleType(tuple(self.seen_outside(field, name, outside) for field in type_.fields))
        if not isinstance(type_, TensorType):
            return type_
        own = [isinstance(dim, Dim) and bool(dim.symbols() & self.own_symbols) for dim in type_.shape]
        pairs = enumerate(zip(type_.shape, own, strict=True))
        return TensorType(
            tuple(outside.new_symbol(f"{name}_d{axis}") if inner else dim for axis, (dim, inner) in pairs), type_.dtype
        )

    def read_dimensions(
        self, atom: Atom, rule: str = "size", source: tuple[Dimension, ...] = (), location: Location = NOWHERE
    ) -> np.ndarray | None:
        """Read an integer tensor during the run; None where the number of its elements is not known.

        Parameters
        ----------
        rule, source
            See op/dimensions.py.

        Returns
        -------
        numpy.ndarray
            A symbol for each element, in the tensor's shape. What is read by the rule ``number`` becomes the tensor's
            shape value.
        """
        type_ = atom.type
        if not isinstance(type_, TensorType) or not type_.is_static or "int" not in type_.dtype:
            return None
        assert isinstance(type_.size, int)
        if type_.size > SHAPE_VALUE_LIMIT:
            return None
        name = atom.name or "size"
        stems = [name] if type_.size == 1 else [f"{name}_{i}" for i in range(type_.size)]
        symbols = [self.new_symbol(stem, signed=rule == "number") for stem in stems]
        if symbols:
            attrs = {"defines": tuple(symbols), "rule": rule, "source": source}
            self.call("read_dimensions", atom, name=f"{name}.sizes", location=location, **attrs)
        value = _object_array(np.array(symbols, object).reshape(type_.shape))
        if rule == "number" and isinstance(atom, Var):
            self._shape_values[atom] = value
        return value

    def as_sizes(
        self, dims: Sequence[Dimension], name: str, location: Location = NOWHERE, always: bool = False
    ) -> list[Dimension]:
        """Dimensions with symbols in place of expressions that the run must show not to be negative.

        Parameters
        ----------
        always : bool
            For other expressions too: what is computed from short names stays short, which proofs about it take
            exponential time in.
        """
        result = list(dims)
        computed = (d for d in dims if isinstance(d, Dim) and is_run_time(d))
        wanted = {d: None for d in computed if (always and len(d.symbols()) > 1) or lower_bound(d) < 0}
        if wanted:
            symbols = {dim: self.new_symbol(name) for dim in wanted}
            attrs = {"defines": tuple(symbols.values()), "values": tuple(symbols)}
            self.call("compute_dimensions", name=f"{name}.sizes", location=location, **attrs)
            result = [symbols.get(d, d) if isinstance(d, Dim) else d for d in dims]
        return result

    def value_inputs(self, atom: Atom) -> tuple[str, ...]:
        """Names of the outermost function's parameters that an atom's value follows from, not just their shapes."""
        builders = [self]
        while builders[-1].parent is not None:
            builders.append(builders[-1].parent)
        values = {binding.var: binding.value for builder in builders for binding in builder.bindings}
        seen: set[Atom] = set()
        waiting: list[Atom] = [atom]
        while waiting:
            current = waiting.pop()
            if current in seen or isinstance(current, Constant):
                continue
            seen.add(current)
            value = values.get(current) if isinstance(current, Var) else None
            if value is not None and not (isinstance(value, Call) and value.op == "shape_of"):
                waiting += atoms_of(value)
                for function in subfunctions(value):
                    waiting += free_vars(function)
        return tuple(param.name for param in builders[-1].params if param in seen)

    def tuple(self, fields: list[Atom], name: str = "", location: Location = NOWHERE) -> Var:
        return self.bind(Tuple(tuple(fields), location), TupleType(tuple(f.type for f in fields)), name, location)

    def get_item(self, value: Atom, index: int, name: str = "", location: Location = NOWHERE) -> Var:
        assert isinstance(value, Var) and isinstance(value.type, TupleType)
        return self.bind(TupleGetItem(value, index, location), value.type.fields[index], name, location)

    def if_(self, condition: Atom, then: Function, other: Function, type_: Type, name: str, location: Location) -> Var:
        return self.bind(If(condition, then, other, location), type_, name, location)

    def while_(
        self, condition: Function, body: Function, state: list[Atom], type_: Type, name: str, location: Location
    ) -> Var:
        return self.bind(While(condition, body, tuple(state), location), type_, name, location)

    def function(self, result: Atom, **attrs: Any) -> Function:
        """The finished function."""
        return Function(tuple(self.params), tuple(self.bindings), result, Attrs(attrs))


def _object_array(values: Any) -> np.ndarray:
    values = np.asarray(values, dtype=object) if not isinstance(values, np.ndarray) else values
    result = np.empty(values.shape, dtype=object)
    for index in np.ndindex(values.shape):
        item: Dimension = values[index]
        result[index] = item if isinstance(item, Dim) else int(item)
    return result
