"""Look for graphs that are compiled wrongly:  python -m tests.random.search COUNT [FIRST_SEED] [--size NODES]

Prints each, cut down, in ONNX's text form with its inputs; `--write` keeps it as files, too.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from onnxc import targets
from onnxc.driver import C_SCHEDULES
from onnxc.target import Target
from tests.random.check import check
from tests.random.graph import RUNS
from tests.random.model import RandomModel, random_model
from tests.random.shrink import shrink


def seeded(seed: int, size: int, only: Sequence[str] = ()) -> RandomModel:
    """The model of a seed."""
    random = np.random.default_rng(seed)

    def choose(options: Sequence[Any]) -> Any:
        return options[int(random.integers(len(options)))]

    return random_model(choose, size, only)


def find_target(name: str) -> Target:
    """A target by its name; ``c`` is this machine with kernels as C."""
    if name != "c":
        return targets.find(name)
    return replace(targets.find("host"), kernel_format="c", schedules=C_SCHEDULES)


def failure(model: RandomModel, level: int, target: Target) -> str:
    """What is wrong with a model; nothing if it is right."""
    try:
        check(model, level, target)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:800]} ({Path(where.filename).name}:{where.lineno})"
    return ""


def kind(reason: str) -> str:
    """The kind of a failure: shrinking keeps it."""
    return reason.partition(":")[0]


def by_onnxruntime(model: RandomModel) -> str:
    """What ONNX Runtime says of a model, as far as it runs it: who is right is often seen from that."""
    import onnxruntime

    from tests.random.check import compare

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(
            model.proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        names = [output.name for output in session.get_outputs()]
        for run in range(RUNS):
            compare(dict(zip(names, session.run(None, model.feeds(run)), strict=True)), model, run)
    except Exception as error:
        return f"ONNX Runtime: {str(error)[:300]}"
    return "ONNX Runtime agrees with the evaluator"


def report(model: RandomModel) -> str:
    """A model's text, its inputs, and what the evaluator gives."""
    lines = [onnx.printer.to_text(model.proto)]
    for run in range(RUNS):
        for name, value in {**model.feeds(run), **model.expected(run)}.items():
            lines.append(f"run {run}: {name} = {_shown(value)}")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    if not isinstance(value, np.ndarray):
        return str(value)
    text = " ".join(np.array2string(value, threshold=24, edgeitems=2, separator=", ").split())
    return f"{value.dtype}{list(value.shape)} {text[:600]}"


def write(model: RandomModel, folder: Path) -> None:
    """Keep a model and its values."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model.proto, folder / "model.onnx")
    (folder / "report.txt").write_text(report(model))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("first", type=int, nargs="?", default=0)
    parser.add_argument("--size", type=int, default=8, help="nodes of a graph")
    parser.add_argument("--levels", type=int, nargs="+", default=[3], help="each graph is compiled at one of them")
    parser.add_argument("--target", default="host", help="one that this machine can be, or c: kernels as C")
    parser.add_argument("--families", nargs="+", default=[], help="of operators; all without")
    parser.add_argument("--write", type=Path, help="a folder for what is found")
    options = parser.parse_args()
    target = find_target(options.target)
    found: Counter[str] = Counter()
    for seed in range(options.first, options.first + options.count):
        model = seeded(seed, options.size, options.families)
        level = options.levels[seed % len(options.levels)]
        reason = failure(model, level, target)
        if not reason:
            continue
        found[kind(reason)] += 1
        small = shrink(model, lambda part: kind(failure(part, level, target)) == kind(reason))  # noqa: B023
        print(
            f"--- seed {seed}, -O{level}: {failure(small, level, target)}\n{by_onnxruntime(small)}\n{report(small)}",
            flush=True,
        )
        if options.write:
            write(small, options.write / str(seed))
    print(f"{sum(found.values())} of {options.count} graphs are compiled wrongly: {dict(found)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
