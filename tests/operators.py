"""Uses of operators in models: which, in which version, on elements of which type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx

from onnxc.relay.types import dtype_name


class Use(NamedTuple):
    """An operator, its version (that of its schema, or 0 without one), and the element type of a tensor of it."""

    domain: str
    operator: str
    version: int
    dtype: str


def uses_of(model: onnx.ModelProto) -> set[Use]:
    """Uses in a model, by the types of each node's first input and first output, as far as they are known."""
    versions = {"" if entry.domain == "ai.onnx" else entry.domain: entry.version for entry in model.opset_import}
    with suppress(Exception):  # without it fewer types are known
        model = onnx.shape_inference.infer_shapes(model)
    local = {(function.domain, function.name) for function in model.functions}
    found = set()
    for graph in _graphs(model.graph):
        types = _types(graph)
        for node in graph.node:
            domain = "" if node.domain == "ai.onnx" else node.domain
            if (domain, node.op_type) in local:
                continue
            names = [*node.input[:1], *node.output[:1]]
            dtypes = {types[name] for name in names if name in types} or {""}
            since = _since(node.op_type, versions.get(domain, 0), domain)
            found |= {Use(domain, node.op_type, since, dtype) for dtype in dtypes}
    return found


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _graphs(attribute.g)


def _types(graph: onnx.GraphProto) -> dict[str, str]:
    found = {}
    for value in (*graph.input, *graph.output, *graph.value_info):
        type_ = value.type
        for wrapper in ("optional_type", "sequence_type"):
            if type_.HasField(wrapper):  # type: ignore[arg-type]
                type_ = getattr(type_, wrapper).elem_type
        if type_.HasField("tensor_type") and type_.tensor_type.elem_type:
            found[value.name] = _name(type_.tensor_type.elem_type)
    return {**found, **{tensor.name: _name(tensor.data_type) for tensor in graph.initializer}}


def _name(number: int) -> str:
    return dtype_name(np.dtype(onnx.helper.tensor_dtype_to_np_dtype(number)))


def _since(operator: str, version: int, domain: str) -> int:
    try:
        return onnx.defs.get_schema(operator, version, domain).since_version
    except onnx.defs.SchemaError:
        return 0


def read_uses(path: Path) -> list[Use]:
    """Uses from a file of `write_uses`."""
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    return [Use(domain, operator, int(version), dtype) for domain, operator, version, dtype in rows]


def write_uses(path: Path, uses: Iterable[Use]) -> None:
    """One line for each, sorted."""
    path.write_text("".join("\t".join(map(str, use)) + "\n" for use in sorted(set(uses))))
