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


OPEN_CASES = [
    Case(
        "open_winograd",
        _winograd,
        ("conv_blocked", *("conv_winograd",) * 4),
        {"N": (1, 2), "H": (1, 9), "W": (3, 40, 41)},
    ),
]
