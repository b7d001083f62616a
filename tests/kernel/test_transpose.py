"""Permutations of axes and reductions over outer axes, of random shapes and types, with what may be fused with them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from onnxc import targets
from onnxc.api import runs_here
from onnxc.kernel.knobs import Knobs
from onnxc.relay.expr import Atom, Constant
from onnxc.targets.cpu.schedules.shuffles import stages
from tests.kernel.native import Graph, check, combinations, compile_module, link

_SIZES = (1, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33, 64, 130)
_TYPES = ("float32", "uint8", "float16", "int64", "bool", "bfloat16", "complex64", "int32")
#: Elements of a tensor.
_MOST = 6000
#: Open dimensions with what they are tried as.
_OPEN = {"N": (1, 3, 37), "M": (2, 19)}

_Build = Callable[[Graph, random.Random], Sequence[Atom]]


def _shape(chance: random.Random, rank: int, most: int = _MOST) -> list[int]:
    while True:
        shape = [chance.choice(_SIZES) for _ in range(rank)]
        if math.prod(shape) <= most:
            return shape


def _axes(chance: random.Random, rank: int) -> tuple[int, ...]:
    return tuple(chance.sample(range(rank), rank))


def _plain(g: Graph, chance: random.Random) -> list[Atom]:
    results = []
    for dtype in _TYPES * 3:
        rank = chance.randint(2, 6)
        results.append(g("transpose", g.input(*_shape(chance, rank), dtype=dtype), axes=_axes(chance, rank)))
    return results


def _large(g: Graph, chance: random.Random) -> list[Atom]:
    """Several blocks and tasks, with and without a rest."""
    shapes = [((131, 270), (1, 0)), ((3, 257, 33), (0, 2, 1)), ((130, 5, 64), (2, 1, 0)), ((2, 9001), (1, 0)),
              ((9001, 2), (1, 0)), ((3, 2, 8200), (1, 0, 2)), ((37, 16, 21), (1, 0, 2))]  # fmt: skip
    return [g("transpose", g.input(*shape), axes=axes) for shape, axes in shapes]


def _open(g: Graph, chance: random.Random) -> list[Atom]:
    results = []
    for dtype in ("float32", "float16", "int64", "uint8") * 2:
        rank = chance.randint(2, 4)
        shape: list[int | str] = [*_shape(chance, rank, 300)]
        places = chance.sample(range(rank), 2)
        for place, name in zip(places, chance.choice([("N", "M"), ("N",)]), strict=False):
            shape[place] = name
        results.append(g("transpose", g.input(*shape, dtype=dtype), axes=_axes(chance, rank)))
    return results


def _fused(g: Graph, chance: random.Random) -> list[Atom]:
    """Casts, scales of the last axis and of others, residuals, two permutations in one kernel, channels of images."""
    image = g("transpose", g("cast", g.input(19, 18, 3, dtype="uint8"), dtype="float32"), axes=(2, 0, 1))
    scaled = g("multiply", g("transpose", g.input(33, 5, 17), axes=(0, 2, 1)), g.weights(5))
    rows = g("add", g("transpose", g.input(33, 17), axes=(1, 0)), g.weights(17, 1))
    residual = g("add", g("transpose", g.input("N", 19, 24), axes=(0, 2, 1)), g.input("N", 24, 19))
    both = g("subtract", g("transpose", g.input(40, 21), axes=(1, 0)), g("transpose", g.input(40, 21), axes=(1, 0)))
    left, right = (g("transpose", g.input(*s), axes=a) for s, a in (((4, 6, 9), (1, 2, 0)), ((9, 6, 4), (1, 0, 2))))
    sliced = [
        g("transpose", g("strided_slice", g.input(20, 37), begin=(1, 3), end=(20, 36), strides=(1, step)), axes=(1, 0))
        for step in (1, 2)
    ]
    exponents = g("exp", g("transpose", g("nn.relu", g.input(7, 65, 2)), axes=(1, 2, 0)))
    half = g("multiply", scaled, Constant(np.array(0.5, np.float32)))
    return [image, half, rows, residual, both, g("subtract", left, right), *sliced, exponents]


def _in_place(g: Graph, chance: random.Random) -> list[Atom]:
    """What a result overwrites is read once only."""
    moved = [g("transpose", g("negative", g.input(*shape)), axes=(1, 0)) for shape in ((5, 19), (21, 34))]
    others = [g("exp", g.input(*shape)) for shape in ((19, 5), (34, 21))]
    return [g("add", m, o) for m, o in zip(moved, others, strict=True)]


def _columns(g: Graph, chance: random.Random) -> list[Atom]:
    """Sums over first and middle axes, softmax along them, normalisations of channels."""
    results = []
    shapes = [((29, 7), 0), ((3, 25, 65), 1), ((40, 130), 0), ((2, 5, 6, 17), 1), ((9, 2), 0), ((3, 64, 16), 1)]
    for shape, axis in shapes:
        x = g.input(*shape)
        results += [
            g(chance.choice(["sum", "max", "min", "product"]), x, axis=(axis,), keepdims=chance.choice([True, False])),
            g("nn.softmax", x, axis=axis),
            g("nn.log_softmax", x, axis=axis),
            g("mean", g("exp", x), axis=(axis,), keepdims=True),
        ]
    results.append(g("sum", g.input(3, 4, 5, 33), axis=(1, 2), keepdims=False))
    results.append(g("sum", g.input(5, 4, 33, dtype="int64"), axis=(0,), keepdims=False))
    results.append(g("nn.softmax", g.input(12, 37, dtype="float16"), axis=0))
    return results


def _open_columns(g: Graph, chance: random.Random) -> list[Atom]:
    x, y = g.input("M", "N"), g.input(2, "N", 33)
    return [g("nn.softmax", x, axis=0), g("sum", x, axis=(0,), keepdims=False), g("nn.softmax", y, axis=1)]


_BUILDS = (_plain, _large, _open, _fused, _in_place, _columns, _open_columns)


@pytest.mark.parametrize("build", _BUILDS, ids=lambda build: build.__name__.strip("_"))
@pytest.mark.parametrize("name", ["host", "x86-64-v3", "x86-64-v2", "cortex-m4"])
def test_kernels_compute_what_operators_mean(build: _Build, name: str, tmp_path: Path) -> None:
    _check(build, name, 0, Knobs, tmp_path)


@pytest.mark.parametrize("build", _BUILDS, ids=lambda build: build.__name__.strip("_"))
def test_every_choice_computes_the_same(build: _Build, tmp_path: Path) -> None:
    chance = random.Random(build.__name__)
    _check(build, "x86-64-v3", 1, lambda: Knobs(decide=lambda name, options, default: chance.choice(options)), tmp_path)


def _check(build: _Build, name: str, seed: int, knobs: Callable[[], Knobs], folder: Path) -> None:
    target = targets.find(name)
    if target.kernel_format != "c" and not runs_here(target):
        pytest.skip(f"this machine is no {target.name}")
    graph = Graph()
    kernels = compile_module(graph.module(build(graph, random.Random(seed))), target, knobs=knobs)
    assert {k.name: k.refused for k in kernels if k.refused} == {}
    if target.vector_bits:
        assert {"columns" if "columns" in build.__name__ else "transpose"} <= {k.rule for k in kernels}
    library = link(kernels, folder)
    for dims in combinations(_OPEN if "open" in build.__name__ else {"N": (2,)}):
        for kernel in kernels:
            check(library, kernel, dims)


@pytest.mark.parametrize("element_bytes", [1, 2, 4, 8])
@pytest.mark.parametrize("lanes", [2, 4, 8, 16])
def test_squares_are_transposed(lanes: int, element_bytes: int) -> None:
    square = np.arange(lanes * lanes).reshape(lanes, lanes)
    moves, order = stages(lanes, element_bytes)
    registers = list(square)
    for stage in moves:
        registers = [np.concatenate([registers[a], registers[b]])[list(mask)] for a, b, mask in stage]
    np.testing.assert_array_equal([registers[number] for number in order], square.T)
    assert len(moves) == lanes.bit_length() - 1
