"""Attention out of Relay's operators: what the converters of ONNX Runtime's attention operators have in common.

Heads are (batch, heads, sequence, size). Numbers of positions are int64 tensors.
"""

from __future__ import annotations

import math
from functools import partial, reduce

import numpy as np

from ..relay.dimension import Dimension
from ..relay.expr import Atom, dtype_of, shape_of
from ..relay.types import DTYPES
from .registry import Node


def lowest(dtype: str) -> float:
    """The least number: what a masked score becomes."""
    return float(np.finfo(np.float32).min) if dtype != "float16" else float(np.finfo(DTYPES[dtype][0]).min)


def part(node: Node, x: Atom, axis: int, begin: Dimension, end: Dimension) -> Atom:
    """The elements from `begin` to before `end` along an axis."""
    shape = shape_of(x)
    axis %= len(shape)
    if begin == 0 and end == shape[axis]:
        return x
    begins, ends = [0 if a != axis else begin for a in range(len(shape))], list(shape)
    ends[axis] = end
    return node.call("strided_slice", x, begin=tuple(begins), end=tuple(ends), strides=(1,) * len(shape))


def split_heads(node: Node, x: Atom, heads: int) -> Atom:
    """(batch, sequence, heads * size) -> heads."""
    batch, sequence, width = shape_of(x)
    if not isinstance(width, int) or heads < 1 or width % heads:
        raise node.error(f"{width} elements for {heads} heads", expected="a number of elements that the heads share")
    return node.transpose(node.reshape(x, (batch, sequence, heads, width // heads)), (0, 2, 1, 3))


def merge_heads(node: Node, x: Atom) -> Atom:
    """Heads -> (batch, sequence, heads * size)."""
    batch, heads, sequence, size = shape_of(x)
    return node.reshape(node.transpose(x, (0, 2, 1, 3)), (batch, sequence, heads * size))


def joined(node: Node, past: Atom | None, x: Atom) -> Atom:
    """Heads behind those of the past."""
    if past is None or shape_of(past)[2] == 0:
        return x
    return node.call("concatenate", past, x, axis=2)


def positions(node: Node, count: Dimension, start: Atom | None = None) -> Atom:
    """Numbers of positions: (count,) from 0 on, or (batch, count) from a start for each sample on."""
    numbers = node.call("arange", count=count, dtype="int64")
    if start is None:
        return numbers
    return node.call("add", node.reshape(node.cast(start, "int64"), (*shape_of(start)[:1], 1)), numbers)


def causal_bias(
    node: Node, dtype: str, queries: Atom, keys: Dimension, window: int = -1, length: Atom | None = None
) -> Atom:
    """What is added to scores so that a query sees only keys up to its own position.

    Parameters
    ----------
    queries : Atom
        Positions of the queries: (sequence,) or (batch, sequence).
    keys : Dimension
        How many keys there are.
    window : int
        How many keys it sees at most, itself among them; -1: all.
    length : Atom, optional
        (batch,): keys from this position on are seen by no query.

    Returns
    -------
    Atom
        (batch or 1, 1, sequence, keys) of 0 and the least number.
    """
    shape = shape_of(queries)
    batch = shape[0] if len(shape) == 2 else 1
    place = node.reshape(queries, (batch, 1, shape[-1], 1))
    key = node.reshape(positions(node, keys), (1, 1, 1, keys))
    seen = node.call("less_equal", key, place)
    if window >= 0:
        first = node.call("subtract", place, node.constant(window - 1, "int64"))
        seen = node.call("logical_and", seen, node.call("greater_equal", key, first))
    if length is not None:
        end = node.reshape(node.cast(length, "int64"), (batch, 1, 1, 1))
        seen = node.call("logical_and", seen, node.call("less", key, end))
    return node.call("where", seen, node.constant(0, dtype), node.constant(lowest(dtype), dtype))


def attend(
    node: Node,
    query: Atom,
    key: Atom,
    value: Atom,
    biases: list[Atom | None],
    scale: float = 0.0,
    softcap: float = 0.0,
    sink: Atom | None = None,
) -> Atom:
    """softmax(query key' scale + biases) value.

    Parameters
    ----------
    query, key, value : Atom
        Heads; those of the key and the value may be fewer: then several of the query share one.
    biases : list of Atom or None
        Added to the scores, (batch or 1, heads or 1, sequence, keys).
    scale : float
        0: one over the square root of a head's size.
    softcap : float
        Scores are bounded by tanh to this; 0: they are not.
    sink : Atom, optional
        (heads,): a further score that takes its share, but has no value.
    """
    batch, heads, sequence, size = shape_of(query)
    shared, keys = shape_of(key)[1:3]
    dtype = dtype_of(query)
    assert isinstance(size, int) and isinstance(heads, int) and isinstance(shared, int)
    if heads % shared:
        raise node.error(f"{heads} heads of queries for {shared} of keys", expected="a multiple")
    factor = node.constant(scale or 1 / math.sqrt(size), dtype)
    groups = heads // shared
    if groups > 1:  # as attention is spelled elsewhere: one kernel takes it in whole
        key, value = (_repeated(node, x, groups) for x in (key, value))
    scores = node.call("multiply", node.call("nn.matmul", query, key, transpose_b=True), factor)
    if softcap:
        bound = node.constant(softcap, dtype)
        scores = node.call("multiply", node.call("tanh", node.call("divide", scores, bound)), bound)
    given = [bias for bias in biases if bias is not None]
    if given:  # they are smaller than the scores
        scores = node.call("add", scores, reduce(partial(node.call, "add"), given))
    if sink is None:
        weights = node.call("nn.softmax", scores, axis=3)
    else:
        column = node.call("broadcast_to", node.reshape(sink, (1, heads, 1, 1)), shape=(batch, heads, sequence, 1))
        weights = node.call("nn.softmax", node.call("concatenate", scores, column, axis=3), axis=3)
        weights = part(node, weights, 3, 0, keys)
    return node.call("nn.matmul", weights, value)


def _repeated(node: Node, x: Atom, times: int) -> Atom:
    """Heads, each so many times behind itself."""
    batch, heads, sequence, size = shape_of(x)
    parted = node.reshape(x, (batch, heads, 1, sequence, size))
    spread = node.call("broadcast_to", parted, shape=(batch, heads, times, sequence, size))
    return node.reshape(spread, (batch, heads * times, sequence, size))


def rotated(node: Node, x: Atom, cosines: Atom, sines: Atom, interleaved: bool) -> Atom:
    """Heads with the first elements of each turned by angles.

    Parameters
    ----------
    cosines, sines : Atom
        (batch or 1, sequence, pairs). Elements of a pair lie side by side where it is interleaved, else half of what is
        turned apart.
    """
    batch, heads, sequence, size = shape_of(x)
    lead, _, pairs = shape_of(cosines)
    assert isinstance(pairs, int) and isinstance(size, int)
    if 2 * pairs > size:
        raise node.error(f"{pairs} angles for heads of {size} elements", expected=f"at most {size // 2}")
    cosines, sines = (node.reshape(a, (lead, 1, sequence, pairs)) for a in (cosines, sines))
    rotating = part(node, x, 3, 0, 2 * pairs)
    if interleaved:
        split = node.reshape(rotating, (batch, heads, sequence, pairs, 2))
        first, second = (node.reshape(part(node, split, 4, k, k + 1), (batch, heads, sequence, pairs)) for k in (0, 1))
    else:
        first, second = part(node, rotating, 3, 0, pairs), part(node, rotating, 3, pairs, 2 * pairs)
    turned = [
        node.call("subtract", node.call("multiply", first, cosines), node.call("multiply", second, sines)),
        node.call("add", node.call("multiply", second, cosines), node.call("multiply", first, sines)),
    ]
    if interleaved:
        columns = [node.reshape(t, (batch, heads, sequence, pairs, 1)) for t in turned]
        result = node.reshape(node.call("concatenate", *columns, axis=4), (batch, heads, sequence, 2 * pairs))
    else:
        result = node.call("concatenate", *turned, axis=3)
    if 2 * pairs == size:
        return result
    return node.call("concatenate", result, part(node, x, 3, 2 * pairs, size), axis=3)
