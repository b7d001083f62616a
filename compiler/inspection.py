"""Facts about a model or an artifact, as plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import onnx
import onnx.helper

from .artifact.manifest import digest, find_manifest, memory_plan, plain, read_manifest, typed
from .diagnostics import CompileError
from .driver import Options, compile_model
from .frontend.importer import all_nodes, import_model, unsupported_operators
from .frontend.load import load_model
from .relay.dimension import Dimension
from .relay.expr import Call, Module, all_bindings
from .relay.types import TensorType, TupleType
from .target import Target


def inspect_model(source: Path | bytes, dims: Mapping[str, int]) -> dict[str, Any]:
    """Facts about an ONNX file, as far as they can be found out: a model need not compile.

    Parameters
    ----------
    source : Path or bytes
    dims : mapping of str to int
        Values for symbolic dimensions.

    Raises
    ------
    CompileError
        The file is no ONNX model.
    """
    model, name, _ = load_model(source)
    graph = model.graph
    nodes = [node for part in (graph, *model.functions) for node in all_nodes(part)]
    operators = Counter(_operator(node.domain, node.op_type) for node in nodes)
    facts: dict[str, Any] = {
        "kind": "model",
        "name": name,
        "bytes": len(source) if isinstance(source, bytes) else source.stat().st_size,
        "ir_version": model.ir_version,
        "producer": " ".join(filter(None, (model.producer_name, model.producer_version))),
        "opsets": {entry.domain or "ai.onnx": entry.version for entry in model.opset_import},
        "inputs": [_value(v) for v in graph.input if v.name not in {t.name for t in graph.initializer}],
        "outputs": [_value(v) for v in graph.output],
        "nodes": len(nodes),
        "operators": dict(sorted(operators.items(), key=lambda item: (-item[1], item[0]))),
        "unsupported": [],
        "parameters": _parameters(model),
        "multiply_adds": None,
        "problem": "",
    }
    try:
        facts["unsupported"] = [
            {"operator": _operator(domain, operator), "opset": version, "nodes": names}
            for domain, operator, version, names in unsupported_operators(model, name)
        ]
        module = import_model(source, dims)
    except CompileError as error:
        facts["problem"] = str(error)
        return facts
    facts["inputs"] = [typed(param.name, param.type) for param in module.main.params]
    result = module.main.result.type
    types = result.fields if isinstance(result, TupleType) else (result,)
    facts["outputs"] = [typed(n, t) for n, t in zip(module.main.attrs["outputs"], types, strict=True)]
    facts["multiply_adds"] = plain(multiply_adds(module))
    return facts


def model_memory(source: Path | bytes, target: Target, options: Options) -> dict[str, Any]:
    """The memory that a model would take on a target, as in a manifest. Compiles the model."""
    program = compile_model(source, target, options).program
    return {
        "arena_bytes": plain(program.plan.size),
        "peak_bytes": program.plan.peak,
        "heap": program.blocks > 0,
        "weights_bytes": program.weights_size,
        "buffers": memory_plan(program),
    }


def inspect_artifact(path: Path) -> dict[str, Any]:
    """Facts about an artifact: its manifest, and whether the files are still those that it tells of.

    Raises
    ------
    CompileError
        There is no manifest.
    """
    found = find_manifest(path)
    if found is None:
        raise CompileError(
            f"no manifest tells about '{path}'",
            expected="an ONNX file, or an artifact of onnxc with its manifest beside it",
        )
    facts = read_manifest(found)
    try:
        changed = [name for name, entry in facts["files"].items() if not _is_whole(found.parent / name, entry)]
    except (AttributeError, KeyError, TypeError) as error:
        raise CompileError(f"'{found}' is no manifest made by onnxc") from error
    return {"kind": "artifact", **facts, "changed": changed}


def multiply_adds(module: Module) -> Dimension:
    """Multiplications with an addition that the convolutions and matrix products of a module take."""
    total: Dimension = 0
    for binding in all_bindings(module.main):
        value, type_ = binding.value, binding.var.type
        if isinstance(value, Call) and isinstance(type_, TensorType):
            arguments = [a.type for a in value.args if isinstance(a.type, TensorType)]
            total = total + _multiply_adds(value, arguments, type_)
    return total


def _multiply_adds(call: Call, arguments: list[TensorType], result: TensorType) -> Dimension:
    if call.op == "nn.conv":
        return result.size * (arguments[1].size // arguments[1].shape[0])
    if call.op == "nn.conv_transpose":
        return arguments[0].size * (arguments[1].size // arguments[1].shape[0])
    if call.op == "nn.dense":
        return result.size * arguments[0].shape[-1]
    if call.op == "nn.matmul":
        return result.size * arguments[0].shape[-2 if call.attrs.get("transpose_a") else -1]
    return 0


def _operator(domain: str, name: str) -> str:
    return name if domain in ("", "ai.onnx") else f"{domain}:{name}"


def _parameters(model: onnx.ModelProto) -> dict[str, int]:
    """Elements and bytes of all initializers, and of Constant nodes' tensors."""
    tensors = [tensor for graph in _graphs(model.graph) for tensor in graph.initializer]
    tensors += [
        attribute.t
        for node in all_nodes(model.graph)
        if node.op_type == "Constant"
        for attribute in node.attribute
        if attribute.name == "value"
    ]
    elements = [prod(tensor.dims) for tensor in tensors]
    sizes = [count * _bits(tensor.data_type) // 8 for count, tensor in zip(elements, tensors, strict=True)]
    return {"elements": sum(elements), "bytes": sum(sizes)}


def _graphs(graph: onnx.GraphProto) -> list[onnx.GraphProto]:
    found = [graph]
    for node in graph.node:
        for attribute in node.attribute:
            for inner in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
                found += _graphs(inner)
    return found


def _bits(data_type: int) -> int:
    try:
        return 8 * onnx.helper.tensor_dtype_to_np_dtype(data_type).itemsize
    except (KeyError, TypeError, AssertionError):
        return 0


def _value(value: onnx.ValueInfoProto) -> dict[str, Any]:
    type_, kind = value.type, ""
    while (wrapper := type_.WhichOneof("value")) in ("sequence_type", "optional_type"):
        kind += "optional " if wrapper == "optional_type" else "sequence of "
        type_ = type_.optional_type.elem_type if wrapper == "optional_type" else type_.sequence_type.elem_type
    tensor = type_.tensor_type
    shape = [d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in tensor.shape.dim]
    try:
        dtype = onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
    except ValueError:
        dtype = f"element type {tensor.elem_type}"
    if not type_.HasField("tensor_type"):
        dtype = str(type_.WhichOneof("value") or "no type")
    elif kind and not tensor.HasField("shape"):
        shape = ["..."]
    return {"name": value.name, "dtype": f"{kind}{dtype}", "shape": shape}


def _is_whole(path: Path, entry: Mapping[str, Any]) -> bool:
    return path.is_file() and path.stat().st_size == entry["bytes"] and digest(path) == entry["sha256"]
