"""Kernels by themselves: small graphs through the passes of a target, their kernels compiled, called and compared.

Around every buffer there is a margin, which kernels must leave alone; buffers that they write are full of NaN before.
Parallel phases run in many parts, the last one first, since threads may do so; no two may write the same byte.
"""

from __future__ import annotations

import ctypes
import itertools
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from onnxc import op as relay_op
from onnxc.kernel.compile import compile_kernel, source_call
from onnxc.kernel.kernel import Kernel
from onnxc.kernel.knobs import Knobs
from onnxc.kernel.schedule import REFUSALS
from onnxc.relay.builder import FunctionBuilder
from onnxc.relay.dimension import Dim, Dimension, evaluate
from onnxc.relay.expr import Atom, Constant, Function, Module
from onnxc.relay.types import DTYPES, TensorType, in_memory
from onnxc.target import Target
from onnxc.transform.pipeline import PIPELINE, PassContext, run_pipeline
from tests.compilers import COMPILER
from tests.golden import evaluate_module

#: Bytes before and behind each buffer.
MARGIN = 256

#: Parts of a parallel phase: each of its tasks by itself, where there are no more.
MOST_PARTS = 32

#: What all bytes are before a kernel writes them: floats of them are NaN.
GARBAGE = 0xFF

_C_PROLOGUE = "#include <math.h>\n#include <stdbool.h>\n#include <stdint.h>\n#include <string.h>\n"
_C_FLAGS = ("-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-unused", "-ffp-contract=off", "-fPIC")


