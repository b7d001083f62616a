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
from onnx import helper, numpy_helper

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
    pool = ("onnxc_threads.c", "onnxc_shares.c")  # in C11
    sources = sorted(path.name for path in tree.glob("*.c") if path.name not in pool)
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


def _microsoft(node: onnx.NodeProto, arrays: Mapping[str, np.ndarray], inputs: set[str]) -> onnx.ModelProto:
    """A model of one operator of com.microsoft, of which some arrays are inputs."""
    kinds = helper.np_dtype_to_tensor_dtype
    graph = helper.make_graph(
        [node],
        "microsoft",
        [helper.make_tensor_value_info(n, kinds(a.dtype), a.shape) for n, a in arrays.items() if n in inputs],
        [helper.make_empty_tensor_value_info(name) for name in node.output],
        [numpy_helper.from_array(a, n) for n, a in arrays.items() if n not in inputs],
    )
    domains = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=domains, ir_version=8)


def test_operators_of_onnx_runtime(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    floats: dict[str, np.ndarray] = {
        "x": random.standard_normal((4, 3, 5)).astype(np.float32),
        "b": random.standard_normal((1, 48)).astype(np.float32),
        "scale": np.full(1, 0.01, np.float32),
    }
    codes: dict[str, np.ndarray] = {
        n: random.integers(-90, 90, (1, k, 24)).astype(np.int8) for n, k in (("w", 5), ("r", 6))
    }
    names = ["x", "w", "r", "b", "lengths", "", "", "", "scale", "zero", "scale", "zero"]
    more: dict[str, np.ndarray] = {"zero": np.zeros(1, np.int8), "lengths": np.array([4, 1, 3], np.int32)}
    node = helper.make_node("DynamicQuantizeLSTM", names, ["y"], domain="com.microsoft", hidden_size=6)
    lstm = _microsoft(node, {**floats, **codes, **more}, {"x", "lengths"})
    node = helper.make_node("Inverse", ["x"], ["y"], domain="com.microsoft")
    inverse = _microsoft(node, {"x": random.standard_normal((2, 5, 5)).astype(np.float32)}, {"x"})
    given = {"lstm": {"x": floats["x"], "lengths": more["lengths"]}}
    given["inverse"] = {"x": random.standard_normal((2, 5, 5)).astype(np.float32)}
    node = helper.make_node("DynamicTimeWarping", ["x"], ["y"], domain="com.microsoft")
    warping = _microsoft(node, {"x": floats["x"][0]}, {"x"})
    given["warping"] = {"x": floats["x"][0]}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    for name, model in (("lstm", lstm), ("inverse", inverse), ("warping", warping)):
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        (got,) = run(build(model, name, tmp_path), given[name])
        np.testing.assert_allclose(got, session.run(None, given[name])[0], rtol=1e-4, atol=1e-4, err_msg=name)
