"""Attention operators of ONNX Runtime (com.microsoft): how they name, pack and mask what `attention` computes with."""

from __future__ import annotations

from typing import Any

from ..relay.dimension import Dimension
from ..relay.expr import Atom, dtype_of, shape_of
from .attention import (
    attend,
    causal_bias,
    joined,
    merge_heads,
    part,
    positions,
    rotated,
    split_heads,
)
from .convert_quantize import integer_product, scale_product
from .einsum import matrix_product
from .registry import Node, converter

DOMAIN = "com.microsoft"


@converter("RotaryEmbedding", domain=DOMAIN)
def convert_rotary_embedding(node: Node) -> Atom:
    shape = node.type(0).shape
    if node.attr("is_packed_batching", 0):
        raise node.error("is_packed_batching is 1", expected="0", remedy="export the model without packed batches")
    heads = node.attr("num_heads", 0)
    if len(shape) == 4:
        x = node.input(0)
    else:
        width, pairs = shape[-1], node.type(2).shape[-1]
        assert isinstance(width, int) and isinstance(pairs, int)
        x = split_heads(node, node.input(0), heads or width // (2 * pairs))
    angles = [_angles(node, table, node.input(1), shape_of(x)[2]) for table in (node.input(2), node.input(3))]
    turned = rotated(node, x, angles[0], angles[1], bool(node.attr("interleaved", 0)))
    return turned if len(shape) == 4 else merge_heads(node, turned)


def _angles(node: Node, table: Atom, places: Atom, sequence: Dimension) -> Atom:
    """Rows of a table of cosines or sines, (batch or 1, sequence, pairs); one place is that of the first element."""
    if len(shape_of(places)) == 1:
        places = positions(node, sequence, places)
    return node.call("take", table, places, axis=0)


@converter("Attention", domain=DOMAIN)
def convert_attention(node: Node) -> Any:
    """Queries, keys and values are one product of the input and their weights, one beside the other."""
    product = matrix_product(node, node.input(0), node.input(1))
    if node.has_input(2):
        product = node.call("add", product, node.input(2))
    return _self_attention(node, product, node.optional_input(3), node.optional_input(4), node.optional_input(5))


@converter("QAttention", domain=DOMAIN)
def convert_quantized_attention(node: Node) -> Any:
    """The product is one of integers."""
    product = integer_product(node, node.input(0), node.input(1), node.optional_input(6), node.optional_input(7))
    scale = scale_product(node, node.input(3), node.input(4))
    real = node.call("multiply", node.cast(product, dtype_of(node.input(3))), scale)
    return _self_attention(
        node, node.call("add", real, node.input(2)), node.optional_input(5), node.optional_input(8), None
    )


def _self_attention(node: Node, product: Atom, mask: Atom | None, past: Atom | None, bias: Atom | None) -> Any:
    for name in ("do_rotary", "past_present_share_buffer"):
        if node.attr(name, 0):
            raise node.error(f"{name} is {node.attr(name)}", expected="0")
    heads, (batch, sequence, width) = node.required_attr("num_heads"), shape_of(product)
    assert isinstance(width, int)
    sizes = node.attr("qkv_hidden_sizes") or (width // 3,) * 3
    if sum(sizes) != width:
        raise node.error(f"hidden sizes {sizes} of {width} columns", expected="sizes that sum up to these")
    ends = [sum(sizes[: k + 1]) for k in range(3)]
    parts = [part(node, product, 2, end - size, end) for end, size in zip(ends, sizes, strict=True)]
    query, key, value = (split_heads(node, x, heads) for x in parts)
    if past is not None:
        old = [node.reshape(part(node, past, 0, k, k + 1), shape_of(past)[1:]) for k in (0, 1)]
        key, value = (joined(node, o, x) for o, x in zip(old, (key, value), strict=True))
    keys = shape_of(key)[2]
    biases = [_mask_bias(node, mask, batch, sequence, keys, dtype_of(query)), bias]
    if node.attr("unidirectional", 0):
        biases.append(_causal(node, dtype_of(query), sequence, keys))
    result = merge_heads(node, attend(node, query, key, value, biases, node.attr("scale", 0.0)))
    if not node.has_output(1):
        return result
    halves = [node.reshape(x, (1, *shape_of(x))) for x in (key, value)]
    return [result, node.call("concatenate", *halves, axis=0)]


def _causal(node: Node, dtype: str, sequence: Dimension, keys: Dimension) -> Atom:
    """Queries are the last positions."""
    past = node.constant(0, "int64") if keys == sequence else None
    places = positions(node, sequence)
    if past is None:
        places = part(node, positions(node, keys), 0, keys - sequence, keys)
    return causal_bias(node, dtype, places, keys)


def _mask_bias(
    node: Node, mask: Atom | None, batch: Dimension, sequence: Dimension, keys: Dimension, dtype: str
) -> Atom | None:
    """A padding mask as something to add to scores.

    Masks are (batch,): how many keys there are; (2 * batch,): the same, and the first key; or 1 where there is a key,
    of shape (batch, keys), (batch, sequence, keys) or (batch, 1, most, most).
    """
    if mask is None:
        return None
    shape = shape_of(mask)
    key = node.reshape(positions(node, keys), (1, 1, 1, keys))
    if len(shape) == 1:
        limits = node.cast(mask, "int64")
        end = node.reshape(part(node, limits, 0, 0, batch), (batch, 1, 1, 1))
        seen = node.call("less", key, end)
        if shape[0] != batch:
            if shape[0] != 2 * batch:
                raise node.error(f"a mask of shape {shape}", expected=f"({batch},), ({2 * batch},), or one of keys")
            start = node.reshape(part(node, limits, 0, batch, 2 * batch), (batch, 1, 1, 1))
            seen = node.call("logical_and", seen, node.call("greater_equal", key, start))
    else:
        flags = node.call("not_equal", node.cast(mask, "int32"), node.constant(0, "int32"))
        if len(shape) == 2:
            row = node.reshape(flags, (shape[0], 1, 1, shape[1]))
            seen = row if shape[1] == keys else node.call("broadcast_to", row, shape=(shape[0], 1, 1, keys))
        elif len(shape) == 3:
            seen = node.reshape(flags, (shape[0], 1, *shape[1:]))
        else:
            rows = part(node, flags, 2, keys - sequence, keys)
            seen = part(node, rows, 3, 0, keys)
    hidden = node.constant(node.attr("mask_filter_value", -10000.0), dtype)
    return node.call("where", seen, node.constant(0, dtype), hidden)


@converter("MultiHeadAttention", domain=DOMAIN)
def convert_multi_head_attention(node: Node) -> Any:
    heads = node.required_attr("num_heads")
    for index, name in ((8, "past_sequence_length"), (9, "cache_indirection")):
        if node.has_input(index):
            raise node.error(f"the input {name} is given", remedy="export the model without shared buffers")
    query, key, value = _packed_heads(node, heads)
    past = [node.optional_input(6), node.optional_input(7)]
    key, value = (joined(node, old, x) for old, x in zip(past, (key, value), strict=True))
    batch, _, sequence, _ = shape_of(query)
    keys, dtype = shape_of(key)[2], dtype_of(query)
    biases = [_mask_bias(node, node.optional_input(4), batch, sequence, keys, dtype), node.optional_input(5)]
    if node.attr("unidirectional", 0):
        biases.append(_causal(node, dtype, sequence, keys))
    result = merge_heads(node, attend(node, query, key, value, biases, node.attr("scale", 0.0)))
    if node.has_output(3):
        raise node.error("the output qk is asked for", expected="outputs up to the third")
    return [result, key, value][: max(1, node.output_count)]


def _packed_heads(node: Node, heads: int) -> list[Atom]:
    """Queries, keys and values, which may be packed in one tensor of rank 5, with the biases of their projections."""
    rank = node.type(0).rank
    if rank == 5:  # (batch, sequence, heads, 3, size)
        found = [_unpacked(node, node.input(0), k) for k in range(3)]
    elif node.has_input(1) and node.type(1).rank == 5:
        found = [split_heads(node, node.input(0), heads), *(_unpacked(node, node.input(1), k) for k in range(2))]
    else:
        inputs = [node.input(0), node.input(1), node.input(2)]
        found = [x if len(shape_of(x)) == 4 else split_heads(node, x, heads) for x in inputs]
    bias = node.optional_input(3)
    if bias is None:
        return found
    result, start = [], 0
    for index, x in enumerate(found):
        size = shape_of(x)[3]
        assert isinstance(size, int)
        piece = part(node, bias, 0, start, start + heads * size)
        start += heads * size
        given_as_heads = rank == 3 and index > 0 and node.type(index).rank == 4  # these are projected already
        added = x if given_as_heads else node.call("add", x, node.reshape(piece, (1, heads, 1, size)))
        result.append(added)
    return result


def _unpacked(node: Node, x: Atom, index: int) -> Atom:
    batch, sequence, heads, _, size = shape_of(x)
    piece = node.reshape(part(node, x, 3, index, index + 1), (batch, sequence, heads, size))
    return node.transpose(piece, (0, 2, 1, 3))


@converter("GroupQueryAttention", domain=DOMAIN)
def convert_group_query_attention(node: Node) -> Any:
    """Causal attention over a cache, in which each sample has its own number of keys."""
    for name, expected in (("kv_cache_bit_width", 0), ("sliding_window_cache", 0), ("qk_output", 0)):
        if node.attr(name, expected) != expected:
            raise node.error(f"{name} is {node.attr(name)}", expected=str(expected))
    for index, name in ((12, "k_scale"), (13, "v_scale"), (16, "query_seqlens")):
        if node.has_input(index):
            raise node.error(f"the input {name} is given", expected="none", remedy="export without a quantised cache")
    heads, shared = node.required_attr("num_heads"), node.required_attr("kv_num_heads")
    query, key, value = _grouped_heads(node, heads, shared)
    dtype, sequence = dtype_of(query), shape_of(query)[2]
    lengths = node.call("add", node.cast(node.input(5), "int64"), node.constant(1, "int64"))
    batch = shape_of(query)[0]
    lengths = node.reshape(lengths, (batch,))
    # How many keys were there before; a prompt that is padded at its end has less than its length.
    past = node.call("subtract", lengths, node.reshape(_count(node, sequence), (1,)))
    past = node.call("maximum", past, node.constant(0, "int64"))
    places = positions(node, sequence, past)
    if node.has_input(14):
        query = _normalised(node, query, 14, "q_norm_epsilon")
        key = _normalised(node, key, 15, "k_norm_epsilon")
    if node.attr("do_rotary", 0):
        where = node.cast(node.input(9), "int64") if node.has_input(9) else places
        angles = [node.call("take", node.input(index), where, axis=0) for index in (7, 8)]
        interleaved = bool(node.attr("rotary_interleaved", 0))
        query, key = (rotated(node, x, angles[0], angles[1], interleaved) for x in (query, key))
    key, value = (_cached(node, index, x, past) for index, x in ((3, key), (4, value)))
    keys = shape_of(key)[2]
    biases: list[Atom | None] = []
    if node.attr("causal", 1):
        biases.append(causal_bias(node, dtype, places, keys, node.attr("local_window_size", -1)))
    else:
        last = node.call("subtract", lengths, node.constant(1, "int64"))
        biases.append(causal_bias(node, dtype, node.reshape(last, (batch, 1)), keys))
    bias = node.optional_input(10)
    if bias is not None:
        biases.append(part(node, bias, 3, 0, keys))
    sink = node.optional_input(11)
    if sink is None and node.attr("smooth_softmax", 0) == 1:
        sink = node.constant([0.0] * heads, dtype)
    result = attend(node, query, key, value, biases, node.attr("scale", 0.0), node.attr("softcap", 0.0), sink)
    return [merge_heads(node, result), key, value][: max(1, node.output_count)]


def _count(node: Node, dim: Dimension) -> Atom:
    """A dimension as a tensor."""
    return node.call("full", shape=(), value=dim, dtype="int64")


def _grouped_heads(node: Node, heads: int, shared: int) -> list[Atom]:
    if node.has_input(1):
        return [split_heads(node, node.input(k), n) for k, n in ((0, heads), (1, shared), (2, shared))]
    width = node.type(0).shape[2]
    assert isinstance(width, int)
    size = width // (heads + 2 * shared)
    packed = split_heads(node, node.input(0), heads + 2 * shared)
    if size * (heads + 2 * shared) != width:
        raise node.error(f"{width} elements for {heads} and twice {shared} heads", expected="heads of one size")
    bounds = (0, heads, heads + shared, heads + 2 * shared)
    return [part(node, packed, 1, bounds[k], bounds[k + 1]) for k in range(3)]


def _normalised(node: Node, x: Atom, index: int, name: str) -> Atom:
    epsilon = node.attr(name, node.attr("qk_norm_epsilon", 1e-6))
    return node.call("nn.rms_norm", x, node.cast(node.input(index), dtype_of(x)), axis=3, epsilon=epsilon)


def _cached(node: Node, index: int, x: Atom, past: Atom) -> Atom:
    """The cache with new heads behind those of the past, in a tensor of the length that ONNX Runtime gives it."""
    cache = node.optional_input(index)
    if cache is None:
        return x
    room, sequence = shape_of(cache)[2], shape_of(x)[2]
    known = node.builder.shape_value(node.input(6))
    total: Dimension = room + sequence if known is None else known.reshape(-1)[0]
    if isinstance(room, int) and isinstance(total, int) and total <= room:
        total = room  # one buffer for past and present, as long as it can become
    elif total != room:
        cache = node.call("pad", cache, before=(0,) * 4, after=(0, 0, total - room, 0), value=0.0)
    return node.call("tensor_scatter", cache, x, past, axis=2)
