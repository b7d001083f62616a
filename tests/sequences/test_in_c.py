"""Models with sequences and optional values as trees of C99, under the address and undefined behaviour sanitizers."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onnxc
from tests.executor.test_sanitized import _SANITIZERS, _WARNINGS
from tests.sequences.models import HOSTILE, MODELS, ValueModel
from tests.sequences.test_sequences import assert_same

HERE = Path(__file__).resolve().parent
_SEQUENCE, _TENSOR, _NONE = 2, 1, 15


def build(model: ValueModel, folder: Path) -> Path:
    """Compile a model to C, and that to a program."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed: apt install gcc")
    tree = folder / model.name
    onnxc.compile(model.proto(), "host", emit="c", output=tree, name=model.name, jobs=1)
    shutil.copy(HERE / "run_values.c", tree)
    options = [f"-DMODEL_QUERY={model.name}_query", *(["-DHAS_HEAP"] if (tree / "onnxc_heap.c").exists() else [])]
    pool = ("onnxc_threads.c", "onnxc_shares.c")  # in C11
    sources = sorted(path.name for path in tree.glob("*.c") if path.name not in pool)
    # The program and the runtime use POSIX; the model does not.
    command = ["gcc", "-std=c99", "-O1", "-g", *_WARNINGS, *_SANITIZERS, *options, "-D_POSIX_C_SOURCE=200809L", "-I."]
    done = subprocess.run(
        [*command, "-o", "run", *sources, "-lm"], cwd=tree, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return tree / "run"


def pack(value: Any) -> bytes:
    """A value as run_values.c reads it."""
    if value is None:
        return struct.pack("<q", _NONE)
    if isinstance(value, list):
        return struct.pack("<qq", _SEQUENCE, len(value)) + b"".join(map(_pack_tensor, value))
    return struct.pack("<q", _TENSOR) + _pack_tensor(value)


def _pack_tensor(array: np.ndarray) -> bytes:
    data = np.ascontiguousarray(array).tobytes()
    head = struct.pack(f"<{array.ndim + 2}q", array.ndim, *array.shape, len(data))
    return head + data + bytes(-len(data) % 8)


class Reader:
    """What run_values.c has written."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def word(self) -> int:
        self.position += 8
        return int.from_bytes(self.data[self.position - 8 : self.position], "little", signed=True)

    def tensor(self, dtype: np.dtype) -> np.ndarray:
        shape = [self.word() for _ in range(self.word())]
        size = self.word()
        array = np.frombuffer(self.data[self.position : self.position + size], dtype).reshape(shape)
        self.position += (size + 7) // 8 * 8
        return array

    def value(self, dtype: np.dtype) -> Any:
        form = self.word()
        if form == _NONE:
            return None
        return [self.tensor(dtype) for _ in range(self.word())] if form == _SEQUENCE else self.tensor(dtype)


def run(program: Path, feed: Mapping[str, Any], status: int = 0) -> Reader:
    folder = program.parent
    data = struct.pack("<q", len(feed)) + b"".join(map(pack, feed.values()))
    (folder / "inputs.bin").write_bytes(data)
    command = [str(program), "inputs.bin", "outputs.bin"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return Reader((folder / "outputs.bin").read_bytes())


def dtype_of(value: Any) -> np.dtype:
    found: np.dtype = np.asarray(value[0] if isinstance(value, list) and value else value).dtype
    return found


@pytest.mark.parametrize("model", [m for m in MODELS if m.name != "texts"], ids=lambda model: model.name)
def test_model(model: ValueModel, tmp_path: Path) -> None:
    """Nothing is read or written beside its memory, and nothing is lost. Strings would need addresses in the file."""
    program = build(model, tmp_path)
    for feed in model.feeds:
        reader = run(program, feed)
        for expected in model.expected(feed).values():
            assert_same(reader.value(dtype_of(expected)), expected)


@pytest.mark.parametrize("model", HOSTILE, ids=lambda model: model.name)
def test_hostile_values(model: ValueModel, tmp_path: Path) -> None:
    program = build(model, tmp_path)
    for feed, status in zip(model.feeds, model.statuses, strict=True):
        run(program, feed, status)


def test_what_is_no_sequence(tmp_path: Path) -> None:
    """Values of another form than the model's are refused."""
    model = next(model for model in HOSTILE if model.name == "nothing_to_erase")
    program = build(model, tmp_path)
    argument, shape = 1, 3
    run(program, {"s": None}, argument)
    run(program, {"s": np.zeros(3, np.float32)}, argument)
    run(program, {"s": [np.zeros(3, np.float32)]})
    joined = build(next(model for model in HOSTILE if model.name == "unequal"), tmp_path)
    run(joined, {"s": [np.zeros(3, np.float32)]}, shape)
