"""What an iteration of a loop takes that appends a tensor to a sequence, beside ONNX Runtime.

    python -m tests.bench.sequences

On one thread, in turns; the least time of five.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import onnx
import onnx.parser
import onnxruntime

import onnxc

TEXT = """<ir_version: 8, opset_import: ["" : 17]> appending (float[64] x, int64 count) => (int64 n) {
    one = Constant<value_int = 1>()
    go = Cast<to = 9>(one)
    empty = SequenceEmpty<dtype = 1>()
    s = Loop(count, go, empty) <body = iteration (int64 i, bool c, seq(float[64]) a) => (bool d, seq(float[64]) b) {
        d = Identity(c)
        y = Add(x, x)
        b = SequenceInsert(a, y)
    }>
    n = SequenceLength(s)
}"""


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    model = onnx.parser.parse_model(TEXT)
    ours = onnxc.compile(model, threads=1, jobs=1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    for count in (100, 1000, 10_000):
        feeds = {"x": np.ones(64, np.float32), "count": np.array(count)}
        pairs = [(seconds(lambda: ours.run(feeds)), seconds(lambda: session.run(None, feeds))) for _ in range(5)]  # noqa: B023
        mine, other = (1e6 * min(times) / count for times in zip(*pairs, strict=True))
        print(f"{count:6} iterations: {mine:8.2f} us each, ONNX Runtime {other:8.2f} us")


if __name__ == "__main__":
    main()
