"""The cases of the sweep: a node for each type of each type variable of each version of each operator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import helper

from tests.sweep.bases import bases
from tests.sweep.handwritten import FACTORIES, LINKED
from tests.sweep.schemas import Schema, find_schema, schemas
from tests.sweep.values import Value, element_number, retype, type_name, type_proto
from tests.sweep.versions import Base, at_version

#: Inputs that are shapes, axes and the like, which models mostly have as constants.
_PARAMETERS = frozenset(
    (
        *("shape", "axes", "axis", "pads", "starts", "ends", "steps", "repeats", "tiles", "k", "K", "split", "scales"),
        *("sizes", "roi", "depth", "dft_length", "frame_step", "frame_length", "size", "image_shape", "block_shape"),
        *("output_shape", "max_output_boxes_per_class"),
    )
)

#: Attributes that say of which type an output is.
_TYPE_ATTRIBUTES = ("to", "dtype", "output_dtype", "output_datatype", "stash_type")


#: Elements that can be scattered, but not added, multiplied or compared thereby.
_NOT_REDUCED = frozenset(
    int(number)
    for number in (
        onnx.TensorProto.STRING,
        onnx.TensorProto.COMPLEX64,
        onnx.TensorProto.COMPLEX128,
        onnx.TensorProto.BOOL,
    )
)


class Key(NamedTuple):
    """What a case shows: a version of an operator, on a type for one of its type variables.

    Operators whose tensors all have fixed types have one case for each version, with an empty variable and type.
    """

    domain: str
    operator: str
    version: int
    variable: str
    type: str

    def __str__(self) -> str:
        prefix = f"{self.domain}:" if self.domain else ""
        return f"{prefix}{self.operator}-{self.version} {self.variable}={self.type}"


@dataclass(frozen=True)
class Case:
    """A node and its inputs.

    Attributes
    ----------
    key : Key
    base : Base
        The node at the version and on the types that the key names.
    source : Base
        The one that it was made from, on the same types.
    native : bool
        It is the same as its source: what the onnx package expects of that holds.
    """

    key: Key
    base: Base
    source: Base
    native: bool

    def node(self, prefix: str = "") -> onnx.NodeProto:
        """The node, with names of values that begin with a prefix."""
        return node_of(self.base, prefix)

    def constants(self) -> dict[str, np.ndarray]:
        """Inputs that are constants of the model, by the schema's names; never all inputs."""
        inputs = self.base.inputs
        found = {n: v for n, v in inputs.items() if n in _PARAMETERS and isinstance(v, (np.ndarray, np.generic))}
        return {} if len(found) == len(self.base.inputs) else {n: np.asarray(v) for n, v in found.items()}


def keys() -> tuple[Key, ...]:
    """All cases."""
    found = []
    for (domain, operator), versions in schemas().items():
        for schema in versions:
            name = (domain, operator, schema.version)
            for variable, types in schema.types.items():
                found += [Key(*name, variable, type_) for type_ in types]
            if not schema.types:
                found.append(Key(*name, "", ""))
    return tuple(found)


def candidates(key: Key) -> Iterator[Case]:
    """Cases for a key, in the order in which they are to be tried.

    They begin at another one for each type, so that all forms of an operator get their turn.
    """
    schema = find_schema(key.domain, key.operator, key.version)
    factory = FACTORIES.get((key.domain, key.operator))
    if factory is not None:
        made = factory(schema, key.variable, key.type)
        if made is not None:
            yield Case(key, made, made, True)
        return
    usable = _usable(key.domain, key.operator, key.version)
    natives = [i for i, (base, _) in enumerate(usable) if base.first_type(key.variable) == key.type]
    allowed = schema.types.get(key.variable, ())
    start = allowed.index(key.type) if key.type in allowed else 0
    order = natives or list(range(len(usable)))
    order = order[start % max(1, len(order)) :] + order[: start % max(1, len(order))]
    order += [i for i in range(len(usable)) if i not in order]
    for index in order:
        base, source = usable[index]
        typed = _typed(base, key)
        if typed is not None:
            same = base is source and typed is base
            yield Case(key, typed, source if same else _typed(source, key) or source, same)


@cache
def _usable(domain: str, operator: str, version: int) -> list[tuple[Base, Base]]:
    schema = find_schema(domain, operator, version)
    found = []
    for base in bases(domain, operator):
        converted = at_version(base, schema)
        if converted is not None:
            found.append((converted, base))
    return found


