"""Elements by their positions: gather, scatter, one-hot, sorting, and results as large as their data say."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.random.evaluation import FLOATS, INTEGERS
from tests.random.families.moves import anything
from tests.random.graph import RUNS, Builder, need
from tests.random.registry import generator
from tests.random.values import ANY, BOOL, FLOAT, INT32, INT64, NUMBERS, STRING, Value


def positions(g: Builder, limits: list[int], shapes: list[tuple[int, ...]], negative: bool = True) -> Value:
    """Integers below a limit, for each run: known, an input, or computed from another tensor."""
    need(min(limits) > 0)
    kind = np.int64 if g.choose((True, True, False)) else np.int32
    if len(set(shapes)) == 1 and g.choose((True, False)):
        low = -min(limits) if negative and g.choose((True, False)) else 0
        return g.given(np.asarray(g.random.integers(low, min(limits), shapes[0])).astype(kind))
    if g.chance(4):
        element = INT64 if kind is np.int64 else INT32
        fitting = [v for v in g.tensors() if v.element == element and list(v.shapes) == shapes]
        if fitting:
            (y,) = g.node("Mod", [g.choose(fitting), np.array(min(limits), kind)])
            return y
    arrays = [
        np.asarray(g.random.integers(-n if negative else 0, n, s)).astype(kind)
        for n, s in zip(limits, shapes, strict=True)
    ]
    return g.input(arrays)


def some_shape(g: Builder, least: int = 0, most: int = 2) -> list[tuple[int, ...]]:
    """A shape for each run: the same, or with one that differs."""
    rank = g.choose(range(least, most + 1))
    shape = tuple(g.choose((1, 2, 3, 4)) for _ in range(rank))
    if not rank or g.choose((True, False)):
        return [shape] * RUNS
    return [(shape[0] + run, *shape[1:]) for run in range(RUNS)]


@generator("Gather")
def gather(g: Builder, op: str) -> object:
    x = anything(g, (1, 4))
    axis = g.axis(x)
    indices = positions(g, [s[axis] for s in x.shapes], some_shape(g))
    return g.node(op, [x, indices], axis=g.signed(axis, x.rank))


@generator("GatherElements")
def gather_elements(g: Builder, op: str) -> object:
    x = anything(g, (1, 4))
    axis = g.axis(x)
    count = g.choose((1, 2, 5))
    shapes = [tuple(count if i == axis else d for i, d in enumerate(s)) for s in x.shapes]
    indices = positions(g, [s[axis] for s in x.shapes], shapes)
    return g.node(op, [x, indices], axis=g.signed(axis, x.rank))


@generator("GatherND")
def gather_nd(g: Builder, op: str) -> object:
    x = anything(g, (1, 4))
    batch = g.choose((0, 0, 1)) if x.rank > 1 else 0
    depth = g.choose(range(1, x.rank - batch + 1))
    limits = [min(s[batch : batch + depth]) for s in x.shapes]
    lead = some_shape(g)
    shapes = [(*s[:batch], *extra, depth) for s, extra in zip(x.shapes, lead, strict=True)]
    indices = positions(g, limits, shapes)
    if indices.element != INT64:
        (indices,) = g.node("Cast", [indices], to=INT64)
    return g.node(op, [x, indices], batch_dims=batch or None)


@generator("ScatterElements")
def scatter_elements(g: Builder, op: str) -> object:
    x = anything(g, (1, 4))
    axis = g.axis(x)
    reduction = g.choose((None, None, *_reductions(g, x)))
    counts = [g.choose(range(1, min(s[axis] for s in x.shapes) + 1)) if min(s[axis] for s in x.shapes) else 0]
    shapes = [tuple(counts[0] if i == axis else d for i, d in enumerate(s)) for s in x.shapes]
    need(counts[0] > 0)
    arrays = []
    for shape, whole in zip(shapes, x.shapes, strict=True):
        # Without a reduction no place may be written twice.
        order = np.argsort(g.random.random(whole), axis=axis)
        array = np.take(order, range(shape[axis]), axis=axis)
        if reduction and g.choose((True, False)):
            array = g.random.integers(-whole[axis], whole[axis], shape)
        arrays.append(array.astype(np.int64))
    updates = g.input([g_array(g, x, shape) for shape in shapes], x.type)
    same = all(a.shape == arrays[0].shape for a in arrays)
    indices = g.given(arrays[0]) if same else g.input(arrays)
    return g.node(op, [x, indices, updates], axis=g.signed(axis, x.rank), reduction=reduction)


def g_array(g: Builder, x: Value, shape: tuple[int, ...]) -> np.ndarray:
    """Random data of the type of a tensor."""
    from tests.random.values import random_array

    return random_array(g.random, x.element, shape)


def _reductions(g: Builder, x: Value) -> tuple[str, ...]:
    if x.element not in NUMBERS or g.opset < 16:
        return ()
    return ("add", "mul") if g.opset < 18 else ("add", "mul", "max", "min")


@generator("ScatterND")
def scatter_nd(g: Builder, op: str) -> object:
    x = anything(g, (1, 4))
    need(min(run.size for run in x.runs) > 0)
    depth = g.choose(range(1, x.rank + 1))
    reduction = g.choose((None, None, *_reductions(g, x)))
    index_runs, update_runs = [], []
    for shape in x.shapes:
        places = np.stack([c.ravel() for c in np.indices(shape[:depth])], -1)
        count = min(len(places), 3)
        chosen = places[g.random.permutation(len(places))[:count]]
        if reduction:
            chosen = places[g.random.integers(0, len(places), count)]
        index_runs.append((chosen - (np.array(shape[:depth]) if g.chance(3) else 0)).astype(np.int64))
        update_runs.append(g_array(g, x, (count, *shape[depth:])))
    return g.node(op, [x, g.input(index_runs), g.input(update_runs, x.type)], reduction=reduction)


@generator("OneHot")
def one_hot(g: Builder, op: str) -> object:
    x = g.pick((INT64, INT64, INT32, FLOAT, *INTEGERS), (0, 3))
    depth = g.choose((1, 3, 6))
    kind = g.choose((np.int64, np.int32, np.float32))
    depth_array = np.array(depth, kind) if g.choose((True, False)) else np.array([depth], kind)
    values = g.fresh(g.choose(ANY), [2])
    return g.node(op, [x, g.given(depth_array), values], axis=g.choose((None, *range(-x.rank - 1, x.rank + 1))))


@generator("ArgMax", "ArgMin")
def place(g: Builder, op: str) -> object:
    x = g.pick((FLOAT, FLOAT, *NUMBERS), (1, 4))
    axis = g.axis(x, least=1)
    last = g.choose((None, 0, 1))
    return g.node(op, [x], axis=g.signed(axis, x.rank), keepdims=g.choose((None, 0, 1)), select_last_index=last)


@generator("TopK")
def best(g: Builder, op: str) -> object:
    x = g.pick((FLOAT, FLOAT, *NUMBERS), (1, 4))
    axis = g.axis(x, least=1)
    k = g.choose(range(1, min(x.least(axis), 4) + 1))
    amount = g.given(*(np.array([k + (run if s[axis] > k else 0)]) for run, s in enumerate(x.shapes)))
    if g.choose((True, True, False)):
        amount = g.constant(np.array([k]))
    attrs: dict[str, Any] = {"axis": g.signed(axis, x.rank), "largest": g.choose((None, 0, 1))}
    return g.node(op, [x, amount], 2, **attrs)


@generator("Hardmax")
def hardmax(g: Builder, op: str) -> object:
    x = g.pick(FLOATS[:1] * 2 + FLOATS, (1, 4))
    return g.node(op, [x], axis=g.signed(g.axis(x), x.rank))


@generator("NonZero")
def non_zero(g: Builder, op: str) -> object:
    x = g.pick((*NUMBERS, BOOL), (1, 4))
    (y,) = g.node(op, [x])
    if g.choose((True, False)):
        (turned,) = g.node("Transpose", [y])
        return g.node("GatherND", [x, turned])
    return y


@generator("Compress")
def compress(g: Builder, op: str) -> object:
    x = anything(g, (1, 4))
    if g.choose((True, False)):
        axis = g.axis(x)
        sizes, along = [s[axis] for s in x.shapes], g.signed(axis, x.rank)
    else:
        sizes, along = [run.size for run in x.runs], None
    shorter = g.choose((0, 0, 1))
    arrays = [g.random.integers(0, 2, max(size - shorter, 1)).astype(bool) for size in sizes]
    need(min(sizes) > 0)
    return g.node(op, [x, g.input(arrays)], axis=along)


@generator("Unique")
def unique(g: Builder, op: str) -> object:
    x = g.pick((FLOAT, INT64, STRING, *NUMBERS), (1, 3))
    axis = g.choose((None, *range(-x.rank, x.rank))) if x.element != STRING else None
    count = g.choose((1, 2, 3, 4))
    return g.node(op, [x], count, axis=axis, sorted=g.choose((None, 0, 1)))


@generator("NonMaxSuppression")
def boxes(g: Builder, op: str) -> object:
    batch, count, classes = g.choose((1, 2)), g.choose((3, "H")), g.choose((1, 2))
    corners = g.fresh(FLOAT, [batch, count, 4], style=0)
    scores = g.fresh(FLOAT, [batch, classes, count], style=0)
    limits = [g.given(np.array([g.choose((1, 2, 5))])), g.given(np.array([0.3], np.float32))]
    if g.choose((True, False)):
        limits.append(g.given(np.array([0.1], np.float32)))
    return g.node(op, [corners, scores, *limits], center_point_box=g.choose((None, 0, 1)))


@generator("TensorScatter")
def cache_update(g: Builder, op: str) -> object:
    element = g.choose((FLOAT, *NUMBERS))
    mode = g.choose((None, "linear", "circular"))
    cache = g.fresh(element, ["N", 2, 6, 3])
    update = g.fresh(element, ["N", 2, 2, 3])
    arrays = [g.random.integers(0, 5 if mode != "circular" else 6, s[0]) for s in cache.shapes]
    where = g.input(arrays) if g.choose((True, False)) else None
    return g.node(op, [cache, update, where], mode=mode, axis=g.choose((None, -2, 2)))
