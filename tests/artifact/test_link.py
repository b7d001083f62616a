"""Static libraries, and weights as C: checked by the programs that will read them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from onnxc import targets
from onnxc.artifact.archive import defined_symbols, write_archive
from onnxc.artifact.link import EMBEDDED_LIMIT, Parts, Weights, shared_library, source_tree, static_library
from onnxc.artifact.toolchain import find_compiler
from onnxc.diagnostics import CompileError


def compile_objects(folder: Path, sources: dict[str, str], target: str = "host") -> dict[str, bytes]:
    compiler = find_compiler(targets.find(target))
    objects = {}
    for name, text in sources.items():
        (folder / f"{name}.c").write_text(text)
        compiler.compile(folder, f"{name}.c", f"{name}.o")
        objects[f"{name}.o"] = (folder / f"{name}.o").read_bytes()
    return objects


SOURCES = {
    "short": "int second(void); int first(void) { return second(); }\n",
    "a_name_of_more_than_15_letters": "static int hidden(void) { return 3; }\nint second(void) { return hidden(); }\n",
}


def test_archive_is_read_by_ar(tmp_path: Path) -> None:
    if shutil.which("ar") is None:
        pytest.skip("ar is not installed: apt install binutils")
    objects = compile_objects(tmp_path, SOURCES)
    (tmp_path / "lib.a").write_bytes(write_archive(objects))

    def run(*command: str) -> bytes:
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout

    assert run("ar", "t", "lib.a").decode().split() == list(objects)
    for name, data in objects.items():
        assert run("ar", "p", "lib.a", name) == data


@pytest.mark.parametrize("target", ["host", "arm", "cortex-m0plus"])
def test_symbols(target: str, tmp_path: Path) -> None:
    try:
        find_compiler(targets.find(target))
    except CompileError as error:
        pytest.skip(str(error))
    objects = compile_objects(tmp_path, SOURCES, target)
    assert [list(defined_symbols(data)) for data in objects.values()] == [["first"], ["second"]]


def test_archive_of_nothing() -> None:
    assert write_archive({}).startswith(b"!<arch>\n/ ")


@pytest.mark.parametrize("size", [0, 1, 8, 47, 48, 100_000])
def test_weights_as_c(size: int, tmp_path: Path) -> None:
    """Every byte comes back; what fills the last word is zero."""
    data = np.random.default_rng(size).integers(0, 256, size, np.uint8).tobytes()
    source_tree(Parts("model", weights=data), tmp_path)
    compiler = find_compiler(targets.find("host"))
    (tmp_path / "main.c").write_text(
        "#include <stdint.h>\n#include <stdio.h>\nextern const uint64_t model_weights[];\n"
        f"int main(void) {{ fwrite(model_weights, 1, {size}, stdout); return (uintptr_t)model_weights % 64 != 0; }}\n"
    )
    compiler.compile(tmp_path, "main.c", "main.o")
    compiler.compile(tmp_path, "model_weights.c", "model_weights.o")
    compiler.link_program(tmp_path, ["main.o", "model_weights.o"], "main")
    assert subprocess.run([str(tmp_path / "main")], capture_output=True, check=True).stdout == data


def test_weights_of_a_file(tmp_path: Path) -> None:
    """In memory or in a file, in an assembler's file or in C: the same."""
    data = np.random.default_rng(0).integers(0, 256, 1000, np.uint8).tobytes()
    (tmp_path / "weights").write_bytes(data)
    made = []
    same: list[Weights] = [data, memoryview(data), tmp_path / "weights"]
    for number, weights in enumerate(same):
        folder = tmp_path / str(number)
        source_tree(Parts("model", weights=weights), folder)
        static_library(Parts("model", weights=weights), find_compiler(targets.find("host")), folder / "libmodel.a")
        assert data in (folder / "libmodel.a").read_bytes()
        made.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert made[0] == made[1] == made[2]


def test_weights_beyond_the_limit(tmp_path: Path) -> None:
    with (tmp_path / "weights").open("wb") as file:
        file.truncate(EMBEDDED_LIMIT + 1)  # a sparse file
    with pytest.raises(CompileError, match="do not fit into a library"):
        shared_library(
            Parts("model", weights=tmp_path / "weights"), find_compiler(targets.find("host")), tmp_path / "model.so"
        )


def test_no_source_of_object_code(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="object code only"):
        source_tree(Parts("model", objects={"kernel.o": b""}), tmp_path)
