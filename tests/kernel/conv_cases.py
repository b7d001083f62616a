"""Convolutions of awkward shapes: see `cases`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from onnxc.relay.expr import Atom
from tests.kernel.cases import Case
from tests.kernel.native import Graph


def _residual(g: Graph) -> list[Atom]:
    x = g.conv(g.input("N", 3, 7, 5), 16, 1, 1)
    return [g("nn.relu", g("add", g.conv(x, 16, 3, 3, padding=1), x))]


def _squeeze(channels: int) -> Callable[[Graph], list[Atom]]:
    def build(g: Graph) -> list[Atom]:
        x = g.conv(g.input("N", 3, 7, 5), channels, 3, 3)
        narrow = g("nn.relu", g.conv(g("mean", x, axis=(2, 3), keepdims=True), 4, 1, 1))
        return [g.conv(g("multiply", x, g("sigmoid", g.conv(narrow, channels, 1, 1))), 8, 1, 1)]

    return build


def _depthwise(g: Graph) -> list[Atom]:
    x = g.conv(g.input("N", 3, "M", 7), 24, 1, 1)
    x = g("nn.relu", g.conv(x, 24, 3, 3, groups=24, padding=1, strides=2))
    return [g.conv(x, 16, 1, 1)]


def _padded_depthwise(g: Graph) -> list[Atom]:
    """Depthwise convolutions between others, of channels that fill no block."""
    x = g("nn.relu", g.conv(g.input("N", 20, 9, 7), 20, 3, 3, groups=20, padding=1))
    return [g.conv(g("nn.hard_swish", g.conv(g.conv(x, 13, 1, 1), 13, 3, 3, groups=13, strides=2)), 16, 1, 1)]


def _silu(g: Graph) -> list[Atom]:
    x = g.conv(g.input("N", 4, "M", 5), 16, 3, 3, padding=1)
    return [g("multiply", x, g("sigmoid", x))]


def _winograd(g: Graph) -> list[Atom]:
    """Maps that tiles cover, and that they do not; wide and narrow ones; residuals; more images than one."""
    x = g.conv(g.input("N", 3, 20, 12), 32, 1, 1)
    y = g("nn.relu", g.conv(x, 32, 3, 3, padding=1))
    z = g("nn.relu", g("add", g.conv(y, 32, 3, 3, padding=1), x))
    return [z, g("nn.relu", g.conv(g.conv(z, 40, 3, 3, padding=(2, 0, 1, 3)), 32, 3, 3, bias=False))]


def _planes(g: Graph) -> list[Atom]:
    """Rows that vectors fill and that they do not, of known and of unknown length; strides; residuals; one axis."""
    x = g("nn.relu", g.conv(g.input("N", 3, 5, "W"), 12, 3, 5, padding=(1, 2, 1, 2)))
    y = g("nn.relu", g("add", g.conv(x, 12, 3, 1, dilations=(2, 1), padding=(2, 0, 2, 0)), x))
    wide = g.conv(g.conv(g.input(1, 40, 3, 130), 8, 3, 3), 3, 1, 3, strides=(2, 3), bias=False)
    return [y, wide, g.conv(g.input(2, 1, 75), 1, 16, strides=2)]


def _lone_planes(g: Graph) -> list[Atom]:
    """Convolutions with no others around: channels and rows that tiles do not divide, groups, strides, three axes."""
    return [
        g("nn.relu", g.conv(g.input("N", 7, 100), 17, 5, padding=2)),
        g.conv(g.input(1, 9, 333), 31, 3, strides=2, dilations=2, padding=2, bias=False),
        g("nn.relu", g.conv(g.input(2, 15, 9, 35), 21, 3, 3, groups=3, padding=1)),
        g.conv(g.input(1, 5, 11, 5, 40), 3, 3, 3, 3, padding=(1, 0, 2, 1, 1, 0)),
        g("sigmoid", g.conv(g.input(1, 10, 7, 3, 11), 13, 1, 1, 1)),
    ]


def _plain_conv(g: Graph, x: Atom, weights: Atom, **attrs: Any) -> Any:
    """A convolution whose weights are not known, so that it is not blocked."""
    spatial = len(weights.type.shape) - 2  # type: ignore[union-attr]
    full = {"strides": (1,) * spatial, "dilations": (1,) * spatial, "padding": (0,) * 2 * spatial, **attrs}
    return g("nn.conv", x, weights, **full)


_CONV = ("conv_blocked",)
#: A convolution with no others around is computed on blocks or on planes, whatever the target does faster.
_LONE = ("planes",)
CONV_CASES = [
    Case(
        "widths",
        lambda g: [g("nn.relu", g.conv(g.input(2, 8, w), 16, 3, padding=1)) for w in (1, 3, 5, 37)],
        _CONV * 4,
        without=_LONE,
    ),
    Case(
        "odd_channels",
        lambda g: [g.conv(g.input(1, i, 5, 5), o, 3, 3) for i, o in ((7, 13), (3, 17), (1, 1))],
        _CONV * 3,
        without=_LONE,
    ),
    Case("strides", lambda g: [g.conv(g.input(1, 16, 37), 7, 5, strides=3, dilations=2, padding=(4, 3))], _CONV),
    Case(
        "uneven",
        lambda g: [g.conv(g.input(1, 8, 9, 6), 8, 2, 3, strides=(2, 1), padding=(1, 0, 2, 1))],
        _CONV,
        without=_LONE,
    ),
    Case(
        "cube",
        lambda g: [g("sigmoid", g.conv(g.input(1, 4, 3, 5, 7), 8, 3, 3, 3, padding=1, strides=(1, 2, 1)))],
        _CONV,
        without=_LONE,
    ),
    Case("planes", _planes, ("conv_planes",) * 5, {"N": (1, 2), "W": (8, 33, 70)}),
    Case("lone_planes", _lone_planes, ("conv_planes",) * 5, {"N": (1, 2)}),
    Case("winograd", _winograd, ("conv_blocked", *("conv_winograd",) * 4), {"N": (1, 2)}),
    Case("seven", lambda g: [g("nn.relu", g.conv(g.input("N", 32, 7, 7), 48, 1, 1))], _CONV, {"N": (1, 2)}, _LONE),
    Case("many_channels", lambda g: [g.conv(g.input(1, 80, 4, 4), 96, 1, 1, bias=False)], _CONV, without=_LONE),
    Case(
        "symbolic_image",
        lambda g: [g("nn.relu", g.conv(g.input("N", 3, "M", "W"), 17, 3, 3, padding=1, strides=2))],
        _CONV,
        {"N": (1, 2), "M": (5, 6), "W": (3, 37)},
    ),
    Case("residual", _residual, ("conv_blocked", "conv_winograd"), {"N": (1, 3)}),
    Case("squeeze", _squeeze(16), (*_CONV, "columns", *_CONV * 3), {"N": (1, 3)}),
    Case("squeeze_13", _squeeze(13), (*_CONV, "columns", *_CONV * 3), {"N": (1, 3)}),
    Case("depthwise", _depthwise, _CONV * 3, {"N": (1, 2), "M": (1, 2, 9)}),
    Case("padded_depthwise", _padded_depthwise, _CONV * 4, {"N": (1, 2)}),
    Case("silu", _silu, _CONV, {"N": (1, 2), "M": (1, 8)}),
    Case("groups", lambda g: [g.conv(g.input(2, 32, 5, 7), 64, 3, 3, groups=2, padding=1)], _CONV, without=_LONE),
    Case("multiplier", lambda g: [g.conv(g.input("N", 24, 5, 5), 48, 3, 3, groups=24)], _CONV, {"N": (1, 3)}, _LONE),
    Case(
        "unknown_weights",
        lambda g: [
            _plain_conv(g, g.input("N", 3, "M"), g.input(5, 3, 1)),
            _plain_conv(g, g.input(2, 4, 9, 9), g.input(6, 2, 3, 3), padding=(1, 0, 2, 1), dilations=(1, 2), groups=2),
        ],
        ("rows",),
        {"N": (1, 3), "M": (1, 7, 130)},
    ),
    Case(
        "integers",
        lambda g: [
            _plain_conv(
                g,
                g.input("N", 3, "M", "M", dtype="int8"),
                g.weights(5, 3, 3, 3, dtype="int8"),
                padding=(1, 1, 1, 1),
                out_dtype="int32",
            )
        ],
        ("conv_integer",),
        {"N": (1, 3), "M": (1, 7, 66)},
    ),
]
