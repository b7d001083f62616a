"""Converters: functions from one ONNX node to Relay calls, and what they are given to work with."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from .. import op as relay_op
from ..diagnostics import CompileError, Location, RunTimeValueError, located
from ..op.custom import find_custom
from ..relay.builder import SHAPE_VALUE_LIMIT, FunctionBuilder
from ..relay.dimension import Dim, Dimension, symbols
from ..relay.expr import Atom, Constant
from ..relay.types import DTYPES, TensorType, TupleType, dtype_name

#: ``converter(node) -> atom, or list of atoms`` (one per ONNX output; None for an output that is not used).
Converter = Callable[["Node"], Any]

_converters: dict[tuple[str, str], Converter] = {}


def converter(*operators: str, domain: str = "") -> Callable[[Converter], Converter]:
    """Register a converter for ONNX operators of a domain, for all their opset versions."""

    def add(function: Converter) -> Converter:
        for operator in operators:
            key = (domain, operator)
            assert key not in _converters, f"two converters for {key}"
            _converters[key] = function
        return function

    return add


@cache
def _load_all() -> None:
    import onnxc.frontend as package

    for info in pkgutil.iter_modules([str(Path(str(package.__file__)).parent)]):
        if info.name.startswith("convert_"):
            importlib.import_module(f"onnxc.frontend.{info.name}")


def find_converter(domain: str, operator: str) -> Converter | None:
    _load_all()
    found = _converters.get((domain, operator))
    if found is None and find_custom(domain, operator) is not None:
        return _convert_custom
    return found


def _convert_custom(node: Node) -> Any:
    """A call of an operator of the user's, on all inputs, with all attributes."""
    custom = find_custom(node.domain, node.proto.op_type)
    assert custom is not None
    missing = [index for index in range(len(node.inputs)) if not node.has_input(index)]
    if missing:
        raise node.error(f"input {missing[0]} is left out", expected="all: custom operators have no optional inputs")
    known = custom.op.attributes
    for attribute in node.proto.attribute:
        if attribute.name not in known:
            names = ", ".join(known) or "none"
            raise node.error(f"the attribute '{attribute.name}' is unknown", expected=f"one of: {names}")
    given = {a.name: attribute_value(a) for a in node.proto.attribute}
    for name, value in given.items():
        if not isinstance(value, (int, float, str, tuple)):
            raise node.error(f"the attribute '{name}' is a tensor or a graph", expected="numbers or text")
    result = node.call(custom.op.name, *(node.input(index) for index in range(len(node.inputs))), **given)
    if not isinstance(result.type, TupleType):
        return result
    return [node.get_item(result, index) for index in range(len(result.type.fields))]


@dataclass(frozen=True)
class Finished:
    """The results of the whole model, from a converter that converted what follows its node, too."""

    outputs: list[Atom]


