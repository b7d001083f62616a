"""The order in which the nodes of a graph are converted."""

from __future__ import annotations

from collections.abc import Container

import onnx

from ..diagnostics import CompileError, Location


def sorted_nodes(graph: onnx.GraphProto, given: Container[str]) -> list[onnx.NodeProto]:
    """Nodes in an order in which each comes after what it uses; CompileError on a cycle or a missing value."""
    producer: dict[str, int] = {}
    for index, node in enumerate(graph.node):
        for output in node.output:
            if not output:
                continue
            if output in producer or output in given:
                raise CompileError("two nodes, or a node and an input, give this value", _node_location(node, output))
            producer[output] = index
    state = [0] * len(graph.node)  # 0: new, 1: its inputs are being visited, 2: done
    order: list[onnx.NodeProto] = []
    for start in range(len(graph.node)):
        stack = [start] if state[start] == 0 else []
        while stack:
            index = stack[-1]
            node = graph.node[index]
            if state[index] == 2:
                stack.pop()
                continue
            waiting = []
            for name in _used_names(node):
                if name in producer and state[producer[name]] != 2:
                    if state[producer[name]] == 1:
                        raise CompileError("the graph has a cycle through this value", _node_location(node, name))
                    waiting.append(producer[name])
            state[index] = 1
            if waiting:
                stack.extend(waiting[:1])
                continue
            state[index] = 2
            order.append(node)
            stack.pop()
    return order


def _node_location(node: onnx.NodeProto, tensor: str) -> Location:
    return Location(node=node.name or next((o for o in node.output if o), "?"), operator=node.op_type, tensor=tensor)


def _used_names(node: onnx.NodeProto) -> list[str]:
    """Inputs of a node, and names that its subgraphs take from outside."""
    names = [n for n in node.input if n]
    for attribute in node.attribute:
        for graph in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
            inside = {t.name for t in graph.initializer} | {v.name for v in graph.input}
            inside |= {o for n in graph.node for o in n.output}
            used = {n for inner in graph.node for n in _used_names(inner)} | {v.name for v in graph.output}
            names.extend(sorted(used - inside))
        if node.op_type == "Gradient" and attribute.name in ("xs", "y", "zs"):
            names += [name.decode() for name in ([attribute.s] if attribute.name == "y" else attribute.strings)]
    return names
