"""Builds a function binding by binding, with its types and, where they are known, its shape values.

A *shape value* is what an integer tensor holds, as an object array of dimensions, known at compile time: the shape of
an input, its second element plus one, and so on. Models compute shapes with tensors; this is where they become types.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..diagnostics import NOWHERE, CompileError, Location, located
from .dimension import Dim, Dimension
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
    """

    def __init__(
        self,
        infer: Callable[[str, dict[str, Any], list[Type]], tuple[Attrs, Type]],
        shape_reference: Callable[[str], Callable[..., Any] | None],
        parent: FunctionBuilder | None = None,
    ) -> None:
        self._infer, self._shape_reference, self.parent = infer, shape_reference, parent
        self.params: list[Var] = []
        self.bindings: list[Binding] = []
        #: Keys of matrices that stand for sequences of maps, one for each row (ONNX ZipMap).
        self.row_keys: dict[Atom, tuple[Any, ...]] = parent.row_keys if parent else {}
        self._names: dict[str, int] = parent._names if parent else {}
        self._shape_values: dict[Var, np.ndarray] = parent._shape_values if parent else {}

    def child(self) -> FunctionBuilder:
        """A builder for a function nested in this one."""
        return FunctionBuilder(self._infer, self._shape_reference, self)

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

    def set_shape_value(self, var: Var, value: np.ndarray) -> None:
        self._shape_values[var] = value

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

    def while_(self, condition: Function, body: Function, state: list[Atom], name: str, location: Location) -> Var:
        type_ = TupleType(tuple(p.type for p in body.params))
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