@dataclass
class Node:
    """One ONNX node under conversion.

    Attributes
    ----------
    proto : onnx.NodeProto
    inputs : sequence of atoms
        None for an optional input that is left out (a trailing one may be missing: see `input`).
    opset : int
        Version of the node's domain that the model imports.
    location : Location
    builder : FunctionBuilder
    convert_graph : callable
        ``(GraphProto, child builder, atoms by the names of the graph's inputs) -> list of result atoms``: converts a
        subgraph with this scope outside of it.
    find : callable
        ``name -> atom or None``: a value of the graph by its ONNX name.
    rest : callable, optional
        ``(builder, results of this node) -> results of the model``: converts what follows, where a converter may do
        that itself. It then returns `Finished`.
    """

    proto: onnx.NodeProto
    inputs: Sequence[Atom | None]
    opset: int
    location: Location
    builder: FunctionBuilder
    convert_graph: Callable[[onnx.GraphProto, FunctionBuilder, Mapping[str, Atom]], list[Atom]]
    find: Callable[[str], Atom | None] = lambda name: None
    rest: Callable[[FunctionBuilder, Sequence[Atom]], list[Atom]] | None = None

    @property
    def domain(self) -> str:
        """The operator's domain; empty for ONNX's own."""
        return "" if self.proto.domain == "ai.onnx" else self.proto.domain

    @property
    def output_count(self) -> int:
        return len(self.proto.output)

    def has_output(self, index: int) -> bool:
        return index < len(self.proto.output) and bool(self.proto.output[index])

    def has_input(self, index: int) -> bool:
        return index < len(self.inputs) and self.inputs[index] is not None

    def input(self, index: int) -> Atom:
        """Input that must be there."""
        if not self.has_input(index):
            raise self.error(f"input {index} is missing", expected="the input, which the operator requires")
        value = self.inputs[index]
        assert value is not None
        return value

    def optional_input(self, index: int) -> Atom | None:
        return self.inputs[index] if index < len(self.inputs) else None

    def type(self, index: int) -> TensorType:
        """Type of an input that must be a tensor."""
        type_ = self.input(index).type
        if not isinstance(type_, TensorType):
            raise self.error(f"input {index} is {type_}", expected="a tensor")
        return type_

    def attr(self, name: str, default: Any = None) -> Any:
        """Attribute as integer, float, str, tuple of these, numpy array (tensor), or GraphProto; else the default."""
        for attribute in self.proto.attribute:
            if attribute.name == name:
                self._check_attribute(attribute)
                return attribute_value(attribute)
        return default

    def _check_attribute(self, attribute: onnx.AttributeProto) -> None:
        """An attribute must have the type that the operator's schema gives it; exporters write whole floats as ints."""
        try:
            schema = onnx.defs.get_schema(self.proto.op_type, self.opset, self.domain)
        except onnx.defs.SchemaError:
            return
        if attribute.name not in schema.attributes:
            return
        kinds = onnx.AttributeProto.AttributeType
        declared: Any = schema.attributes[attribute.name].type
        expected, found = int(declared.value), attribute.type
        if found not in (expected, kinds.Value("INT") if expected == kinds.Value("FLOAT") else expected):
            raise self.error(
                f"the attribute '{attribute.name}' has the type {kinds.Name(found).lower()}",
                expected=kinds.Name(expected).lower(),
            )

    def graph_attr(self, name: str) -> onnx.GraphProto:
        """Attribute that must be there and hold a graph."""
        graph = self.required_attr(name)
        if not isinstance(graph, onnx.GraphProto):
            raise self.error(f"the attribute '{name}' is {graph!r}", expected="a graph")
        return graph

    def with_attributes(self, **attributes: Any) -> Node:
        """The node with other values of some attributes."""
        proto = onnx.NodeProto()
        proto.CopyFrom(self.proto)
        kept = [attribute for attribute in proto.attribute if attribute.name not in attributes]
        del proto.attribute[:]
        proto.attribute.extend([*kept, *(onnx.helper.make_attribute(n, v) for n, v in attributes.items())])
        return replace(self, proto=proto)

    def inside(self, builder: FunctionBuilder) -> Node:
        """The node, for calls in a function nested in the one it stands in."""
        return replace(self, builder=builder)

    def required_attr(self, name: str) -> Any:
        value = self.attr(name)
        if value is None:
            raise self.error(f"the attribute '{name}' is missing", expected="the attribute, which is required")
        return value

    def dtype_attr(self, name: str, default: str | None = None) -> str:
        """Relay's name of the element type whose ONNX number an attribute holds; the default where there is none."""
        number = self.attr(name, 0)
        if number == 0 and default is not None:
            return default
        try:
            if isinstance(number, str):  # Cast up to opset 5
                number = onnx.TensorProto.DataType.Value(number)
            return dtype_name(np.dtype(onnx.helper.tensor_dtype_to_np_dtype(number)))
        except (KeyError, TypeError, ValueError, AssertionError) as error:
            raise self.error(f"the attribute '{name}' is {number}, which is no known element type") from error

    def call(self, op: str, *args: Atom, **attrs: Any) -> Atom:
        """Bind a Relay call; it is named after the node's first output. Of small constants it gives a constant.

        Models compute shapes in floats, too (half the height of an image, rounded down), hence the folding here.
        """
        folded = self._fold(op, args, attrs)
        if folded is not None:
            return folded
        return self.builder.call(op, *args, name=self._name(), location=self.location, **attrs)

    def _fold(self, op: str, args: Sequence[Atom], attrs: dict[str, Any]) -> Constant | None:
        constants = [a for a in args if isinstance(a, Constant) and a.array.size <= SHAPE_VALUE_LIMIT]
        if not args or len(constants) != len(args) or any(_has_symbols(value) for value in attrs.values()):
            return None
        found = relay_op.get(op)
        with located(self.location):
            full = relay_op.complete_attrs(found, attrs)
            type_ = relay_op.infer_type(op, full, [c.type for c in constants])
        if not isinstance(type_, TensorType) or not isinstance(type_.size, int) or type_.size > SHAPE_VALUE_LIMIT:
            return None
        with np.errstate(all="ignore"):
            return Constant(np.asarray(found.reference(full, *(c.array for c in constants))), self._name())

    def get_item(self, value: Atom, index: int) -> Atom:
        name = self.proto.output[index] if index < len(self.proto.output) else ""
        return self.builder.get_item(value, index, name or self._name(), self.location)

    def constant(self, value: Any, dtype: str | None = None) -> Constant:
        """A constant; dtype is Relay's name."""
        array = np.asarray(value) if dtype is None else np.asarray(value).astype(DTYPES[dtype][0])
        return Constant(array)

    def dimension(self, dim: Dimension) -> Atom:
        """A dimension as an int64."""
        if isinstance(dim, int):
            return self.constant(dim, "int64")
        return self.call("full", shape=(), value=dim, dtype="int64")

    def cast(self, value: Atom, dtype: str) -> Atom:
        """The value as another element type."""
        assert isinstance(value.type, TensorType)
        return value if value.type.dtype == dtype else self.call("cast", value, dtype=dtype)

    def reshape(self, value: Atom, shape: Sequence[Dimension]) -> Atom:
        """The value in another shape; of a constant a constant."""
        if isinstance(value.type, TensorType) and value.type.shape == tuple(shape):
            return value
        known = [d for d in shape if isinstance(d, int)]
        if isinstance(value, Constant) and len(known) == len(shape):
            return Constant(value.array.reshape(known), value.name)
        return self.call("reshape", value, shape=tuple(shape))

    def transpose(self, value: Atom, axes: Sequence[int]) -> Atom:
        """A tensor with permuted axes; a constant stays one."""
        if list(axes) == sorted(axes):
            return value
        if isinstance(value, Constant):
            return Constant(np.ascontiguousarray(value.array.transpose(axes)), value.name)
        return self.call("transpose", value, axes=tuple(axes))

    def shape_value(self, index: int, signed: bool = False) -> tuple[Dimension, ...]:
        """Numbers held by an input, flattened: integers, and dimensions; what only run time knows is read there.

        Parameters
        ----------
        signed : bool
            The numbers may be negative; otherwise the run checks that they are not.

        Raises
        ------
        CompileError
            The run cannot tell either, since the input is not of integers, or of unknown length.
        """
        atom = self.input(index)
        value = self.builder.shape_value(atom)
        if value is None:
            value = self.builder.read_dimensions(atom, "number" if signed else "size", location=self.location)
        if value is None:
            raise self._run_time_value(index, "a value that follows from constants and the inputs' shapes")
        dims = tuple(value.reshape(-1))
        return dims if signed else tuple(self.builder.as_sizes(dims, self._name(), self.location))

    def static_array(self, index: int) -> np.ndarray:
        """Contents of an input that must be a constant."""
        atom = self.input(index)
        if isinstance(atom, Constant):
            return atom.array
        if self.type(index).is_static and self.type(index).size == 0:
            return np.empty(self.type(index).shape, self.type(index).numpy_dtype)  # type: ignore[arg-type]
        value = self.builder.shape_value(atom)
        if value is not None and all(isinstance(v, int) for v in value.flat):
            return value.astype(self.type(index).numpy_dtype)
        raise self._run_time_value(index, "a constant")

    def error(self, message: str, *, expected: str = "", remedy: str = "") -> CompileError:
        return CompileError(message, self.location, expected=expected, remedy=remedy)

    def _run_time_value(self, index: int, expected: str) -> CompileError:
        inputs = self.builder.value_inputs(self.input(index))
        names = ", ".join(f"'{name}'" for name in inputs)
        remedy = f"make the model's input {names} an initializer" if names else "export the model with constant shapes"
        return RunTimeValueError(
            f"input {index} ('{self.proto.input[index]}') is only known at run time",
            self.location,
            inputs=inputs,
            expected=expected,
            remedy=remedy,
        )

    def _name(self) -> str:
        return next((o for o in self.proto.output if o), self.proto.name)


