"""ai.onnx.ml operators on maps.

A sequence of maps with the same keys is a matrix: a row for each map. The keys go to the artifact's description.
"""

from __future__ import annotations

from ..relay.expr import Atom
from ..relay.types import TensorType
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
