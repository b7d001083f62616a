"""Trees of C under the address and undefined behaviour sanitizers, as C99, without warnings."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

import onnxc
from tests.cross.qemu import pack, unpack
from tests.executor.models import MODELS, SmallModel
from tests.executor.run_time_models import HOSTILE, RUN_TIME_MODELS

HERE = Path(__file__).resolve().parent
DIGITS = HERE.parents[1] / "examples" / "digits" / "digits_cnn_trained.onnx"

_WARNINGS = ("-Wall", "-Wextra", "-Werror", "-pedantic")
_SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")


def build(model: onnx.ModelProto | Path, name: str, folder: Path, bounds: Mapping[str, int] | None = None) -> Path:
    """Compile a model to C, and that to a program with all sanitizers."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed: apt install gcc")
    tree = folder / name
    onnxc.compile(model, "host", emit="c", output=tree, name=name, jobs=1, bounds=bounds)
    command = [
        "gcc",
        "-std=c99",
        "-O1",
        "-g",
        *_WARNINGS,
        *_SANITIZERS,
        f"-DMODEL_QUERY={name}_query",
        *(["-DHAS_HEAP"] if (tree / "onnxc_heap.c").exists() else []),
        "-I.",
        "-o",
        "run",
    ]
    shutil.copy(HERE / "run_exact.c", tree)
    sources = sorted(path.name for path in tree.glob("*.c") if path.name != "onnxc_threads.c")  # that is C11
    # The program and the runtime use POSIX; the model does not.
    done = subprocess.run(
        [*command, "-D_POSIX_C_SOURCE=200809L", *sources, "-lm", "-lpthread"],
        cwd=tree, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return tree / "run"


def run(program: Path, inputs: Mapping[str, np.ndarray], status: int = 0) -> list[np.ndarray]:
    """Run a program of run_exact.c, which ends with a status."""
    folder = program.parent
    (folder / "inputs.bin").write_bytes(pack(list(inputs.values())))
    command = [str(program), "inputs.bin", "outputs.bin"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return [] if status else unpack((folder / "outputs.bin").read_bytes())


@pytest.mark.parametrize("model", [*MODELS, *RUN_TIME_MODELS], ids=lambda model: model.name)
def test_small_model(model: SmallModel, tmp_path: Path) -> None:
    program = build(model.proto(), model.name, tmp_path)
    for inputs in model.runs():
        expected = model.expected(inputs)
        for got, (name, want) in zip(run(program, inputs), expected.items(), strict=True):
            assert got.dtype == want.dtype and got.shape == want.shape
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("model", HOSTILE, ids=lambda model: model.name)
def test_hostile_values(model: SmallModel, tmp_path: Path) -> None:
    """What makes no sense ends the run with a status."""
    program = build(model.proto(), model.name, tmp_path)
    for inputs in model.runs():
        status = int(inputs.pop("status"))
        run(program, inputs, status)


def test_digits(tmp_path: Path) -> None:
    program = build(DIGITS, "digits", tmp_path)
    image = np.load(DIGITS.with_name("digits_cnn_testset.npz"))["x"][:1]
    session = onnxruntime.InferenceSession(DIGITS, providers=["CPUExecutionProvider"])
    (got,) = run(program, {"input": image})
    np.testing.assert_allclose(got, session.run(None, {"input": image})[0], rtol=1e-4, atol=1e-4)
