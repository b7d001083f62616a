"""Models on tables: onnxc beside ONNX Runtime, interleaved in one process, for one row and for many.

    python -m tests.bench.trees [--threads 1] [--seconds 2] [--folder FOLDER] [MODEL words]

Prints the medians at 1 and at 1,000 rows, and the ratio of the medians, ONNX Runtime's to onnxc's (above 1: onnxc is
faster). Both are called from Python, which at one row is most of the time.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

import onnxc
from tests.bench.rivals import model_run, session_run
from tests.bench.turns import take_turns
from tests.models.catalogue import shared_models

ROWS = (1, 1000)


def measure(path: Path, threads: int, seconds: float) -> None:
    """Print a model's row."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    (described,) = session.get_inputs()
    text = f"{path.stem:36}"
    with onnxc.compile(onnx.load(path), threads=threads) as model:
        for rows in ROWS:
            x = np.random.default_rng(0).random((rows, described.shape[1]), np.float32) * 16
            feeds = {described.name: x}
            runs = {"us": model_run(model, feeds), "them": session_run(session, feeds)}
            us, them = (statistics.median(times) * 1e6 for times in take_turns(runs, seconds).values())
            text += f"{us:10.1f} us {them:10.1f} us {them / us:6.1f}"
    print(text, flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Compare models on tables with ONNX Runtime.")
    parser.add_argument("models", nargs="*", help="words in the models' names; all by default")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2, help="for each model and number of rows")
    parser.add_argument("--folder", type=Path, help="of the models; tabular in ONNXC_MODELS by default")
    arguments = parser.parse_args()
    print(f"{'model':36}" + "".join(f"{f'onnxc, {rows}':>13} {'ONNX Runtime':>13} {'ratio':>6}" for rows in ROWS))
    shared = shared_models()
    chosen = arguments.folder or (shared / "tabular" if shared else Path("tabular"))
    for path in sorted(chosen.glob("*.onnx")):
        if not arguments.models or any(word in path.name for word in arguments.models):
            measure(path, arguments.threads, arguments.seconds)


if __name__ == "__main__":
    main()
