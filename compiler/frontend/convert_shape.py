"""ONNX operators that make tensors from attributes, constants and shapes."""

from __future__ import annotations

import numpy as np
import onnx.helper

from ..relay.expr import Atom, Constant
from ..relay.types import dtype_name
from .registry import Node, converter, number

#: Attributes of Constant -> element type of the tensor that they stand for.
_CONSTANT_FORMS = {
    "value_float": "float32",
    "value_floats": "float32",
    "value_int": "int64",
    "value_ints": "int64",
    "value_string": "string",
    "value_strings": "string",
}


@converter("Constant")
def convert_constant(node: Node) -> Atom:
    for name in ("value", "sparse_value"):
        if (array := node.attr(name)) is not None:
            return Constant(array, node.proto.output[0])
    for name, dtype in _CONSTANT_FORMS.items():
        if (value := node.attr(name)) is not None:
            return Constant(node.constant(value, dtype).array, node.proto.output[0])
    raise node.error("Constant without a value", expected=f"one of: value, sparse_value, {', '.join(_CONSTANT_FORMS)}")


@converter("ConstantOfShape")
def convert_constant_of_shape(node: Node) -> Atom:
    value = node.attr("value", np.zeros(1, np.float32))
    if value.size != 1:
        raise node.error(f"a value of {value.size} elements", expected="one element")
    return node.call("full", shape=node.shape_value(0), value=number(value), dtype=dtype_name(value.dtype))


@converter("Shape")
def convert_shape(node: Node) -> Atom:
    start, end, _ = slice(node.attr("start", 0), node.attr("end")).indices(node.type(0).rank)
    return node.call("shape_of", node.input(0), start=start, end=max(start, end))


@converter("Size")
def convert_size(node: Node) -> Atom:
    return node.call("full", shape=(), value=node.type(0).size, dtype="int64")


@converter("EyeLike")
def convert_eye_like(node: Node) -> Atom:
    like = node.type(0)
    if like.rank != 2:
        raise node.error(f"EyeLike of {like.shape}", expected="a matrix")
    code = node.attr("dtype")
    dtype = like.dtype if code is None else dtype_name(onnx.helper.tensor_dtype_to_np_dtype(code))
    return node.call("eye", rows=like.shape[0], columns=like.shape[1], diagonal=node.attr("k", 0), dtype=dtype)
