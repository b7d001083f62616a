"""Symbols with bounds: the arena's size is a constant, the worst case, and nothing else gives memory."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest

import onnxc
from onnxc import targets
from onnxc.diagnostics import CompileError
from onnxc.driver import Options, compile_model
from onnxc.executor.program import Program
from onnxc.runtime_stub.errors import InputError
from tests.cross.qemu import run_firmware
from tests.executor.models import MODELS, SmallModel
from tests.executor.run_time_models import RUN_TIME_MODELS
from tests.executor.test_sanitized import _SANITIZERS, _WARNINGS
from tests.executor.test_sanitized import build as build_sanitized
from tests.executor.test_sanitized import run as run_sanitized

BY_NAME = {model.name: model for model in (*MODELS, *RUN_TIME_MODELS)}

#: What has sizes of bounded symbols alone: (model, bounds).
BOUNDED = [
    ("found", {"N": 5}),
    ("branches", {"N": 8}),
    ("joins", {"N": 8}),
    ("attention", {"N": 4, "T": 9}),
    ("windows", {"H": 40, "W": 40}),
    ("branch_shapes", {"N": 9}),
]


def program(model: onnx.ModelProto, target: str = "host", **options: Mapping[str, int]) -> Program:
    return compile_model(model, targets.find(target), Options(jobs=1, **options), "model").program  # type: ignore[arg-type]


def found() -> SmallModel:
    return BY_NAME["found"]


@pytest.mark.parametrize("name", BY_NAME)
def test_all_models(name: str) -> None:
    """With bounds, results are the same as without, for sizes up to the bounds."""
    model = BY_NAME[name]
    with onnxc.compile(model.proto(), jobs=1) as compiled:
        symbols = compiled.symbols
    bounds = dict.fromkeys(symbols, 72)
    with onnxc.compile(model.proto(), jobs=1, bounds=bounds) as compiled:
        assert compiled.bounds == bounds
        for inputs in model.runs():
            for output, want in model.expected(inputs).items():
                np.testing.assert_allclose(compiled.run(inputs)[output], want, rtol=1e-4, atol=1e-5, err_msg=output)


def test_worst_case_is_a_constant() -> None:
    """And what is found among elements is bounded by how many there are."""
    without = program(found().proto())
    assert without.blocks > 0 and not isinstance(without.plan.size, int)
    bounded = program(found().proto(), bounds={"N": 5})
    # places of up to 20 elements, 2 int64 each; their values; what is kept of these; both in one; the rows' sums.
    assert bounded.blocks == 0
    assert bounded.plan.size == 1024
    wide = program(found().proto(), bounds={"N": 500}).plan
    assert wide.size == wide.peak == 80_064  # 2 x 2,000 int64, and three times 2,000 floats


def test_static_model_without_heap() -> None:
    """What is found in a tensor of known size needs no bound, and no heap; what only numbers decide does."""
    assert program(found().proto(), dims={"N": 5}).blocks == 0
    assert program(BY_NAME["progressions"].proto()).blocks > 0


def test_large_worst_case_is_the_heaps() -> None:
    """Where nobody asks for the worst case, one of some size is not reserved."""
    assert program(found().proto(), dims={"N": 200_000}).blocks > 0
    assert program(found().proto(), dims={"N": 200_000}, bounds={"N": 200_000}).blocks > 0
    assert program(found().proto(), bounds={"N": 200_000}).blocks == 0


def test_artifact_tells(tmp_path: Path) -> None:
    path = onnxc.compile(found().proto(), output=tmp_path, name="found", jobs=1, bounds={"N": 5})
    facts = json.loads((tmp_path / "manifest.json").read_text())
    assert facts["memory"]["arena_bytes"] == 1024 and facts["memory"]["heap"] is False
    assert facts["model"]["bounds"] == facts["options"]["bounds"] == {"N": 5}
    header = (tmp_path / "found.h").read_text()
    for line in ("FOUND_ARENA_SIZE 1024u", "FOUND_N_BOUND 5", "FOUND_INPUT_X_MAX_SIZE 20u"):
        assert f"#define {line}\n" in header
    assert path.exists()


def test_beyond_the_bound() -> None:
    with onnxc.compile(found().proto(), name="found", jobs=1, bounds={"N": 5}) as model:
        assert model.bounds == {"N": 5}
        model(np.ones((5, 4), np.float32))
        with pytest.raises(InputError, match="N is 6; N must be at most 5, the bound it was compiled with"):
            model(np.ones((6, 4), np.float32))


def test_every_hash_is_its_own() -> None:
    hashes = set()
    for bounds in ({}, {"N": 5}, {"N": 6}):
        with onnxc.compile(found().proto(), jobs=1, bounds=bounds) as model:
            hashes.add(model.hash)
    assert len(hashes) == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bounds": {"M": 5}}, "no dimension named M that could have a bound expected: one of: N"),
        ({"bounds": {"N": 0}}, "the bound of dimension N is 0 expected: a number from 1"),
        ({"bounds": {"N": 4}, "dims": {"N": 5}}, "dimension N shall be 5, and its bound 4"),
        ({"bounds": {"N": 200_000_000}}, "with N = 200000000 a tensor takes"),
    ],
)
def test_errors(options: dict[str, dict[str, int]], words: str) -> None:
    with pytest.raises(CompileError) as info:
        onnxc.compile(found().proto(), jobs=1, **options)  # type: ignore[call-overload]
    assert words in " ".join(str(info.value).split()), str(info.value)


def test_microcontroller() -> None:
    with pytest.raises(CompileError, match=r"give bounds for symbolic dimensions \(--bound\)"):
        program(found().proto(), "cortex-m4")
    assert program(found().proto(), "cortex-m4", bounds={"N": 5}).blocks == 0


@pytest.mark.parametrize("name", [name for name, _ in BOUNDED])
def test_sanitized(name: str, tmp_path: Path) -> None:
    """Every tensor and the arena in memory of exactly its size, under the sanitizers."""
    model, bounds = BY_NAME[name], dict(BOUNDED)[name]
    path = build_sanitized(model.proto(), name, tmp_path, bounds=bounds)
    assert not (path.parent / "onnxc_heap.c").exists()
    for inputs in model.runs():
        for got, (output, want) in zip(run_sanitized(path, inputs), model.expected(inputs).items(), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5, err_msg=output)


_STATIC_ARENA = """\
#include <stdio.h>
#include <string.h>

