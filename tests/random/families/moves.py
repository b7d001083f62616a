"""Operators that move elements of any type, without reading them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.random.evaluation import FLOATS, INTEGERS
from tests.random.graph import RUNS, Builder, need
from tests.random.registry import generator
from tests.random.values import ANY, COMPLEX, FLOAT, INT64, NUMBERS, SMALL_FLOATS, SMALL_INTEGERS, Value

#: Types of elements; those that little else takes are rarer.
_TYPES = (*ANY, *ANY, *ANY, *SMALL_FLOATS, *SMALL_INTEGERS, *COMPLEX)


def anything(g: Builder, rank: tuple[int, int] = (0, 4)) -> Value:
    """A tensor of any type: most often one that is there."""
    return g.pick(None if g.choose((True, True, False)) else _TYPES, rank)


@generator("Identity", "Flatten", "Transpose", "Tile", "Expand", "Reshape", "Squeeze", "Unsqueeze")
def shaped(g: Builder, op: str) -> object:
    x = anything(g, (1, 4))
    return globals()[f"_{op.lower()}"](g, x)


def _identity(g: Builder, x: Value) -> object:
    return g.node("Identity", [x])


def _flatten(g: Builder, x: Value) -> object:
    return g.node("Flatten", [x], axis=g.choose((None, *range(-x.rank, x.rank + 1))))


def _transpose(g: Builder, x: Value) -> object:
    return g.node("Transpose", [x], perm=g.permutation(x.rank) if g.choose((True, True, False)) else None)


def _tile(g: Builder, x: Value) -> object:
    return g.node("Tile", [x, g.given(np.array([g.choose((1, 1, 2, 3)) for _ in range(x.rank)], np.int64))])


def _expand(g: Builder, x: Value) -> object:
    """To some shape, or to that of another tensor."""
    if g.chance(3):
        other = g.pick(rank=(0, 4))
        (shape,) = g.node("Shape", [other])
        return g.node("Expand", [x, shape])
    more = [g.choose((1, 2, 3)) for _ in range(g.choose((0, 0, 1)))]
    tail = [1 if not x.fixed(i) or g.chance(2) else max(d, 1) for i, d in enumerate(x.shape)]
    tail = [g.choose((1, 2, 3)) if x.fixed(i) and x.shape[i] == 1 else d for i, d in enumerate(tail)]
    return g.node("Expand", [x, g.given(np.array(more + tail, np.int64))])


def _reshape(g: Builder, x: Value) -> object:
    """Join two axes, split one, add one, or all of it at once; by numbers, 0 and -1, or a computed shape."""
    shape: list[int] = [0] * x.rank
    kind = g.choose(("join", "split", "add", "flat", "computed"))
    if kind == "join":
        need(x.rank >= 2)
        at = g.choose(range(x.rank - 1))
        if all(x.fixed(a) for a in range(x.rank)):
            shape = list(x.shape)
            shape[at : at + 2] = [math.prod(x.shape[at : at + 2])]
            if g.choose((True, False)):
                shape[g.choose(range(len(shape)))] = -1
        else:
            need(all(x.fixed(a) for a in range(at + 2, x.rank)))
            shape = [0] * at + [-1, *x.shape[at + 2 :]]
    elif kind == "split":
        at = g.axis(x, fixed=True)
        factors = [f for f in (2, 3, 4, 5) if x.shape[at] % f == 0]
        need(bool(factors) and all(x.fixed(a) for a in range(at + 1, x.rank)))
        factor = g.choose(factors)
        shape = [0] * at + [x.shape[at] // factor, factor, *x.shape[at + 1 :]]
        if x.largest:
            shape[at + g.choose((0, 1))] = -1
    elif kind == "add":
        at = g.choose(range(x.rank + 1))
        need(all(x.fixed(a) for a in range(at, x.rank)))
        shape = [0] * at + [1, *x.shape[at:]]
    elif kind == "flat":
        shape = [-1]
    else:
        (shape_of,) = g.node("Shape", [x])
        order = np.array(g.permutation(x.rank), np.int64)
        (turned,) = g.node("Gather", [shape_of, order], axis=0)
        return g.node("Reshape", [x, turned])
    need(x.largest > 0)
    return g.node("Reshape", [x, np.array(shape, np.int64)])


def _squeeze(g: Builder, x: Value) -> object:
    axes = [a for a in range(x.rank) if {shape[a] for shape in x.shapes} == {1}]
    need(bool(axes))
    if g.chance(4) and x.all_fixed and len(axes) == sum(1 in {shape[a] for shape in x.shapes} for a in range(x.rank)):
        return g.node("Squeeze", [x])
    return g.node("Squeeze", [x, np.array([g.signed(a, x.rank) for a in g.some(axes)], np.int64)])


def _unsqueeze(g: Builder, x: Value) -> object:
    count = g.choose((1, 1, 2))
    axes = g.permutation(x.rank + count)[:count]
    return g.node("Unsqueeze", [x, np.array([g.signed(a, x.rank + count) for a in axes], np.int64)])


@generator("Concat")
def concat(g: Builder, op: str) -> object:
    x = anything(g, (1, 4))
    axis = g.axis(x)

    def rest(v: Value) -> list[tuple[int, ...]]:
        return [(*s[:axis], *s[axis + 1 :]) for s in v.shapes]

    others = [v for v in g.tensors() if v.element == x.element and v.rank == x.rank and rest(v) == rest(x)]
    chosen = [x, *(g.choose(others) for _ in range(g.choose((0, 1, 1, 2))))] if others else [x, g.like(x)]
    return g.node(op, chosen[:: g.choose((1, -1))], axis=g.signed(axis, x.rank))


@generator("Split")
def split(g: Builder, op: str) -> object:
    x = anything(g, (1, 4))
    kind = g.choose(("sizes", "equal", "count"))
    axis = g.axis(x, fixed=kind == "sizes", least=2)
    if kind == "sizes":
        first = g.choose(range(x.shape[axis] + 1))
        sizes = g.constant(np.array([first, x.shape[axis] - first], np.int64))
        return g.node(op, [x, sizes], 2, axis=g.signed(axis, x.rank))
    if kind == "equal" or g.opset < 18:
        parts = [n for n in (2, 3) if all(shape[axis] % n == 0 for shape in x.shapes)]
        need(bool(parts))
        count = g.choose(parts)
    else:
        count = g.choose((2, 3))
    attrs: dict[str, Any] = {"num_outputs": count} if g.opset >= 18 else {}
    return g.node(op, [x], count, axis=g.signed(axis, x.rank), **attrs)


@generator("Slice")
def slices(g: Builder, op: str) -> object:
    """All signs, bounds beyond the ends, some axes; bounds known, inputs, or one for each run."""
    x = anything(g, (1, 4))
    axes = g.some(range(x.rank))[:2]
    if g.choose((True, False)):
        axes = axes[::-1]
    begins, ends, steps = [], [], []
    for axis in axes:
        size = x.shape[axis]
        step = g.choose((1, 1, 2, -1, -2, 3))
        edges = (0, 1, 2, -1, -2, -3, size, size + 3, -size - 2, 2**62, -(2**63) + 1)
        begin, end = g.choose(edges), g.choose(edges)
        if not len(range(size)[begin:end:step]) and g.choose((True, True, True, False)):
            begin, end = (-1, -(2**63) + 1) if step < 0 else (0, 2**62)
        begins.append(begin)
        ends.append(end)
        steps.append(step)
    kind = g.choose((np.int64, np.int64, np.int32)) if max(map(abs, begins + ends)) < 2**31 else np.int64
    named = [np.array([g.signed(a, x.rank) for a in axes], kind)]
    if axes == list(range(len(axes))) and all(s == 1 for s in steps) and g.choose((True, False)):
        named = []
    steps_ = [np.array(steps, kind)] if named and (set(steps) != {1} or g.choose((True, False))) else []
    return g.node(op, [x, g.given(np.array(begins, kind)), g.given(np.array(ends, kind)), *named, *steps_])


@generator("Pad")
def pad(g: Builder, op: str) -> object:
    x = g.pick(NUMBERS if g.choose((True, False)) else None, (1, 4))
    mode = g.choose(("constant", "constant", "edge", "reflect", *(("wrap",) if g.opset >= 19 else ())))
    axes = list(range(x.rank))
    some = g.opset >= 18 and g.chance(3)
    if some:
        axes = g.some(axes)
    low = [0] * x.rank if mode == "constant" else [1] * x.rank
    amounts = []
    for _ in range(2):
        for axis in axes:
            room = x.least(axis) - 1 if mode in ("reflect", "wrap") else 2
            lowest = -1 if mode == "constant" and x.least(axis) > 2 else 0
            amounts.append(g.choose([a for a in (0, 0, 1, 2, -1) if lowest <= a <= max(room, 0)]))
    need(all(x.least(a) >= low[a] for a in axes))
    value = g.given(np.array(g.choose((0, 1, 2)), x.dtype)) if mode == "constant" and g.chance(2) else None
    if x.element not in NUMBERS:
        value = None
    named = np.array([g.signed(a, x.rank) for a in axes], np.int64) if some else None
    return g.node(op, [x, g.given(np.array(amounts, np.int64)), value, named], mode=mode)


@generator("DepthToSpace", "SpaceToDepth")
def blocks(g: Builder, op: str) -> object:
    x = g.pick((FLOAT, FLOAT, *NUMBERS), 4)
    if op == "DepthToSpace":
        if x.shape[1] % 4 or not x.fixed(1):
            x = g.fresh(x.element, [g.choose((1, "N")), 8, g.choose((2, "H")), 3])
        return g.node(op, [x], blocksize=2, mode=g.choose((None, "DCR", "CRD")))
    x = g.fresh(x.element, [g.choose((1, "N")), 3, 4, 6])
    return g.node(op, [x], blocksize=2)


@generator("Trilu")
def triangle(g: Builder, op: str) -> object:
    x = g.pick(NUMBERS, (2, 4))
    diagonal = g.given(np.array(g.choose((0, 1, -1, -2, 5)), np.int64)) if g.choose((True, False)) else None
    return g.node(op, [x, diagonal], upper=g.choose((None, 0, 1)))


@generator("CenterCropPad")
def crop(g: Builder, op: str) -> object:
    x = g.pick(NUMBERS, (1, 4))
    axes = g.some(range(x.rank))
    sizes = np.array([g.choose((1, 3, 4, 7)) for _ in axes], g.choose((np.int64, np.int32)))
    if len(axes) == x.rank and g.choose((True, False)):
        return g.node(op, [x, g.given(sizes)])
    return g.node(op, [x, g.given(sizes)], axes=[g.signed(a, x.rank) for a in axes])


@generator("ReverseSequence")
def reverse(g: Builder, op: str) -> object:
    x = g.pick(NUMBERS, (2, 4))
    batch = g.choose((0, 1))
    lengths = [g.random.integers(1, s[1 - batch] + 1, s[batch]) if s[1 - batch] else None for s in x.shapes]
    need(all(length is not None for length in lengths))
    return g.node(op, [x, g.input(lengths)], batch_axis=batch, time_axis=1 - batch)


@generator("Shape", "Size")
def counted(g: Builder, op: str) -> object:
    x = anything(g)
    attrs: dict[str, Any] = {}
    if op == "Shape" and g.opset >= 15 and g.choose((True, False)):
        attrs = {"start": g.choose((None, 0, 1, -1, -2)), "end": g.choose((None, 1, -1, 9))}
    return g.node(op, [x], **attrs)


@generator("ConstantOfShape")
def filled(g: Builder, op: str) -> object:
    from onnx import helper, numpy_helper

    from tests.random.values import random_array

    del helper
    if g.choose((True, False)):
        (shape,) = g.node("Shape", [anything(g)])
    else:
        shape = g.given(np.array([g.choose((1, 2, 3)) for _ in range(g.choose((1, 2, 3)))], np.int64))
    element = g.choose((*FLOATS, *INTEGERS, 9))
    value = numpy_helper.from_array(random_array(g.random, element, (1,)), "value")
    return g.node(op, [shape], value=value if g.choose((True, True, False)) else None)


@generator("EyeLike")
def eye(g: Builder, op: str) -> object:
    x = g.pick(NUMBERS, 2)
    return g.node(op, [x], k=g.choose((None, 0, 1, -1, 7)), dtype=g.choose((None, 1, 6, 7, 11, 10)))


@generator("Range")
def numbers(g: Builder, op: str) -> object:
    if g.chance(3):
        (count,) = g.node("Size", [g.pick(most=60)])
        return g.node(op, [np.array(g.choose((0, 2))), count, np.array(g.choose((1, 2)))])
    kind = g.choose((np.int64, np.int32, np.int16, np.float32, np.float64))
    start, step = g.choose((0, 5, -3)), g.choose((1, 2, -1, -2))
    limits = [start + step * g.choose((1, 4, 7)) for _ in range(RUNS)]
    if g.choose((True, False)):
        limits = limits[:1]
    return g.node(op, [np.array(start, kind), g.given(*(np.array(n, kind) for n in limits)), np.array(step, kind)])


@generator("Constant")
def constant(g: Builder, op: str) -> object:
    kind = g.choose(("value_float", "value_int", "value_floats", "value_ints", "value_string", "value_strings"))
    value = {"value_float": 1.5, "value_int": -3, "value_floats": [0.5, 2.0], "value_ints": [1, 0]}.get(kind)
    if value is None:
        value = "text" if kind == "value_string" else ["a", "", "two words"]
    attrs: dict[str, Any] = {kind: value}
    return g.node(op, [], **attrs)


__all__ = ["INT64", "anything"]
