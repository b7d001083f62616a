"""Names in models that are no names anywhere else: they work, or an error tells them apart."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnxc
from onnxc.artifact.toolchain import find_compiler
from onnxc.targets import find
from tests.cli.command import DIGITS, Command

#: Names that are blank, words of C, of C++ or of its libraries, no words, the same without what is no letter, or in
#: other capitals.
NAMES = [
    " ", "-x", "--help", "int", "class", "operator", "asm", "linux", "int64_t", "errno", "printf", "main", "NULL", "I",
    "a b", "a.b", "a_b", "a/b", "A_B", "x", "X", "x:0", "0", "\n", '"', "'", "\\", "*/", "/*", "//", "%s", "??/",
    "$(x)", "日本", "é", "e\u0301", "\u202e", "arena", "inputs", "symbols", "parallel", "onnxc_run", "max", "in", "_",
    "__", "x_",
]  # fmt: skip


def _model(names: list[str], dims: bool) -> onnx.ModelProto:
    """Adds 1 to each input, of a dimension of its own where that is wanted, all of it under such names."""
    size = {name: name if dims else 3 for name in names}
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [size[name], 2]) for name in names]
    outputs = [helper.make_tensor_value_info(f"{name}'", TensorProto.FLOAT, None) for name in names]
    one = helper.make_tensor("one*/", TensorProto.FLOAT, [1], [1.0])
    nodes = [helper.make_node("Add", [name, "one*/"], [f"{name}'"], name) for name in names]
    graph = helper.make_graph(nodes, "*/ int main;", inputs, outputs, [one])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_names_of_tensors() -> None:
    model = onnxc.compile(_model(NAMES, dims=False), threads=1)
    feeds = {name: np.full((3, 2), index, np.float32) for index, name in enumerate(NAMES)}
    found = model(feeds)
    for name in NAMES:
        np.testing.assert_array_equal(found[f"{name}'"], feeds[name] + 1)


def test_names_of_dimensions() -> None:
    """Different ones are different dimensions, whatever their names have in common."""
    model = onnxc.compile(_model(NAMES, dims=True), threads=1)
    feeds = {name: np.full((index + 1, 2), index, np.float32) for index, name in enumerate(NAMES)}
    found = model(feeds)
    for name in NAMES:
        np.testing.assert_array_equal(found[f"{name}'"], feeds[name] + 1)


@pytest.mark.parametrize("dims", [False, True])
def test_headers(dims: bool, tmp_path: Path) -> None:
    """They are C and C++, and no macro stands for two tensors."""
    names = [name for name in NAMES if name != "main"]
    bounds = {"x": 7, "X": 8} if dims else {}
    onnxc.compile(_model(names, dims), "x86-64-v2", output=tmp_path / "model.a", emit="a", bounds=bounds)
    header = (tmp_path / "model.h").read_text()
    macros = re.findall(r"^#define (\w+)", header, re.MULTILINE)
    assert len(set(macros)) == len(macros)
    if dims:
        assert "_X_BOUND 7" in header and re.search(r"_X_\d_BOUND 8", header)
    compiler = find_compiler(find("x86-64-v2"))
    text = '#include <complex.h>\n#include <errno.h>\n#include <stdio.h>\n#include "model.h"\n'
    (tmp_path / "user.c").write_text(text)
    subprocess.run(
        [*compiler.command, "-c", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "user.c"], cwd=tmp_path, check=True
    )
    (tmp_path / "user.cc").write_text('#include "model.h"\n')
    flags = ["-xc++", "-fsyntax-only", "-std=c++20", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([*compiler.command, *flags, "user.cc"], cwd=tmp_path, check=True)


@pytest.mark.parametrize("name", ["stdint", "string", "Math", "int", "*/", "-x", "onnxc_runtime", "-", "é", "a" * 120])
def test_names_of_models(name: str, tmp_path: Path, onnxc: Command) -> None:
    """Headers of models do not hide those of C."""
    onnxc.succeed("compile", DIGITS, "--name", name, "--emit", "a", "-o", tmp_path)
    (header,) = [p for p in tmp_path.glob("*.h") if p.name != "onnxc_runtime.h"]
    assert header.stem not in ("stdint", "string", "math", "Math", "int", "onnxc_runtime")
    (tmp_path / "user.c").write_text(
        f'#include <math.h>\n#include <string.h>\n#include <stdint.h>\n#include "{header.name}"\n'
    )
    compiler = find_compiler(find("host"))
    flags = ["-c", "-I.", "-std=c11", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([*compiler.command, *flags, "user.c"], cwd=tmp_path, check=True)


def test_a_name_that_is_too_long(tmp_path: Path, onnxc: Command) -> None:
    error = onnxc.fail("compile", DIGITS, "--name", "a" * 300, "-o", tmp_path)
    assert "too long" in error and "--name" in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("dim", "shape"),
    [("batch size=3", "(3, 4)"), ("batch_size=3", "(3,)"), ("batch.size=5", "(1, 5)"), ("batch_size_1=3", "(3, 4)")],
)
def test_values_by_the_names_of_the_model(dim: str, shape: str, tmp_path: Path, onnxc: Command) -> None:
    """And by those of the symbols, which may be another dimension's in the model."""
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch size", 4]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, "batch.size"]),
        helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch_size"]),
    ]
    outputs = [helper.make_tensor_value_info(f"{v.name}'", TensorProto.FLOAT, None) for v in inputs]
    nodes = [helper.make_node("Abs", [v.name], [f"{v.name}'"]) for v in inputs]
    graph = helper.make_graph(nodes, "g", inputs, outputs)
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    assert shape in onnxc.succeed("run", path, "--dim", dim)
    name = dim.partition("=")[0]
    error = onnxc.fail("run", path, "--dim", f"{name}'s=3")
    for known in ("batch size", "batch.size", "batch_size", "batch_size_1", "batch_size_2"):
        assert known in error
    assert "batch_size_1" in onnxc.fail("compile", path, "--dim", "batch size=3", "--dim", "batch_size_1=4")
    onnxc.succeed("compile", path, "--bound", f"{name}=9", "-o", tmp_path / "out")
    assert re.search(r"_BOUND 9$", (tmp_path / "out" / "model.h").read_text(), re.MULTILINE)
