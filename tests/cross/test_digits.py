"""The digits model through the whole compiler, run on every kind of target, against ONNX Runtime."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from onnxc import targets
from onnxc.artifact.package import package
from onnxc.driver import Options, compile_model

from .qemu import FIRMWARE, TIMEOUT, build_firmware, compiler_for, firmware_command, run_firmware, run_library

DIGITS = FIRMWARE.parent / "digits"
MODEL = DIGITS / "digits_cnn_trained.onnx"
IMAGES = 2


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    return list(np.load(DIGITS / "digits_cnn_testset.npz")["x"][:IMAGES, None])


@pytest.fixture(scope="module")
def expected(images: list[np.ndarray]) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(MODEL, providers=["CPUExecutionProvider"])
    return [session.run(None, {"input": image})[0] for image in images]


@pytest.mark.parametrize("emit", ["so", "a"])
@pytest.mark.parametrize("name", ["host", "x86-64-v2", "x86-64-v3", "aarch64", "arm"])
def test_hosted(name: str, emit: str, images: list, expected: list, tmp_path: Path) -> None:
    target = targets.find(name)
    compiler_for(target)
    artifact = package(compile_model(MODEL, target, Options(), "digits"), emit, tmp_path / "artifact")
    for number, (image, scores) in enumerate(zip(images, expected, strict=True)):
        folder = tmp_path / f"run{number}"
        folder.mkdir()
        (output,) = run_library(artifact.path, target, [image], folder, threads=1 + number)
        np.testing.assert_allclose(output, scores, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["cortex-m4", "cortex-m55"])
def test_firmware(name: str, images: list, expected: list, tmp_path: Path) -> None:
    target = targets.find(name)
    artifact = package(compile_model(MODEL, target, Options(), "digits"), "c", tmp_path / "digits")
    for image, scores in zip(images, expected, strict=True):
        (output,) = run_firmware(artifact.path, "digits", target, [image], tmp_path / "build")
        np.testing.assert_allclose(output, scores, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["cortex-m0plus", "cortex-m33"])
def test_example(name: str, tmp_path: Path) -> None:
    """The firmware of the example as it is, on the smallest machine too: 16 KiB of RAM."""
    target = targets.find(name)
    artifact = package(compile_model(MODEL, target, Options(), "digits"), "c", tmp_path / "digits")
    build_firmware(artifact.path, target, tmp_path / "build")
    command = firmware_command(target, tmp_path / "build" / "firmware.elf")
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert (done.stdout + done.stderr).splitlines()[-1] == "This is a 3."
    assert done.returncode == 0
