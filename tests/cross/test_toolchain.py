"""Compilers for all targets: what they make is run, here or in QEMU."""

from __future__ import annotations

import math
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from onnxc import targets
from onnxc.artifact import toolchain
from onnxc.artifact.link import Parts, runtime_files, runtime_included, shared_library, source_tree, static_library
from onnxc.artifact.toolchain import Kind, find_compiler
from onnxc.diagnostics import CompileError
from onnxc.target import Target
from tests.cross.qemu import HERE, RunError, compiler_for, run_firmware, run_library

INPUT = np.array([[0.0, 0.5, 1.0], [-1.0, 2.0, 3.0], [1.0, 1.0, 1.0], [0.0, 0.0, -80.0]], np.float32)
WEIGHTS = np.array([1.0, 2.0, -3.0], np.float32)
EXPECTED = np.exp(INPUT) * WEIGHTS

HOSTED = ("host", "aarch64", "arm")
CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")


def trivial(target: Target, *defines: str) -> Parts:
    """The parts of the model in trivial_model.c."""
    headers, runtime = runtime_files(target)
    text = "".join(f"#define {define}\n" for define in defines) + (HERE / "trivial_model.c").read_text()
    return Parts("trivial", {"trivial.c": text}, runtime, headers, runtime_included(runtime), weights=WEIGHTS.tobytes())


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("name", HOSTED)
def test_shared_library(name: str, threads: int, tmp_path: Path) -> None:
    target = targets.find(name)
    library = tmp_path / "trivial.so"
    shared_library(trivial(target, "SHARED"), compiler_for(target), library)
    assert [path.name for path in tmp_path.iterdir()] == [library.name]
    (output,) = run_library(library, target, [INPUT], tmp_path, threads=threads)
    np.testing.assert_allclose(output, EXPECTED, rtol=1e-6)


@pytest.mark.parametrize("name", HOSTED)
def test_static_library(name: str, tmp_path: Path) -> None:
    target = targets.find(name)
    library = tmp_path / "libtrivial.a"
    static_library(trivial(target), compiler_for(target), library)
    (output,) = run_library(library, target, [INPUT[:1]], tmp_path)
    np.testing.assert_allclose(output, EXPECTED[:1], rtol=1e-6)


@pytest.mark.skipif(find_spec("ziglang") is None, reason="ziglang is not installed: pip install onnxc[cross]")
def test_zig_for_the_host(tmp_path: Path) -> None:
    target = targets.find("host")
    compiler = find_compiler(target, f"{sys.executable} -m ziglang cc")
    assert compiler.kind is Kind.ZIG and compiler.version.startswith("zig ")
    library = tmp_path / "trivial.so"
    shared_library(trivial(target, "SHARED"), compiler, library)
    (output,) = run_library(library, target, [INPUT], tmp_path)
    np.testing.assert_allclose(output, EXPECTED, rtol=1e-6)


@pytest.mark.parametrize("name", CORES)
def test_firmware(name: str, tmp_path: Path) -> None:
    target = targets.find(name)
    sources = tmp_path / "sources"
    source_tree(trivial(target), sources)
    (output,) = run_firmware(sources, "trivial", target, [INPUT], tmp_path / "build")
    np.testing.assert_allclose(output, EXPECTED, rtol=1e-6)


@pytest.mark.parametrize("name", ["cortex-m0plus", "cortex-m4"])
def test_firmware_has_a_mathematics_library(name: str, tmp_path: Path) -> None:
    target = targets.find(name)
    sources = tmp_path / "sources"
    source_tree(trivial(target, "F(x) (tanhf(x) + erff(x) + powf(2.0f, x) + (float)(acosh(2.0) + sin(x)))"), sources)
    (output,) = run_firmware(sources, "trivial", target, [INPUT], tmp_path / "build")
    x = INPUT.astype(np.float64)
    exact = np.tanh(x) + np.vectorize(math.erf)(x) + 2**x + np.arccosh(2) + np.sin(x)
    np.testing.assert_allclose(output, exact * WEIGHTS, rtol=1e-6)


@pytest.mark.parametrize("name", CORES)
def test_static_library_for_a_core(name: str, tmp_path: Path) -> None:
    target = targets.find(name)
    library = tmp_path / "libtrivial.a"
    static_library(trivial(target), compiler_for(target), library)
    assert library.read_bytes().startswith(b"!<arch>\n")


def test_processor_is_checked(tmp_path: Path) -> None:
    target = targets.find("aarch64")
    library = tmp_path / "trivial.so"
    shared_library(trivial(target, "SHARED", 'CPU_FEATURES "neon,dotprod"'), compiler_for(target), library)
    with pytest.raises(RunError, match="lacks instructions") as caught:
        run_library(library, target, [INPUT], tmp_path, cpu="cortex-a57")
    assert caught.value.status == 7
    (output,) = run_library(library, target, [INPUT], tmp_path, cpu="max")
    np.testing.assert_allclose(output, EXPECTED, rtol=1e-6)


