"""Fair times: those who compete run in turns."""

from __future__ import annotations

import time
from collections.abc import Mapping

from tests.bench.rivals import Run

#: Seconds of a turn, and of the runs at its beginning that do not count.
TURN, SETTLE = 0.04, 0.01

#: Threads of a rival that is done go on watching for work: those of ONNX Runtime 1.32 for 45 to 80 ms, in which they
#: take a processor away from whoever runs next. A turn begins when this process is idle, or after so many seconds.
WATCH, PATIENCE = 0.005, 0.5


def take_turns(runs: Mapping[str, Run], seconds: float) -> dict[str, list[float]]:
    """Times of functions that are called in turns for so many seconds; each has 3 turns at least."""
    times: dict[str, list[float]] = {who: [] for who in runs}
    budget, turns = seconds * len(runs), 0
    while turns < 3 or budget > 0:
        for who, run in runs.items():
            _await_idle()
            begun = time.perf_counter()
            run()
            while time.perf_counter() < begun + SETTLE:
                run()
            over = time.perf_counter() + TURN
            while True:
                start = time.perf_counter()
                run()
                stop = time.perf_counter()
                times[who].append(stop - start)
                if stop >= over:
                    break
            budget -= stop - begun
        turns += 1
    return times


def _await_idle() -> None:
    """Return when all threads of this process sleep."""
    end = time.perf_counter() + PATIENCE
    while time.perf_counter() < end:
        used = time.process_time()
        time.sleep(WATCH)
        if time.process_time() - used < WATCH / 10:
            return
