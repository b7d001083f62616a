"""Attention of several heads: softmax(scale * query key^T + mask) value, for each head.

Arguments: query (batch, heads, rows, depth), key (batch, shared, columns, depth), value (batch, shared, columns,
width), where heads are a multiple of shared, and so many of the query's heads that follow each other have a key and a
value in common; an optional mask that broadcasts to (batch, heads, rows, columns) and is added; and where `sink` is set
a further score for each head, (heads,), that takes its share of the softmax but has no value. The result is
(batch, rows, heads, width): the heads lie beside each other there, as the projection behind wants them.

With a `softcap` c other than 0 scores are bounded before the mask is added: c * tanh(scale * query key^T / c). With
`empty_rows` a row whose mask is -inf everywhere gives 0 instead of NaN; without any columns all do.

The stages ``attention_query``, ... only name the arguments: schedules ask them for the arguments' elements, and nothing
of the size of all scores is ever written (targets/cpu/schedules/attention.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import Dimension
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import FusionKind, Op, broadcast_at, broadcast_shape, register, same_dtype, tensors


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    name = "nn.attention"
    types = tensors(name, args, (3 + attrs.sink, 4 + attrs.sink))
    dtype = same_dtype(name, types)
    (query, key, value), mask, sink = _arguments(attrs, types)
    if dtype != "float32" or any(t.rank != 4 for t in types[:3]):
        raise CompileError(f"{name} of {query}, {key}, {value}", expected="float32 of rank 4")
    batch, heads, rows, depth = query.shape
    shared, columns, width = key.shape[1], key.shape[2], value.shape[3]
    grouped = heads == shared or (isinstance(heads, int) and isinstance(shared, int) and heads % max(shared, 1) == 0)
    if not grouped or key.shape != (batch, shared, columns, depth) or value.shape != (batch, shared, columns, width):
        raise CompileError(f"{name} of {query.shape}, {key.shape}, {value.shape}", expected="equal stacks and depths")
    scores = (batch, heads, rows, columns)
    if mask is not None and broadcast_shape(name, scores, mask.shape) != scores:
        raise CompileError(f"{name}: mask of shape {mask.shape}", expected=f"to broadcast to {scores}")
    if sink is not None and sink.shape != (heads,):
        raise CompileError(f"{name}: sink of shape {sink.shape}", expected=f"({heads},)")
    return TensorType((batch, rows, heads, width), dtype)


def _arguments(attrs: Attrs, args: Sequence[Any]) -> tuple[Sequence[Any], Any, Any]:
    """Query, key and value; mask and sink, or None."""
    rest = list(args[3:])
    sink = rest.pop() if attrs.sink else None
    return args[:3], rest[0] if rest else None, sink


def _reference(attrs: Attrs, *arrays: np.ndarray) -> np.ndarray:
    (query, key, value), mask, sink = _arguments(attrs, arrays)
    groups = query.shape[1] // key.shape[1]
    key, value = (np.repeat(x, groups, axis=1) for x in (key, value))
    scores = np.matmul(query, np.swapaxes(key, -1, -2)) * np.float32(attrs.scale)
    if attrs.softcap:
        scores = np.tanh(scores / np.float32(attrs.softcap)) * np.float32(attrs.softcap)
    if mask is not None:
        scores = scores + mask
    best = scores.max(axis=-1, keepdims=True, initial=np.finfo(np.float32).min)
    if sink is not None:
        best = np.maximum(best, sink[:, None, None])
    powers = np.exp(scores - best)
    total = powers.sum(axis=-1, keepdims=True)
    if sink is not None:
        total = total + np.exp(sink[:, None, None] - best)
    product = np.matmul(powers, value) / total
    if attrs.empty_rows or key.shape[2] == 0:
        product = np.where(total > 0, product, np.float32(0))
    return np.ascontiguousarray(product.astype(np.float32).transpose(0, 2, 1, 3))


def _compute(T: Any, attrs: Attrs, *args: Any) -> Any:
    (query, key, value), mask, sink = _arguments(attrs, args)
    batch, heads, rows, depth = T.shape(query)
    shared, columns, width = T.shape(value)[1:]
    groups = heads // shared if isinstance(heads, int) and isinstance(shared, int) else 1
    scores_shape = (batch, heads, rows, columns)

    def named(tensor: Any, name: str) -> Any:
        return T.compute(T.shape(tensor), lambda *i: tensor(*i), f"attention_{name}")

    query, key, value = named(query, "query"), named(key, "key"), named(value, "value")
    if mask is not None:
        given = mask
        mask = T.compute(scores_shape, lambda *i: broadcast_at(T, given, i, scores_shape), "attention_mask")
    if sink is not None:
        sink = named(sink, "sink")
    k = T.reduce_axis(depth, "k")

    def group(h: Any) -> Any:
        return h if groups == 1 else T.floor_div(h, groups)

    products = T.compute(
        scores_shape, lambda b, h, i, j: T.sum(query(b, h, i, k) * key(b, group(h), j, k), [k]), "attention_products"
    )

    def score(*index: Any) -> Any:
        scaled = products(*index) * T.const(attrs.scale / (attrs.softcap or 1.0), "float32")
        if attrs.softcap:
            scaled = T.math("tanh", scaled) * T.const(attrs.softcap, "float32")
        return scaled if mask is None else scaled + mask(*index)

    scores = T.compute(scores_shape, score, "attention_scores")
    j = [T.reduce_axis(columns, f"j{n}") for n in range(3)]
    row = (batch, heads, rows)
    # A sink is one more score, which both reductions begin with in the schedule.
    name = "attention_best" if sink is None else "attention_greatest"
    best = T.compute(row, lambda *r: T.max_reduce(scores(*r, j[0]), [j[0]]), name)
    if sink is not None:
        greatest = best
        best = T.compute(row, lambda b, h, i: T.maximum(greatest(b, h, i), sink(h)), "attention_best")
    powers = T.compute(scores_shape, lambda *i: T.math("exp", scores(*i) - best(*i[:3])), "attention_powers")
    name = "attention_total" if sink is None else "attention_powers_total"
    total = T.compute(row, lambda *r: T.sum(powers(*r, j[1]), [j[1]]), name)
    if sink is not None:
        others = total
        total = T.compute(
            row, lambda b, h, i: others(b, h, i) + T.math("exp", sink(h) - best(b, h, i)), "attention_total"
        )
    sums = T.compute(
        (*row, width),
        lambda b, h, i, d: T.sum(powers(b, h, i, j[2]) * value(b, group(h), j[2], d), [j[2]]),
        "attention_sums",
    )

    def element(b: Any, i: Any, h: Any, d: Any) -> Any:
        result = sums(b, h, i, d) * (T.const(1, "float32") / total(b, h, i))
        zero = T.const(0, "float32")
        if attrs.empty_rows:
            return T.select(total(b, h, i) > zero, result, zero)
        return result if isinstance(columns, int) and columns > 0 else T.select(T.index(columns) > 0, result, zero)

    return T.compute((batch, rows, heads, width), element, "attention")


def _multiply_adds(attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> Dimension:
    batch, heads, rows, depth = args[0].shape
    columns, width = args[2].shape[2:]
    return batch * heads * rows * columns * (depth + width)


register(
    Op(
        "nn.attention",
        FusionKind.ANCHOR,
        _relation,
        _reference,
        _compute,
        attributes={"scale": 1.0, "softcap": 0.0, "sink": False, "empty_rows": False},
        index_maps=True,
        multiply_adds=_multiply_adds,
    )
)
