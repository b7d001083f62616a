"""ai.onnx.ml operators that prepare features."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..relay.dimension import product
from ..relay.expr import Atom
from ..relay.types import TensorType
from .ml_scores import feature_rows
from .registry import Node, converter

DOMAIN = "ai.onnx.ml"


@converter("ArrayFeatureExtractor", domain=DOMAIN)
def convert_array_feature_extractor(node: Node) -> Atom:
    """Elements of the last axis; of a vector a matrix of one row."""
    x, indices = node.type(0), node.type(1)
    if x.rank == 0:
        raise node.error(f"input 0 is {x}", expected="a tensor with at least one axis")
    count = product(indices.shape)
    taken = node.call("take", node.input(0), node.reshape(node.input(1), (count,)), axis=x.rank - 1)
    return node.reshape(taken, (1, count)) if x.rank == 1 else taken


@converter("Binarizer", domain=DOMAIN)
def convert_binarizer(node: Node) -> Atom:
    dtype = node.type(0).dtype
    threshold = node.attr("threshold", 0.0)
    if "int" in dtype:  # x > 0.5 is x > 0
        threshold = int(np.floor(threshold))
    return node.cast(node.call("greater", node.input(0), node.constant(threshold, dtype)), dtype)


@converter("Scaler", domain=DOMAIN)
def convert_scaler(node: Node) -> Atom:
    """(x - offset) * scale in float32, with one offset and scale for all features or one for each."""
    x = node.cast(node.input(0), "float32")
    for name, op in (("offset", "subtract"), ("scale", "multiply")):
        values = node.attr(name)
        if values:
            x = node.call(op, x, _per_feature(node, name, values, "float32"))
    return x


def _per_feature(node: Node, name: str, values: Any, dtype: str) -> Atom:
    """Numbers of an attribute, one for all features or one for each of the last axis."""
    shape = node.type(0).shape
    features = shape[-1] if shape else 1
    if len(values) != 1 and isinstance(features, int) and len(values) != features:
        raise node.error(f"{name} has {len(values)} numbers for {features} features", expected="one, or one for each")
    return node.constant(values[0] if len(values) == 1 else values, dtype)


@converter("Imputer", domain=DOMAIN)
def convert_imputer(node: Node) -> Atom:
    x, dtype = node.input(0), node.type(0).dtype
    floats = node.attr("imputed_value_floats", ())
    values = floats or node.attr("imputed_value_int64s", ())
    if not values:
        raise node.error("there is no value to put in", expected="imputed_value_floats or imputed_value_int64s")
    replaced = node.attr("replaced_value_float", 0.0) if floats else node.attr("replaced_value_int64", 0)
    missing = node.call("isnan", x) if np.isnan(replaced) else node.call("equal", x, node.constant(replaced, dtype))
    return node.call("where", missing, _per_feature(node, "the imputed value", values, dtype), x)


@converter("Normalizer", domain=DOMAIN)
def convert_normalizer(node: Node) -> Atom:
    """Rows divided by their norm; rows of zeros stay. MAX divides by the greatest element, as ONNX Runtime does."""
    shape, norm = node.type(0).shape, node.attr("norm", "MAX")
    x = feature_rows(node, "float32")
    one = node.constant(1, "float32")
    if norm == "MAX":
        length = node.call("max", x, axis=(1,), keepdims=True)
    elif norm == "L1":
        length = node.call("sum", node.call("abs", x), axis=(1,), keepdims=True)
    elif norm == "L2":
        length = node.call("sqrt", node.call("sum", node.call("multiply", x, x), axis=(1,), keepdims=True))
    else:
        raise node.error(f"norm is '{norm}'", expected="MAX, L1 or L2")
    divisor = node.call("where", node.call("equal", length, node.constant(0, "float32")), one, length)
    return node.reshape(node.call("divide", x, divisor), shape)


@converter("FeatureVectorizer", domain=DOMAIN)
def convert_feature_vectorizer(node: Node) -> Atom:
    """Rows of all inputs side by side in float32, each cut or filled with zeros to its length."""
    lengths = node.attr("inputdimensions", ())
    if len(lengths) != len(node.inputs):
        raise node.error(f"inputdimensions has {len(lengths)} numbers", expected=f"{len(node.inputs)}, one per input")
    parts = []
    for index, length in enumerate(lengths):
        part, type_ = node.cast(node.input(index), "float32"), node.type(index)
        rows = type_.shape[0] if type_.rank else 1
        part = node.reshape(part, (rows, product(type_.shape[1:])))
        assert isinstance(part.type, TensorType)
        have = part.type.shape[1]
        if not isinstance(have, int):
            raise node.error(f"input {index} is {type_}", expected="features whose number is known by now")
        if have > length:
            part = node.call("strided_slice", part, begin=(0, 0), end=(rows, length), strides=(1, 1))
        elif have < length:
            zeros = node.call("full", shape=(rows, length - have), value=0, dtype="float32")
            part = node.call("concatenate", part, zeros, axis=1)
        parts.append(part)
    return node.call("concatenate", *parts, axis=1) if len(parts) > 1 else parts[0]
