"""``onnxc inspect``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import onnx
import pytest

from tests.cli.command import DIGITS, Command
from tests.errors.models import model_of, node


def test_model(onnxc: Command) -> None:
    facts = json.loads(onnxc.succeed("inspect", DIGITS, "--json"))
    assert facts["name"] == "digits_cnn_trained"
    assert facts["opsets"] == {"ai.onnx": 20}
    assert facts["inputs"] == [{"name": "input", "dtype": "float32", "shape": [1, 1, 8, 8]}]
    assert facts["outputs"] == [{"name": "output", "dtype": "float32", "shape": [1, 10]}]
    assert facts["operators"]["Conv"] == 4
    assert sum(facts["operators"].values()) == facts["nodes"] == 11
    assert facts["parameters"] == {"elements": 10446, "bytes": 41800}
    # three convolutions of 3x3 (one for each channel by itself), one of 1x1, and the matrix product
    work = 64 * 16 * 9 + 64 * 16 * 9 + 64 * 32 * 16 + 16 * 32 * 32 * 9 + 32 * 10
    assert facts["multiply_adds"] == work
    assert facts["unsupported"] == [] and facts["problem"] == ""


def test_text(onnxc: Command) -> None:
    out = onnxc.succeed("inspect", DIGITS)
    for part in ("model digits_cnn_trained", "opsets: ai.onnx 20", "input  float32  (1, 1, 8, 8)", "Conv        4"):
        assert part in out
    assert "parameters: 10,446 (40.8 KB)" in out


def test_memory_of_a_model(onnxc: Command, digits: Path) -> None:
    facts = json.loads(onnxc.succeed("inspect", DIGITS, "--memory", "--json"))
    made = json.loads((digits / "manifest.json").read_text())
    assert facts["memory"] == {key: made["memory"][key] for key in facts["memory"]}
    assert facts["memory"]["buffers"]


def test_unsupported(tmp_path: Path, onnxc: Command) -> None:
    custom = onnx.helper.make_node("Custom", ["a"], ["y"], domain="com.example")
    onnx.save(model_of([node("Frobnicate", "x", "a"), custom]), tmp_path / "model.onnx")
    facts = json.loads(onnxc.succeed("inspect", tmp_path / "model.onnx", "--json"))
    assert [entry["operator"] for entry in facts["unsupported"]] == ["Frobnicate", "com.example:Custom"]
    assert facts["outputs"] == [{"name": "y", "dtype": "float", "shape": []}]
    assert "not supported" in facts["problem"]
    assert "not supported:\n  Frobnicate" in onnxc.succeed("inspect", tmp_path / "model.onnx")


def test_artifact(digits: Path, onnxc: Command) -> None:
    facts = json.loads(onnxc.succeed("inspect", digits, "--json"))
    assert facts["kind"] == "artifact" and facts["changed"] == []
    assert "buffers" not in facts["memory"]
    for path in (digits / "digits_cnn_trained.so", digits / "manifest.json"):
        assert json.loads(onnxc.succeed("inspect", path, "--json")) == facts
    out = onnxc.succeed("inspect", digits, "--memory")
    for part in ("artifact 'so' of model digits_cnn_trained", "arena: ", "offset  bytes", "digits_cnn_trained.so"):
        assert part in out
    assert "CHANGED" not in out


def test_changed_artifact(digits: Path, tmp_path: Path, onnxc: Command) -> None:
    shutil.copytree(digits, tmp_path / "copy")
    (tmp_path / "copy" / "onnxc_runtime.h").write_text("/* changed */\n")
    (tmp_path / "copy" / "digits_cnn_trained.h").unlink()
    facts = json.loads(onnxc.succeed("inspect", tmp_path / "copy", "--json"))
    assert facts["changed"] == ["digits_cnn_trained.h", "onnxc_runtime.h"]
    assert onnxc.succeed("inspect", tmp_path / "copy").count("MISSING OR CHANGED") == 2


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "nonsense", '{"format": "1", "model": {}}', '{"format": 1, "model": {}, "files": []}']
)
def test_broken_manifest(text: str, tmp_path: Path, onnxc: Command) -> None:
    (tmp_path / "manifest.json").write_text(text)
    assert "manifest" in onnxc.fail("inspect", tmp_path)


def test_every_part_of_a_manifest_may_be_broken(digits: Path, tmp_path: Path, onnxc: Command) -> None:
    facts = json.loads((digits / "manifest.json").read_text())
    places = [(key,) for key in facts] + [(k, i) for k, v in facts.items() if isinstance(v, dict) for i in v]
    outcomes = set()
    for place in places:
        for value in (None, 3, "text", [], {}, [3], {"name": 3}):
            broken = json.loads(json.dumps(facts))
            inner = broken if len(place) == 1 else broken[place[0]]
            if value is None:
                del inner[place[-1]]
            else:
                inner[place[-1]] = value
            (tmp_path / "manifest.json").write_text(json.dumps(broken))
            for arguments in ((), ("--memory",), ("--json",)):
                result = onnxc("inspect", tmp_path, *arguments)
                assert result.code in (0, 1), (place, value, result.err)
                outcomes.add(result.code)
    assert outcomes == {0, 1}


def test_newer_manifest(tmp_path: Path, onnxc: Command) -> None:
    (tmp_path / "manifest.json").write_text('{"format": 99, "model": {}}')
    assert "format 99" in onnxc.fail("inspect", tmp_path)
