"""Fair times: those who compete run in turns."""

from __future__ import annotations

import time
from collections.abc import Mapping

from tests.bench.rivals import Run

#: Seconds of a turn, and of the runs at its beginning that do not count. ONNX Runtime's threads spin on for a few ms.
TURN, SETTLE = 0.04, 0.01


def take_turns(runs: Mapping[str, Run], seconds: float) -> dict[str, list[float]]:
    """Times of functions that are called in turns for so many seconds; each has 3 turns at least."""
    times: dict[str, list[float]] = {who: [] for who in runs}
    end, turns = time.perf_counter() + seconds * len(runs), 0
    while turns < 3 or time.perf_counter() < end:
        for who, run in runs.items():
            settled = time.perf_counter() + SETTLE
            run()
            while time.perf_counter() < settled:
                run()
            over = time.perf_counter() + TURN
            while True:
                start = time.perf_counter()
                run()
                stop = time.perf_counter()
                times[who].append(stop - start)
                if stop >= over:
                    break
        turns += 1
    return times
