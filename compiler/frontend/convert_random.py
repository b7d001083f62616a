"""ONNX operators that draw random numbers: see `op.philox` for the generator."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Any

from ..relay.dimension import Dimension
from ..relay.expr import Atom
from .registry import Node, converter


def random_key(node: Node) -> tuple[int, int]:
    """The key of the stream: the seed's bits, or, where there is none, what follows from the node's name."""
    seed = node.attr("seed")
    if seed is not None:
        (bits,) = struct.unpack("<I", struct.pack("<f", seed))
        return int(bits), 0
    name = node.proto.name or next((output for output in node.proto.output if output), "")
    return zlib.crc32(name.encode("utf-8", "surrogateescape")), 1


def random_stream(node: Node) -> list[Atom]:
    """In a loop, the number of the iteration, which has numbers of its own; of nested loops one number for all.

    Those of two iterations are the same where an inner loop takes more than 2**24 iterations.
    """
    stream: Atom | None = None
    for index in node.builder.iterations:
        outer = None if stream is None else node.call("multiply", stream, node.constant(1 << 24, "int64"))
        stream = index if outer is None else node.call("add", outer, index)
    return [] if stream is None else [stream]


@converter("RandomUniform", "RandomUniformLike", "RandomNormal", "RandomNormalLike")
def convert_random(node: Node) -> Atom:
    operator = node.proto.op_type
    if operator.endswith("Like"):
        shape: Sequence[Dimension] = node.type(0).shape
        dtype = node.dtype_attr("dtype", node.type(0).dtype)
    else:
        shape, dtype = node.required_attr("shape"), node.dtype_attr("dtype", "float32")
    if "Uniform" in operator:
        return uniform(node, shape, dtype, node.attr("low", 0.0), node.attr("high", 1.0))
    return node.call(
        "random",
        *random_stream(node),
        distribution="normal",
        shape=tuple(shape),
        dtype=dtype,
        first=float(node.attr("mean", 0.0)),
        second=float(node.attr("scale", 1.0)),
        key=random_key(node),
    )


def uniform(node: Node, shape: Sequence[Dimension], dtype: str, low: float = 0.0, high: float = 1.0) -> Atom:
    """Random numbers from `low` to below `high`."""
    attrs = {"shape": tuple(shape), "dtype": dtype, "first": float(low), "second": float(high)}
    return node.call("random", *random_stream(node), **attrs, key=random_key(node))


@converter("Bernoulli")
def convert_bernoulli(node: Node) -> Atom:
    """True with the probability that an element of the input is."""
    probability = node.type(0)
    wide = "float64" if probability.dtype == "float64" else "float32"
    drawn = uniform(node, probability.shape, wide)
    hit = node.call("less", drawn, node.cast(node.input(0), wide))
    return node.cast(hit, node.dtype_attr("dtype", probability.dtype))


@converter("Multinomial")
def convert_multinomial(node: Node) -> Any:
    return node.call(
        "multinomial",
        node.input(0),
        *random_stream(node),
        count=node.attr("sample_size", 1),
        dtype=node.dtype_attr("dtype", "int32"),
        key=random_key(node),
    )
