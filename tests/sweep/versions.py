"""Nodes of one version of an operator, written as those of another version that can say the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper

from tests.sweep.schemas import Schema
from tests.sweep.values import Value, element_dtype, type_name

_Kind = onnx.AttributeProto.AttributeType


@dataclass
class Base:
    """A node with values for its inputs.

    Attributes
    ----------
    schema : Schema
    inputs : dict
        Values by the schema's names; a list of values for the variadic input. What is left out is not there.
    attributes : dict of str to AttributeProto
    outputs : int
        How many of the schema's outputs are asked for.
    expected : sequence of values, optional
        What the onnx package expects of the outputs.
    name : str
    types : dict of str
        Types of inputs whose values do not tell them.
    """

    schema: Schema
    inputs: dict[str, Any]
    attributes: dict[str, onnx.AttributeProto]
    outputs: tuple[bool, ...]
    expected: tuple[Value, ...] | None = None
    name: str = ""
    types: dict[str, str] = field(default_factory=dict)

    def first_type(self, variable: str) -> str | None:
        """The type of the first input that has a type variable."""
        for formal in self.schema.inputs:
            if formal.type == variable and formal.name in self.inputs:
                if formal.name in self.types:
                    return self.types[formal.name]
                value = self.inputs[formal.name]
                if formal.variadic:
                    value = value[0] if value else None
                if value is not None:
                    return type_name(value)
        return None


def make_attribute(schema: Schema, name: str, value: Any) -> onnx.AttributeProto:
    """An attribute of the type that the schema gives it."""
    kind = schema.attributes[name].kind
    flat = np.asarray(value).reshape(-1) if not isinstance(value, str) else value
    if kind == _Kind.Value("FLOAT"):
        value = float(flat[0])
    elif kind == _Kind.Value("FLOATS"):
        value = [float(number) for number in flat]
    elif kind == _Kind.Value("INT"):
        value = int(flat[0])
    elif kind == _Kind.Value("INTS"):
        value = [int(number) for number in flat]
    made = helper.make_attribute(name, value, attr_type=kind)
    return made


def at_version(base: Base, schema: Schema) -> Base | None:
    """The same at another version of the operator; None where that cannot say it."""
    if base.schema.version == schema.version:
        return base
    parameters: dict[str, Any] = {**base.inputs, **{n: _attribute_value(a) for n, a in base.attributes.items()}}
    unused = set(parameters)
    defaults = {
        name: helper.get_attribute_value(attribute.default)
        for name, attribute in base.schema.attributes.items()
        if attribute.default is not None
    }
    adapt = _ADAPTERS.get(schema.name)
    if adapt is not None:
        known = set(parameters)
        adapted = adapt(dict(parameters), base.schema.version, schema.version)
        if adapted is None:
            return None
        parameters = adapted
        unused = (unused & set(parameters)) | (set(parameters) - known)
    _rename_by_position(parameters, unused, base.schema, schema)

    inputs: dict[str, Any] = {}
    for formal in schema.inputs:
        value = None if formal.name in schema.attributes else parameters.get(formal.name)
        if value is None:
            if formal.required:
                return None
            continue
        unused.discard(formal.name)
        inputs[formal.name] = value
    made = Base(schema, inputs, {}, base.outputs[: _most_outputs(schema)], name=base.name)
    for formal in schema.inputs:  # attributes that became inputs get the type that inputs have
        if formal.name in inputs and formal.name not in base.inputs:
            wanted = formal.type if "(" in formal.type else _type_of_variable(made, formal)
            inputs[formal.name] = np.asarray(inputs[formal.name]).astype(element_dtype(wanted))
    for name, attribute in schema.attributes.items():
        if name in unused:
            unused.discard(name)
            old = base.attributes.get(name)
            kept = old is not None and _same(parameters[name], _attribute_value(old))
            made.attributes[name] = (
                _converted(schema, old) if old is not None and kept else make_attribute(schema, name, parameters[name])
            )
        elif attribute.required:
            return None
        elif name in base.schema.attributes and name not in base.attributes:  # another default?
            before = base.schema.attributes[name].default
            if before is not None and before != attribute.default:
                made.attributes[name] = _converted(schema, before)
    for name in unused:
        if name in defaults and _same(parameters[name], defaults[name]):
            continue
        return None
    return made


def _most_outputs(schema: Schema) -> int:
    return 1000 if schema.outputs and schema.outputs[-1].variadic else len(schema.outputs)


def _type_of_variable(base: Base, formal: Any) -> str:
    """The type of other inputs with the same type variable, else the first one that is allowed."""
    for other in base.schema.inputs:
        if other.type == formal.type and other.name != formal.name and other.name in base.inputs:
            value = base.inputs[other.name]
            return type_name(value[0] if other.variadic else value)
    allowed = base.schema.types[formal.type]
    return next((t for t in ("tensor(int64)", "tensor(float)") if t in allowed), allowed[0])


def _rename_by_position(parameters: dict[str, Any], unused: set[str], old: Schema, new: Schema) -> None:
    """Inputs that changed their names, not their places."""
    names = {formal.name for formal in new.inputs} | set(new.attributes)
    for before, after in zip(old.inputs, new.inputs, strict=False):
        if before.name in parameters and before.name not in names and after.name not in parameters:
            parameters[after.name] = parameters.pop(before.name)
            unused.discard(before.name)
            unused.add(after.name)


def _attribute_value(attribute: onnx.AttributeProto) -> Any:
    value = helper.get_attribute_value(attribute)
    return value.decode() if isinstance(value, bytes) else value


def _converted(schema: Schema, attribute: onnx.AttributeProto) -> onnx.AttributeProto:
    """An attribute of the same name in another version, where it may be a float instead of an integer."""
    if schema.attributes[attribute.name].kind == attribute.type:
        return attribute
    return make_attribute(schema, attribute.name, _attribute_value(attribute))


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, bytes):
        first = first.decode()
    if isinstance(second, bytes):
        second = second.decode()
    if isinstance(first, (onnx.TensorProto, onnx.GraphProto, onnx.TypeProto)):
        return bool(first == second)
    return bool(np.array_equal(np.asarray(first), np.asarray(second)))


# What the rules above do not know. An adapter takes all inputs and attributes by name, the version that they are of,
# and the one that is wanted, and gives them under the names of the latter; None where that cannot say it.

_Adapter = Callable[[dict[str, Any], int, int], "dict[str, Any] | None"]
_ADAPTERS: dict[str, _Adapter] = {}


def _adapter(*operators: str) -> Callable[[_Adapter], _Adapter]:
    def add(function: _Adapter) -> _Adapter:
        for operator in operators:
            assert operator not in _ADAPTERS
            _ADAPTERS[operator] = function
        return function

    return add


@_adapter("Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less")
def _limited_broadcast(given: dict[str, Any], old: int, new: int) -> dict[str, Any] | None:
    """Before opset 7 the second input is broadcast, on demand, and never the first."""
    names = ("X", "Y") if "X" in given else ("A", "B")
    first, second = (np.shape(given[name]) for name in names)
    if new < 7 <= old and first != second:
        if len(second) > len(first) or second != first[len(first) - len(second) :]:
            return None
        given["broadcast"] = 1
    return given


@_adapter("Sum", "Max", "Min", "Mean")
def _no_broadcast(given: dict[str, Any], old: int, new: int) -> dict[str, Any] | None:
    return None if new < 8 and len({np.shape(value) for value in given["data_0"]}) > 1 else given


@_adapter("Gemm")
def _gemm(given: dict[str, Any], old: int, new: int) -> dict[str, Any] | None:
    if new < 11 and "C" not in given:
        return None
    if new < 7:
        rows = np.shape(given["A"])[1 if given.get("transA") else 0]
        columns = np.shape(given["B"])[0 if given.get("transB") else 1]
        if np.shape(given["C"]) != (rows, columns):
            if np.shape(given["C"]) not in ((columns,), (1, columns), (1,), (1, 1), ()):
                return None
            given["broadcast"] = 1
    return given


@_adapter("PRelu")
def _prelu(given: dict[str, Any], old: int, new: int) -> dict[str, Any] | None:
    """Before opset 7 the slope is one number, or one for each channel."""
    shape = np.shape(given["X"])
    if new < 7 and np.size(given["slope"]) > 1:
        given["slope"] = np.linspace(0.25, 2, shape[1], dtype=np.float32).astype(np.asarray(given["slope"]).dtype)
    return given


@_adapter("BatchNormalization")
def _batch_normalization(given: dict[str, Any], old: int, new: int) -> dict[str, Any] | None:
    given.pop("is_test", None)
    if new < 14 and given.get("training_mode"):
        return None
    if new < 7:
        given["is_test"] = 1
    if new == 1:
        given["consumed_inputs"] = [0, 0, 0, 1, 1]
    return given


@_adapter("Dropout")
def _dropout(given: dict[str, Any], old: int, new: int) -> dict[str, Any] | None:
    given.pop("is_test", None)
    given.pop("seed", None)
    if np.any(given.pop("training_mode", False)):
        return None
    if new < 7:
        given["is_test"] = 1
    return given


@_adapter("Cast")
def _cast(given: dict[str, Any], old: int, new: int) -> dict[str, Any] | None:
    if new < 6:
        given["to"] = onnx.TensorProto.DataType.Name(given["to"])
    return given


@_adapter("RNN", "LSTM", "GRU")
def _recurrent(given: dict[str, Any], old: int, new: int) -> dict[str, Any] | None:
    """Opset 1 gives the whole sequence on demand only."""
    if new < 7:
        given["output_sequence"] = 1
    return given


@_adapter("Pad")
def _pad(given: dict[str, Any], old: int, new: int) -> dict[str, Any] | None:
    if new < 18 and given.get("axes") is not None:
        return None
    if new < 19 and given.get("mode") == "wrap":
        return None
    if new < 11 <= old:
        value = given.pop("constant_value", None)
        if value is not None:
            given["value"] = float(np.asarray(value).reshape(-1)[0])
    if new == 1:
        given["paddings"] = given.pop("pads")
    return given


@_adapter("TopK")
def _topk(given: dict[str, Any], old: int, new: int) -> dict[str, Any] | None:
    if new < 10:
        given["k"] = given.pop("K")
    return given


@_adapter("Upsample")
def _upsample(given: dict[str, Any], old: int, new: int) -> dict[str, Any] | None:
    if new == 1:
        scales = np.asarray(given.pop("scales")).reshape(-1)
        given["height_scale"], given["width_scale"] = float(scales[2]), float(scales[3])
    return given


@_adapter("Resize")
def _resize(given: dict[str, Any], old: int, new: int) -> dict[str, Any] | None:
    if new == 10 and (given.get("coordinate_transformation_mode") is not None or given.get("mode") == "cubic"):
        return None
    if new == 11:
        given.setdefault("roi", np.zeros(0, np.float32))
        given.setdefault("scales", np.zeros(0, np.float32))
    if new < 18 and given.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        return None
    return given


@_adapter("GroupNormalization")
def _group_normalization(given: dict[str, Any], old: int, new: int) -> dict[str, Any] | None:
    if new == 18:
        for name in ("scale", "bias"):
            given[name] = given[name][: given["num_groups"]]
    return given


@_adapter("Split")
def _split(given: dict[str, Any], old: int, new: int) -> dict[str, Any] | None:
    if new < 18 and "num_outputs" in given:
        return None
    if new >= 18 and "split" not in given:
        return given if "num_outputs" in given else None
    if new == 1 and "split" in given:  # an input, and an attribute, too: the attribute
        given["split"] = [int(size) for size in np.asarray(given["split"]).reshape(-1)]
    return given


@_adapter("Squeeze", "Unsqueeze", "ReduceSum")
def _axes(given: dict[str, Any], old: int, new: int) -> dict[str, Any] | None:
    if new < 13 and "axes" in given and np.size(given["axes"]) == 0:
        return None
    return given


@_adapter("Tile")
def _tile(given: dict[str, Any], old: int, new: int) -> dict[str, Any] | None:
    """Opset 1 repeats along one axis; both numbers have the data's type."""
    if new == 1:
        repeats = np.asarray(given.pop("repeats"))
        axes = np.flatnonzero(repeats != 1)
        if len(axes) != 1:
            return None
        given["tiles"], given["axis"] = repeats[axes[0]], axes[0]
    return given
