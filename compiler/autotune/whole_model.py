"""Measuring kernels where they run: models with other choices for their kernels, in turns in one process.

Measured alone, a kernel never meets all that decides in the model: which of its weights are still in which cache, in
which pages they lie, what the kernel before left there. Of resnet18's kernels, two that were 7 and 3 % faster alone
took 20 and 11 % longer in the model (Zen 4).
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..artifact.random_arrays import random_arrays
from ..runtime_stub.loader import Model, load
from .measure import alone

#: How trials of kernels in a model are named: see `Trial.tools`.
IN_MODEL = "in the model"

#: Seconds that one model runs until it is the next one's turn, after a run that does not count: it finds the caches
#: full of another's data.
TURN = 0.03

#: Turns of each model at least, each time that it is loaded.
LEAST_TURNS = 4

#: How often models are loaded anew: where the system puts their memory makes kernels a few percent faster or slower.
LOADS = 3

#: Of the inputs.
_SEED = 0


@dataclass(frozen=True)
class WholeModel:
    """A model, built several times with different choices.

    Attributes
    ----------
    libraries : tuple of bytes
        Shared libraries whose steps can be timed, for one machine, without their weights.
    weights : bytes
        Of all of them; empty if there are none.
    workloads : mapping
        `Workload.key` of a kernel, by its name in C.
    sizes : mapping
        Values of the symbols of the inputs' dimensions.
    """

    libraries: tuple[bytes, ...]
    weights: bytes
    workloads: Mapping[str, str]
    sizes: Mapping[str, int]


def measure_models(whole: WholeModel, seconds: float) -> list[list[dict[str, float]]]:
    """Seconds that a call of each workload takes: medians of runs, on one processor.

    Parameters
    ----------
    whole : WholeModel
    seconds : float
        How long to measure, in all; each library has some turns whatever they take.

    Returns
    -------
    list of list of dict
        For each time that all were loaded: for each library: seconds by `Workload.key`.
    """
    with alone(), _on_one_processor():
        return [_measure_once(whole, seconds / LOADS) for _ in range(LOADS)]


def _measure_once(whole: WholeModel, seconds: float) -> list[dict[str, float]]:
    with tempfile.TemporaryDirectory(prefix="onnxc-tune-") as name, ExitStack() as opened:
        weights = Path(name) / "weights"
        weights.write_bytes(whole.weights)
        models = []
        for number, library in enumerate(whole.libraries):
            path = Path(name) / f"model{number}.so"
            path.write_bytes(library)
            models.append(opened.enter_context(load(path, 1, weights if whole.weights else None)))
        feeds = random_arrays(models[0].inputs, whole.sizes, _SEED)
        runs: list[list[dict[str, float]]] = [[] for _ in models]
        for _ in _turns(seconds):
            for model, taken in zip(models, runs, strict=True):
                taken += _turn(model, feeds, whole.workloads)
        return [_medians(taken) for taken in runs]


def _turns(seconds: float) -> Iterator[int]:
    end, turn = time.monotonic() + seconds, 0
    while turn < LEAST_TURNS or time.monotonic() < end:
        yield turn
        turn += 1


def _turn(model: Model, feeds: Mapping[str, Any], workloads: Mapping[str, str]) -> list[dict[str, float]]:
    """Seconds a call of each workload, in the runs of one turn."""
    model(feeds)
    model.profile(reset=True)
    taken: list[dict[str, float]] = []
    end = time.monotonic() + TURN
    while not taken or time.monotonic() < end:
        model(feeds)
        nanoseconds: defaultdict[str, int] = defaultdict(int)
        calls: defaultdict[str, int] = defaultdict(int)
        for step in model.profile(reset=True):
            key = workloads.get(step.kernel)
            if key is not None:
                nanoseconds[key] += step.nanoseconds
                calls[key] += step.calls
        taken.append({key: 1e-9 * nanoseconds[key] / count for key, count in calls.items() if count})
    return taken


def _medians(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    times: defaultdict[str, list[float]] = defaultdict(list)
    for run in runs:
        for key, seconds in run.items():
            times[key].append(seconds)
    return {key: statistics.median(values) for key, values in times.items()}


@contextmanager
def _on_one_processor() -> Iterator[None]:
    """Stay on one processor, where the system knows how: the last one, as measure.c does."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
