"""Models on tables: onnxc beside ONNX Runtime, interleaved in one process, for one row and for many.

    python -m tests.bench.trees [--threads 1] [--seconds 2] [--folder FOLDER] [--write README] [MODEL words]

Prints the medians at 1 and at 1,000 rows, and the ratio of the medians, ONNX Runtime's to onnxc's (above 1: onnxc is
faster). Both are called from Python, which at one row is most of the time.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

import onnxc
from tests.bench.machine import machine_name
from tests.bench.rivals import model_run, session_run
from tests.bench.turns import take_turns
from tests.markers import write_between_markers
from tests.models.catalogue import shared_models

ROOT = Path(__file__).resolve().parents[2]
ROWS = (1, 1000)


#: Medians of onnxc and of ONNX Runtime in microseconds, for each number of rows.
Times = list[tuple[float, float]]


def measure(path: Path, threads: int, seconds: float) -> Times:
    """A model's times."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    (described,) = session.get_inputs()
    found: Times = []
    with onnxc.compile(onnx.load(path), threads=threads) as model:
        for rows in ROWS:
            x = np.random.default_rng(0).random((rows, described.shape[1]), np.float32) * 16
            feeds = {described.name: x}
            runs = {"us": model_run(model, feeds), "them": session_run(session, feeds)}
            us, them = (statistics.median(times) * 1e6 for times in take_turns(runs, seconds).values())
            found.append((us, them))
    return found


def markdown(times: Mapping[str, Times], threads: int) -> str:
    """The table as text for a page."""
    head = " | ".join(f"onnxc, {rows:,} | ONNX Runtime | ratio" for rows in ROWS)
    lines = [f"| model, rows | {head} |", "|---|" + "---:|" * 3 * len(ROWS)]
    for name, pairs in times.items():
        cells = " | ".join(f"{us:,.1f} us | {them:,.1f} us | {them / us:.1f} x" for us, them in pairs)
        lines.append(f"| {name} | {cells} |")
    tool = f"ONNX Runtime {onnxruntime.__version__}"
    return "\n".join([*lines, "", f"{machine_name()}, {threads} thread{'s' * (threads > 1)}, {tool}.", ""])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Compare models on tables with ONNX Runtime.")
    parser.add_argument("models", nargs="*", help="words in the models' names; all by default")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2, help="for each model and number of rows")
    parser.add_argument("--folder", type=Path, help="of the models; tabular in ONNXC_MODELS by default")
    parser.add_argument("--write", metavar="README", help="put the table into README.md ('README'), or another file")
    arguments = parser.parse_args()
    print(f"{'model':36}" + "".join(f"{f'onnxc, {rows}':>13} {'ONNX Runtime':>13} {'ratio':>6}" for rows in ROWS))
    shared = shared_models()
    times: dict[str, Times] = {}
    chosen = arguments.folder or (shared / "tabular" if shared else Path("tabular"))
    for path in sorted(chosen.glob("*.onnx")):
        if not arguments.models or any(word in path.name for word in arguments.models):
            times[path.stem] = measure(path, arguments.threads, arguments.seconds)
            cells = (f"{us:10.1f} us {them:10.1f} us {them / us:6.1f}" for us, them in times[path.stem])
            print(f"{path.stem:36}{''.join(cells)}", flush=True)
    if arguments.write:
        target = ROOT / "README.md" if arguments.write == "README" else Path(arguments.write)
        write_between_markers(target, "trees", markdown(times, arguments.threads))


if __name__ == "__main__":
    main()
