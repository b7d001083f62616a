"""Choices for kernels out of trials: what `onnxc compile` takes from databases, and what ships with the package."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path

from ..kernel.knobs import Option
from ..relay.expr import Function
from ..target import Target
from .database import Database, Trial, is_database, load_trials, read_lines
from .measure import METHOD
from .workload import workload_key

#: Choices must be faster than the defaults by so much: less may be noise, and defaults get better with new versions.
WORTH = 0.98


class Records:
    """The best choices that trials know of.

    Parameters
    ----------
    databases : sequence of Path
        Tuning databases, or exports of some; what the first one that knows a kernel says holds.
    shipped : bool
        Ask what ships with the package last.

    Raises
    ------
    CompileError
        A file is no such thing.
    """

    def __init__(self, databases: Sequence[Path] = (), shipped: bool = True) -> None:
        self._sources = [_source(path) for path in databases]
        if shipped:
            self._sources.append(_shipped_trials)

    def choices(self, function: Function, target: Target) -> dict[str, Option]:
        """What to choose for a primitive function; empty where nothing is known, or nothing better than defaults."""
        key = workload_key(function, target) if self._sources else ""
        for source in self._sources:
            trials = source(key)
            if trials:
                return best_choices(trials, target.cpu)
        return {}


def best_choices(trials: Sequence[Trial], cpu: str) -> dict[str, Option]:
    """The fastest choices among trials of one workload.

    Times compare only on one machine, and measured in one way: taken are those for the same processor if there are
    some, of these those measured as today if there are some, and of these the ones of the machine with the most trials.
    Nothing is chosen that was not each time clearly faster than the defaults ever were: on a busy machine the luckiest
    of a hundred candidates is not the fastest. Of resnet18's kernels on such a machine, medians chose two that took 13
    and 20 % longer than the defaults in the model.
    """
    measured = [t for t in trials if t.seconds is not None]
    chosen = _on_one_machine([t for t in measured if t.cpu == cpu] or measured)
    if not chosen:
        return {}
    best = _best_key(chosen)
    return {} if best is None else dict(next(t for t in chosen if t.key == best).choices)


def _best_key(trials: Sequence[Trial]) -> str | None:
    """`Trial.key` of what is better than the defaults, on one machine."""
    limit = WORTH * min(_seconds(t for t in trials if t.is_default), default=math.inf)
    better = {key: seconds for key, seconds in median_times(trials).items() if _slowest(trials, key) <= limit}
    return min(better, key=lambda key: better[key], default=None)


def _slowest(trials: Iterable[Trial], key: str) -> float:
    return max(_seconds(t for t in trials if t.key == key))


def _seconds(trials: Iterable[Trial]) -> list[float]:
    return [trial.seconds for trial in trials if trial.seconds is not None]


def _on_one_machine(trials: Iterable[Trial]) -> list[Trial]:
    """Those that measured something, as today if there are such, on the machine with the most of them."""
    measured = [t for t in trials if t.seconds is not None]
    machines: defaultdict[str, list[Trial]] = defaultdict(list)
    for trial in [t for t in measured if t.tools.get("measured") == METHOD] or measured:
        machines[trial.machine].append(trial)
    return max(machines.values(), key=len, default=[])


def median_times(trials: Iterable[Trial]) -> dict[str, float]:
    """Seconds of each choices (by `Trial.key`) that was measured: the median where that was done several times."""
    times: defaultdict[str, list[float]] = defaultdict(list)
    for trial in trials:
        if trial.seconds is not None:
            times[trial.key].append(trial.seconds)
    return {key: statistics.median(values) for key, values in times.items()}


def condensed(trials: Iterable[Trial]) -> list[Trial]:
    """What `best_choices` needs: for each workload and processor the defaults and the best of one machine, one trial
    each with the time that counts, the least of the defaults and the greatest of the others."""
    groups: defaultdict[tuple[str, str], list[Trial]] = defaultdict(list)
    for trial in trials:
        groups[trial.workload, trial.cpu].append(trial)
    result = []
    for _, every in sorted(groups.items()):
        group = _on_one_machine(every)
        if not group:
            continue
        times = median_times(group)
        best = _best_key(group) or min(times, key=lambda key: times[key])
        wanted = [min((t.key for t in group if t.is_default), key=lambda key: times[key], default=best), best]
        for key in dict.fromkeys(wanted):
            same = [t for t in group if t.key == key]
            trial = next((t for t in same if t.is_default), same[0])  # defaults may have been others before
            counts = min(_seconds(same)) if trial.is_default else _slowest(group, key)
            seconds = (float(f"{counts:.4g}"),)
            result.append(replace(trial, warm=seconds, flushed=seconds, features={}))
    return result


def _source(path: Path) -> Callable[[str], Sequence[Trial]]:
    """The trials of a workload in a file."""
    if not path.exists() or is_database(path):
        return Database(path).trials
    found = _by_workload(load_trials(path)[0])
    return lambda key: found.get(key, ())


def _shipped_trials(key: str) -> Sequence[Trial]:
    return _shipped().get(key, ())


def _by_workload(trials: Iterable[Trial]) -> Mapping[str, list[Trial]]:
    found: defaultdict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        found[trial.workload].append(trial)
    return found


@cache
def _shipped() -> Mapping[str, list[Trial]]:
    """Trials in this folder's *.jsonl."""
    found: list[Trial] = []
    for entry in sorted(files(__package__).iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".jsonl"):
            found += read_lines(entry.read_text(encoding="utf-8"), entry.name)[0]
    return _by_workload(found)
