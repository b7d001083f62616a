"""Measuring a kernel: a program around it, which runs in a process of its own, one at a time on each machine.

The program (measure.c) is linked on the machine that builds and runs where it is sent: it pins itself to a processor,
fills the buffers, prints sums of the results, and how long calls took one behind another, and as they come in a model.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import statistics
import subprocess
import tempfile
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import ceil, isclose, isnan
from pathlib import Path

from ..artifact.toolchain import Compiler
from ..kernel.kernel import Kernel
from ..relay.dimension import evaluate
from ..target import Target
from ..targets.machine import this_machine
from .children import IsolationError

#: How candidates are measured: trials that were measured otherwise do not compare.
METHOD = "as in the model"

#: Seconds that the samples of one candidate take, in all; a slow kernel takes 9 calls at least.
SAMPLING_SECONDS = 0.2

#: Seconds after which a program that measures no kernel is stopped.
MEASURE_TIMEOUT = 20.0

#: Bytes of the last level of cache where the system does not say it: that of a large server.
UNKNOWN_CACHE = 32 << 20

#: How far results of two schedules may be apart, relative to the magnitudes that were summed up.
TOLERANCE = 1e-4

_FLOATS = {"float32": "FLOAT32", "float64": "FLOAT64"}


@dataclass(frozen=True)
class Times:
    """What measuring a candidate gave.

    Attributes
    ----------
    warm, flushed : tuple of float
        Seconds a call: with its data where the call before left it; and after the caches saw as many bytes as the
        model's other kernels read, with the inputs that are no weights just written.
    sums : tuple of (float, float)
        Of each output: a weighted sum, and the sum of magnitudes.
    machine : str
        The processor.
    """

    warm: tuple[float, ...]
    flushed: tuple[float, ...]
    sums: tuple[tuple[float, float], ...]
    machine: str

    @property
    def seconds(self) -> float:
        """What candidates are compared by: calls as they come in the model."""
        return statistics.median(self.flushed)

    def agrees_with(self, other: Times) -> bool:
        """Have two schedules computed the same?"""
        pairs = zip(self.sums, other.sums, strict=True)
        return all(
            isclose(mine, theirs, rel_tol=0, abs_tol=TOLERANCE * size) or (isnan(mine) and isnan(theirs))
            for (mine, _), (theirs, size) in pairs
        )


def build_program(kernel: Kernel, compiler: Compiler, dims: Mapping[str, int], weights: Sequence[int] = ()) -> bytes:
    """A program that measures a kernel; `weights` says which inputs the model gives constants to.

    Raises
    ------
    CompileError
        The C compiler fails.
    """
    with tempfile.TemporaryDirectory(prefix="onnxc-tune-") as name:
        folder = Path(name)
        if kernel.source:
            (folder / "kernel.c").write_text(kernel.source)
            compiler.compile(folder, "kernel.c", "kernel.o")
        else:
            (folder / "kernel.o").write_bytes(kernel.object_code)
        (folder / "call.c").write_text(_call_source(kernel, dims, weights))
        compiler.compile(folder, "call.c", "call.o", optimize="1")
        (folder / "measure.o").write_bytes(_harness(compiler))
        compiler.link_program(folder, ["kernel.o", "call.o", "measure.o"], "measure")
        return (folder / "measure").read_bytes()


@cache
def _harness(compiler: Compiler) -> bytes:
    """measure.c, compiled."""
    with tempfile.TemporaryDirectory(prefix="onnxc-tune-") as name:
        folder = Path(name)
        (folder / "measure.c").write_text((files(__package__) / "measure.c").read_text(encoding="utf-8"))
        compiler.compile(folder, "measure.c", "measure.o")
        return (folder / "measure.o").read_bytes()


def _call_source(kernel: Kernel, dims: Mapping[str, int], weights: Sequence[int]) -> str:
    """What measure.c wants to know of a kernel."""
    outputs = () if kernel.inplace is not None else kernel.outputs
    typed = [*kernel.inputs, *outputs]
    sizes = [evaluate(t.byte_size, dims) for t in typed] + [evaluate(w, dims) for w in kernel.workspaces]
    kinds = [_FLOATS.get(t.dtype, "0") for t in typed] + ["0" for _ in kernel.workspaces]
    types = ["void *"] * len(sizes)  # of what, does not matter to the call
    symbols = [str(evaluate(size, dims)) for size in kernel.sizes]
    lines = [
        "#include <stddef.h>",
        "#include <stdint.h>",
        "enum { PLAIN, FLOAT32, FLOAT64 };",
        f"const int kernel_buffers = {len(sizes)};",
        f"const int kernel_inputs = {len(kernel.inputs)};",
        f"const int kernel_outputs = {len(outputs)};",
        # Steps of a recurrence would make rounding errors grow where weights are large.
        f"const double kernel_weight = {1 if kernel.rounds is None else 1 / 64};",
        f"const int kernel_inplace = {-1 if kernel.inplace is None else kernel.inplace};",
        f"const size_t kernel_sizes[] = {{{', '.join([*map(str, sizes), '0'])}}};",
        f"const int kernel_types[] = {{{', '.join([*kinds, '0'])}}};",
        f"const int kernel_weights[] = {{{', '.join(str(int(i in weights)) for i in range(len(sizes) + 1))}}};",
    ]
    calls = []
    for phase in kernel.phases:
        extra = [] if kernel.rounds is None else ["round"]
        extra += [] if phase.tasks is None else ["0", str(evaluate(kernel.in_model(phase.tasks), dims))]
        integers = ["int32_t"] * (len(symbols) + len(extra))
        lines.append(f"int32_t {phase.symbol}({', '.join([*types, *integers]) or 'void'});")
        arguments = [f"buffers[{i}]" for i in range(len(types))]
        calls += [
            f"    status = {phase.symbol}({', '.join([*arguments, *symbols, *extra])});",
            "    if (status != 0) return status;",
        ]
    lines += ["int32_t kernel_call(void **buffers) {", "    int32_t status;", "    (void)buffers;"]
    if kernel.rounds is not None:
        rounds = evaluate(kernel.in_model(kernel.rounds), dims)
        calls = [f"    for (int32_t round = 0; round < {rounds}; ++round) {{", *calls, "    }"]
    return "\n".join([*lines, *calls, "    return 0;", "}", ""])


def run_program(program: bytes, elsewhere: int, timeout: float) -> Times:
    """Run a measuring program on this machine, alone.

    Parameters
    ----------
    program : bytes
        From `build_program`.
    elsewhere : int
        Bytes that other kernels read between two calls. Twice the last level of cache is as good as more.
    timeout : float
        Seconds after which the program is stopped.

    Raises
    ------
    IsolationError
        It crashed, hung, or the kernel returned a status.
    """
    most = 2 * (this_machine().l3_bytes or UNKNOWN_CACHE)
    with tempfile.TemporaryDirectory(prefix="onnxc-tune-") as name:
        path = Path(name) / "measure"
        path.write_bytes(program)
        path.chmod(0o700)
        limit = ceil(timeout) + 1  # it gives up by itself when we cannot stop it any more
        with alone():
            output = _run([str(path), str(SAMPLING_SECONDS), str(min(elsewhere, most)), str(limit)], timeout)
    return read_report(output)


def read_report(output: str) -> Times:
    """What a measuring program printed."""
    warm: list[float] = []
    flushed: list[float] = []
    sums: list[tuple[float, float]] = []
    for line in output.splitlines():
        word, *numbers = line.split()
        if word == "status":
            raise IsolationError("error", f"the kernel returned {numbers[0]}")
        if word == "sum":
            sums.append((float(numbers[0]), float(numbers[1])))
        elif word in ("warm", "flushed"):
            (warm if word == "warm" else flushed).append(float(numbers[0]))
    if not warm or not flushed:
        raise IsolationError("error", "the program measured nothing")
    return Times(tuple(warm), tuple(flushed), tuple(sums), machine_name())


def stop_programs() -> None:
    """End the measuring programs of all threads; what waits for them raises `IsolationError`."""
    for process in list(_RUNNING):
        process.kill()


_RUNNING: weakref.WeakSet[subprocess.Popen[bytes]] = weakref.WeakSet()


def _run(command: list[str], timeout: float) -> str:
    process = _start(command)
    _RUNNING.add(process)
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise IsolationError("timeout", f"still running after {timeout:g} s") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    if process.returncode < 0:
        number = -process.returncode
        raise IsolationError("crash", f"signal {number} ({signal.strsignal(number) or 'unknown'})")
    if process.returncode not in (0, 3):  # 3: see check() in measure.c
        raise IsolationError("error", f"the program ended with status {process.returncode}")
    return output.decode()


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    """Start a program that was just written: a process forked meanwhile may still hold it open."""
    for attempt in range(20):
        try:
            return subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            if error.errno != errno.ETXTBSY or attempt == 19:
                raise IsolationError("error", f"cannot run the program: {error.strerror}") from error
            time.sleep(0.01)
    raise AssertionError


@contextmanager
def alone() -> Iterator[None]:
    """Keep others, also other tuners, from measuring on this machine."""
    path = Path(tempfile.gettempdir()) / f"onnxc-measure-{os.getuid()}.lock"
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def measure_peak(target: Target, compiler: Compiler, processors: int = 1, seconds: float = 0.0) -> float:
    """Floating-point operations per second that processors do at best, with the target's vectors.

    Parameters
    ----------
    target, compiler
    processors : int
        So many work at the same time; the result is the sum of what each did.
    seconds : float
        How long to try at least: where they share a core or its clock, long enough for all to have begun.
    """
    with tempfile.TemporaryDirectory(prefix="onnxc-tune-") as name:
        folder = Path(name)
        source = (files(__package__) / "peak.c").read_text(encoding="utf-8")
        (folder / "peak.c").write_text(f"#define VECTOR_BYTES {max(4, target.vector_bits // 8)}\n{source}")
        compiler.compile(folder, "peak.c", "peak.o", optimize="3")
        compiler.link_program(folder, ["peak.o"], "peak")
        with alone():
            command = [str(folder / "peak"), str(seconds)]
            with ThreadPoolExecutor(processors) as threads:
                outputs = list(threads.map(lambda _: _run(command, MEASURE_TIMEOUT), range(processors)))
    return sum(float(output.split()[1]) for output in outputs)


@cache
def machine_name() -> str:
    """The processor of this machine, as records name it."""
    machine = this_machine()
    fields = [machine.processor.get(key, "") for key in ("model name", "cpu family", "model")]
    if not any(fields):
        return machine.architecture
    return f"{fields[0] or machine.architecture} (family {fields[1] or '?'}, model {fields[2] or '?'})"
