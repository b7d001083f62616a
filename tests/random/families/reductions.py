"""Reductions, softmax, normalisations, losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.random.evaluation import FLOATS, INTEGERS
from tests.random.graph import Builder, need
from tests.random.registry import generator
from tests.random.values import BOOL, DOUBLE, FLOAT, INT32, INT64, UINT8, Value

_FLOATS = FLOATS[:1] * 3 + FLOATS


def _nonempty(v: Value) -> bool:
    return min(run.size for run in v.runs) > 0


@generator(
    *("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd"),
    *("ReduceSum", "ReduceSumSquare"),
)
def reduction(g: Builder, op: str) -> object:
    more = (UINT8, BOOL) if op in ("ReduceMax", "ReduceMin") and g.opset >= 20 else ()
    x = g.pick(_FLOATS if g.choose((True, False)) else (INT32, INT64, *INTEGERS[6:], *more), (0, 4), _nonempty)
    if op in ("ReduceLogSum", "ReduceLogSumExp", "ReduceL2", "ReduceMean") and x.element not in FLOATS:
        x = g.pick(_FLOATS, (0, 4), _nonempty)
    if op == "ReduceLogSum":
        (x,) = g.node("Abs", [x])
        (x,) = g.node("Add", [x, np.array(0.5, x.dtype)])
    axes = [g.signed(a, x.rank) for a in g.some(range(x.rank), 0)]
    attrs: dict[str, Any] = {"keepdims": g.choose((None, 0, 1))}
    if g.opset < (13 if op == "ReduceSum" else 18):
        return g.node(op, [x], axes=axes or None, **attrs)
    if not axes:
        attrs["noop_with_empty_axes"] = g.choose((None, 0, 1))
        return g.node(op, [x, g.choose((None, np.zeros(0, np.int64)))], **attrs)
    # Axes that only the run knows: the rank is the same whatever they are.
    known = attrs["keepdims"] == 0 or g.choose((True, True, False))
    return g.node(op, [x, g.constant(np.array(axes)) if known else g.given(np.array(axes))], **attrs)


@generator("Softmax", "LogSoftmax")
def softmax(g: Builder, op: str) -> object:
    x = g.pick(_FLOATS, (1, 4), _nonempty)
    return g.node(op, [x], axis=g.choose((None, g.signed(g.axis(x), x.rank))))


@generator("LayerNormalization", "RMSNormalization")
def rows(g: Builder, op: str) -> object:
    x = g.pick(_FLOATS, (1, 4), _nonempty)
    first = g.choose(range(x.rank))
    if not all(x.fixed(a) for a in range(first, x.rank)):
        x = g.fresh(x.element, g.choose((["N", 3], ["N", 3, 8])))
        first = g.choose(range(1, x.rank))
    shape = x.shape[first:]
    need(x.element != DOUBLE)  # as for groups
    scale = g.floats(*shape, element=x.element)
    bias = [g.floats(*shape, element=x.element)] if op == "LayerNormalization" and g.choose((True, False)) else []
    outputs = g.choose((1, 1, 3)) if op == "LayerNormalization" else 1
    return g.node(op, [x, scale, *bias], outputs, axis=g.signed(first, x.rank), epsilon=0.1)


def channelled(g: Builder, low: int = 3, types: tuple[int, ...] = _FLOATS) -> Value:
    """A tensor of a batch, a known number of channels, and spatial dimensions."""
    found = [v for v in g.tensors() if v.element in types and low <= v.rank <= 4 and v.fixed(1) and _nonempty(v)]
    if found and g.choose((True, True, False)):
        return g.choose(found)  # type: ignore[no-any-return]
    sizes: list[int | str] = [g.choose((1, 2, "N")), g.choose((1, 3, 4, 8)), g.choose((3, "H")), g.choose((2, "L"))]
    return g.fresh(g.choose(types), sizes[: g.choose(range(low, 5))])


@generator("BatchNormalization")
def batch(g: Builder, op: str) -> object:
    x = channelled(g, 2)
    count = x.shape[1]
    parameters = [g.floats(count, low=0.5, high=1.5, element=x.element) for _ in range(4)]
    return g.node(op, [x, *parameters], epsilon=g.choose((None, 0.01)))


@generator("InstanceNormalization")
def instance(g: Builder, op: str) -> object:
    x = channelled(g)
    parameters = [g.floats(x.shape[1], element=x.element) for _ in range(2)]
    return g.node(op, [x, *parameters], epsilon=0.1)


@generator("GroupNormalization")
def group(g: Builder, op: str) -> object:
    x = channelled(g)
    need(g.opset >= 21)  # what was before is deprecated
    need(x.element != DOUBLE)  # the first half is of 32 bits, by the default of stash_type
    groups = g.choose([n for n in (1, 2, 3, 4, 8) if x.shape[1] % n == 0])
    parameters = [g.floats(x.shape[1], element=x.element) for _ in range(2)]
    return g.node(op, [x, *parameters], num_groups=groups, epsilon=0.1)


@generator("LpNormalization")
def norm(g: Builder, op: str) -> object:
    x = g.pick(_FLOATS, (1, 4), _nonempty)
    (x,) = g.node("Abs", [x])
    (x,) = g.node("Add", [x, np.array(0.5, x.dtype)])
    return g.node(op, [x], p=g.choose((1, 2)), axis=g.signed(g.axis(x), x.rank))


@generator("LRN")
def response(g: Builder, op: str) -> object:
    x = g.pick(_FLOATS, 4, _nonempty)
    return g.node(op, [x], size=g.choose((1, 3, 5)), alpha=g.choose((None, 0.1)), bias=g.choose((None, 2.0)))


@generator("MeanVarianceNormalization")
def whole(g: Builder, op: str) -> object:
    x = g.pick((FLOAT,), 4, _nonempty)
    (x,) = g.node("Add", [x, g.fresh(x.element, [x.shape[3] if x.fixed(3) else 1], style=0)])
    return g.node(op, [x], axes=g.choose((None, [0, 2, 3], [1, 2, 3])))


@generator("Dropout")
def dropout(g: Builder, op: str) -> object:
    x = g.pick(_FLOATS)
    return g.node(op, [x, *g.choose(([], [np.array(0.3, np.float32)]))], g.choose((1, 2)))


@generator("SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss")
def loss(g: Builder, op: str) -> object:
    element = g.choose((FLOAT, FLOAT, DOUBLE))
    classes, tail = g.choose((2, 4)), g.choose(([], [3], ["H"], [2, 2]))
    scores = g.fresh(element, ["N", classes, *tail], style=0)
    kind = g.choose((np.int64, np.int32))
    labels = g.input([g.random.integers(0, classes, (s[0], *s[2:])).astype(kind) for s in scores.shapes])
    weights = [g.floats(classes, low=0.5, high=1.5, element=element)] if g.choose((True, False)) else []
    attrs: dict[str, Any] = {"reduction": g.choose((None, "none", "sum", "mean")), "ignore_index": g.choose((None, 0))}
    if op.startswith("Neg"):
        (scores,) = g.node("LogSoftmax", [scores], axis=1)
        return g.node(op, [scores, labels, *weights], **attrs)
    return g.node(op, [scores, labels, *weights], g.choose((1, 2)), **attrs)