class Graph:
    """Builds a small module; called with an operator, it binds a call of it."""

    def __init__(self) -> None:
        self._builder = FunctionBuilder(relay_op.infer_call, lambda name: None)
        self._random = np.random.default_rng(0)

    def __call__(self, op: str, *args: Atom, **attrs: Any) -> Any:
        return self._builder.call(op, *args, **attrs)

    def get_item(self, value: Atom, index: int) -> Atom:
        """One of several results."""
        return self._builder.get_item(value, index)

    def input(self, *shape: int | str | Dim, dtype: str = "float32") -> Atom:
        """A parameter; names are symbols."""
        dims = tuple(Dim.symbol(d) if isinstance(d, str) else d for d in shape)
        return self._builder.param("x", TensorType(dims, dtype))

    def weights(self, *shape: int, dtype: str = "float32") -> Constant:
        """A constant of random values."""
        return Constant(random_array(self._random, shape, dtype))

    def conv(self, x: Atom, channels: int, *window: int, bias: bool = True, groups: int = 1, **attrs: Any) -> Atom:
        """A convolution; strides, dilations and padding of one number hold for all axes."""
        assert isinstance(x.type, TensorType) and isinstance(x.type.shape[1], int)
        spatial = len(window)
        weights = self.weights(channels, x.type.shape[1] // groups, *window)
        full = {name: repeat(attrs.get(name, 1), spatial) for name in ("strides", "dilations")}
        padding = repeat(attrs.get("padding", 0), 2 * spatial)
        args = [x, weights, *([self.weights(channels)] if bias else [])]
        return self("nn.conv", *args, **full, padding=padding, groups=groups)

    def pool(self, op: str, x: Atom, *window: int, **attrs: Any) -> Atom:
        """A pooling; attributes as for `conv`."""
        spatial = len(window)
        full = {name: repeat(attrs.pop(name, 1), spatial) for name in ("strides", "dilations")}
        return self(op, x, window=window, **full, padding=repeat(attrs.pop("padding", 0), 2 * spatial), **attrs)

    def module(self, results: Sequence[Atom]) -> Module:
        names = tuple(f"y{i}" for i in range(len(results)))
        return Module({"main": self._builder.function(self._builder.tuple(list(results)), outputs=names)})


def repeat(value: int | Sequence[int], count: int) -> tuple[int, ...]:
    return (value,) * count if isinstance(value, int) else tuple(value)


@dataclass(frozen=True)
class RecordingTarget(Target):
    """A target that writes down which of its schedule rules have applied, and which TVM has refused."""

    applied: list[str] = field(default_factory=list, compare=False)
    refused: list[str] = field(default_factory=list, compare=False)

    @staticmethod
    def of(target: Target) -> RecordingTarget:
        return RecordingTarget(**{f.name: getattr(target, f.name) for f in fields(Target)})

    def schedule_rules(self) -> Sequence[Callable[..., Any]]:
        def recorded(rule: Callable[..., Any]) -> Callable[..., Any]:
            name = rule.__module__.rpartition(".")[2]

            def run(*args: Any) -> Any:
                try:
                    func = rule(*args)
                except REFUSALS:
                    self.refused.append(name)
                    raise
                if func is not None:
                    self.applied.append(name)
                return func

            return run

        return [recorded(rule) for rule in super().schedule_rules()]


@dataclass(frozen=True)
class Compiled:
    """A primitive function and its kernel.

    Attributes
    ----------
    rule : str
        The schedule rule that applied; ``source`` for an operator that is written in C; empty where none did.
    refused : tuple of str
        Rules that TVM has refused.
    """

    name: str
    function: Function
    kernel: Kernel
    rule: str
    refused: tuple[str, ...]


def compile_module(
    module: Module, target: Target, level: int = 3, knobs: Callable[[], Knobs] = Knobs, without: Sequence[str] = ()
) -> list[Compiled]:
    """Run the passes of a target over a module, without some of them, and compile each kernel."""
    # Each kernel is compared by itself, and arrays here have an element in each byte.
    passes = [step for step in PIPELINE if step.name not in ("pack_interface", *without)]
    module = run_pipeline(module, PassContext(target, level), passes=passes)
    result = []
    for name, function in module.functions.items():
        if function.is_primitive:
            recording = RecordingTarget.of(target)
            kernel = compile_kernel(function, name, recording, knobs())
            rule = "source" if source_call(function) is not None else "".join(recording.applied)
            result.append(Compiled(name, function, kernel, rule, tuple(recording.refused)))
    return result


def link(kernels: Sequence[Compiled], folder: Path, flags: Sequence[str] = ()) -> ctypes.CDLL:
    """All kernels in one shared library; `flags` are for those in C."""
    inputs = []
    for index, compiled in enumerate(kernels):
        kernel = compiled.kernel
        path = folder / (f"kernel{index}.c" if kernel.source else f"kernel{index}.o")
        if kernel.source:
            path.write_text(f"{_C_PROLOGUE}\n{kernel.source}")
        else:
            path.write_bytes(kernel.object_code)
        inputs.append(path.name)
    command = [*COMPILER, *_C_FLAGS, *flags, "-shared", "-o", "kernels.so", *inputs, "-lm"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(folder / "kernels.so"))


class _Memory:
    """Bytes with a margin around them."""

    def __init__(self, size: int, array: np.ndarray | None = None) -> None:
        self._bytes = np.full(size + 2 * MARGIN + 64, GARBAGE, np.uint8)
        self._start = MARGIN + -(self._bytes.ctypes.data + MARGIN) % 64
        self.data = self._bytes[self._start : self._start + size]
        if array is not None:
            self.data[:] = np.ascontiguousarray(in_memory(array)).reshape(-1).view(np.uint8)

    @property
    def pointer(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(self.data.ctypes.data)

    def check_margin(self, what: str) -> None:
        end = self._start + len(self.data)
        assert (self._bytes[: self._start] == GARBAGE).all(), f"wrote before {what}"
        assert (self._bytes[end:] == GARBAGE).all(), f"wrote behind {what}"


def run(library: ctypes.CDLL, compiled: Compiled, arrays: Sequence[np.ndarray], dims: Mapping[str, int]) -> list[Any]:
    """Call a kernel; its results."""
    kernel = compiled.kernel

    def size(dimension: Dimension) -> int:
        return evaluate(dimension, dims)

    inputs = [_Memory(a.nbytes, a) for a in arrays]
    outputs = [_Memory(size(t.byte_size)) for t in kernel.outputs]
    workspaces = [_Memory(size(w)) for w in kernel.workspaces]
    if kernel.inplace is not None:
        outputs = [inputs[kernel.inplace]]
    passed = [*inputs, *([] if kernel.inplace is not None else outputs), *workspaces]
    arguments: list[Any] = [m.pointer for m in passed]
    arguments += [ctypes.c_int32(size(s)) for s in kernel.sizes]
    rounds: list[tuple[int, ...]] = [()]
    if kernel.rounds is not None:
        rounds = [(i,) for i in range(size(kernel.in_model(kernel.rounds)))]
    for number, phase in itertools.product(rounds, kernel.phases):
        function = getattr(library, phase.symbol)
        if phase.tasks is None:
            assert function(*arguments, *map(ctypes.c_int32, number)) == 0
            continue
        tasks = size(kernel.in_model(phase.tasks))
        writable = [*outputs, *workspaces]
        written = [np.zeros(m.data.shape, bool) for m in writable]
        for part in reversed(range(min(tasks, MOST_PARTS))):
            before = [m.data.copy() for m in writable]
            bounds = (tasks * part // min(tasks, MOST_PARTS), tasks * (part + 1) // min(tasks, MOST_PARTS))
            assert function(*arguments, *map(ctypes.c_int32, (*number, *bounds))) == 0
            for memory, old, done in zip(writable, before, written, strict=True):
                changed = memory.data != old
                assert not (changed & done).any(), f"{phase.symbol}: tasks {bounds} wrote what other tasks had written"
                done |= changed
    for index, (memory, array) in enumerate(zip(inputs, arrays, strict=True)):
        memory.check_margin(f"input {index}")
        same = bytes(memory.data) == in_memory(array).tobytes()
        assert same or index == kernel.inplace, f"input {index} was overwritten"
    for what, memories in (("output", outputs), ("workspace", workspaces)):
        for index, memory in enumerate(memories):
            memory.check_margin(f"{what} {index}")
    return [
        m.data.view(t.numpy_dtype).reshape([size(d) for d in t.shape])
        for m, t in zip(outputs, kernel.outputs, strict=True)
    ]


def check(library: ctypes.CDLL, compiled: Compiled, dims: Mapping[str, int], tolerance: float = 1e-5) -> None:
    """Compare a kernel with the interpreter on random inputs."""
    random = np.random.default_rng(1)
    arrays = [random_array(random, [evaluate(d, dims) for d in t.shape], t.dtype) for t in compiled.kernel.inputs]
    wanted = evaluate_module(Module({"main": compiled.function}), arrays)
    for got, want in zip(run(library, compiled, arrays, dims), wanted, strict=True):
        assert got.dtype == want.dtype and got.shape == want.shape
        if want.dtype.kind != "f":
            np.testing.assert_array_equal(got, want)
        elif want.size:
            scale = float(np.max(np.abs(want), where=np.isfinite(want), initial=0))  # borders of maxima are infinite
            np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * scale)


def random_array(random: np.random.Generator, shape: Sequence[int], dtype: str) -> np.ndarray:
    """Floats around 0, integers in -100 ... 100 or 0 ... 200."""
    kind: np.dtype[Any] = np.dtype(DTYPES[dtype][0])
    if kind.kind == "b":
        return random.integers(0, 2, shape).astype(kind)
    if kind.kind in "iu":
        low = 0 if kind.kind == "u" else -100
        return random.integers(low, low + 200, shape).astype(kind)
    return random.standard_normal(shape).astype(kind)


def combinations(sizes: Mapping[str, Sequence[int]]) -> list[dict[str, int]]:
    """Every choice of a value for each symbol."""
    return [dict(zip(sizes, values, strict=True)) for values in itertools.product(*sizes.values())]