def _typed(base: Base, key: Key) -> Base | None:
    """A base on the types of a key; None where the type variable is not in it."""
    wanted = {key.variable: key.type}
    schema = base.schema
    reduces = helper.get_attribute_value(base.attributes["reduction"]) if "reduction" in base.attributes else b"none"
    if reduces != b"none" and schema.name.startswith("Scatter") and element_number(key.type) in _NOT_REDUCED:
        return None
    for variable, allowed in schema.types.items():
        found = base.first_type(variable)
        if variable != key.variable and found is not None and found not in allowed:
            wanted[variable] = next((t for t in ("tensor(float)", "tensor(int64)") if t in allowed), allowed[0])
    if (key.domain, key.operator) in LINKED:
        element = element_number(key.type)
        for variable, allowed in schema.types.items():
            alike = [t for t in allowed if "map" not in t and element_number(t) == element]
            if variable != key.variable and alike:
                wanted[variable] = alike[0]
    inputs: dict[str, Any] = dict(base.inputs)
    types = dict(base.types)
    changed = False
    for formal in schema.inputs:
        type_ = wanted.get(formal.type)
        value = inputs.get(formal.name)
        if type_ is None or value is None:
            continue
        if formal.variadic:
            parts = [part if type_name(part) == type_ else retype(part, type_) for part in value]
            changed |= any(new is not old for new, old in zip(parts, value, strict=True))
            inputs[formal.name] = parts
        elif type_name(value) != type_:
            inputs[formal.name], changed = retype(value, type_), True
            types[formal.name] = type_
    attributes = dict(base.attributes)
    if base.first_type(key.variable) is None and key.variable:
        given = _attribute_of_type(schema, attributes, key)
        if given is not None:
            changed |= attributes.get(given.name) != given
            attributes[given.name] = given
        elif len(schema.types.get(key.variable, ())) > 1:
            return None
    return replace(base, inputs=inputs, attributes=attributes, types=types, expected=None) if changed else base


def _attribute_of_type(
    schema: Schema, attributes: dict[str, onnx.AttributeProto], key: Key
) -> onnx.AttributeProto | None:
    """The attribute that gives an output the type of a key."""
    if not any(formal.type == key.variable for formal in schema.outputs) or "(tensor" in key.type:
        return None
    if any(formal.type == key.variable for formal in schema.inputs):  # an optional input that is not there
        return None
    number = element_number(key.type)
    for name in _TYPE_ATTRIBUTES:
        if name in schema.attributes:
            if schema.name == "Cast" and schema.version < 6:
                return helper.make_attribute("to", onnx.TensorProto.DataType.Name(number))
            return helper.make_attribute(name, number)
    if "value" in schema.attributes:
        old = attributes.get("value")
        array = np.array([1.5], np.float32) if old is None else onnx.numpy_helper.to_array(old.t)
        return helper.make_attribute("value", onnx.numpy_helper.from_array(retype(array, key.type)))
    return None


def node_of(base: Base, prefix: str) -> onnx.NodeProto:
    """The node of a base."""
    inputs = []
    for formal in base.schema.inputs:
        if formal.variadic:
            inputs += [f"{prefix}{formal.name}_{i}" for i in range(len(base.inputs.get(formal.name, ())))]
        else:
            inputs.append(f"{prefix}{formal.name}" if formal.name in base.inputs else "")
    while inputs and not inputs[-1]:
        inputs.pop()
    outputs = [f"{prefix}out{i}" if asked else "" for i, asked in enumerate(base.outputs)]
    node = helper.make_node(base.schema.name, inputs, outputs, name=prefix or "node", domain=base.schema.domain)
    node.attribute.extend(base.attributes.values())
    return node


def inputs_of(base: Base, prefix: str) -> Iterator[tuple[str, str, str, Value]]:
    """Of each input that is there: its name, the schema's name for it, its type, and its value."""
    for formal in base.schema.inputs:
        if formal.name not in base.inputs:
            continue
        value = base.inputs[formal.name]
        if formal.variadic:
            for index, part in enumerate(value):
                name = f"{prefix}{formal.name}_{index}"
                yield name, formal.name, base.types.get(formal.name) or type_name(part), part
        else:
            yield f"{prefix}{formal.name}", formal.name, base.types.get(formal.name) or type_name(value), value


def model_of(parts: Sequence[tuple[str, Case]]) -> tuple[onnx.ModelProto, dict[str, Value]]:
    """A model of several nodes, which share a domain and a version, and what to feed it.

    Parameters
    ----------
    parts : sequence of (prefix, Case)
        The prefix of the names of a case's values; it is the name of the node, too.
    """
    nodes, values, constants, outputs = [], [], [], []
    feeds: dict[str, Value] = {}
    for prefix, case in parts:
        nodes.append(case.node(prefix))
        known = case.constants()
        for name, formal, type_, value in inputs_of(case.base, prefix):
            if formal in known:
                constants.append(onnx.numpy_helper.from_array(np.asarray(value), name))
            else:
                values.append(helper.make_value_info(name, type_proto(type_, value)))
                feeds[name] = value
        outputs += [onnx.ValueInfoProto(name=name) for name in nodes[-1].output if name]
    key = parts[0][1].key
    versions = [helper.make_opsetid(key.domain, key.version)]
    if key.domain:
        versions.append(helper.make_opsetid("", onnx.defs.onnx_opset_version()))
    graph = helper.make_graph(nodes, "sweep", values, outputs, constants)
    return helper.make_model(graph, opset_imports=versions), feeds