#include "found.h"

static _Alignas(ONNXC_ALIGNMENT) unsigned char arena[FOUND_ARENA_SIZE];
static float x[FOUND_INPUT_X_MAX_SIZE];

int main(void) {
  onnxc_value values[4] = {{0}};
  const found_inputs inputs = {.x = x};
  const found_outputs outputs = {&values[0], &values[1], &values[2], &values[3]};
  for (int64_t n = -1; n <= FOUND_N_BOUND + 1; ++n) {
    for (int64_t i = 0; i < FOUND_INPUT_X_MAX_SIZE; ++i) x[i] = (float)(i % 3);
    const found_symbols symbols = {.N = n};
    memset(arena, 0xFF, sizeof arena);
    const int status = (int)found_run(&inputs, &outputs, &symbols, arena, NULL);
    printf("%d %ld\\n", status, (long)values[0].shape[1]);
  }
  printf("%d\\n", found_arena_size(&(found_symbols){6}) == SIZE_MAX);
  return 0;
}
"""


def test_static_arena(tmp_path: Path) -> None:
    """An array of the worst case's size serves every value up to the bound; others are refused, not run."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed: apt install gcc")
    onnxc.compile(found().proto(), "host", emit="c", output=tmp_path, name="found", jobs=1, bounds={"N": 5})
    (tmp_path / "main.c").write_text(_STATIC_ARENA)
    sources = [
        path.name
        for path in tmp_path.glob("*.c")
        if path.name not in ("onnxc_threads.c", "onnxc_shares.c", "onnxc_memory.c")
    ]
    command = ["gcc", "-std=c11", "-O1", "-g", *_WARNINGS, *_SANITIZERS, "-I.", "-o", "main", *sorted(sources), "-lm"]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    refused = 3  # ONNXC_ERROR_SHAPE
    assert [int(line.split()[0]) for line in lines[:-1]] == [refused, 0, 0, 0, 0, 0, 0, refused]
    assert [int(line.split()[1]) for line in lines[1:-2]] == [0, 2, 5, 8, 10, 13]
    assert lines[-1] == "1"


@pytest.mark.parametrize("name", ["cortex-m4"])
def test_firmware(name: str, tmp_path: Path) -> None:
    """On a microcontroller, with sizes that its input decides."""
    text = """(float[N, 6] x) => (float[N, 3] y, float[1] z) {
        w = Constant<value = float[6, 3] {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9}>()
        p = MatMul(x, w)
        y = Softmax(p)
        places = NonZero(x)
        rows = Transpose(places)
        values = GatherND(x, rows)
        roots = Sqrt(values)
        z = ReduceSum(roots)
    }"""
    model = SmallModel("bounded", text, feeds=[])
    target = targets.find(name)
    tree = tmp_path / "bounded"
    onnxc.compile(model.proto(), target, emit="c", output=tree, name="bounded", jobs=1, bounds={"N": 7})
    for n in (1, 7):
        x = np.maximum(np.random.default_rng(n).standard_normal((n, 6)), 0).astype(np.float32)
        expected = model.expected({"x": x})
        for got, want in zip(
            run_firmware(tree, "bounded", target, [x], tmp_path / "build"), expected.values(), strict=True
        ):
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
