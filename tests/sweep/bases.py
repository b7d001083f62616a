"""Nodes that the sweep starts from: those of the onnx package's cases, and some that it lacks."""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from functools import cache
from typing import Any

import numpy as np
import onnx
from onnx.backend.test.loader import load_model_tests

from tests.sweep.handwritten import WRITTEN, WRITTEN_ONLY
from tests.sweep.schemas import find_schema
from tests.sweep.values import Value
from tests.sweep.versions import Base

#: Cases with more elements than that take longer, and show no more.
_MOST_ELEMENTS = 5000


@cache
def bases(domain: str, operator: str) -> tuple[Base, ...]:
    """What the sweep starts from for an operator."""
    written = [make() for make in WRITTEN.get((domain, operator), [])]
    if operator in WRITTEN_ONLY:
        return tuple(written)
    return (*written, *_packaged().get(_source(domain, operator), ()))


def _source(domain: str, operator: str) -> tuple[str, str]:
    return domain, {"Scatter": "ScatterElements"}.get(operator, operator)


@cache
def _packaged() -> dict[tuple[str, str], list[Base]]:
    # The package draws the inputs of its node tests as it is imported, and keeps copies of whole networks' data.
    os.environ.setdefault("ONNX_HOME", tempfile.mkdtemp(prefix="onnxc-onnx-home-"))
    np.random.seed(0)
    found: dict[tuple[str, str], list[Base]] = defaultdict(list)
    for case in load_model_tests(kind="node"):
        model = case.model
        if model is None or len(model.graph.node) != 1 or not case.data_sets or "_expanded" in case.name:
            continue
        inputs, outputs = case.data_sets[0]
        base = _base_of(model, list(inputs), tuple(map(_plain, outputs)), case.name)
        if base is not None:
            found[base.schema.domain, base.schema.name].append(base)
    return {key: [b for b in group if _size(b) <= _MOST_ELEMENTS] or group[:1] for key, group in found.items()}


def _base_of(model: onnx.ModelProto, inputs: list[Value], outputs: tuple[Value, ...], name: str) -> Base | None:
    (node,) = model.graph.node
    versions = {entry.domain: entry.version for entry in model.opset_import}
    schema = find_schema(node.domain, node.op_type, versions.get(node.domain, 1))
    names = [value.name for value in model.graph.input]
    values: dict[str, Value] = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    if len(names) != len(inputs):
        return None
    values.update({n: _plain(v) for n, v in zip(names, inputs, strict=True)})
    given: dict[str, Any] = {}
    for index, input_ in enumerate(node.input):
        formal = schema.inputs[min(index, len(schema.inputs) - 1)]
        if formal.variadic:
            given.setdefault(formal.name, []).append(values.get(input_))
        elif input_ and input_ in values:
            given[formal.name] = values[input_]
    attributes = {attribute.name: attribute for attribute in node.attribute}
    asked = tuple(bool(output) for output in node.output)
    return Base(schema, given, attributes, asked, outputs, name)


def _plain(value: Value) -> Value:
    if isinstance(value, onnx.TensorProto):
        return onnx.numpy_helper.to_array(value)
    return value if value is None or isinstance(value, (list, dict)) else np.asarray(value)


def _size(base: Base) -> int:
    return sum(_elements(value) for value in base.inputs.values())


def _elements(value: Value) -> int:
    return sum(map(_elements, value)) if isinstance(value, list) else int(np.size(value))
