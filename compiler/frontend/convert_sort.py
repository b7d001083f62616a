"""ONNX operators that order elements."""

from __future__ import annotations

from typing import Any

from .registry import Node, converter


@converter("TopK")
def convert_topk(node: Node) -> Any:
    count = node.required_attr("k") if node.opset < 10 else node.shape_value(1)[0]
    # Elements in order satisfy sorted=0, too.
    both = node.call("topk", node.input(0), k=count, axis=node.attr("axis", -1), largest=bool(node.attr("largest", 1)))
    return [node.get_item(both, i) if node.has_output(i) else None for i in range(2)]
