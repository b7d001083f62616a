"""Broken images of all formats under the address and undefined behaviour sanitizers; our own C without a warning."""

from __future__ import annotations

import os
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from onnxc.artifact.c_library import c_library
from tests.compilers import COMPILER, ZIG
from tests.images.samples import FORMATS, samples

HERE = Path(__file__).parent
RUNTIME = HERE.parents[1] / "runtime_stub"
WARNINGS = ("-Wall", "-Wextra", "-Werror", "-pedantic")
OURS = ("-O1", *WARNINGS, "-fsanitize=address,undefined")
#: Compiled as quickly as possible. The decoders shift negative numbers and the like, which is theirs to change.
OTHERS = ("-O0", "-w", "-fsanitize=address")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """broken.c with all decoders, which refuse images of more than 40,000 pixels, so that it is quick."""
    if COMPILER == ZIG:
        pytest.skip("Zig has no address sanitizer: apt install gcc")
    folder = tmp_path_factory.mktemp("broken")
    images = RUNTIME / "images"
    sources = [images / name for name in c_library("images").sources]
    sources += [RUNTIME / "onnxc_text.c", HERE / "broken.c"]

    def compile_one(source: Path) -> Path:
        output = folder / f"{source.stem}.o"
        flags = OTHERS if source.parent.name == "third_party" else OURS
        command = [*COMPILER, "-std=c11", *flags, "-fno-sanitize-recover=all", "-DONNXC_IMAGE_PIXELS=40000"]
        run(*command, f"-I{images}", f"-I{RUNTIME}", "-c", source, "-o", output)
        return output

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, sorted(sources, key=lambda path: path.name != "openjpeg.c")))
    run(*COMPILER, "-fsanitize=address,undefined", *objects, "-lm", "-lpthread", "-o", folder / "broken")
    return folder / "broken"


def run(*command: object) -> str:
    # Memory for what an image says of itself may be more than there is.
    environment = {**os.environ, "ASAN_OPTIONS": "allocator_may_return_null=1:detect_leaks=1"}
    arguments = [str(part) for part in command]
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, f"{shlex.join(arguments)}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("kind", FORMATS)
def test_broken_images(kind: str, program: Path, tmp_path: Path) -> None:
    files = []
    for index, sample in enumerate(samples(kind)):
        if len(sample.data) < 20000:
            files.append(tmp_path / str(index))
            files[-1].write_bytes(sample.data)
    assert len(files) > 5
    rounds = 6 if kind == "jpeg2000" else 25
    whole = len(files)
    assert int(run(program, rounds, *files)) >= whole, "each file is an image before it is broken"
