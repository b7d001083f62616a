"""What tuning gains: models tuned for some minutes, then compiled without and with what was found.

    python -m tests.bench.tuning [--minutes 2] [--target host ...] [--tuning-db FILE] [--write README] [MODEL ...]

Times of models are medians of calls on one thread, interleaved in one process; those of kernels come from the tuner,
which measures them in the model. A
database that exists is taken up again: with ``--minutes 0`` the table is made of what it has.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import onnx

import onnxc
from onnxc import targets
from onnxc.api import default_jobs
from onnxc.autotune.tuner import Progress, Result, TuneOptions
from onnxc.driver import Options, tune
from onnxc.target import Target
from tests.bench.cases import BenchCase, bench_cases
from tests.bench.machine import machine_name
from tests.bench.rivals import model_run
from tests.bench.turns import take_turns
from tests.markers import write_between_markers
from tests.models.catalogue import ROOT, Feeds

_HEAD = (
    "| model | target | untuned | tuned | gain | kernels by default | kernels at best | gain | trials |\n"
    "|---|---|---:|---:|---:|---:|---:|---:|---:|\n"
)


@dataclass(frozen=True)
class Row:
    """A row: seconds of the model and of its tuned kernels, without and with tuning; candidates measured."""

    name: str
    target: str
    untuned: float
    tuned: float
    default: float
    best: float
    trials: int

    def text(self) -> str:
        cells = [f"{self.untuned * 1e3:.3f} ms", f"{self.tuned * 1e3:.3f} ms", f"{self.untuned / self.tuned:.2f}x"]
        cells += [f"{self.default * 1e3:.3f} ms", f"{self.best * 1e3:.3f} ms", f"{self.default / self.best:.2f}x"]
        return f"| {' | '.join([self.name, self.target, *cells, str(self.trials)])} |\n"


def search(case: BenchCase, target: Target, database: Path, minutes: float, seed: int) -> Result:
    """Tune a model, for the sizes that it is measured with."""
    last = 0.0

    def tell(progress: Progress) -> None:
        nonlocal last
        if time.monotonic() - last > 15:
            last = time.monotonic()
            times = f"{progress.default * 1e3:.3f} -> {progress.model * 1e3:.3f} ms"
            print(f"  {progress.trials} trials, kernels {times}, {progress.time_left:.0f} s left", file=sys.stderr)

    options = TuneOptions(trials=100_000, time_budget=max(1.0, 60 * minutes), seed=seed)
    model = case.case.load()
    sizes = _sizes(model, case.feeds())
    return tune(model, target, Options(jobs=default_jobs()), options, database, sizes=sizes, tell=tell)


def _sizes(model: onnx.ModelProto, feeds: Feeds) -> dict[str, int]:
    """Values of the symbolic dimensions of a model's inputs."""
    found = {}
    for value in model.graph.input:
        for dim, size in zip(value.type.tensor_type.shape.dim, feeds[value.name].shape, strict=True):
            if dim.dim_param:
                found[dim.dim_param] = size
    return found


def measure(case: BenchCase, target: Target, database: Path, result: Result, seconds: float) -> Row:
    """The model without and with what was found."""
    model, feeds = case.case.load(), case.feeds()
    untuned = onnxc.compile(model, target, threads=1, tuned=False)
    tuned = onnxc.compile(model, target, threads=1, tuning_db=database)
    times = take_turns({"untuned": model_run(untuned, feeds), "tuned": model_run(tuned, feeds)}, seconds)
    return Row(
        case.name,
        target.name,
        statistics.median(times["untuned"]),
        statistics.median(times["tuned"]),
        sum(search.workload.count * search.gain.default for search in result.searches),
        sum(search.workload.count * search.gain.best for search in result.searches),
        sum(len(s.seen) for s in result.searches),
    )


def main() -> None:
    """Tune, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["resnet18"], help="words in the models' names")
    parser.add_argument("--minutes", type=float, default=2, help="for each model")
    parser.add_argument("--target", action="append", help="may be repeated; host by default")
    parser.add_argument("--tuning-db", type=Path, help="kept; a temporary one by default")
    parser.add_argument("--seconds", type=float, default=8, help="for measuring each model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", metavar="README", help="put the table into README.md ('README'), or another file")
    arguments = parser.parse_args()
    found = [targets.find(name) for name in arguments.target or ["host"]]
    cases = bench_cases(arguments.models)
    text = _HEAD
    with tempfile.TemporaryDirectory() as folder:
        database = arguments.tuning_db or Path(folder) / "tuning.sqlite"
        for case, target in itertools.product(cases, found):
            print(f"{case.name} for {target.name}", file=sys.stderr)
            result = search(case, target, database, arguments.minutes, arguments.seed)
            row = measure(case, target, database, result, arguments.seconds)
            print(row.text(), end="", file=sys.stderr)
            text += row.text()
    text += f"\n{machine_name()}, {default_jobs()} cores.\n"
    print(text)
    if arguments.write:
        path = ROOT / "README.md" if arguments.write == "README" else Path(arguments.write)
        write_between_markers(path, "tuning", text)


if __name__ == "__main__":
    main()
