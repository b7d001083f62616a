"""ai.onnx.ml operators on maps.

A map that is an input is a tuple of two lists, its keys and its values. A sequence of maps with the same keys is a
matrix: a row for each map. The keys go to the artifact's description.
"""

from __future__ import annotations

import numpy as np

from ..relay.dimension import Dimension
from ..relay.expr import Atom
from ..relay.types import DTYPES, TensorType, TupleType
from .convert_math import to_dtype
from .lookup import lookup
from .ml_scores import feature_rows
from .registry import Node, converter

DOMAIN = "ai.onnx.ml"


@converter("ZipMap", domain=DOMAIN)
def convert_zip_map(node: Node) -> Atom:
    strings, integers = node.attr("classlabels_strings", ()), node.attr("classlabels_int64s", ())
    keys = tuple(strings or integers)
    rows = feature_rows(node, "float32")
    assert isinstance(rows.type, TensorType)
    columns = rows.type.shape[1]
    if bool(strings) == bool(integers) or (isinstance(columns, int) and columns != len(keys)):
        raise node.error(f"{len(strings)} strings and {len(integers)} integers", expected=f"{columns} keys of one kind")
    # A value of its own: the matrix may be an output, too.
    maps = node.builder.bind(rows, rows.type, node.proto.output[0], node.location)
    node.builder.row_keys[maps] = keys
    return maps


def _map(node: Node) -> tuple[Atom, Atom]:
    """Keys and values of the input."""
    value = node.input(0)
    if not isinstance(value.type, TupleType):
        raise node.error(f"input 0 is {value.type}", expected="a map")
    return node.builder.get_item(value, 0), node.builder.get_item(value, 1)


def _placed(node: Node, places: Atom, values: Atom, count: int) -> Atom:
    """One row of so many zeros (or empty strings) with values at their places; what is placed behind it is left out."""
    assert isinstance(values.type, TensorType)
    dtype = values.type.dtype
    row = np.full(count + 1, "", object) if dtype == "string" else np.zeros(count + 1, DTYPES[dtype][0])
    filled = node.call("scatter_elements", node.constant(row, dtype), places, values, axis=0)
    end: tuple[Dimension, ...] = (count,)
    return node.reshape(node.call("strided_slice", filled, begin=(0,), end=end, strides=(1,)), (1, count))


@converter("DictVectorizer", domain=DOMAIN)
def convert_dict_vectorizer(node: Node) -> Atom:
    strings = node.attr("string_vocabulary", ())
    words = np.array(strings, object) if strings else np.array(node.attr("int64_vocabulary", ()), np.int64)
    keys, values = _map(node)
    return _placed(node, lookup(node, keys, words, np.arange(len(words)), len(words)), values, len(words))


@converter("CastMap", domain=DOMAIN)
def convert_cast_map(node: Node) -> Atom:
    """Values in the order of their keys, or (SPARSE) at the places that the keys name."""
    keys, values = _map(node)
    kinds = {"TO_FLOAT": "float32", "TO_STRING": "string", "TO_INT64": "int64"}
    form, kind = node.attr("map_form", "DENSE"), node.attr("cast_to", "TO_FLOAT")
    if form not in ("DENSE", "SPARSE") or kind not in kinds:
        raise node.error(f"map_form is '{form}', cast_to '{kind}'", expected=f"DENSE or SPARSE, and {', '.join(kinds)}")
    values = to_dtype(node, values, kinds[kind])
    if form == "DENSE":
        assert isinstance(values.type, TensorType)
        return node.reshape(values, (1, values.type.shape[0]))
    count = node.attr("max_map", 1)
    inside = node.call("less", keys, node.constant(count, "int64"))
    inside = node.call("logical_and", inside, node.call("greater_equal", keys, node.constant(0, "int64")))
    return _placed(node, node.call("where", inside, keys, node.constant(count, "int64")), values, count)
