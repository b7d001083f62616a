"""Sequences and optional values."""

from __future__ import annotations

import numpy as np
from onnx import helper

from tests.random.graph import RUNS, Builder, need
from tests.random.registry import generator
from tests.random.values import ANY, FLOAT, INT64, Value, random_array, tensor_type


def sequence(g: Builder, least: int = 0) -> Value:
    """A sequence of at least so many tensors in each run: one that is there, a new one, or an input."""
    found = [v for v in g.values if v.kind == "sequence" and min(map(len, v.runs)) >= least]
    kind = g.choose(("there", "there", "there", "made", "cut", "input"))
    if found and kind == "there":
        return g.choose(found[-4:])  # type: ignore[no-any-return]
    if kind == "input":
        element = g.choose((FLOAT, FLOAT, INT64, *ANY))
        columns = g.choose((2, 3))
        runs = [
            [
                random_array(g.random, element, (g.choose((1, 2, 3)), columns))
                for _ in range(max(least, g.choose((1, 2, 3))))
            ]
            for _ in range(RUNS)
        ]
        return g.input(runs, helper.make_sequence_type_proto(helper.make_tensor_type_proto(element, [None, columns])))
    if kind == "cut":
        x = g.pick(rank=(1, 3), where=lambda v: v.largest > 0)
        axis = g.axis(x, least=max(least, 1))
        return g.node("SplitToSequence", [x], axis=axis, keepdims=g.choose((None, 0, 1)))[0]
    x = g.pick(rank=(0, 3))
    others = [v for v in g.tensors() if v.element == x.element and v.rank == x.rank]
    more = [g.choose(others) if others else x for _ in range(max(least - 1, g.choose((0, 1, 2))))]
    return g.node("SequenceConstruct", [x, *more])[0]


def element_of(g: Builder, s: Value) -> int:
    return int(s.type.sequence_type.elem_type.tensor_type.elem_type)


def position(g: Builder, s: Value, end: bool = False) -> Value:
    """A place in a sequence: known, or one for each run."""
    limits = [len(run) + end for run in s.runs]
    need(min(limits) > 0)
    places = [g.choose(range(-len(run), n)) for n, run in zip(limits, s.runs, strict=True)]
    kind = g.choose((np.int64, np.int32))
    if g.choose((True, True, False)):
        low = max(-len(run) for run in s.runs)
        return g.given(np.array(g.choose(range(low, min(limits))), kind))
    return g.input([np.array(place, kind) for place in places])


@generator("SequenceConstruct")
def construct(g: Builder, op: str) -> object:
    return sequence(g)


@generator("SequenceEmpty")
def empty(g: Builder, op: str) -> object:
    x = g.pick(rank=(0, 3))
    (s,) = g.node(op, [], dtype=x.element)
    return g.node("SequenceInsert", [s, x]) if g.choose((True, True, False)) else s


@generator("SequenceInsert")
def insert(g: Builder, op: str) -> object:
    s = sequence(g)
    element, ranks = element_of(g, s), {item.ndim for run in s.runs for item in run}
    rank = ranks.pop() if len(ranks) == 1 else 2
    need(not ranks)
    x = g.pick((element,), rank)
    return g.node(op, [s, x, position(g, s, end=True) if g.choose((True, True, False)) else None])


@generator("SequenceErase")
def erase(g: Builder, op: str) -> object:
    s = sequence(g, 1)
    return g.node(op, [s, position(g, s) if g.choose((True, True, False)) else None])


@generator("SequenceAt")
def at(g: Builder, op: str) -> object:
    s = sequence(g, 1)
    (x,) = g.node(op, [s, position(g, s)])
    if x.element == FLOAT and g.choose((True, False)):
        return g.node("Relu", [x])
    return x


@generator("SequenceLength")
def length(g: Builder, op: str) -> object:
    return g.node(op, [sequence(g)])


@generator("SplitToSequence")
def cut(g: Builder, op: str) -> object:
    x = g.pick(rank=(1, 4), where=lambda v: v.largest > 0)
    axis = g.axis(x, least=1)
    kind = g.choose(("single", "size", "sizes"))
    if kind == "single":
        return g.node(op, [x], axis=g.signed(axis, x.rank), keepdims=g.choose((None, 0, 1)))
    if kind == "size":
        return g.node(op, [x, g.given(np.array(g.choose((1, 2, 3))))], axis=g.signed(axis, x.rank))
    need(x.least(axis) > 1)
    sizes = [np.array([1, s[axis] - 1]) for s in x.shapes]
    amount = g.constant(sizes[0]) if x.fixed(axis) else g.input(sizes)
    return g.node(op, [x, amount], axis=g.signed(axis, x.rank))


@generator("ConcatFromSequence")
def joined(g: Builder, op: str) -> object:
    s = sequence(g, 1)
    rank = s.runs[0][0].ndim
    new = g.choose((None, 0, 1))
    need(bool(rank) or new == 1)
    return g.node(op, [s], axis=g.choose(range(-rank, rank + bool(new))), new_axis=new)


@generator("SequenceMap")
def mapped(g: Builder, op: str) -> object:
    s = sequence(g, 1)
    parameter = Value(g.name(), s.type.sequence_type.elem_type, tuple(run[0] for run in s.runs))
    need(len({item.ndim for run in s.runs for item in run}) == 1)
    parameter = Value(parameter.name, tensor_type(element_of(g, s)), parameter.runs)
    body = g.inner([parameter])
    if parameter.element == FLOAT:
        (result,) = body.node(g.choose(("Relu", "Abs", "Neg", "Sigmoid")), [parameter])
    else:
        (result,) = body.node("Identity", [parameter])
    (size,) = body.node("Shape", [result])
    return g.node(op, [s], 2, body=body.graph([parameter], [result, size]))


@generator("Optional")
def optional(g: Builder, op: str) -> object:
    x = g.choose((sequence(g), g.pick())) if g.choose((True, False)) else g.pick()
    return g.node(op, [x])


@generator("OptionalGetElement", "OptionalHasElement")
def look(g: Builder, op: str) -> object:
    found = [v for v in g.values if v.kind == "optional"]
    if found and g.choose((True, False)):
        x = g.choose(found)
    elif g.choose((True, False)):
        inner = helper.make_tensor_type_proto(FLOAT, [None, 2])
        arrays: list[np.ndarray | None] = [random_array(g.random, FLOAT, (n, 2)) for n in (2, 3)]
        if op == "OptionalHasElement":
            arrays[1] = None
        x = g.input(arrays, helper.make_optional_type_proto(inner))
    else:
        (x,) = g.node("Optional", [g.pick()])
    return g.node(op, [x])
