"""Runs compiled models for any target: here, or in QEMU. For the tests of all folders.

What is missing (QEMU, a C library of the target, a compiler) skips the test, and fails it under CI: see README.md.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import ml_dtypes
import numpy as np
import pytest

from onnxc.artifact.link import runtime_files
from onnxc.artifact.toolchain import Compiler, find_compiler
from onnxc.diagnostics import CompileError
from onnxc.runtime_stub import element_types
from onnxc.target import Target

HERE = Path(__file__).resolve().parent
FIRMWARE = HERE.parents[1] / "examples" / "firmware"

#: Seconds after which a program in QEMU has hung.
TIMEOUT = 120

#: Per architecture: QEMU's program, and the folder with the C library (that of Debian's cross packages).
_USER_MODE = {
    "aarch64": ("qemu-aarch64", "/usr/aarch64-linux-gnu", "libc6-arm64-cross"),
    "armv7a": ("qemu-arm", "/usr/arm-linux-gnueabihf", "libc6-armhf-cross"),
}

_DTYPES = {
    (0, 8): np.int8,
    (0, 16): np.int16,
    (0, 32): np.int32,
    (0, 64): np.int64,
    (1, 8): np.uint8,
    (1, 16): np.uint16,
    (1, 32): np.uint32,
    (1, 64): np.uint64,
    (2, 16): np.float16,
    (2, 32): np.float32,
    (2, 64): np.float64,
    (4, 16): ml_dtypes.bfloat16,
    (5, 64): np.complex64,
    (5, 128): np.complex128,
    (6, 8): np.bool_,
    (0, 4): ml_dtypes.int4,
    (0, 2): ml_dtypes.int2,
    (1, 4): ml_dtypes.uint4,
    (1, 2): ml_dtypes.uint2,
    (10, 8): ml_dtypes.float8_e4m3fn,
    (11, 8): ml_dtypes.float8_e4m3fnuz,
    (12, 8): ml_dtypes.float8_e5m2,
    (13, 8): ml_dtypes.float8_e5m2fnuz,
    (14, 8): ml_dtypes.float8_e8m0fnu,
    (15, 8): ml_dtypes.float6_e2m3fn,
    (16, 8): ml_dtypes.float6_e3m2fn,
    (17, 4): ml_dtypes.float4_e2m1fn,
}
_CODES = {np.dtype(dtype): key for key, dtype in _DTYPES.items()}


class RunError(Exception):
    """A program ended with an error; `status` is what it exited with."""

    def __init__(self, status: int, output: str) -> None:
        super().__init__(f"status {status}: {output.strip()}")
        self.status = status


def missing(what: str, package: str) -> NoReturn:
    """Skip the test; fail it under CI."""
    text = f"{what} is not installed: {package}"
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(text)
    pytest.skip(text)


def compiler_for(target: Target) -> Compiler:
    """A compiler for a target, or `missing`."""
    try:
        return find_compiler(target)
    except CompileError as error:
        missing(f"a compiler for {target.name}", error.remedy)


def emulator(target: Target, cpu: str = "") -> list[str]:
    """The command before a program of a hosted target that runs it here."""
    architecture = target.triple.split("-")[0]
    if architecture == platform.machine():
        return []
    if architecture not in _USER_MODE:
        missing(f"a machine that runs {architecture}", "an emulator for it is not part of these tests")
    program, sysroot, package = _USER_MODE[architecture]
    if shutil.which(program) is None:
        missing(program, "apt install qemu-user")
    if not any(Path(sysroot, "lib").glob("ld-linux*")):
        missing(f"the C library of {architecture}", f"apt install {package}")
    return [program, *(["-cpu", cpu] if cpu else []), "-L", sysroot]


_TENSOR, _SEQUENCE, _NONE = 0, 2, 15
_STRING = (3, 128)

#: What a model takes and gives: an array, a list of arrays, or None.
Value = Any


def pack(values: Sequence[Value]) -> bytes:
    """A file of values: see run_model.h."""
    return np.int64(len(values)).tobytes() + b"".join(map(_pack_value, values))


def _pack_value(value: Value) -> bytes:
    if value is None:
        return np.int64(_NONE).tobytes()
    if isinstance(value, (list, tuple)):
        return np.array([_SEQUENCE, len(value)], "<i8").tobytes() + b"".join(map(_pack_value, value))
    array = np.asarray(value)
    if array.dtype.kind in "OUS":
        texts = [text if isinstance(text, bytes) else str(text).encode() for text in array.reshape(-1)]
        code, bits = _STRING
        data = np.array([len(text) for text in texts], "<i8").tobytes() + b"".join(texts)
    else:
        code, bits = _CODES[array.dtype]
        array = np.ascontiguousarray(array).reshape(array.shape)
        data = (element_types.pack(array, bits) if bits < 8 else array).tobytes()
    head = np.array([_TENSOR, code, bits, array.ndim, *array.shape, len(data)], "<i8")
    return head.tobytes() + data + bytes(-len(data) % 8)


def unpack(data: bytes) -> list[Value]:
    """The values of a file."""
    words = np.frombuffer(data, "<i8")
    values, at = [], 1
    for _ in range(words[0]):
        value, at = _unpack_value(words, at)
        values.append(value)
    assert 8 * at == len(data)
    return values


def _unpack_value(words: np.ndarray, at: int) -> tuple[Value, int]:
    """The value at a word, and the word behind it."""
    form = words[at]
    if form == _NONE:
        return None, at + 1
    if form == _SEQUENCE:
        count, at = int(words[at + 1]), at + 2
        parts = []
        for _ in range(count):
            part, at = _unpack_value(words, at)
            parts.append(part)
        return parts, at
    code, bits, rank = (int(word) for word in words[at + 1 : at + 4])
    shape = tuple(int(word) for word in words[at + 4 : at + 4 + rank])
    size = int(words[at + 4 + rank])
    at += 5 + rank
    found = words[at:].view(np.uint8)[:size]
    end = at + -(-size // 8)
    if (code, bits) == _STRING:
        array = np.empty(shape, object)
        place = 8 * array.size
        for index, length in enumerate(words[at : at + array.size].tolist()):
            array.reshape(-1)[index] = found[place : place + length].tobytes().decode()
            place += length
        return array, end
    array = np.empty(shape, _DTYPES[code, bits])
    if bits < 8:
        element_types.unpack(found, bits, array.dtype.name, array)
    else:
        array.reshape(-1).view(np.uint8)[:] = found
    return array, end


def run_library(
    library: Path,
    target: Target,
    inputs: Sequence[Value],
    folder: Path,
    *,
    threads: int = 1,
    weights: Path | None = None,
    cpu: str = "",
) -> list[Value]:
    """Run the model in a library, ``<name>.so`` or ``lib<name>.a``, once.

    Parameters
    ----------
    library : Path
    target : Target
        What it was compiled for.
    inputs : sequence of ndarray, list of ndarray or None
    folder : Path
        Temporary; gets the program and its files.
    threads : int
    weights : Path, optional
        The weights, where they are not in the library.
    cpu : str
        QEMU's name of the processor; empty: one that can do everything.
    """
    before = emulator(target, cpu)
    compiler = compiler_for(target)
    headers, _ = runtime_files(target)
    for name, text in headers.items():
        (folder / name).write_text(text)
    static = library.suffix == ".a"
    query = f"#define MODEL_QUERY {library.stem.removeprefix('lib')}_query\n" if static else ""
    (folder / "run_model.h").write_text(query + (HERE / "run_model.h").read_text())
    objects = []
    for name in ("run_model", "run_hosted"):
        shutil.copy(HERE / f"{name}.c", folder)
        compiler.compile(folder, f"{name}.c", f"{name}.o")
        objects.append(f"{name}.o")
    # The program finds the library by its soname beside itself.
    local = folder / library.name
    if local != library:
        shutil.copy(library, local)
    compiler.link_program(folder, [*objects, local.name], "run_model")
    (folder / "inputs.bin").write_bytes(pack(inputs))
    command = [*before, *(["-E", f"LD_LIBRARY_PATH={folder}"] if before else [])]
    command += [
        str(folder / "run_model"),
        "inputs.bin",
        "outputs.bin",
        str(threads),
        *map(str, filter(None, [weights])),
    ]
    environment = dict(os.environ) if before else {**os.environ, "LD_LIBRARY_PATH": str(folder)}
    return _run(command, folder, environment)


def run_firmware(
    sources: Path, name: str, target: Target, inputs: Sequence[Value], folder: Path, **variables: str
) -> list[Value]:
    """Run the model in a folder of generated C as a firmware, on QEMU's machine for the target's core.

    Parameters
    ----------
    sources : Path
        What ``onnxc compile --emit=c`` wrote.
    name : str
        The model's, as an identifier.
    target : Target
        A microcontroller.
    inputs : sequence of ndarray, list of ndarray or None
    folder : Path
        Temporary; gets the firmware and its files.
    variables
        Of the Makefile in examples/firmware.
    """
    build_firmware(
        sources,
        target,
        folder,
        MAIN=str(HERE / "run_firmware.c"),
        EXTRA_SOURCES=str(HERE / "run_model.c"),
        CPPFLAGS=f"-DMODEL_QUERY={name}_query",
        **variables,
    )
    (folder / "inputs.bin").write_bytes(pack(inputs))
    return _run(firmware_command(target, folder / "firmware.elf", variables.get("MACHINE")), folder, None)


def build_firmware(sources: Path, target: Target, folder: Path, **variables: str) -> None:
    """Build the example firmware; ``firmware.elf`` comes to stand in folder."""
    compiler_for(target)
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.which("make") is None:
        missing("make", "apt install make")
    variables = {"CPU": target.name, "MODEL": str(sources), "BUILD": str(folder), "PYTHON": sys.executable, **variables}
    kept = _kept_objects(sources, variables)
    for path in kept.iterdir():
        shutil.copyfile(path, folder / path.name)  # newer than all that make compares it with
    command = ["make", "-s", "-C", str(FIRMWARE), *(f"{name}={value}" for name, value in variables.items())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RunError(done.returncode, done.stdout + done.stderr)
    for name in _SAME_IN_ALL:
        if (folder / name).exists() and not (kept / name).exists():
            shutil.copyfile(folder / name, kept / name)


#: Objects of a firmware in which nothing of the model is. Most of the time that a small firmware takes goes into them.
_SAME_IN_ALL = ("libm.o", "onnxc_runtime.o", "run_firmware.o", "run_model.o", "semihosting.o", "startup.o")


def _kept_objects(sources: Path, variables: Mapping[str, str]) -> Path:
    """The folder, one for this process, of these objects for what they are compiled from."""
    files = [*FIRMWARE.glob("*.[ch]"), FIRMWARE / "Makefile", *HERE.glob("*.[ch]"), *sources.glob("onnxc_runtime.*")]
    flags = {name: value for name, value in variables.items() if name not in ("MODEL", "BUILD")}
    key = hashlib.sha256(repr(sorted(flags.items())).encode())
    for path in sorted(files):
        key.update(path.read_bytes())
    folder = Path(_objects_of_this_process().name, key.hexdigest())
    folder.mkdir(exist_ok=True)
    return folder


@cache
def _objects_of_this_process() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="onnxc-firmware-")


def firmware_command(target: Target, program: Path, machine: str | None = None) -> list[str]:
    """QEMU's command for a firmware; its exit status is that of main."""
    if shutil.which("qemu-system-arm") is None:
        missing("qemu-system-arm", "apt install qemu-system-arm")
    machine = machine or MACHINES[target.name]
    quiet = ["-display", "none", "-monitor", "none", "-serial", "none"]
    semihosting = ["-semihosting-config", "enable=on,target=native"]
    return ["qemu-system-arm", "-M", machine, *quiet, *semihosting, "-kernel", str(program)]


#: QEMU's machines, as in the Makefile of examples/firmware.
MACHINES = {
    "cortex-m0plus": "microbit",
    "cortex-m3": "mps2-an385",
    "cortex-m4": "mps2-an386",
    "cortex-m7": "mps2-an500",
    "cortex-m33": "mps2-an505",
    "cortex-m55": "mps3-an547",
}


def _run(command: Sequence[str], folder: Path, environment: dict[str, str] | None) -> list[Value]:
    """Run a program that writes outputs.bin in a folder."""
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    if done.returncode != 0:
        raise RunError(done.returncode, done.stdout + done.stderr)
    return unpack((folder / "outputs.bin").read_bytes())
