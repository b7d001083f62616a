"""Measuring programs: real ones, of kernels that work, crash, hang and fail."""

from __future__ import annotations

import shutil
import subprocess
import time
from importlib.resources import files
from pathlib import Path

import pytest

from onnxc import targets
from onnxc.artifact.toolchain import find_compiler
from onnxc.autotune import tasks
from onnxc.autotune.measure import Times, machine_name
from onnxc.autotune.tasks import Candidate, Outcome, Proposal
from onnxc.autotune.workload import Workload
from onnxc.kernel.kernel import Kernel, Phase
from onnxc.relay.dimension import Dim
from onnxc.relay.types import TensorType
from onnxc.transform.pipeline import PassContext, run_pipeline
from tests.autotune.fakes import workloads
from tests.kernel.native import Graph
from tests.kernel.recurrent_cases import cell

HOST = targets.find("host")
COMPILER = find_compiler(HOST)
ELSEWHERE = 1 << 20


def matmul(rows: int | str) -> Workload:
    graph = Graph()
    x = graph.input(rows, 32)
    module = run_pipeline(graph.module([graph("nn.dense", x, graph.weights(64, 32))]), PassContext(HOST, 3))
    (function,) = (f for f in module.functions.values() if f.is_primitive)
    return Workload(function, HOST, 1, {"N": 20} if rows == "N" else {})


def run(workload: Workload, candidate: Candidate) -> Times:
    program = tasks.build(workload, candidate.choices, COMPILER)
    assert isinstance(program, bytes), program
    outcome = tasks.measure(program, ELSEWHERE, 20)
    assert outcome.times is not None, outcome
    return outcome.times


@pytest.mark.parametrize("rows", [20, "N"])
def test_candidates_are_described_and_measured(rows: int | str) -> None:
    workload = matmul(rows)
    default, *others = tasks.describe(workload, [Proposal({}), *(Proposal({}, seed) for seed in range(3))])
    assert {d.name for d in default.decisions} and all(len(c.features) > 20 for c in (default, *others))
    assert default.choices == tasks.describe(workload, [Proposal(default.choices)])[0].choices
    first, second = run(workload, default), run(workload, others[0])
    assert len(first.warm) >= 3 and len(first.flushed) >= 3 and first.machine == machine_name()
    assert 1e-8 < first.seconds < 1e-2
    assert second.agrees_with(first)


def test_kernels_in_c_are_described_and_measured() -> None:
    """A recurrence of many steps, in which rounding errors must not grow."""
    graph = Graph()
    module = run_pipeline(graph.module(cell(graph, "nn.lstm", 40, 2, 100)), PassContext(HOST, 3))
    (function,) = (f for f in module.functions.values() if f.is_primitive)
    workload = Workload(function, HOST, 1, {}, (1,))
    default, *others = tasks.describe(workload, [Proposal({}), *(Proposal({}, seed) for seed in range(3))])
    assert "recurrent.sums" in default.choices and default.features["knob.recurrent.sums"] == 8
    first = run(workload, default)
    assert all(run(workload, other).agrees_with(first) for other in others)
    assert tasks.count_operations(workload) == 2 * 100 * 2 * 40 * 4 * 40


def test_operations_are_counted_as_they_are_written() -> None:
    """A product and a sum for each element of the depth; whole tiles of unknown numbers of rows."""
    assert tasks.count_operations(matmul(20)) == 20 * 64 * 32 * 2
    assert 20 * 64 * 32 * 2 <= tasks.count_operations(matmul("N")) < 2 * 20 * 64 * 32 * 2


def test_results_are_compared() -> None:
    times = Times((1.0,), (1.0,), ((5.0, 100.0), (float("nan"), float("nan"))), "m")
    near = Times((1.0,), (1.0,), ((5.005, 100.0), (float("nan"), float("nan"))), "m")
    wrong = Times((1.0,), (1.0,), ((5.1, 100.0), (float("nan"), float("nan"))), "m")
    assert near.agrees_with(times) and not wrong.agrees_with(times)


def program(body: str, tmp_path: Path, inplace: int | None = None) -> bytes:
    """A measuring program around ``int32_t kernel(const float *in, float *out, int32_t n)``."""
    from onnxc.autotune.measure import build_program

    parameters = "float *x, int32_t n" if inplace is not None else "const float *x, float *y, int32_t n"
    (tmp_path / "k.c").write_text(f"#include <stdint.h>\nint32_t kernel({parameters}) {{ (void)x; {body} }}\n")
    subprocess.run([*COMPILER.command, "-O1", "-fPIC", "-c", "k.c", "-o", "k.o"], cwd=tmp_path, check=True)
    type_ = TensorType((Dim.symbol("N"),), "float32")
    code = (tmp_path / "k.o").read_bytes()
    size = Dim.symbol("N")
    kernel = Kernel("kernel", (type_,), (type_,), (), ("N",), (size,), (Phase("kernel"),), code, inplace=inplace)
    return build_program(kernel, COMPILER, {"N": 100})


@pytest.mark.parametrize(
    ("body", "error", "text"),
    [
        ("*(volatile int *)0 = 1; return (int32_t)(y[0] + n);", "run crash", "signal 11"),
        ("for (volatile int i = 0;; i++) y[0] = n;", "run timeout", "still running after 0.5 s"),
        ("y[0] = n; return 7;", "run error", "the kernel returned 7"),
    ],
    ids=["crash", "hang", "status"],
)
def test_a_bad_kernel_costs_its_own_time(body: str, error: str, text: str, tmp_path: Path) -> None:
    start = time.monotonic()
    outcome = tasks.measure(program(body, tmp_path), ELSEWHERE, 0.5)
    assert (outcome.times, outcome.error) == (None, error)
    assert text in outcome.text
    assert time.monotonic() - start < 10


def test_what_is_no_program_is_an_error() -> None:
    outcome = tasks.measure(b"no program", ELSEWHERE, 1)
    assert outcome.error == "run error" and "cannot run" in outcome.text


def test_kernels_in_place_get_their_input_anew(tmp_path: Path) -> None:
    """Squared again and again, numbers would become zero; the sum is that of the first call."""
    squares = program("for (int i = 0; i < n; i++) x[i] = x[i] * x[i]; return 0;", tmp_path, inplace=0)
    apart = program("for (int i = 0; i < n; i++) y[i] = x[i] * x[i]; return 0;", tmp_path)
    first, second = tasks.measure(squares, ELSEWHERE, 10).times, tasks.measure(apart, ELSEWHERE, 10).times
    assert first is not None and second is not None
    assert first.sums == second.sums and first.sums[0][1] > 10


def test_what_cannot_be_built_is_an_outcome() -> None:
    (workload,) = workloads(HOST, 8)
    broken = Workload(workload.function, targets.find("aarch64"), 1, {})
    outcome = tasks.build(broken, {}, COMPILER)
    assert isinstance(outcome, Outcome) and outcome.error == "build error" and "link" in outcome.text


def test_the_peak_is_plausible() -> None:
    assert 1e9 < tasks.measure_peak(HOST, COMPILER) < 1e13


def test_the_measuring_program_is_clean_c() -> None:
    """Under the warnings that the runtime is compiled with, for gcc and clang if there."""
    folder = Path(str(files("onnxc.autotune")))
    for compiler in filter(shutil.which, ("gcc", "clang")):
        for name, flags in (("measure.c", []), ("peak.c", ["-DVECTOR_BYTES=16"])):
            flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-O2", "-c", *flags, "-o", "/dev/null"]
            done = subprocess.run([compiler, *flags, str(folder / name)], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
