"""Compiles the C of these tests with the machine's own compiler, or with Zig where there is none."""

from __future__ import annotations

import atexit
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.compilers import COMPILER

HERE = Path(__file__).parent
RUNTIME = HERE.parents[1] / "runtime_stub"
_NAMES = ("runtime", "memory", "processors", "threads", "shares", "call")
RUNTIME_SOURCES = tuple(RUNTIME / f"onnxc_{name}.c" for name in _NAMES)
WARNINGS = ("-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-Wshadow")


def compile_c(sources: Sequence[Path], output: Path, *flags: str, compiler: Sequence[str] = COMPILER) -> Path:
    """Compile C11 sources, without a warning, to whatever the flags ask for.

    Parameters
    ----------
    sources : sequence of Path
        C files.
    output : Path
        File to write.
    *flags : str
        Further arguments of the compiler.
    compiler : sequence of str
        How to call the compiler.

    Returns
    -------
    Path
        The output.
    """
    command = [*compiler, "-std=c11", "-O2", *WARNINGS, f"-I{RUNTIME}", *flags, *map(str, sources), "-o", str(output)]
    result = subprocess.run([*command, "-pthread", "-lm"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{shlex.join(command)}\n{result.stderr}"
    return output


def compile_model(name: str, output: Path, *flags: str) -> Path:
    """Compile one of the small models of these tests to a shared library, as onnxc does with its own."""
    return compile_c([HERE / "models" / f"{name}.c", *_runtime_objects()], output, "-shared", "-fPIC", *flags)


@cache
def _runtime_objects() -> list[Path]:
    """The runtime, compiled once for all models; removed when Python ends."""
    folder = Path(tempfile.mkdtemp(prefix="onnxc-runtime-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return [compile_c([source], folder / f"{source.stem}.o", "-c", "-fPIC") for source in RUNTIME_SOURCES]