def _has_symbols(value: Any) -> bool:
    return isinstance(value, Dim) or (isinstance(value, tuple) and any(map(_has_symbols, value)))


def element_type(number: int) -> str:
    """Relay's name of an element type, by its number in ONNX."""
    try:
        return dtype_name(np.dtype(onnx.helper.tensor_dtype_to_np_dtype(number)))
    except (KeyError, TypeError, AssertionError) as error:
        raise CompileError(f"element type number {number} is unknown") from error


def attribute_value(attribute: onnx.AttributeProto) -> Any:
    """Value of an ONNX attribute: strings decoded, lists as tuples, tensors (sparse ones too) as arrays."""
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, (onnx.TensorProto, onnx.SparseTensorProto)):
        try:
            return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else dense_array(value)
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise CompileError(f"the attribute '{attribute.name}' is a broken tensor: {error}") from error
    if isinstance(value, (onnx.GraphProto, onnx.TypeProto, int, float, str)):
        return value
    return tuple(v.decode("utf-8", "surrogateescape") if isinstance(v, bytes) else v for v in value)


def dense_array(sparse: onnx.SparseTensorProto) -> np.ndarray:
    """Array of a sparse tensor, whose places are flat indices or rows of coordinates."""
    values, indices = onnx.numpy_helper.to_array(sparse.values), onnx.numpy_helper.to_array(sparse.indices)
    dense = np.zeros(tuple(sparse.dims), values.dtype)
    if indices.ndim == 1:
        dense.reshape(-1)[indices] = values
    else:
        dense[tuple(indices.T)] = values
    return dense


def number(array: np.ndarray) -> Any:
    """The Python number (or string) that an array of one element holds, as attributes of Relay calls have them."""
    value = array.reshape(-1)[0]
    dtype = dtype_name(array.dtype)
    if dtype == "string" or array.dtype.kind in "biufc":
        return value.item() if isinstance(value, np.generic) else value
    return int(value) if "int" in dtype else float(value)


def fix_remedy(*dims: Dimension) -> str:
    """What to do where something must be known about dimensions; empty where all are."""
    names = sorted(set().union(*map(symbols, dims)))
    return f"give values to the dimensions, here: {', '.join(names)}" if names else ""
