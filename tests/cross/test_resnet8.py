"""resnet8 (MLPerf Tiny's image classifier) on 64- and 32-bit ARM and on Cortex-M, against ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from onnxc import targets
from onnxc.artifact.package import package
from onnxc.driver import Options, compile_model

from .qemu import compiler_for, run_firmware, run_library

MODEL = Path(__file__).parents[1] / "models" / "data" / "resnet8_cifar.onnx"


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 1, (1, 3, 32, 32)).astype(np.float32)


@pytest.fixture(scope="module")
def expected(image: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(MODEL, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": image})[0]


@pytest.mark.parametrize("name", ["aarch64", "arm"])
def test_hosted(name: str, image: np.ndarray, expected: np.ndarray, tmp_path: Path) -> None:
    target = targets.find(name)
    compiler_for(target)
    artifact = package(compile_model(MODEL, target, Options(), "resnet8"), "so", tmp_path / "artifact")
    folder = tmp_path / "run"
    folder.mkdir()
    (output,) = run_library(artifact.path, target, [image], folder, threads=2)
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["cortex-m4", "cortex-m55"])
def test_firmware(name: str, image: np.ndarray, expected: np.ndarray, tmp_path: Path) -> None:
    target = targets.find(name)
    artifact = package(compile_model(MODEL, target, Options(), "resnet8"), "c", tmp_path / "resnet8")
    (output,) = run_firmware(artifact.path, "resnet8", target, [image], tmp_path / "build")
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)
