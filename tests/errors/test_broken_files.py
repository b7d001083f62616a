"""Files that are no models: each is reported with what was found and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from tests.cli.command import DIGITS, Command
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
    ],
)
def test_external_data(model: onnx.ModelProto, found: str, tmp_path: Path, onnxc: Command) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "short.bin").write_bytes(bytes(10))
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


def test_model_is_fine() -> None:
    onnx.checker.check_model(small_model(), full_check=True)
