"""Artifacts of every kind: what is in them, that they run, and that the same input gives the same bytes."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

import onnxc
from onnxc import targets
from onnxc.artifact.compiled import Compiled
from onnxc.artifact.package import layout, package
from onnxc.diagnostics import CompileError
from onnxc.driver import Options, build, compile_model
from onnxc.kernel.elf import global_symbols
from tests.compilers import COMPILER

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits" / "digits_cnn_trained.onnx"

#: Runs the digits model on an image of floats from standard input, and prints the scores.
PROGRAM = """\
#include <stdio.h>
#include "digits.h"

static uint8_t arena[DIGITS_ARENA_SIZE] __attribute__((aligned(ONNXC_ALIGNMENT)));

int main(void) {
  float image[DIGITS_INPUT_INPUT_SIZE], scores[DIGITS_OUTPUT_OUTPUT_SIZE];
  if (fread(image, sizeof image, 1, stdin) != 1) return 1;
  const digits_inputs inputs = {.input = image};
  const digits_outputs outputs = {.output = scores};
  if (digits_run(&inputs, &outputs, arena, NULL) != ONNXC_OK) return 2;
  return fwrite(scores, sizeof scores, 1, stdout) != 1;
}
"""


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    """The digits model under the name 'digits', for this machine."""
    return compile_model(DIGITS, targets.find("host"), Options(), "digits")


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.load(DIGITS.with_name("digits_cnn_testset.npz"))["x"][:4]


@pytest.fixture(scope="module")
def expected(compiled: Compiled, images: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """Scores of the images by the shared library."""
    artifact = package(compiled, "so", tmp_path_factory.mktemp("so"))
    with onnxc.load(artifact.path, threads=1) as model:
        return np.concatenate([model(image[None])["output"] for image in images])


Check = Callable[[Path, list[str]], None]


@pytest.fixture
def check_in_c(expected: np.ndarray, images: np.ndarray) -> Check:
    """``check(folder, arguments)``: a C program with the artifact in that folder gives the expected scores."""

    def check(folder: Path, arguments: list[str]) -> None:
        (folder / "main.c").write_text(PROGRAM)
        command = [*COMPILER, "-std=c99", "-Wall", "-Wextra", "-Werror", "-o", "program", "main.c", *arguments]
        subprocess.run([*command, "-lm", "-lpthread"], cwd=folder, check=True)
        for image, scores in zip(images, expected, strict=True):
            done = subprocess.run([folder / "program"], input=image.tobytes(), capture_output=True, check=True)
            np.testing.assert_allclose(np.frombuffer(done.stdout, np.float32), scores, rtol=1e-4, atol=1e-4)

    return check


def _tool(*command: str) -> str:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed: apt install binutils")
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_shared_library(compiled: Compiled, tmp_path: Path) -> None:
    library = str(package(compiled, "so", tmp_path / "out").path)
    needed = [
        line.split("[")[1].rstrip("]") for line in _tool("readelf", "-d", library).splitlines() if "NEEDED" in line
    ]
    assert set(needed) <= {"libc.so.6", "libm.so.6", "libpthread.so.0"}
    exported = [line.split()[-1] for line in _tool("nm", "-D", "--defined-only", library).splitlines()]
    assert {"onnxc_query", "onnxc_run", "digits_query", "digits_run"} <= set(exported)
    assert all(name.startswith(("onnxc_", "digits_")) for name in exported)
    everything = Path(library).read_bytes()
    assert b"TVM" not in everything
    assert str(tmp_path).encode() not in everything


def test_shared_library_in_c(compiled: Compiled, tmp_path: Path, check_in_c: Check) -> None:
    package(compiled, "so", tmp_path)
    check_in_c(tmp_path, ["digits.so", "-Wl,-rpath,$ORIGIN"])


def test_static_library(compiled: Compiled, tmp_path: Path, check_in_c: Check) -> None:
    artifact = package(compiled, "a", tmp_path)
    assert artifact.path == tmp_path / "libdigits.a"
    check_in_c(tmp_path, ["libdigits.a"])


def test_objects(compiled: Compiled, tmp_path: Path, check_in_c: Check) -> None:
    artifact = package(compiled, "obj", tmp_path / "objects")
    objects = sorted(path.name for path in artifact.path.glob("*.o"))
    runtime = {"onnxc_runtime.o", "onnxc_memory.o", "onnxc_processors.o", "onnxc_threads.o", "onnxc_shares.o"}
    assert {"digits.o", "digits_weights.o"} | runtime < set(objects)
    assert len(objects) == 7 + artifact.facts["kernels"]
    check_in_c(artifact.path, objects)


def test_source_tree(tmp_path: Path, check_in_c: Check) -> None:
    artifact = build(DIGITS, targets.find("x86-64-v2"), "c", tmp_path / "digits", Options(), name="digits")
    folder = artifact.path
    warnings = "-std=c11 -O1 -Wall -Wextra -Werror -pedantic -Wno-unused-variable -Wno-unused-parameter"
    command = ["make", f"CC={shlex.join(COMPILER)}", f"CFLAGS={warnings}"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    check_in_c(folder, ["libdigits.a"])
    subprocess.run(["make", "clean"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    assert not list(folder.glob("*.o")) and not list(folder.glob("*.a"))
    # What the processor has is up to who compiles the C.
    assert artifact.facts["target"]["cpu_features"] == []


def test_readme_of_a_source_tree(tmp_path: Path) -> None:
    folder = build(DIGITS, targets.find("cortex-m4"), "c", tmp_path / "digits", Options(), name="digits").path
    example = (folder / "README.md").read_text().split("```c\n")[1].split("```")[0]
    (folder / "example.c").write_text(example)
    command = [*COMPILER, "-std=c99", "-Wall", "-Wextra", "-Werror", "-c", "example.c", "-o", "example.o"]
    subprocess.run(command, cwd=folder, check=True)
    listed = set((folder / "CMakeLists.txt").read_text().split("STATIC\n")[1].split(")")[0].split())
    assert listed == {path.name for path in folder.glob("*.c")} - {"example.c"}
    assert not {"onnxc_threads.c", "onnxc_shares.c", "onnxc_pool.h"} & {path.name for path in folder.iterdir()}
    text = "".join(path.read_text() for path in folder.glob("*.c"))
    for word in ("malloc", "fopen", "pthread"):
        assert word not in text


def test_external_weights(compiled: Compiled, images: np.ndarray, expected: np.ndarray, tmp_path: Path) -> None:
    artifact = package(compiled, "so", tmp_path / "net.so", external_weights=True)
    assert artifact.facts["memory"]["weights"] == "external"
    weights = tmp_path / "net.weights"
    assert weights.read_bytes().startswith(compiled.model_hash.encode())
    with onnxc.load(artifact.path, threads=1) as model:
        np.testing.assert_array_equal(model(images[0][None])["output"], expected[:1])
    weights.write_bytes(weights.read_bytes().replace(compiled.model_hash.encode(), b"0" * 64))
    with pytest.raises(onnxc.LoadError, match="weights"):
        onnxc.load(artifact.path)


def _contents(folder: Path) -> dict[str, str]:
    return {p.name: sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


def test_same_input_same_bytes(tmp_path: Path) -> None:
    """In two processes that differ in what must not matter: folder, cache, hash seed."""
    script = (
        "from onnxc.cli import main\n"
        "for emit in ('so', 'a', 'c'):\n"
        "    assert main(['compile', 'digits.onnx', '--emit', emit, '-o', emit, '-q']) == 0\n"
    )
    found = []
    for index in range(2):
        folder = tmp_path / f"place{index}" / ("x" * index * 40)
        folder.mkdir(parents=True)
        shutil.copy(DIGITS, folder / "digits.onnx")
        environment = {"PYTHONHASHSEED": str(index), "ONNXC_CACHE_DIR": str(folder / "cache") if index else ""}
        subprocess.run([sys.executable, "-c", script], cwd=folder, env={**os.environ, **environment}, check=True)
        found.append({emit: _contents(folder / emit) for emit in ("so", "a", "c")})
    assert found[0] == found[1]


def test_manifest(compiled: Compiled, tmp_path: Path) -> None:
    artifact = package(compiled, "so", tmp_path / "out")
    facts = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert facts == artifact.facts
    assert facts["model"]["name"] == facts["model"]["symbol_prefix"] == "digits"
    assert facts["model"]["inputs"] == [{"name": "input", "dtype": "float32", "shape": [1, 1, 8, 8]}]
    with onnxc.load(artifact.path) as model:
        assert facts["model"]["hash"] == model.hash
        assert facts["target"]["name"] == model.target
    assert f"DIGITS_ARENA_SIZE {facts['memory']['arena_bytes']}u" in (tmp_path / "out" / "digits.h").read_text()
    assert facts["memory"]["peak_bytes"] <= facts["memory"]["arena_bytes"]
    for buffer in facts["memory"]["buffers"]:
        assert buffer["offset"] + buffer["bytes"] <= facts["memory"]["arena_bytes"]
        assert buffer["node"]
    assert facts["options"] == {"level": 3, "dims": {}, "bounds": {}, "profile": False}
    assert facts["tools"]["tvm"] and facts["tools"]["compiler"]
    for name, entry in facts["files"].items():
        data = (tmp_path / "out" / name).read_bytes()
        assert entry == {"bytes": len(data), "sha256": sha256(data).hexdigest()}


@pytest.fixture
def failing_compiler(tmp_path: Path) -> Iterator[str]:
    """A compiler that says who it is, but can only compile what is no model."""
    script = tmp_path / "failing-gcc"
    script.write_text(
        '#!/bin/sh\nfor argument; do case "$argument" in digits.c) echo "no space left" >&2; exit 1;; esac; done\n'
        f'exec {shlex.join(COMPILER)} "$@"\n'
    )
    script.chmod(0o755)
    yield str(script)


def test_whole_or_not_at_all(compiled: Compiled, tmp_path: Path, failing_compiler: str) -> None:
    with pytest.raises(CompileError, match="no space left"):
        package(compiled, "so", tmp_path / "new" / "out", cc=failing_compiler)
    assert not (tmp_path / "new").exists()
    package(compiled, "so", tmp_path / "old")
    before = _contents(tmp_path / "old")
    with pytest.raises(CompileError, match="no space left"):
        package(compiled, "so", tmp_path / "old", cc=failing_compiler)
    assert _contents(tmp_path / "old") == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["failing-gcc", "old"]


def test_other_files_stay_and_stale_ones_go(compiled: Compiled, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    (folder / "src").mkdir(parents=True)
    (folder / "mine.txt").write_text("mine")
    package(compiled, "so", folder, external_weights=True)
    assert (folder / "digits.weights").exists()
    package(compiled, "so", folder)
    assert {p.name for p in folder.iterdir()} == {
        "src",
        "mine.txt",
        "digits.so",
        "digits.h",
        "onnxc_runtime.h",
        "manifest.json",
    }


@pytest.mark.parametrize("name", ["onnxc", "onnxc_runtime", "int", "model", "run", "2nd net", "π"])
def test_awkward_names(name: str, compiled: Compiled, tmp_path: Path) -> None:
    artifact = package(_renamed(compiled, name), "so", tmp_path / "out")
    with onnxc.load(artifact.path, threads=1) as model:
        assert model.name == name


def _renamed(compiled: Compiled, name: str) -> Compiled:
    return replace(compiled, program=replace(compiled.program, name=name))


def test_kernels_without_tvm(compiled: Compiled) -> None:
    for kernel in compiled.kernels:
        assert not [name for name, _ in global_symbols(kernel.object_code) if "TVM" in name]


@pytest.mark.parametrize(
    ("emit", "output", "main", "manifest"),
    [
        ("so", None, "net.so", "net.manifest.json"),
        ("a", None, "libnet.a", "net.manifest.json"),
        ("c", None, "net", "net/manifest.json"),
        ("obj", None, "net", "net/manifest.json"),
        ("so", "build", "build/net.so", "build/manifest.json"),
        ("so", "build/v1.2", "build/v1.2/net.so", "build/v1.2/manifest.json"),
        ("so", "build/other.so", "build/other.so", "build/other.manifest.json"),
        ("a", "lib/libother.a", "lib/libother.a", "lib/other.manifest.json"),
        ("a", "lib.a", "lib.a", "lib.manifest.json"),
        ("c", "tree", "tree", "tree/manifest.json"),
    ],
)
def test_layout(emit: str, output: str | None, main: str, manifest: str) -> None:
    place = layout("net", emit, None if output is None else Path(output))
    assert place.main == Path(main)
    assert place.folder / place.manifest == Path(manifest)


def test_python_interface(tmp_path: Path, images: np.ndarray, expected: np.ndarray) -> None:
    stages: list[str] = []
    model = onnxc.compile(DIGITS, threads=1, progress=lambda stage, done, total: stages.append(stage))
    np.testing.assert_array_equal(model(images[0][None])["output"], expected[:1])
    assert list(dict.fromkeys(stages)) == ["import", "kernels", "link"]
    assert onnxc.compile(DIGITS.read_bytes(), "cortex-m4", output=tmp_path / "m4", emit="c") == tmp_path / "m4"
    with pytest.raises(CompileError, match="cannot be loaded here"):
        onnxc.compile(DIGITS, "cortex-m4")
    with pytest.raises(CompileError, match="unknown kind of artifact 'exe'"):
        onnxc.compile(DIGITS, output=tmp_path, emit="exe")
    with pytest.raises(CompileError, match="unknown optimisation level 4"):
        onnxc.compile(DIGITS, level=4)
