"""ONNX control flow."""

from __future__ import annotations

from typing import Any

import onnx

from ..relay.builder import FunctionBuilder
from ..relay.dimension import Dim
from ..relay.expr import Atom, Function
from ..relay.types import Type, type_symbols
from .registry import Node, converter, fix_remedy


@converter("If")
def convert_if(node: Node) -> Any:
    known = node.builder.shape_value(node.input(0))
    if known is not None and known.size == 1 and isinstance(known.reshape(-1)[0], (int, bool)):
        inner, results = node.convert_graph(_branch(node, "then_branch" if known.reshape(-1)[0] else "else_branch"))
        node.builder.bindings.extend(inner.bindings)
        return results
    if node.type(0).size != 1:
        raise node.error(f"a condition of shape {node.type(0).shape}", expected="one element")
    then_builder, then_results = node.convert_graph(_branch(node, "then_branch"))
    else_builder, else_results = node.convert_graph(_branch(node, "else_branch"))
    count = node.output_count
    if not len(then_results) == len(else_results) == count:
        raise node.error(
            f"{len(then_results)} and {len(else_results)} results of the branches", expected=f"{count}, as outputs"
        )
    for index, (then, other) in enumerate(zip(then_results, else_results, strict=True)):
        _check_equal(node, index, then.type, other.type)
    then_function = _function(node, then_builder, then_results)
    else_function = _function(node, else_builder, else_results)
    type_ = then_function.result.type
    name = node.proto.output[0] if count == 1 else f"{node.location.node}/both"
    value = node.builder.if_(node.input(0), then_function, else_function, type_, name, node.location)
    return value if count == 1 else [node.get_item(value, i) for i in range(count)]


def _branch(node: Node, name: str) -> onnx.GraphProto:
    graph = node.required_attr(name)
    assert isinstance(graph, onnx.GraphProto), graph
    return graph


def _function(node: Node, builder: FunctionBuilder, results: list[Atom]) -> Function:
    if len(results) == 1:
        return builder.function(results[0])
    return builder.function(builder.tuple(results, f"{node.location.node}/results", node.location))


def _check_equal(node: Node, index: int, then: Type, other: Type) -> None:
    if then == other:
        return
    raise node.error(
        f"output {index} is {then} in the then branch, {other} in the else branch",
        expected="one type in both: which branch runs is only known at run time",
        remedy=fix_remedy(*map(Dim.symbol, type_symbols(then) | type_symbols(other))),
    )
