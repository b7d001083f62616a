"""Branches, loops, and functions, around random graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper

from tests.random.evaluation import FLOATS, ROUNDS_INSIDE
from tests.random.graph import RUNS, Builder, Inapplicable, need
from tests.random.registry import Generator, families, generator
from tests.random.values import BOOL, FLOAT, INT64, Value, tensor_type

#: How deep graphs in nodes may be.
DEPTH = 3


def depth(g: Builder) -> int:
    return 0 if g.outer is None else 1 + depth(g.outer)


def add(g: Builder, count: int) -> None:
    """Some random operators, none that needs its graph to have inputs of its own."""
    for _ in range(count):
        family = g.choose(families())
        domain, operator = g.choose(list(family.operators))
        if family.name in ("ml", "recurrent") or (depth(g) >= DEPTH and family.name == "control"):
            continue
        if operator in ROUNDS_INSIDE:  # what rounding errors do is seen at whole nodes only
            continue
        function: Generator = family.operators[domain, operator]
        mark = len(g.nodes), len(g.values)
        try:
            function(g, operator)
        except Inapplicable:
            made = {name for node in g.nodes[mark[0] :] for name in node.output}
            g.values[mark[1] :] = [v for v in g.values[mark[1] :] if v.name not in made]
            del g.nodes[mark[0] :], g.steps[mark[0] :]


def flag(g: Builder) -> Value:
    """A condition: an input, computed, or known."""
    kind = g.choose(("input", "input", "computed", "known"))
    if kind == "input":
        return g.input([np.array(bool(g.choose((True, False)))) for _ in range(RUNS)])
    if kind == "known":
        return g.constant(np.array(bool(g.choose((True, False)))))
    if g.choose((True, False)):
        (size,) = g.node("Size", [g.pick()])
        return g.node("Greater", [size, np.array(g.choose((3, 20)))])[0]
    x = g.pick((FLOAT,), where=lambda v: v.largest > 0)
    (total,) = g.node("ReduceSum", [x], keepdims=0)
    return g.node("Less", [total, np.array(0.5, np.float32)])[0]


@generator("If")
def branches(g: Builder, op: str) -> object:
    """Both branches capture what is around them, and give values of the same types and ranks."""
    need(depth(g) < DEPTH)
    test = flag(g)
    inner = [g.inner(), g.inner()]
    for builder in inner:
        add(builder, g.choose((1, 2, 3)))
    results: list[list[Value]] = [[], []]
    own = len(g.values)
    first = [v for v in inner[0].values[own:] if v.kind in ("tensor", "sequence")] or g.tensors()[-1:]
    need(bool(first))
    for _ in range(g.choose((1, 1, 2))):
        one = g.choose(first[-3:])
        if one in results[0]:
            continue
        others = [v for v in inner[1].values if like(one, v)][-3:]
        if not others and one.kind == "tensor":
            others = [inner[1].constant(one.runs[0])]
        if others:
            results[0].append(one)
            results[1].append(g.choose(others))
    need(bool(results[0]))
    graphs = [builder.graph([], values) for builder, values in zip(inner, results, strict=True)]
    return g.node(op, [test], len(results[0]), then_branch=graphs[0], else_branch=graphs[1])


def like(a: Value, b: Value) -> bool:
    """Whether values are of one type, tensors of one rank."""
    if a.kind != b.kind:
        return False
    if a.kind == "tensor":
        return a.element == b.element and a.rank == b.rank
    return a.kind == "sequence" and a.type.SerializeToString() == b.type.SerializeToString()


def settled(g: Builder, x: Value, target: Value) -> Value:
    """A value for the next iteration: of the type of a state, and not larger from one to the next."""
    if x.element != target.element:
        need(8 not in (x.element, target.element))
        (x,) = g.node("Cast", [g.bounded(x, target.element)], to=target.element)
    if x.element in FLOATS:
        (x,) = g.node("Tanh", [x])
    return x


@generator("Loop")
def loop(g: Builder, op: str) -> object:
    """A number of iterations, a condition, or both; states, and rows that are collected."""
    need(depth(g) < DEPTH)
    starts = [g.pick(rank=(0, 3), most=300) for _ in range(g.choose((0, 1, 1, 2)))]
    if g.chance(4):
        starts += [v for v in g.values if v.kind == "sequence"][-1:]
    counts = [g.choose((0, 1, 2, 3, 5)) for _ in range(RUNS)]
    trip = g.choose(("known", "input", "each", "none"))
    limit = None
    if trip == "known":
        limit = g.constant(np.array(counts[0]))
    elif trip == "input":
        limit = g.input([np.array(counts[0])] * RUNS)
    elif trip == "each":
        limit = g.input([np.array(count) for count in counts])
    start = flag(g) if g.chance(4) else None
    number = Value(g.name(), tensor_type(INT64), (np.array(0),) * RUNS)
    go = Value(g.name(), tensor_type(BOOL), (np.array(True),) * RUNS)
    states = [g.parameter(value) for value in starts]
    body = g.inner([number, go, *states])
    own = len(g.values)
    add(body, g.choose((1, 2, 3)))
    made = [v for v in body.values[own:] if v.kind == "tensor"]
    carried = []
    for state in states:
        if state.kind == "sequence":
            inside = state.type.sequence_type.elem_type.tensor_type.elem_type
            ranks = {item.ndim for run in state.runs for item in run}
            fitting = [v for v in made if v.element == inside and {v.rank} == ranks]
            carried += body.node("SequenceInsert", [state, body.choose(fitting)]) if fitting else [state]
            continue
        # A state may grow from one iteration to the next only as far as the checks of sizes let it.
        fitting = [v for v in body.tensors() if v.shapes == state.shapes and 8 not in (v.element, state.element)]
        grows = [v for v in made if v.rank == state.rank and v.element == state.element and v.element != 8]
        chosen = body.choose(grows[-3:]) if grows and g.chance(3) else body.choose(fitting[-4:]) if fitting else state
        carried.append(settled(body, chosen, state))
    if trip == "none" or g.chance(3):
        (later,) = body.node("Add", [number, np.array(1)])
        (again,) = body.node("Less", [later, np.array(g.choose((1, 3, 4)))])
    else:
        (again,) = body.node("Identity", [go])
    rows = [body.choose(made[-3:]) for _ in range(g.choose((0, 1, 1, 2)))] if made else []
    need(bool(carried or rows))
    graph = body.graph([number, go, *states], [again, *carried, *rows])
    return g.node(op, [limit, start, *starts], len(carried) + len(rows), body=graph)


@generator("Scan")
def scan(g: Builder, op: str) -> object:
    """Along an axis of one or two tensors, either way; states and collected rows."""
    need(depth(g) < DEPTH)
    first = g.pick(rank=(1, 3), most=300, where=lambda v: v.largest > 0)
    axis = g.axis(first, least=1)
    scanned, axes = [first], [axis]
    for other in g.tensors()[-6:]:
        if (
            other is not first
            and 0 < other.rank <= 3
            and [s[0] for s in other.shapes] == [s[axis] for s in first.shapes]
        ):
            scanned.append(other)
            axes.append(0)
            break
    starts = [g.pick(rank=(0, 2), most=100) for _ in range(g.choose((0, 1, 1)))]
    states = [g.parameter(value) for value in starts]
    slices = []
    for x, a in zip(scanned, axes, strict=True):
        slices.append(Value(g.name(), x.type, tuple(np.asarray(np.take(run, 0, a), run.dtype) for run in x.runs)))
    body = g.inner([*states, *slices])
    own = len(g.values)
    add(body, g.choose((1, 2, 3)))
    made = [v for v in body.values[own:] if v.kind == "tensor"]
    carried = []
    for state in states:
        fitting = [v for v in body.tensors() if v.shapes == state.shapes and 8 not in (v.element, state.element)]
        carried.append(settled(body, body.choose(fitting[-4:]) if fitting else state, state))
    rows = [body.choose(made[-3:]) for _ in range(g.choose((1, 1, 2)))]
    graph = body.graph([*states, *slices], [*carried, *rows])
    attrs: dict[str, Any] = {
        "num_scan_inputs": len(scanned),
        "scan_input_axes": [g.signed(a, x.rank) for a, x in zip(axes, scanned, strict=True)],
    }
    if g.choose((True, False)):
        attrs["scan_input_directions"] = [g.choose((0, 1)) for _ in scanned]
        attrs["scan_output_directions"] = [g.choose((0, 1)) for _ in rows]
    if all(row.rank for row in rows) and g.chance(3):
        attrs["scan_output_axes"] = [g.choose((0, 1, -1)) for _ in rows]
    return g.node(op, [*starts, *scanned], len(carried) + len(rows), body=graph, **attrs)


@generator("Function", domain="local")
def function(g: Builder, op: str) -> object:
    """A function of the model: of two tensors, called once or twice."""
    x = g.pick((FLOAT,), rank=(1, 4))
    y = g.same(x)
    name = f"Function{g.name()}"
    slope = onnx.AttributeProto(name="value_float", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
    nodes = [
        helper.make_node(g.choose(("Add", "Mul", "Sub")), ["a", "b"], ["c"]),
        helper.make_node("Constant", [], ["s"]),
        helper.make_node(g.choose(("Relu", "Tanh", "Sigmoid")), ["c"], ["d"]),
        helper.make_node("Mul", ["d", "s"], ["e"]),
    ]
    nodes[1].attribute.append(slope)
    proto = helper.make_function(
        "local", name, ["a", "b"], ["e", "c"], nodes, [helper.make_opsetid("", g.opset)], attributes=["slope"]
    )
    g.shared.functions.append(proto)
    (first, _) = g.node(name, [x, y], 2, domain="local", slope=0.25)
    if g.choose((True, False)):
        return g.node(name, [first, x], [True, False], domain="local", slope=g.choose((0.5, 2.0)))
    return first
