"""Files that are no models: each is reported with what was found and what to do."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.cli.command import DIGITS, Command
from tests.cli.processes import run
from tests.errors.models import model_of, node, small_model


def _digits(change: Callable[[onnx.ModelProto], object]) -> bytes:
    model = onnx.load(DIGITS)
    change(model)
    return model.SerializeToString()


def _import(version: int, domain: str = "") -> Callable[[onnx.ModelProto], object]:
    def change(model: onnx.ModelProto) -> None:
        del model.opset_import[:]
        model.opset_import.append(onnx.helper.make_opsetid(domain, version))

    return change


def _no_opset(model: onnx.ModelProto) -> None:
    del model.opset_import[:]


def _newer_ir(model: onnx.ModelProto) -> None:
    model.ir_version = 99


FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "the file is empty"),
    "truncated": (DIGITS.read_bytes()[:20_000], "truncated"),
    "one_byte_short": (DIGITS.read_bytes()[:-1], "truncated"),
    "random": (bytes((i * 7919 + i * i * 31) % 256 for i in range(5000)), "no ONNX model"),
    "text": (b"This is my model.\n" * 20, "no ONNX model"),
    "web_page": (b"<!DOCTYPE html><html><body>404</body></html>", "a web page"),
    "git_lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "git lfs pull"),
    "pytorch": (b"PK\x03\x04archive/data.pkl", "a ZIP archive"),
    "other_protobuf": (onnx.helper.make_opsetid("", 3).SerializeToString(), "no graph"),
    "not_utf8": (DIGITS.read_bytes().replace(b"MaxPool", b"Max\xff\xfeol"), "not UTF-8"),
    "newer_opset": (_digits(_import(999)), "opset 999 of ai.onnx"),
    "negative_opset": (_digits(_import(-5)), "opset -5 of ai.onnx"),
    "huge_opset": (_digits(_import(1 << 40, "com.example")), "opset 1099511627776 of com.example"),
    "no_opset": (_digits(_no_opset), "imports no opset"),
    "newer_ir": (_digits(_newer_ir), "IR version 99"),
}


@pytest.mark.parametrize("name", FILES)
def test_file(name: str, tmp_path: Path, onnxc: Command) -> None:
    content, found = FILES[name]
    path = tmp_path / f"{name}.onnx"
    path.write_bytes(content)
    error = onnxc.fail("compile", path, "-o", tmp_path / "out")
    assert found in error
    assert name in error  # the model
    assert "expected: " in error or "remedy: " in error
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("command", ["compile", "run", "inspect", "opt"])
def test_no_such_file(command: str, tmp_path: Path, onnxc: Command) -> None:
    error = onnxc.fail(command, tmp_path / "missing.onnx")
    assert "missing.onnx" in error
    assert "No such file" in error


def test_folder(tmp_path: Path, onnxc: Command) -> None:
    assert "Is a directory" in onnxc.fail("compile", tmp_path)
    assert "no shared libraries" in onnxc.fail("run", tmp_path)
    assert "no manifest" in onnxc.fail("inspect", tmp_path)


def test_relay_text(tmp_path: Path, onnxc: Command) -> None:
    path = tmp_path / "broken.relay"
    path.write_text('module "m"\n\nfn @main(%x: Tensor[(2), float32]) -> Tensor[(2), float32] {\n  %y\n}\n')
    assert "broken.relay" in onnxc.fail("opt", path)
    path.write_bytes(b"\xff\xfe")
    assert "UTF-8" in onnxc.fail("opt", path)
    path.write_text('module "m"\n\nfn @main(%x: Tensor[(2,), float32]) -> Tensor[(3,), float32] {\n  %x\n}\n')
    assert "broken.relay" in onnxc.fail("opt", path)


def _external(location: str, length: int = 24, offset: int = 0) -> onnx.ModelProto:
    tensor = onnx.TensorProto(name="w", dims=[2, 3], data_type=onnx.TensorProto.FLOAT)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", str(offset)), ("length", str(length))):
        tensor.external_data.add(key=key, value=value)
    return model_of([node("Add", "x w")], initializers=[tensor])


@pytest.mark.parametrize(
    ("model", "found"),
    [
        (_external("missing.bin"), "'missing.bin' cannot be read"),
        (_external("short.bin"), "10 bytes at the tensor's offset"),
        (_external("short.bin", offset=100), "0 bytes at the tensor's offset"),
        (_external("short.bin", offset=-4), "non-negative"),
        (_external("../outside.bin"), "outside"),
        (_external("/etc/passwd"), "outside"),
        (_external("link.bin"), "outside"),
        (_external(""), "external data"),
        (_external("."), "external data"),
        (_external("below"), "is no file"),
        (_external("pipe"), "is no file"),
        (_external("long.bin", length=20), "20 bytes at the tensor's offset"),
        (_external("long.bin", offset=1 << 70), "0 bytes at the tensor's offset"),
        (_external("long.bin", length=-24), "non-negative"),
        (_external("a\nb" * 100), "cannot be read: File name too long"),
    ],
    ids=[
        "missing",
        "too_small",
        "past_end",
        "offset_negative",
        "parent",
        "absolute",
        "link",
        "no_name",
        "folder",
        "folder_below",
        "pipe",
        "length_too_small",
        "offset_huge",
        "length_negative",
        "name_too_long",
    ],
)
def test_external_data(model: onnx.ModelProto, found: str, tmp_path: Path, onnxc: Command) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "short.bin").write_bytes(bytes(10))
    (folder / "long.bin").write_bytes(bytes(100))
    (folder / "below").mkdir()
    os.mkfifo(folder / "pipe")
    (tmp_path / "outside.bin").write_bytes(bytes(24))
    (folder / "link.bin").symlink_to(tmp_path / "outside.bin")
    (folder / "external.onnx").write_bytes(model.SerializeToString())
    error = onnxc.fail("compile", folder / "external.onnx", "-o", tmp_path / "out")
    assert found in error
    assert "tensor 'w'" in error
    assert not (tmp_path / "out").exists()


def test_external_data_is_read(tmp_path: Path, onnxc: Command) -> None:
    (tmp_path / "weights.bin").write_bytes(bytes(4) + bytes(24))
    (tmp_path / "external.onnx").write_bytes(_external("weights.bin", offset=4).SerializeToString())
    assert "add" in onnxc.succeed("opt", tmp_path / "external.onnx", "-O0")


def test_external_data_through_links(tmp_path: Path, onnxc: Command) -> None:
    """As in caches of downloads: the model and its data are links to files beside each other elsewhere."""
    (tmp_path / "blobs").mkdir()
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "blobs" / "1").write_bytes(_external("weights.bin").SerializeToString())
    (tmp_path / "blobs" / "2").write_bytes(np.arange(6, dtype=np.float32).tobytes())
    (tmp_path / "snapshot" / "model.onnx").symlink_to("../blobs/1")
    (tmp_path / "snapshot" / "weights.bin").symlink_to("../blobs/2")
    assert "add" in onnxc.succeed("opt", tmp_path / "snapshot" / "model.onnx", "-O0")
    (tmp_path / "outside.bin").write_bytes(bytes(24))
    (tmp_path / "snapshot" / "weights.bin").unlink()
    (tmp_path / "snapshot" / "weights.bin").symlink_to("../outside.bin")
    assert "outside" in onnxc.fail("opt", tmp_path / "snapshot" / "model.onnx")


@pytest.mark.parametrize(("location", "found"), [("w.bin", ""), ("../w.bin", "outside"), ("missing", "cannot be read")])
def test_external_data_of_an_attribute(
    location: str, found: str, tmp_path: Path, onnxc: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is beside the model, too, wherever the user is."""
    tensor = _external(location).graph.initializer[0]
    (tmp_path / "model").mkdir()
    for folder in (tmp_path, tmp_path / "model"):
        (folder / "w.bin").write_bytes(np.full(6, 7, np.float32).tobytes())
    path = tmp_path / "model" / "model.onnx"
    onnx.save(model_of([node("Constant", "", "w", value=tensor), node("Add", "x w")]), path)
    path.write_bytes(model_of([node("Constant", "", "w", value=tensor), node("Add", "x w")]).SerializeToString())
    monkeypatch.chdir(tmp_path)
    if found:
        error = onnxc.fail("opt", path)
        assert found in error and "operator Constant" in error
    else:
        assert "7.0" in onnxc.succeed("opt", path, "-O0")


