"""Operator libraries: the one in examples, and those that are wrong."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnxc
from onnxc.op.custom import VARIABLE, load_library
from tests.cli.command import Command

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "custom_operator"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries that a test loads are not those of the others' processes."""
    monkeypatch.setenv(VARIABLE, "")


@pytest.fixture(scope="module")
def demo() -> ModuleType:
    spec = importlib.util.spec_from_file_location("custom_operator_demo", EXAMPLE / "demo.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def expected(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    h = 2 * x / (1 + np.exp(-3 * x))
    states = np.zeros_like(h)
    for step in range(h.shape[1]):
        states[:, step] = h[:, step] + (0.75 * states[:, step - 1] if step else 0)
    return states, states[:, -1]


@pytest.mark.parametrize("level", [0, 3])
def test_example(demo: ModuleType, level: int) -> None:
    model = onnxc.compile(demo.make_model(), op_libraries=[EXAMPLE / "my_ops.py"], level=level, jobs=1)
    for rows in (1, 5):
        x = np.random.default_rng(rows).standard_normal((rows, 16)).astype(np.float32)
        out = model(x)
        for name, want in zip(("states", "last"), expected(x), strict=True):
            np.testing.assert_allclose(out[name], want, rtol=1e-5, atol=1e-6)


def test_in_worker_processes(demo: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onnxc.kernel.compile_all.PARALLEL_KERNELS", 1)
    model = onnxc.compile(demo.make_model(), op_libraries=[EXAMPLE / "my_ops.py"], jobs=2)
    x = np.ones((2, 16), np.float32)
    np.testing.assert_allclose(model(x)["last"], expected(x)[1], rtol=1e-5)


def test_as_c(demo: ModuleType, tmp_path: Path) -> None:
    folder = onnxc.compile(
        demo.make_model(), "cortex-m4", output=tmp_path, emit="c", op_libraries=[EXAMPLE / "my_ops.py"], jobs=1
    )
    assert "0.75f * state" in "".join(path.read_text() for path in folder.glob("*.c"))


LIBRARY = """
from onnxc import register_operator
register_operator("test.example", "{name}", types=lambda attrs, x: {types},
                  reference=lambda attrs, x: x, compute=lambda T, attrs, x: {compute})
"""


def library(folder: Path, name: str, types: str = "x", compute: str = "x") -> Path:
    path = folder / f"{name}.py"
    path.write_text(LIBRARY.format(name=name, types=types, compute=compute))
    return path


def call_model(name: str, inputs: int = 1, **attributes: float) -> onnx.ModelProto:
    names = [f"x{index}" for index in range(inputs)]
    graph = helper.make_graph(
        [helper.make_node(name, names, ["y"], domain="test.example", **attributes)],  # type: ignore[arg-type]
        "call",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, [3]) for n in names],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    domains = [helper.make_opsetid("", 17), helper.make_opsetid("test.example", 1)]
    return helper.make_model(graph, opset_imports=domains, ir_version=8)


def compile_call(name: str, path: Path, inputs: int = 1, **attributes: float) -> onnxc.Model:
    return onnxc.compile(call_model(name, inputs, **attributes), op_libraries=[path], jobs=1)


def test_command_line(tmp_path: Path, onnxc: Command) -> None:
    path = tmp_path / "command.onnx"
    path.write_bytes(call_model("OnTheCommandLine").SerializeToString())
    assert "test.example:OnTheCommandLine" in onnxc.fail("compile", path, "-o", tmp_path)
    onnxc.succeed("compile", path, "-o", tmp_path / "build", "--op-library", library(tmp_path, "OnTheCommandLine"))
    assert (tmp_path / "build" / "command.so").exists()


def test_a_library_that_changes_is_loaded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    doubled = "T.compute(T.shape(x), lambda i: x(i) * T.const({}, 'float32'))"
    x = np.ones(3, np.float32)
    for factor in (2, 3):
        path = library(tmp_path, "Scaled", compute=doubled.format(factor))
        os.utime(path, (0, 0))  # one time for both, as when an editor saves twice within a second
        np.testing.assert_array_equal(compile_call("Scaled", path)(x)["y"], factor * x)
        assert os.environ[VARIABLE] == str(path)


@pytest.mark.parametrize(
    ("types", "compute", "message"),
    [
        ("x.nonsense", "x", "{name}: its function for types failed: .*has no attribute 'nonsense'.*line 3"),
        ("None", "x", "test.example:{name}: its function for types gave None"),
        ("x", "T.nonsense(x)", "the compute of test.example.{name} failed: AttributeError"),
    ],
)
def test_functions_that_fail(types: str, compute: str, message: str, tmp_path: Path) -> None:
    name = f"Broken{abs(hash(types + compute))}"
    path = library(tmp_path, name, types, compute)
    with pytest.raises(onnxc.CompileError, match=message.format(name=name)):
        compile_call(name, path)


def test_calls_that_do_not_fit(tmp_path: Path) -> None:
    path = library(tmp_path, "Same")
    with pytest.raises(onnxc.CompileError, match="the attribute 'alpha' is unknown"):
        compile_call("Same", path, alpha=1.0)
    with pytest.raises(onnxc.CompileError, match="Same got 2 arguments"):
        compile_call("Same", path, inputs=2)


PASSING = LIBRARY.format(name="A", types="x", compute="x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def", "SyntaxError: .*line 1"),
        ("1 / 0", r"ZeroDivisionError: division by zero \(broken.py, line 1\)"),
        (PASSING.replace("test.example", ""), "expected: a domain of your own"),
        (PASSING * 2, "A is there already"),
    ],
)
def test_broken_libraries(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text(text)
    with pytest.raises(onnxc.CompileError, match=message):
        load_library(path)


def test_missing_library(tmp_path: Path, onnxc: Command) -> None:
    assert "none.py': No such file" in onnxc.fail("inspect", tmp_path, "--op-library", tmp_path / "none.py")
