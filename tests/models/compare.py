"""Compile models for this machine and compare them with ONNX Runtime.

    python -m tests.models.compare                  all models
    python -m tests.models.compare resnet silero    those with one of these words in their name
    python -m tests.models.compare --write README   put the table into README.md

Each model has a process of its own, so that a crash or a hang costs that model alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import onnxc
from tests.markers import write_between_markers
from tests.models.agreement import compare
from tests.models.catalogue import ROOT, ModelCase, all_cases


@dataclass(frozen=True)
class Result:
    """A row of the table.

    Attributes
    ----------
    error : str
        The largest error with its unit, or what went wrong.
    bound : str
    agrees : bool
    arena : int, str or None
        Bytes; a formula where it depends on the inputs' shapes; None where the model did not compile.
    weights : int or None
        Bytes.
    seconds : float
        That compiling took.
    """

    name: str
    group: str
    required: bool
    error: str
    bound: str = ""
    agrees: bool = False
    arena: int | str | None = None
    weights: int | None = None
    seconds: float = 0.0


def measure(case: ModelCase, level: int) -> Result:
    """Compile one model and compare it, in this process."""
    model = case.load()
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        path = onnxc.compile(model, level=level, name=case.name, output=folder)
        seconds = time.perf_counter() - start
        (facts,) = (json.loads(file.read_text()) for file in Path(folder).glob("*manifest.json"))
        with onnxc.load(path) as compiled:
            agreement = compare(model, compiled.run, case.feeds())
    return Result(
        name=case.name,
        group=case.group,
        required=case.required,
        error=str(agreement),
        bound=agreement.bound_text,
        agrees=agreement.holds,
        arena=facts["memory"]["arena_bytes"],
        weights=facts["memory"]["weights_bytes"],
        seconds=seconds,
    )


def measure_apart(case: ModelCase, level: int, limit: float) -> Result:
    """Measure in another process."""
    command = [sys.executable, "-m", "tests.models.compare", "--one", case.name, "--level", str(level)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return Result(case.name, case.group, case.required, f"not done after {limit:.0f} s")
    sys.stderr.write(done.stderr)
    if done.returncode != 0:
        return Result(case.name, case.group, case.required, f"crash: exit code {done.returncode}")
    return Result(**json.loads(done.stdout.splitlines()[-1]))


def table(results: list[Result]) -> str:
    """The results as Markdown."""
    lines = [
        "| model | largest error | bound | arena | weights | compiled in |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    group = ""
    for result in results:
        if result.group != group:
            group = result.group
            lines.append(f"| **{group}** | | | | | |")
        error = result.error if result.agrees else f"**{result.error.replace('|', '/')}**"
        seconds = f"{result.seconds:.0f} s" if result.seconds else ""
        sizes = f"{_bytes(result.arena)} | {_bytes(result.weights)}"
        lines.append(f"| {result.name} | {error} | {result.bound} | {sizes} | {seconds} |")
    return "\n".join(lines) + "\n"


def _bytes(count: int | str | None) -> str:
    if count is None:
        return ""
    if isinstance(count, str):
        return "by shape"
    return f"{count / 1024:,.0f} KiB" if count >= 1024 else f"{count} B"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="measure only models with one of these in their name")
    parser.add_argument("--write", metavar="README", help="put the table into README.md ('README'), or another file")
    parser.add_argument("--level", type=int, default=3, help="optimisation level")
    parser.add_argument("--limit", type=float, default=900, help="seconds for each model")
    parser.add_argument("--one", metavar="NAME", help=argparse.SUPPRESS)
    options = parser.parse_args()

    cases = all_cases()
    if options.one:
        (case,) = (case for case in cases if case.name == options.one)
        try:
            result = measure(case, options.level)
        except Exception as error:  # whatever is wrong with it is its result
            traceback.print_exc()
            message = (str(error).splitlines() or [""])[0]
            result = Result(case.name, case.group, case.required, f"{type(error).__name__}: {message}")
        print(json.dumps(asdict(result)))
        return 0
    chosen = [case for case in cases if not options.words or any(word in case.name for word in options.words)]
    results = []
    for case in chosen:
        results.append(measure_apart(case, options.level, options.limit))
        print(f"{case.name}: {results[-1].error}", file=sys.stderr, flush=True)
    print(table(results), end="")
    if options.write:
        target = ROOT / "README.md" if options.write == "README" else Path(options.write)
        write_between_markers(target, "models", table([r for r in results if r.required or r.agrees]))
    failed = [result.name for result in results if result.required and not result.agrees]
    if failed:
        print(f"{len(failed)} of {len(results)} models do not agree: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
