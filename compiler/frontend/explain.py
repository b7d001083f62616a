"""What is wrong with a node that a converter could not cope with.

Converters trust that attributes have the types that the ONNX schema gives them, and inputs, too: checking each would
double their length, and the onnx package's own checks would refuse sloppy models that work. So the checks are made only
once something has gone wrong.
"""

from __future__ import annotations

import onnx
import onnx.checker
import onnx.defs
import onnx.shape_inference

from ..diagnostics import CompileError
from ..relay.dimension import Dim
from ..relay.expr import Constant
from ..relay.types import DTYPES, OpenTensorType, OptionalType, SequenceType, TensorType, Type
from .registry import Node

#: Constants of at most this many elements are shown to ONNX's inference: larger ones are no shapes or axes.
_SHOWN_ELEMENTS = 1024


def explain(node: Node) -> CompileError | None:
    """The error of a node that breaks the rules of ONNX; None where it keeps them, so that the fault is ours."""
    domain = node.domain
    try:
        schema = onnx.defs.get_schema(node.proto.op_type, node.opset, domain)
    except onnx.defs.SchemaError:
        return None
    try:
        context = type(onnx.checker.DEFAULT_CONTEXT)()
        context.ir_version = onnx.IR_VERSION
        # Graphs inside the node may need the default domain.
        versions = {"": onnx.defs.onnx_opset_version(), domain: node.opset}
        context.opset_imports = versions
        # Not where there are graphs inside: they use names from outside, which a check of the node alone does not know.
        if not any(attribute.HasField("g") for attribute in node.proto.attribute):
            onnx.checker.check_node(node.proto, context)
        types = {n: type_proto(a.type) for n, a in zip(node.proto.input, node.inputs, strict=False) if a is not None}
        data = {
            name: onnx.numpy_helper.from_array(atom.array)
            for name, atom in zip(node.proto.input, node.inputs, strict=False)
            if isinstance(atom, Constant) and atom.array.size <= _SHOWN_ELEMENTS
        }
        imports = [onnx.helper.make_opsetid(*entry) for entry in versions.items()]
        onnx.shape_inference.infer_node_outputs(schema, node.proto, types, data, opset_imports=imports)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError, TypeError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return node.error(
            f"the node breaks the rules of its operator: {lines[0] if lines else type(error).__name__}",
            remedy="export the model again, and check it with onnx.checker.check_model",
        )
    return None


def type_proto(type_: Type | OpenTensorType | None) -> onnx.TypeProto:
    """ONNX's form of a type; an empty one for None, and for what it cannot say."""
    if isinstance(type_, TensorType):
        element = onnx.helper.np_dtype_to_tensor_dtype(type_.numpy_dtype)
        return onnx.helper.make_tensor_type_proto(element, [str(d) if isinstance(d, Dim) else d for d in type_.shape])
    if isinstance(type_, OpenTensorType):
        element = onnx.helper.np_dtype_to_tensor_dtype(DTYPES[type_.dtype][0])
        return onnx.helper.make_tensor_type_proto(element, type_.shape)
    if isinstance(type_, SequenceType):
        return onnx.helper.make_sequence_type_proto(type_proto(type_.element))
    if isinstance(type_, OptionalType):
        return onnx.helper.make_optional_type_proto(type_proto(type_.element))
    return onnx.TypeProto()
