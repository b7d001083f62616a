"""Whole models: onnxc beside ONNX Runtime, and OpenVINO where it is installed, in one process.

    python -m tests.bench.against_onnxruntime [--threads 1,2] [--seconds 4] [--target host]
        [--markdown FILE] [MODEL ...]

Each model runs under one after the other in turns of some milliseconds, so that what else the machine does hits all of
them; each turn begins with runs that do not count, until the threads of the one before sleep and the caches are its
own. Prints, for each model: median and least time of onnxc, the median of the others, the ratios of the medians (below
1: onnxc is faster) and of the least times, what onnxc makes of the machine (10^9 floating-point operations a second of
the model's own arithmetic, and their share of the FMA peak, measured in the same run), and geometric means for each
group of models. Believe ratios: absolute times depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.bench.cases import BenchCase, bench_cases
from tests.bench.machine import fma_peak, machine_name
from tests.bench.rivals import onnxc_run, onnxruntime_run, openvino_run
from tests.bench.turns import take_turns
from tests.bench.work import multiply_adds


@dataclass(frozen=True)
class Row:
    """What was measured of a model.

    Attributes
    ----------
    times : mapping of str to list
        Seconds of each run, by who ran the model.
    """

    bench: BenchCase
    threads: int
    multiply_adds: int
    times: Mapping[str, list[float]]

    def median(self, who: str) -> float:
        return statistics.median(self.times[who])

    def ratio(self, rival: str) -> float:
        return self.median("onnxc") / self.median(rival)

    def least_ratio(self, rival: str) -> float:
        return min(self.times["onnxc"]) / min(self.times[rival])

    @property
    def gigaflops(self) -> float:
        return 2e-9 * self.multiply_adds / self.median("onnxc")


def measure(bench: BenchCase, threads: Sequence[int], seconds: float, target: str) -> list[Row]:
    """A model's rows, one for each number of threads."""
    model, feeds = bench.case.load(), bench.feeds()
    work = multiply_adds(model, feeds)
    rows = []
    for count in threads:
        runs = {"onnxc": onnxc_run(model, feeds, count, target), "onnxruntime": onnxruntime_run(model, feeds, count)}
        other = openvino_run(model, feeds, count)
        if other is not None:
            runs["openvino"] = other
        rows.append(Row(bench, count, work, take_turns(runs, seconds)))
    return rows


_HEAD = (
    "model", "threads", "onnxc ms", "least", "ONNX Runtime", "least", "ratio", "of least", "OpenVINO", "ratio",
    "GFLOP/s", "of peak",
)  # fmt: skip


def cells(row: Row, peak: float) -> list[str]:
    """A row as texts."""

    def milliseconds(seconds: float) -> str:
        return f"{seconds * 1e3:.3f}"

    openvino = ["-", "-"]
    if "openvino" in row.times:
        openvino = [milliseconds(row.median("openvino")), f"{row.ratio('openvino'):.2f}"]
    return [
        row.bench.name,
        str(row.threads),
        milliseconds(row.median("onnxc")),
        milliseconds(min(row.times["onnxc"])),
        milliseconds(row.median("onnxruntime")),
        milliseconds(min(row.times["onnxruntime"])),
        f"{row.ratio('onnxruntime'):.2f}",
        f"{row.least_ratio('onnxruntime'):.2f}",
        *openvino,
        f"{row.gigaflops:.1f}",
        f"{row.gigaflops / peak:.0%}",
    ]


def _line(texts: Sequence[str]) -> str:
    first, *others = texts
    return f"{first:36}" + "".join(
        f"{text:>{max(7, len(head))}}  " for text, head in zip(others, _HEAD[1:], strict=True)
    )


def geometric_mean(values: Sequence[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, values)))


def means(rows: Sequence[Row]) -> list[str]:
    """A sentence for each group of models and number of threads."""
    sentences = []
    for group, threads in dict.fromkeys((row.bench.group, row.threads) for row in rows):
        chosen = [row for row in rows if (row.bench.group, row.threads) == (group, threads)]
        text = f"{group}, {threads} thread{'s' * (threads > 1)}, {len(chosen)} models: geometric mean of the ratios "
        text += f"{geometric_mean([row.ratio('onnxruntime') for row in chosen]):.3f} to ONNX Runtime"
        text += f" (of the least times {geometric_mean([row.least_ratio('onnxruntime') for row in chosen]):.3f})"
        others = [row.ratio("openvino") for row in chosen if "openvino" in row.times]
        if others:
            text += f", {geometric_mean(others):.3f} to OpenVINO ({len(others)})"
        worst = max(chosen, key=lambda row: row.ratio("onnxruntime"))
        sentences.append(f"{text}; worst: {worst.bench.name} {worst.ratio('onnxruntime'):.2f}")
    return sentences


def markdown(rows: Sequence[Row], peaks: Mapping[int, float]) -> str:
    """The result as a page."""
    tools = [f"{name} {version(name)}" for name in ("onnxruntime", "openvino") if _is_used(name, rows)]
    peak = ", ".join(f"{value:.0f} GFLOP/s on {count} thread{'s' * (count > 1)}" for count, value in peaks.items())
    lines = [
        "# Speed beside others",
        "",
        f"Machine: {machine_name()}. Measured FMA peak: {peak}. {', '.join(tools)}.",
        "Made by `python -m tests.bench.against_onnxruntime`. Times are medians, and least ones, in milliseconds, all",
        "taken in one process, in turns. A ratio below 1 says that onnxc is faster. GFLOP/s count the model's own",
        "arithmetic: a multiply-add is two, whatever kernels make of it.",
    ]
    for group in dict.fromkeys(row.bench.group for row in rows):
        lines += ["", f"## {group}", "", f"| {' | '.join(_HEAD)} |", f"|---|{'--:|' * (len(_HEAD) - 1)}"]
        chosen = [row for row in rows if row.bench.group == group]
        lines += [f"| {' | '.join(cells(row, peaks[row.threads]))} |" for row in chosen]
        lines += ["", *(f"- {sentence}" for sentence in means(chosen))]
    return "\n".join([*lines, ""])


def _is_used(name: str, rows: Sequence[Row]) -> bool:
    return any(name in row.times for row in rows)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Compare the speed of compiled models with others'.")
    parser.add_argument("models", nargs="*", help="words in the models' names; all by default")
    parser.add_argument("--threads", default="1,2", help="numbers of threads, with commas between them")
    parser.add_argument("--seconds", type=float, default=4, help="for each model, threads and competitor")
    parser.add_argument("--target", default="host", help="of onnxc; others use all that this machine has")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there, too")
    arguments = parser.parse_args()
    threads = [int(count) for count in arguments.threads.split(",")]
    peaks = {count: fma_peak(count) for count in threads}
    print(f"{machine_name()}; FMA peak: " + ", ".join(f"{peak:.1f} ({count})" for count, peak in peaks.items()))
    print(_line(_HEAD))
    rows: list[Row] = []
    for bench in bench_cases(arguments.models):
        for row in measure(bench, threads, arguments.seconds, arguments.target):
            rows.append(row)
            print(_line(cells(row, peaks[row.threads])), flush=True)
    print("\n".join(means(rows)))
    if arguments.markdown is not None:
        arguments.markdown.write_text(markdown(rows, peaks), encoding="utf-8")


if __name__ == "__main__":
    main()
