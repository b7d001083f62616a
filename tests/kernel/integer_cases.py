"""Small graphs of quantised operators on awkward shapes: see cases.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from onnxc.relay.expr import Atom, Constant
from tests.kernel.cases import Case
from tests.kernel.native import Graph, repeat


def _channels(x: Atom) -> int:
    channels = x.type.shape[1]  # type: ignore[union-attr]
    assert isinstance(channels, int)
    return channels


def _conv(g: Graph, x: Atom, channels: int, *window: int, groups: int = 1, zero_point: int = 3, **attrs: Any) -> Any:
    """Sums of products; strides, dilations and padding of one number hold for all axes."""
    weights = g.weights(channels, _channels(x) // groups, *window, dtype="int8")
    full = {name: repeat(attrs.pop(name, 1), len(window)) for name in ("strides", "dilations")}
    padding = repeat(attrs.pop("padding", 0), 2 * len(window))
    bias = [g.weights(channels, dtype="int32")] if attrs.pop("bias", True) else []
    return g("qnn.conv", x, weights, *bias, **full, padding=padding, groups=groups, zero_point=zero_point)


def _requantized(g: Graph, sums: Atom, terms: int, low: int = 0) -> Any:
    """Bytes, with some at either end of the range."""
    shape = sums.type.shape  # type: ignore[union-attr]
    factors = np.linspace(0.2, 1.5, _channels(sums), dtype=np.float32) / np.float32(50 * terms**0.5)
    multiplier = Constant(factors.reshape(-1, *[1] * (len(shape) - 2)))
    return g("qnn.requantize", sums, multiplier, dtype="uint8", zero_point=100, low=low, high=255)


def bytes_conv(g: Graph, x: Atom, channels: int, *window: int, low: int = 0, **attrs: Any) -> Any:
    terms = int(np.prod(window)) * _channels(x) // attrs.get("groups", 1)
    return _requantized(g, _conv(g, x, channels, *window, **attrs), terms, low)


def _add(g: Graph, a: Atom, b: Atom) -> Any:
    return g("qnn.add", a, b, factor_a=0.7, factor_b=1.1, offset=-90.25, dtype="uint8", low=0, high=250)


def _residual(g: Graph) -> list[Atom]:
    x = bytes_conv(g, g.input("N", 3, 7, 5, dtype="uint8"), 16, 1, 1)
    return [_add(g, bytes_conv(g, x, 16, 3, 3, padding=1), x)]


def _separable(g: Graph) -> list[Atom]:
    x = bytes_conv(g, g.input("N", 3, "M", 7, dtype="uint8"), 32, 1, 1)
    x = bytes_conv(g, x, 32, 3, 3, groups=32, padding=1, strides=2, low=100)
    return [bytes_conv(g, x, 16, 1, 1)]


def _byte(g: Graph, *shape: int | str) -> Atom:
    return g.input(*shape, dtype="uint8")


def _dense(g: Graph, x: Atom, units: int, bias: bool = True) -> Any:
    depth = x.type.shape[-1]  # type: ignore[union-attr]
    assert isinstance(depth, int)
    rest = [g.weights(units, dtype="int32")] if bias else []
    sums = g("nn.dense", x, g.weights(units, depth, dtype="int8"), *rest, out_dtype="int32")
    factors = Constant(np.linspace(0.2, 1.5, units, dtype=np.float32) / np.float32(50 * depth**0.5))
    return g("qnn.requantize", sums, factors, dtype="uint8", zero_point=100, low=0, high=255)


def _blockwise(g: Graph, x: Atom, units: int, bits: int, size: int, bias: bool = False) -> Any:
    """A product with weights of few bits."""
    depth = x.type.shape[-1]  # type: ignore[union-attr]
    assert isinstance(depth, int)
    blocks = -(-depth // size)
    codes = g.weights(units, blocks, size * bits // 8, dtype="uint8")
    scales, zero_points = (g.weights(units, blocks) for _ in range(2))
    rest = [g.weights(units)] if bias else []
    return g("qnn.dense_blockwise", x, codes, scales, zero_points, *rest, bits=bits, block_size=size)


_CONV = ("conv_integer",)
INTEGER_CASES = [
    Case(
        "integer_widths",
        lambda g: [bytes_conv(g, _byte(g, 2, 8, w), 16, 3, padding=1) for w in (1, 3, 5, 37)],
        _CONV * 4,
    ),
    Case(
        "integer_odd_channels",
        lambda g: [_conv(g, _byte(g, 1, i, 5, 5), o, 3, 3, bias=o != 17) for i, o in ((7, 13), (3, 17), (1, 1))],
        _CONV * 3,
    ),
    Case(
        "integer_many_channels",
        lambda g: [
            bytes_conv(g, _byte(g, 1, 80, 4, 4), 96, 1, 1),
            bytes_conv(g, _byte(g, 1, 48, 9, 11), 64, 3, 3, padding=1),
        ],
        _CONV * 2,
    ),
    Case(
        "integer_uneven",
        lambda g: [bytes_conv(g, _byte(g, 1, 8, 9, 6), 8, 2, 3, strides=(2, 1), padding=(1, 0, 2, 1))],
        _CONV,
    ),
    Case("integer_dilated", lambda g: [_conv(g, _byte(g, 1, 16, 37), 7, 5, dilations=2, padding=(4, 3))], _CONV),
    Case("integer_cube", lambda g: [bytes_conv(g, _byte(g, 1, 4, 3, 5, 7), 8, 3, 3, 3, padding=1)], _CONV),
    Case(
        "integer_symbolic_image",
        lambda g: [bytes_conv(g, _byte(g, "N", 3, "M", "W"), 17, 3, 3, padding=1, strides=2)],
        _CONV,
        {"N": (1, 2), "M": (5, 6), "W": (3, 37)},
    ),
    Case("integer_residual", _residual, _CONV * 2, {"N": (1, 3)}),
    Case("integer_separable", _separable, _CONV * 3, {"N": (1, 2), "M": (1, 2, 9)}),
    Case(
        "integer_depthwise",
        lambda g: [
            bytes_conv(g, _byte(g, 1, 16, 9, 11), 16, *window, groups=16, padding=1, strides=s, dilations=d)
            for window, s, d in (((3, 3), 1, 1), ((5, 5), 2, 1), ((3, 3), 1, 2), ((1, 4), 1, 1), ((3, 2), (1, 2), 1))
        ],
        _CONV * 5,
    ),
    Case(
        "integer_depthwise_rows",
        lambda g: [_conv(g, _byte(g, "N", 8, "M", "W"), 8, 3, 3, groups=8, padding=1, bias=False)],
        _CONV,
        {"N": (1, 2), "M": (1, 5), "W": (1, 2, 19)},
    ),
    Case("integer_groups", lambda g: [bytes_conv(g, _byte(g, 2, 32, 5, 7), 64, 3, 3, groups=2, padding=1)], _CONV),
    Case(
        "integer_multiplier", lambda g: [bytes_conv(g, _byte(g, "N", 8, 5, 5), 16, 3, 3, groups=8)], (), {"N": (1, 3)}
    ),
    Case("integer_signed", lambda g: [_conv(g, g.input(1, 5, 6, 6, dtype="int8"), 4, 3, 3, zero_point=-9)], ()),
    Case(
        "integer_dense",
        lambda g: [_dense(g, _byte(g, rows, 20), units) for rows in (1, 2, 7, 37) for units in (1, 5, 37, 130)],
        ("matmul",) * 16,
    ),
    Case(
        "integer_dense_ranks",
        lambda g: [
            _dense(g, _byte(g, 13), 7),
            _dense(g, _byte(g, 2, 3, 15), 17, bias=False),
            _dense(g, _byte(g, "N", 3, 16), 17),
            _dense(g, _byte(g, "N", 1), 5),
        ],
        ("matmul",) * 4,
        {"N": (1, 2, 13)},
    ),
    Case(
        "blockwise",
        lambda g: [
            _blockwise(g, g.input(rows, 64), units, bits, 32, bias=bits == 4)
            for rows, units, bits in ((1, 40, 4), (5, 17, 8), (1, 130, 2), (9, 48, 4))
        ],
        ("matmul",) * 4,
    ),
    Case("blockwise_rows", lambda g: [_blockwise(g, g.input("N", 3, 32), 17, 4, 16)], ("matmul",), {"N": (1, 5)}),
    Case("blockwise_rest", lambda g: [_blockwise(g, g.input(2, 50), 9, 4, 16)], ()),
    Case(
        "lookup",
        lambda g: [
            g("qnn.lookup", g.input("N", 5, dtype=dtype), g.weights(256, dtype="int8")) for dtype in ("int8", "uint8")
        ],
        (),
        {"N": (1, 4)},
    ),
]
