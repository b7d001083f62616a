"""Models that are compiled for profiling: which steps there are, how often they run, what is counted."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest

import onnxc
from onnxc.cli.profile import by_kernel, measure_kernels, profile_text
from onnxc.runtime_stub.loader import StepProfile
from tests.compilers import COMPILER
from tests.executor.models import MODELS, SmallModel

DENSE = SmallModel(
    "dense", "(float[N, 6] x) => (float[N, 4] y) { m = MatMul(x, w) y = Relu(m) }", {"w": (6, 4)}, [{"N": 3}]
)


def compiled(model: onnx.ModelProto) -> onnxc.Model:
    return onnxc.compile(model, "host", profile=True, jobs=1, threads=1)


def test_counts_follow_the_sizes_of_each_run() -> None:
    with compiled(DENSE.proto()) as model:
        for rows in (1, 5):
            model(np.zeros((rows, 6), np.float32))
        (step,) = model.profile()
        assert (step.calls, step.multiply_adds) == (2, (1 + 5) * 6 * 4)
        assert step.moved_bytes == 4 * (1 + 5) * (6 + 4) + 2 * 4 * 6 * 16  # the weights' panel is a vector wide
        assert step.kernel.startswith("dense_fused_") and "nn.relu" in step.operators
        assert step.types.startswith("Tensor[(N, 6), float32]") and step.types.endswith("-> Tensor[(N, 4), float32]")
        assert step.nanoseconds > 0


def test_only_steps_that_run_are_counted() -> None:
    model = next(m for m in MODELS if m.name == "branches")
    with compiled(model.proto()) as branches:
        counts = []
        for inputs in model.runs()[:2]:  # with true and with false conditions
            branches.run(inputs)
            counts.append([step.calls for step in branches.profile(reset=True)])
        assert max(map(max, counts)) == 1
        assert counts[0] != counts[1]
        assert [step.calls + step.nanoseconds for step in branches.profile()] == [0] * len(counts[0])


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_results_are_the_same(model: SmallModel) -> None:
    inputs: Mapping[str, np.ndarray] = model.runs()[0]
    with compiled(model.proto()) as timed, onnxc.compile(model.proto(), jobs=1, threads=1) as plain:
        assert timed.hash != plain.hash
        for name, array in plain.run(inputs).items():
            np.testing.assert_array_equal(timed.run(inputs)[name], array)
        steps = timed.profile()
        assert all((step.kernel == "memcpy") == (step.operators == "") for step in steps)


def test_runs_at_the_same_time_are_summed() -> None:
    with compiled(DENSE.proto()) as model, ThreadPoolExecutor(4) as pool:
        list(pool.map(model, [np.zeros((2, 6), np.float32)] * 40))
        assert model.profile(reset=True)[0].calls == 40
        assert model.profile()[0].calls == 0


def test_models_without_profile() -> None:
    model = onnxc.compile(DENSE.proto(), jobs=1)
    with pytest.raises(onnxc.RunError, match="measures nothing; compile it with profile=True"):
        model.profile()
    model.close()
    with pytest.raises(onnxc.RunError, match="closed"):
        model.profile()


CLOCK = """\
#include <stdio.h>
#include "dense.h"

static uint64_t ticks; /* a clock that goes on by 7 with each look */
static uint64_t now(void) { return ticks += 7; }

int main(void) {
  static _Alignas(ONNXC_ALIGNMENT) unsigned char arena[4096];
  float x[18] = {0}, y[12];
  const void *inputs[] = {x};
  void *outputs[] = {y};
  const int64_t rows[] = {3};
  const onnxc_model *model = dense_query(ONNXC_ABI_VERSION);
  onnxc_step_counts counts[8] = {{0}};
  const onnxc_profile profile = {now, counts};
  onnxc_context context = {.arena = arena, .profile = &profile};
  if (model->num_steps != 1 || model->arena_size(rows) > sizeof arena) return 1;
  for (int i = 0; i < 3; ++i) {
    if (model->run(inputs, outputs, rows, &context) != ONNXC_OK) return 2;
  }
  context.profile = NULL;
  if (model->run(inputs, outputs, rows, &context) != ONNXC_OK || ticks != 42) return 3;
  printf("%s: %d calls, %d ticks, %d multiply-adds", model->steps[0].operators, (int)counts[0].calls,
         (int)counts[0].nanoseconds, (int)counts[0].multiply_adds);
  return 0;
}
"""


def test_with_a_clock_of_its_own(tmp_path: Path) -> None:
    """As on a microcontroller, whose runtime has no clock."""
    onnxc.compile(DENSE.proto(), "cortex-m4", output=tmp_path, emit="c", profile=True, jobs=1)
    (tmp_path / "main.c").write_text(CLOCK)
    sources = ["main.c", "dense.c", "dense_kernels.c", "dense_weights.c", "onnxc_runtime.c"]
    command = [*COMPILER, "-std=c11", "-Wall", "-Wextra", "-Werror", *sources, "-lm", "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "nn.dense, nn.relu: 3 calls, 21 ticks, 216 multiply-adds")


# What is made of it for people


def step(kernel: str, calls: int, nanoseconds: int, multiply_adds: int = 0) -> StepProfile:
    types = "Tensor[(1, 2, 3), float32], Tensor[(), int8], Tensor[(7,), float32] -> Tensor[(N, 4), float32]"
    return StepProfile(kernel, f"node of {kernel}", "nn.dense, add", types, calls, nanoseconds, multiply_adds, 1000)


def test_kernels_are_summed_and_sorted() -> None:
    runs = [
        [step("a", 1, 1000, 500), step("b", 1, 3000), step("a", 1, time, 500), step("never", 0, 0)]
        for time in (1000, 500, 9000)  # one of them was disturbed
    ]
    kernels = by_kernel(runs)
    assert [(k.kernel, k.calls, k.microseconds) for k in kernels] == [("b", 1, 3.0), ("a", 2, 2.0)]
    assert (kernels[1].gigaflops, kernels[1].gigabytes) == (1.0, 1.0)
    assert kernels[1].nodes == ["node of a", "node of a"]
    head, first, second, total = profile_text(kernels, peak=10.0).splitlines()
    assert head.split() == ["us", "share", "calls", "GFLOP/s", "peak", "GB/s", "kernel", "operators", "types"]
    types = ["1x2x3,", "scalar:int8,", "7", "->", "Nx4"]
    assert first.split() == ["3.00", "60.0%", "1", "-", "-", "0.3", "b", "nn.dense,", "add", *types]
    assert second.split() == ["2.00", "40.0%", "2", "1.0", "10%", "1.0", "a", "nn.dense,", "add", *types]
    assert total == "5.00 us in 2 kernels, 0.4 GFLOP/s (4% of the peak)"


def test_kernels_of_a_model() -> None:
    with compiled(DENSE.proto()) as model:
        model(np.zeros((9, 6), np.float32))
        (kernel,) = measure_kernels(model, {"x": np.zeros((2, 6), np.float32)}, 5)
    assert (kernel.calls, kernel.multiply_adds) == (1, 2 * 6 * 4)
    assert kernel.microseconds > 0
