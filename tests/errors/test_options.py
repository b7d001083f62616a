"""Options that cannot be met: exit code 1 with the reason, 2 where the command line itself is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import onnx
import pytest

from tests.cli.command import DIGITS, Command
from tests.errors.models import small_model


@pytest.fixture(scope="module")
def dynamic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "small.onnx"
    onnx.save(small_model(), path)
    return path


@pytest.mark.parametrize(
    ("dim", "found"),
    [
        ("M=3", "no dimension named M"),
        ("N=0", "--dim N=0"),
        ("N=-1", "--dim N=-1"),
        ("N=x", "--dim N=x"),
        ("N", "--dim N"),
        ("=3", "--dim =3"),
        ("N=99999999999", "99999999999"),
    ],
)
def test_dim(dim: str, found: str, dynamic: Path, onnxc: Command) -> None:
    error = onnxc.fail("compile", dynamic, "--dim", dim)
    assert found in error
    assert "expected: " in error


def test_dim_of_a_static_model(onnxc: Command) -> None:
    assert "all are static" in onnxc.fail("compile", DIGITS, "--dim", "batch=2")


def test_contradicting_dims(dynamic: Path, onnxc: Command) -> None:
    assert "2 and 3" in onnxc.fail("compile", dynamic, "--dim", "N=2", "--dim", "N=3")


def test_unknown_target(onnxc: Command) -> None:
    error = onnxc.fail("compile", DIGITS, "--target", "cortex-m5")
    assert "unknown target 'cortex-m5'" in error
    assert "cortex-m55" in error


def test_unknown_pass(onnxc: Command) -> None:
    assert "there is no pass 'fsue'" in onnxc.fail("compile", DIGITS, "--print-ir-after", "fsue")
    assert "there is no pass 'fsue'" in onnxc.fail("opt", DIGITS, "--passes", "fsue")


def test_unknown_compiler(tmp_path: Path, onnxc: Command) -> None:
    error = onnxc.fail("compile", DIGITS, "--cc", "no-such-compiler", "-o", tmp_path / "out")
    assert "no-such-compiler" in error
    assert "not installed" in error


def test_compiler_that_is_none(tmp_path: Path, onnxc: Command) -> None:
    assert "--cc names 'true', which" in onnxc.fail("compile", DIGITS, "--cc", "true", "-o", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs Linux's /proc, where nobody can make files")
def test_output_without_permission(onnxc: Command) -> None:
    assert "'/proc/build' cannot be made" in onnxc.fail("compile", DIGITS, "-o", "/proc/build")


def test_output_under_a_file(tmp_path: Path, onnxc: Command) -> None:
    (tmp_path / "file").write_text("")
    assert "is a file" in onnxc.fail("compile", DIGITS, "-o", tmp_path / "file" / "build")
    assert "is a file" in onnxc.fail("compile", DIGITS, "-o", tmp_path / "file")


def test_output_that_does_not_fit(tmp_path: Path, onnxc: Command) -> None:
    assert "does not fit --emit=a" in onnxc.fail("compile", DIGITS, "--emit", "a", "-o", tmp_path / "model.so")
    assert "does not fit --emit=c" in onnxc.fail("compile", DIGITS, "--emit", "c", "-o", tmp_path / "model.c")


def test_shared_library_for_a_microcontroller(tmp_path: Path, onnxc: Command) -> None:
    error = onnxc.fail("compile", DIGITS, "--target", "cortex-m4", "--emit", "so", "-o", tmp_path / "out")
    assert "cortex-m4" in error
    assert "--emit=c" in error
    assert list(tmp_path.iterdir()) == []


def test_external_weights_of_c(tmp_path: Path, onnxc: Command) -> None:
    arguments = ("--emit", "c", "--external-weights", "-o", tmp_path / "out")
    assert "ONNXC_WEIGHTS_SECTION" in onnxc.fail("compile", DIGITS, *arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["frobnicate"],
        ["compile"],
        ["compile", "a.onnx", "b.onnx"],
        ["compile", "a.onnx", "--emit", "exe"],
        ["compile", "a.onnx", "-O", "7"],
        ["compile", "a.onnx", "--frobnicate"],
        ["run", "a.onnx", "--repeat", "0"],
        ["run", "a.onnx", "--threads", "1" + "0" * 30],
    ],
)
def test_usage(arguments: list[str], onnxc: Command) -> None:
    result = onnxc(*arguments)
    assert result.code == 2
    assert "Usage: onnxc" in result.err
