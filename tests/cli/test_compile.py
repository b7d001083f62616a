"""``onnxc compile``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest

import onnxc
from tests.cli.command import DIGITS, Command
from tests.errors.models import model_of, node


def test_folder(digits: Path) -> None:
    assert {p.name for p in digits.iterdir()} == {
        "digits_cnn_trained.so",
        "digits_cnn_trained.h",
        "onnxc_runtime.h",
        "manifest.json",
    }


def test_single_file(small: Path) -> None:
    others = {p.name for p in small.parent.iterdir()} - {"small.onnx"}
    assert others == {"small.so", "small.h", "onnxc_runtime.h", "small.manifest.json"}
    assert list(json.loads((small.parent / "small.manifest.json").read_text())["files"]) == [
        "onnxc_runtime.h",
        "small.h",
        "small.so",
    ]


def test_the_artifact_works(digits: Path) -> None:
    data = np.load(DIGITS.with_name("digits_cnn_testset.npz"))
    with onnxc.load(digits / "digits_cnn_trained.so") as model:
        found = [int(np.argmax(model(image[None])["output"])) for image in data["x"]]
    assert np.mean(found == data["y"]) >= 0.981


def test_summary(tmp_path: Path, onnxc: Command) -> None:
    out = onnxc.succeed("compile", DIGITS, "-o", tmp_path / "libdigits.a", "-O1")
    assert str(tmp_path / "libdigits.a") in out
    for part in ("kernels, weights ", " KB", "arena ", "host-"):
        assert part in out
    assert {p.name for p in tmp_path.iterdir()} == {
        "libdigits.a",
        "digits.h",
        "onnxc_runtime.h",
        "digits.manifest.json",
    }


def test_default_output_is_the_current_folder(tmp_path: Path, onnxc: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    onnxc.succeed("compile", DIGITS, "--target", "cortex-m4", "--name", "digits")
    assert (tmp_path / "digits" / "digits.c").is_file()  # C, since there are no shared libraries
    assert [p.name for p in tmp_path.iterdir()] == ["digits"]


def test_size_warning(tmp_path: Path, onnxc: Command) -> None:
    nodes = [node("Softmax", "x", "s", "softmax"), node("MatMul", "s x")]
    onnx.save(model_of(nodes, {"x": (onnx.TensorProto.FLOAT, [128, 128])}), tmp_path / "large.onnx")
    arguments = ("--target", "cortex-m0plus", "-o")
    result = onnxc("compile", tmp_path / "large.onnx", *arguments, tmp_path / "large")
    assert result.code == 0
    assert re.search(r"^warning: the arena \(\d+ KB\) exceeds the 32 KB of RAM of a typical cortex-m0plus$", result.err)
    result = onnxc("compile", DIGITS, *arguments, tmp_path / "digits")
    assert (result.code, result.err) == (0, "")


def test_relay_to_standard_output(onnxc: Command) -> None:
    result = onnxc("compile", DIGITS, "--emit", "relay", "--print-ir-after", "fuse")
    assert result.code == 0
    assert result.out.startswith('module "digits_cnn_trained"')
    assert "fn @main(%input: Tensor[(1, 1, 8, 8), float32])" in result.out
    assert result.err.startswith("# after fuse\n")


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("digits.relay", ["fn @main("]),
        ("digits.tir", ["# ---- kernel fused_", "@T.prim_func"]),
        ("digits.ll", ["; ---- kernel fused_", "define ", "target triple"]),
        ("digits.s", ["# ---- kernel fused_", ".globl"]),
    ],
)
def test_texts(name: str, texts: list[str], tmp_path: Path, onnxc: Command) -> None:
    path = tmp_path / name
    onnxc.succeed("compile", DIGITS, "-o", path)
    written = path.read_text()
    for text in texts:
        assert text in written
    constants = [path.with_name("digits.relay.npz")] if name.endswith(".relay") else []
    assert sorted(tmp_path.iterdir()) == [path, *constants]


def test_levels_differ(onnxc: Command) -> None:
    texts = [onnxc.succeed("compile", DIGITS, "--emit", "relay", f"-O{level}") for level in (0, 3)]
    assert texts[0] != texts[1]


def test_verbose_and_quiet(tmp_path: Path, onnxc: Command) -> None:
    result = onnxc("compile", DIGITS, "-o", tmp_path / "out", "-v")
    assert "compiling kernels: " in result.err
    result = onnxc("compile", DIGITS, "-o", tmp_path / "out", "-q")
    assert (result.code, result.out, result.err) == (0, "", "")


def test_cache(tmp_path: Path, onnxc: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """With or without it, from it or not: the same files."""
    monkeypatch.setenv("ONNXC_CACHE_DIR", str(tmp_path / "cache"))
    onnxc.succeed("compile", DIGITS, "-o", tmp_path / "none", "--no-cache")
    assert not (tmp_path / "cache").exists()
    for folder in ("filled", "used"):
        onnxc.succeed("compile", DIGITS, "-o", tmp_path / folder)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert len(kept) >= 5
    for path in kept:  # all of them broken
        path.write_bytes(path.read_bytes()[:-1])
    onnxc.succeed("compile", DIGITS, "-o", tmp_path / "broken")
    files = {p.name: p.read_bytes() for p in (tmp_path / "none").iterdir()}
    for folder in ("filled", "used", "broken"):
        assert {p.name: p.read_bytes() for p in (tmp_path / folder).iterdir()} == files
