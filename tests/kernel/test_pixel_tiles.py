"""Convolutions whose tiles of pixels go on from one row into the next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from onnxc import targets
from onnxc.api import runs_here
from onnxc.relay.expr import Call
from tests.kernel.native import Graph, check, compile_module, link

TARGET = targets.find("x86-64-v3")


def _bordered(g: Graph) -> list[Any]:
    """What one writes has a border, which the window of the next one reads; and a sum behind both."""
    x = g("nn.relu", g.conv(g.input(2, 64, 7, 7), 64, 1, 1))
    y = g.conv(x, 64, 3, 3, padding=1)
    return [g("nn.relu", g("add", g.conv(y, 64, 1, 1), x))]


def _strided(g: Graph) -> list[Any]:
    return [g("nn.relu", g.conv(g.conv(g.input(1, 64, 13, 13), 64, 1, 1), 48, 3, 3, strides=2, padding=1))]


def _volume(g: Graph) -> list[Any]:
    return [g.conv(g("nn.relu", g.conv(g.input(1, 64, 3, 7, 7), 64, 1, 1, 1)), 32, 2, 1, 1)]


@pytest.mark.parametrize(("make", "least"), [(_bordered, 3), (_strided, 2), (_volume, 2)])
def test_tiles_across_rows(make: Callable[[Graph], list[Any]], least: int, tmp_path: Path) -> None:
    if not runs_here(TARGET):
        pytest.skip(f"this machine is no {TARGET.name}")
    graph = Graph()
    # Direct sums, and on blocks also where a convolution alone would not be worth them.
    compiled = compile_module(graph.module(make(graph)), TARGET, without=("winograd", "planes"))
    calls = [b.value for c in compiled for b in c.function.bindings if isinstance(b.value, Call)]
    across = [call for call in calls if call.op == "nn.conv_blocked" and call.attrs.pixel_tile]
    assert len(across) >= least
    assert {c.rule for c in compiled if "conv_blocked" in c.name} == {"conv_blocked"}
    library = link(compiled, tmp_path)
    for kernel in compiled:
        check(library, kernel, {})
