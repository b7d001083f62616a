"""Kernels of convolution networks on images of unknown size."""

from __future__ import annotations

from onnxc.relay.expr import Atom
from tests.kernel.cases import Case
from tests.kernel.native import Graph


def _winograd(g: Graph) -> list[Atom]:
    """Maps of unknown size: less than a tile, whole groups of tiles, and some more; residuals; more images than one."""
    x = g.conv(g.input("N", 3, "H", "W"), 32, 1, 1)
    y = g("nn.relu", g.conv(x, 32, 3, 3, padding=1))
    z = g("nn.relu", g("add", g.conv(y, 32, 3, 3, padding=1), x))
    return [z, g("nn.relu", g.conv(g.conv(z, 40, 3, 3, padding=(2, 1, 1, 3)), 32, 3, 3, bias=False, padding=1))]


def _upsampling(g: Graph) -> list[Atom]:
    """Transposed convolutions whose windows lie side by side: many channels, and one."""
    windows = {"strides": (2, 2), "padding": (0,) * 4, "dilations": (1, 1), "output_padding": (0, 0)}
    many = g("nn.conv_transpose", g.input("N", 24, "H", "W"), g.weights(24, 8, 2, 2), g.weights(8), **windows)
    one = g("nn.conv_transpose", g.input("N", 8, "H", "W"), g.weights(8, 1, 2, 2), **windows)
    return [g("nn.relu", many), g("sigmoid", one)]


def _rows(g: Graph) -> list[Atom]:
    """Rows of less than a tile, of a half, of whole ones and of parts: pixels alone, windows, strides, residuals."""
    x = g("nn.relu", g.conv(g.input("N", 3, "H", "W"), 32, 1, 1))
    y = g("nn.relu", g.conv(x, 32, 5, 5, padding=2, groups=32))
    z = g("nn.relu", g("add", g.conv(y, 32, 1, 1), x))
    return [z, g.conv(x, 24, 3, 3, padding=1, strides=2, bias=False)]


OPEN_CASES = [
    Case("rows", _rows, ("conv_blocked",) * 4, {"N": (1,), "H": (3,), "W": (1, 2, 4, 5, 7, 8, 9, 12, 13, 16, 20)}),
    Case(
        "open_winograd",
        _winograd,
        ("conv_blocked", *("conv_winograd",) * 4),
        {"N": (1, 2), "H": (1, 9), "W": (3, 40, 41)},
    ),
    Case("upsampling", _upsampling, ("conv_blocked", "conv_planes"), {"N": (1, 2), "H": (1, 3), "W": (1, 9, 40)}),
]
