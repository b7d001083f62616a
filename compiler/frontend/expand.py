"""Function bodies of operators that the ONNX schema defines by other operators.

Schemas are of type Any, since the stubs of the onnx package lack much of what they have.
"""

from __future__ import annotations

from typing import Any

import onnx
import onnx.defs
import onnx.helper
import onnx.shape_inference

from .explain import explain, type_proto
from .registry import Node


def expand_function(node: Node) -> onnx.FunctionProto:
    """Body of a node's operator by its schema.

    Raises
    ------
    CompileError
        The schema has no body for this operator and these inputs.
    """
    proto = node.proto
    try:
        schema: Any = onnx.defs.get_schema(proto.op_type, node.opset, node.domain)
    except onnx.defs.SchemaError as error:
        raise node.error(f"the operator is unknown in opset {node.opset}") from error
    if schema.has_function:
        return _with_defaults(schema, _function_for(schema, node.opset))
    if schema.has_context_dependent_function:
        problem = explain(node)  # it is native code, which trusts its caller, that writes the body
        if problem is not None:
            raise problem
        versions = [v for v in schema.context_dependent_function_opset_versions if v <= node.opset]
        types = [type_proto(a.type if a else None).SerializeToString() for a in node.inputs]
        if versions:
            version = max(versions)
            text = schema.get_context_dependent_function_with_opset_version(version, proto.SerializeToString(), types)
        else:
            text = schema.get_context_dependent_function(proto.SerializeToString(), types)
        if text:
            function = onnx.FunctionProto()
            function.ParseFromString(text)
            if proto.op_type == "CenterCropPad":
                _widen(function, function.input[1])  # sizes of 32 bits, which the body joins with shapes
            return _with_defaults(schema, function)
    raise node.error(
        "there is no converter, and the schema has no function body for these inputs",
        remedy="use another form of the operator, or an older opset",
    )


def _function_for(schema: Any, opset: int) -> onnx.FunctionProto:
    versions = [v for v in schema.function_opset_versions if v <= opset]
    function = onnx.FunctionProto()
    if versions:
        function.ParseFromString(schema.get_function_with_opset_version(max(versions)))
    else:
        function.CopyFrom(schema.function_body)
    return function


def _widen(function: onnx.FunctionProto, name: str) -> None:
    """Let a function cast an input to int64 before anything else."""
    wide = f"{name}_int64"
    for node in function.node:
        for index, read in enumerate(node.input):
            if read == name:
                node.input[index] = wide
    function.node.insert(0, onnx.helper.make_node("Cast", [name], [wide], to=onnx.TensorProto.INT64))


def _with_defaults(schema: Any, function: onnx.FunctionProto) -> onnx.FunctionProto:
    """The function with the schema's defaults for attributes that the node does not give."""
    known = {a.name for a in function.attribute_proto}
    defaults = [a.default_value for a in schema.attributes.values() if a.default_value.name and a.name not in known]
    function.attribute_proto.extend(defaults)
    return function
