"""LSTM, GRU and RNN beside ONNX Runtime, and beside what the machine could do.

    python -m tests.bench.recurrent [--threads 1,2] [--seconds 0.3] [WORD ...]

A row for each cell, hidden size, batch and number of steps; the input is as wide as the hidden state. Words choose
cells (``lstm``, ``gru`` which is linear before the reset, ``gru-onnx`` which is not, ``rnn``, ``bilstm``). Times are
medians in microseconds, both taken in one process, in turns.

The ceiling of the recurrence, for a step: its multiply-adds at the measured FMA peak, or one reading of the recurrence
weights at the measured speed of the cache that holds them, whichever takes longer. The input's product is counted at
the FMA peak. Elementary functions are not counted. ``of ceiling`` is the share of it that onnxc reaches.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.bench.machine import fma_peak, machine_name
from tests.bench.rivals import onnxc_run, onnxruntime_run
from tests.bench.turns import take_turns
from tests.compilers import COMPILER
from tests.models.catalogue import Feeds

#: Word: ONNX operator, gates, directions, linear_before_reset.
CELLS = {
    "lstm": ("LSTM", 4, 1, 0),
    "gru": ("GRU", 3, 1, 1),
    "gru-onnx": ("GRU", 3, 1, 0),
    "rnn": ("RNN", 1, 1, 0),
    "bilstm": ("LSTM", 4, 2, 0),
}

#: Hidden size, batch, steps.
SIZES = ((64, 1, 49), (128, 1, 16), (128, 4, 32), (256, 1, 16), (256, 16, 100), (512, 1, 16), (512, 16, 16))

READ_SOURCE = Path(__file__).with_name("read_speed.c")


@dataclass(frozen=True)
class Size:
    """A cell and its sizes."""

    word: str
    hidden: int
    batch: int
    steps: int

    @property
    def multiply_adds(self) -> int:
        """Of the recurrence and of the input's product, which are equal: both together."""
        _, gates, directions, _ = CELLS[self.word]
        return 2 * directions * gates * self.hidden**2 * self.batch * self.steps

    def ceiling(self, threads: int) -> float:
        """Seconds that a run takes at least."""
        _, gates, directions, _ = CELLS[self.word]
        product = self.multiply_adds / (fma_peak(threads) * 1e9)  # half of them, two operations each
        weights = 4 * directions * gates * self.hidden**2
        reading = self.steps * weights / threads / (read_speed(weights // threads) * 1e9)
        return product + max(product, reading)


@cache
def read_speed(size: int, seconds: float = 0.1) -> float:
    """Gigabytes a second that one thread reads, again and again, of so many bytes."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "read_speed"
        flags = ["-O2", "-march=native", "-mprefer-vector-width=512"]
        subprocess.run([*COMPILER, *flags, str(READ_SOURCE), "-o", str(program)], check=True)
        command = [str(program), str(size), str(seconds)]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def model_of(size: Size) -> tuple[onnx.ModelProto, Feeds]:
    """A model of one cell with random weights, and its input."""
    operator, gates, directions, linear = CELLS[size.word]
    random, hidden = np.random.default_rng(0), size.hidden

    def weights(*shape: int) -> np.ndarray:
        return random.uniform(-0.1, 0.1, shape).astype(np.float32)

    node = helper.make_node(operator, ["x", "w", "r", "b"], ["y"], hidden_size=hidden)
    node.attribute.append(helper.make_attribute("direction", "bidirectional" if directions == 2 else "forward"))
    if operator == "GRU":
        node.attribute.append(helper.make_attribute("linear_before_reset", linear))
    rows = gates * hidden
    constants = {"w": weights(directions, rows, hidden), "r": weights(directions, rows, hidden)}
    constants["b"] = weights(directions, 2 * rows)
    shape = [size.steps, size.batch, hidden]
    graph = helper.make_graph(
        [node],
        "cell",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [size.steps, directions, size.batch, hidden])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model, {"x": random.standard_normal(shape).astype(np.float32)}


def _sizes(words: list[str]) -> Iterator[Size]:
    for word in words or CELLS:
        for hidden, batch, steps in SIZES:
            yield Size(word, hidden, batch, steps)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Measure recurrent cells.")
    parser.add_argument("words", nargs="*", choices=[[], *CELLS])
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--seconds", type=float, default=0.3)
    options = parser.parse_args()
    threads = [int(count) for count in options.threads.split(",")]
    print(f"{machine_name()}: FMA peak {fma_peak():.0f} GFLOP/s on 1 thread\n")
    print("| cell | hidden | batch | steps | threads | onnxc us | ONNX Runtime us | ratio | us a step | of ceiling |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|", flush=True)
    for size in _sizes(options.words):
        model, feeds = model_of(size)
        for count in threads:
            runs = {"ours": onnxc_run(model, feeds, count), "theirs": onnxruntime_run(model, feeds, count)}
            times = take_turns(runs, options.seconds)
            ours, theirs = (statistics.median(times[who]) for who in ("ours", "theirs"))
            cells = [size.word, size.hidden, size.batch, size.steps, count, f"{1e6 * ours:.1f}", f"{1e6 * theirs:.1f}"]
            cells += [f"{ours / theirs:.2f}", f"{1e6 * ours / size.steps:.2f}", f"{size.ceiling(count) / ours:.0%}"]
            print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main()