@pytest.mark.parametrize("command", ["compile", "run", "inspect", "opt", "tune"])
def test_every_twentieth(command: str, tmp_path: Path, onnxc: Command) -> None:
    data, path = DIGITS.read_bytes(), tmp_path / "cut.onnx"
    for part in range(20):
        path.write_bytes(data[: len(data) * part // 20])
        error = onnxc.fail(command, path, *(("--no-cost-model",) if command == "tune" else ()))
        assert "cut.onnx" in error and ("expected: " in error or "remedy: " in error)
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("command", ["compile", "run", "inspect", "opt"])
def test_models_through_pipes(command: str, tmp_path: Path) -> None:
    arguments = {"compile": ["--emit", "relay"], "run": ["-q"], "inspect": ["--memory"], "opt": []}[command]
    for name in ("-", "/dev/stdin"):
        with DIGITS.open("rb") as file, subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE) as cat:
            code, out, err = run([command, name, *arguments], stdin=cat.stdout)
        assert (code, err) == (0, "")
        assert ("output" in out or "fn @main" in out) is (command != "run")
    code, _, err = run([command, "-"], stdin=subprocess.DEVNULL)
    assert code == 1 and "the file is empty" in err


def test_libraries_of_operators(tmp_path: Path, onnxc: Command) -> None:
    for text, found in (
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("def", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError"),
        ("raise KeyboardInterrupt", "interrupted"),
    ):
        path = tmp_path / "operators.py"
        path.write_text(text)
        result = onnxc("compile", DIGITS, "--op-library", path, "-o", tmp_path / "out")
        assert result.code == (130 if found == "interrupted" else 1) and found in result.err
    assert "Is a directory" in onnxc.fail("opt", DIGITS, "--op-library", tmp_path)


def test_constants_of_relay_text(tmp_path: Path, onnxc: Command) -> None:
    text, constants = tmp_path / "x.relay", tmp_path / "x.relay.npz"
    onnxc.succeed("opt", DIGITS, "-o", text, "-O0")
    data = constants.read_bytes()
    for size in (0, 10, len(data) // 2, len(data) - 30):
        constants.write_bytes(data[:size])
        assert "x.relay" in onnxc.fail("opt", text)
    constants.write_bytes(data[:300] + bytes(100) + data[400:])
    assert "x.relay" in onnxc.fail("opt", text)
    constants.unlink()
    assert "x.relay" in onnxc.fail("opt", text)
    constants.mkdir()
    assert "x.relay" in onnxc.fail("opt", text)


def test_every_twentieth_of_relay_text(tmp_path: Path, onnxc: Command) -> None:
    onnxc.succeed("opt", DIGITS, "-o", tmp_path / "x.relay", "-O0")
    data, path = (tmp_path / "x.relay").read_bytes(), tmp_path / "cut.relay"
    for part in range(20):
        path.write_bytes(data[: len(data) * part // 20])
        assert "cut.relay" in onnxc.fail("opt", path)


def test_model_is_fine() -> None:
    onnx.checker.check_model(small_model(), full_check=True)