def test_wrong_shape_is_refused(tmp_path: Path) -> None:
    target = targets.find("host")
    library = tmp_path / "trivial.so"
    shared_library(trivial(target, "SHARED"), compiler_for(target), library)
    with pytest.raises(RunError, match="shape"):
        run_library(library, target, [INPUT[:, :2]], tmp_path)


@pytest.mark.parametrize("name", HOSTED)
def test_same_bytes_twice(name: str, tmp_path: Path) -> None:
    target = targets.find(name)
    compiler = compiler_for(target)
    made = []
    for folder in (tmp_path / "first", tmp_path / "second" / "deeper"):
        folder.mkdir(parents=True)
        shared_library(trivial(target, "SHARED"), compiler, folder / "trivial.so")
        static_library(trivial(target), compiler, folder / "trivial.a")
        made.append([(folder / file).read_bytes() for file in ("trivial.so", "trivial.a")])
    assert made[0] == made[1]
    assert os.fsencode(tmp_path) not in b"".join(made[0])


def test_only_the_interface_is_exported(tmp_path: Path) -> None:
    target = targets.find("host")
    parts = trivial(target, "SHARED")
    parts.sources["more.c"] = (  # type: ignore[index]
        "#define OPEN __attribute__((visibility(\"default\")))\n"
        "OPEN int trivial_arena_size(void);\nOPEN int trivial_kernel(void);\n"
        "int trivial_arena_size(void) { return 1; }\nint trivial_kernel(void) { return 2; }\n"
    )  # fmt: skip
    library = tmp_path / "trivial.so"
    shared_library(parts, compiler_for(target), library)
    data = library.read_bytes()
    assert b"\0trivial_arena_size\0" in data and b"\0onnxc_query\0" in data
    assert b"\0trivial_kernel\0" not in data and b"trivial_weights" not in data and b"run_rows" not in data


def test_error_of_the_compiler(tmp_path: Path) -> None:
    target = targets.find("host")
    library = tmp_path / "bad.so"
    with pytest.raises(CompileError) as caught:
        shared_library(Parts("bad", {"bad.c": "int f(void) { return x; }\n"}), compiler_for(target), library)
    assert "could not compile bad.c" in caught.value.message
    assert "bad.c:1" in caught.value.message
    assert "--cc" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_undefined_symbol_is_an_error(tmp_path: Path) -> None:
    target = targets.find("host")
    source = "int g(void); __attribute__((visibility(\"default\"))) int bad_run(void) { return g(); }\n"  # fmt: skip
    with pytest.raises(CompileError, match=r"could not link bad\.so"):
        shared_library(Parts("bad", {"bad.c": source}), compiler_for(target), tmp_path / "bad.so")


def test_no_shared_library_without_an_operating_system(tmp_path: Path) -> None:
    target = targets.find("cortex-m4")
    with pytest.raises(CompileError, match="no shared libraries"):
        shared_library(trivial(target, "SHARED"), compiler_for(target), tmp_path / "bad.so")


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("aarch64", "gcc-aarch64-linux-gnu"),
        ("arm", "gcc-arm-linux-gnueabihf"),
        ("cortex-m4", "gcc-arm-none-eabi"),
    ],
)
def test_no_compiler(name: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain.shutil, "which", lambda command: None)
    monkeypatch.setattr(toolchain, "_installed_zig", lambda: None)
    with pytest.raises(CompileError) as caught:
        find_compiler(targets.find(name))
    assert caught.value.message == f"no C compiler for target {name} was found"
    assert f"apt install {package}" in caught.value.remedy
    assert "pip install onnxc[cross]" in caught.value.remedy


def test_no_compiler_for_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(toolchain.shutil, "which", lambda command: None)
    monkeypatch.setattr(toolchain, "_installed_zig", lambda: None)
    with pytest.raises(CompileError) as caught:
        find_compiler(targets.find("host"))
    assert "cc or gcc or clang" in caught.value.expected
    assert "'apt install gcc'" in caught.value.remedy


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("no-such-compiler -O1", "which is not installed"),
        ("'unbalanced", "is no command"),
        (f"{sys.executable}", "no C compiler that onnxc knows"),
    ],
)
def test_bad_command(command: str, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        find_compiler(targets.find("host"), command)


def test_command_for_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "_identify", lambda command: (Kind.GCC, "gcc 12"))
    monkeypatch.setattr(toolchain, "_output", lambda command: "x86_64-linux-gnu\n")
    with pytest.raises(CompileError, match="makes code for x86_64-linux-gnu, not for aarch64-linux-gnu"):
        find_compiler(targets.find("aarch64"), sys.executable)


def test_cc_of_the_environment_is_for_the_host_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(CompileError, match="environment variable CC"):
        find_compiler(targets.find("host"))
    compiler_for(targets.find("aarch64"))
