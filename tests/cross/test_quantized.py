"""The quantised digits model on machines with and without integer kernels, against ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from onnxc import targets
from onnxc.artifact.package import package
from onnxc.driver import Options, compile_model

from .qemu import FIRMWARE, compiler_for, run_firmware, run_library

MODEL = Path(__file__).parents[1] / "models" / "data" / "digits_cnn_trained_qdq_s8s8.onnx"
TESTSET = FIRMWARE.parent / "digits" / "digits_cnn_testset.npz"


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.load(TESTSET)["x"][:1]


@pytest.fixture(scope="module")
def expected(image: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(MODEL, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": image})[0]


def _check(output: np.ndarray, expected: np.ndarray) -> None:
    """Scores are multiples of the last scale: within one of its steps."""
    step = np.min(np.diff(np.unique(expected)))
    np.testing.assert_allclose(output, expected, rtol=0, atol=1.01 * step)


@pytest.mark.parametrize("name", ["aarch64", "aarch64-dotprod", "arm"])
def test_hosted(name: str, image: np.ndarray, expected: np.ndarray, tmp_path: Path) -> None:
    target = targets.find(name)
    compiler_for(target)
    artifact = package(compile_model(MODEL, target, Options(), "digits"), "so", tmp_path / "artifact")
    (tmp_path / "run").mkdir()
    (output,) = run_library(artifact.path, target, [image], tmp_path / "run", threads=2)
    _check(output, expected)


@pytest.mark.parametrize("name", ["cortex-m0plus", "cortex-m4", "cortex-m55"])
def test_firmware(name: str, image: np.ndarray, expected: np.ndarray, tmp_path: Path) -> None:
    target = targets.find(name)
    artifact = package(compile_model(MODEL, target, Options(), "digits"), "c", tmp_path / "digits")
    (output,) = run_firmware(artifact.path, "digits", target, [image], tmp_path / "build")
    _check(output, expected)
