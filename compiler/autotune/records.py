"""Choices for kernels out of trials: what `onnxc compile` takes from databases, and what ships with the package."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path

from ..kernel.knobs import Option
from ..relay.expr import Function
from ..target import Target
from .database import Database, Trial, is_database, load_trials, read_lines
from .measure import METHOD
from .whole_model import IN_MODEL
from .workload import workload_key

#: Ways of measuring, the one that is believed most first.
_METHODS = (IN_MODEL, METHOD)

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
    some, of these the ones measured in the model's own run if there are some, or else as today, and of these the ones
    of the machine with the most trials. Nothing is chosen that was not each time clearly faster than the defaults: on a
    busy machine the luckiest of a hundred candidates is not the fastest.
    """
    chosen = _comparable(trials, cpu)
    best = _best_key(chosen)
    return {} if best is None else dict(next(t for t in chosen if t.key == best).choices)


@dataclass(frozen=True)
class Verdict:
    """Seconds of a kernel: with its defaults, and with what `best_choices` says."""

    default: float
    best: float


def verdict(trials: Sequence[Trial], cpu: str) -> Verdict | None:
    """What trials that compare say; None where the defaults are not among them."""
    chosen = _comparable(trials, cpu)
    defaults = _seconds(t for t in chosen if t.is_default)
    if not defaults:
        return None
    default, best = statistics.median(defaults), _best_key(chosen)
    return Verdict(default, default * (1.0 if best is None else max(_ratios(chosen)[best])))


def verdict_in_model(trials: Sequence[Trial], cpu: str) -> Verdict | None:
    """What was measured in the model's own run; None where nothing was."""
    return verdict([t for t in trials if t.tools.get("measured") == IN_MODEL], cpu)


def _comparable(trials: Iterable[Trial], cpu: str) -> list[Trial]:
    """Trials whose times compare."""
    measured = [t for t in trials if t.seconds is not None]
    return _on_one_machine([t for t in measured if t.cpu == cpu] or measured)


def _best_key(trials: Sequence[Trial]) -> str | None:
    """`Trial.key` of what is better than the defaults, among comparable trials."""
    better = {key: statistics.median(values) for key, values in _ratios(trials).items() if max(values) <= WORTH}
    return min(better, key=lambda key: better[key], default=None)


def _ratios(trials: Sequence[Trial]) -> dict[str, list[float]]:
    """Times of choices beside the least of the defaults of their run of models; all measured alone are one run."""
    defaults: dict[str, float] = {}
    for trial in trials:
        if trial.is_default and trial.seconds is not None:
            run = trial.tools.get("run", "")
            defaults[run] = min(trial.seconds, defaults.get(run, math.inf))
    ratios: defaultdict[str, list[float]] = defaultdict(list)
    for trial in trials:
        run = trial.tools.get("run", "")
        if not trial.is_default and trial.seconds is not None and run in defaults:
            ratios[trial.key].append(trial.seconds / defaults[run])
    return ratios


def _seconds(trials: Iterable[Trial]) -> list[float]:
    return [trial.seconds for trial in trials if trial.seconds is not None]


def _on_one_machine(trials: Iterable[Trial]) -> list[Trial]:
    """Those that measured something, in the most trusted way that there is, on the machine with the most of them."""
    measured = [t for t in trials if t.seconds is not None]
    by_method = [[t for t in measured if t.tools.get("measured") == method] for method in _METHODS]
    machines: defaultdict[str, list[Trial]] = defaultdict(list)
    for trial in next(filter(None, by_method), measured):
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
    each; the best's time is the one that counts, beside that of the defaults."""
    groups: defaultdict[tuple[str, str], list[Trial]] = defaultdict(list)
    for trial in trials:
        groups[trial.workload, trial.cpu].append(trial)
    result = []
    for _, every in sorted(groups.items()):
        group = _on_one_machine(every)
        if not group:
            continue
        default = next((t for t in group if t.is_default), None)
        if default is None:  # nothing to compare with
            continue
        seconds = min(_seconds(t for t in group if t.is_default))
        result.append(_alone(default, seconds))
        best = _best_key(group)
        if best is not None:
            trial = next(t for t in group if t.key == best)
            result.append(_alone(trial, seconds * max(_ratios(group)[best])))
    return result


def _alone(trial: Trial, seconds: float) -> Trial:
    """A trial with another time, and without what `best_choices` does not look at."""
    rounded = (float(f"{seconds:.4g}"),)
    tools = {name: value for name, value in trial.tools.items() if name != "run"}
    return replace(trial, warm=rounded, flushed=rounded, tools=tools, features={})


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
