"""Which kernel to search next: that whose trials promise to save most of the model's time.

The gradient of Ansor (Zheng et al., 2020). A kernel's next trial may gain what its last trials gained; or, while few
were made, its time over their number; or what separates it from a kernel of the same operator that already runs well.
Counts of calls weigh it. Some choices are made at random, against gradients that are wrong.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from .search import Search

#: Weight of what the last trials gained, beside what may be hoped for.
ALPHA = 0.2
#: A kernel is expected to come within this factor of the operations per second of the best one of its operator.
BETA = 2.0
#: Choices at random.
EPSILON = 0.05
#: Trials that count as the last ones.
WINDOW = 16


def next_search(searches: Sequence[Search], chance: random.Random) -> Search | None:
    """The search that gets the next batch; None when all are finished."""
    unfinished = [s for s in searches if not s.is_finished and s.best < math.inf]
    if not unfinished:
        return None
    if chance.random() < EPSILON:
        return chance.choice(unfinished)
    speeds: dict[str, float] = {}
    for search in searches:
        kind = _kind(search)
        speeds[kind] = max(speeds.get(kind, 0.0), search.operations / search.best)
    return max(unfinished, key=lambda s: gain(s, speeds[_kind(s)]))


def gain(search: Search, speed: float) -> float:
    """Seconds of the model that a trial of a kernel may save, where the best of its kind does `speed` operations/s."""
    count, best = len(search.history), search.best
    window = min(WINDOW, count - 1)
    recent = (search.history[-1 - window] - best) / window if window > 0 else best
    hoped = best / max(1, count)
    if speed > 0.0 and search.operations:
        hoped = max(hoped, best - BETA * search.operations / speed)
    return search.workload.count * (ALPHA * recent + (1 - ALPHA) * hoped)


def _kind(search: Search) -> str:
    return search.workload.title.split(" ")[0].split("+")[0]
