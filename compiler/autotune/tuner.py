"""The tuner: measures candidates until trials, time or ideas are used up, and keeps each in the database at once."""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from ..diagnostics import CompileError
from ..relay.printer import canonical_text
from .allocation import next_search
from .cost_model import CostModel, Sample
from .database import Database, Trial, choices_text, now
from .laboratory import Laboratory
from .measure import Times
from .records import WORTH, median_times
from .search import Search, samples_of
from .tasks import Candidate, Outcome, Proposal
from .workload import Workload

#: Candidates that are measured between two looks at the cost model.
BATCH = 8
#: The fastest so many are measured again at the end: the luckiest of many measurements looks better than it is.
FINALISTS = 3
#: The part of a time budget that this may take.
CONFIRMATION = 0.2


@dataclass(frozen=True)
class TuneOptions:
    """How long to search.

    Attributes
    ----------
    trials : int
        Candidates to measure in all, those of earlier runs among them.
    time_budget : float or None
        Seconds for this run.
    seed : int
    """

    trials: int = 1000
    time_budget: float | None = None
    seed: int = 0


@dataclass(frozen=True)
class Progress:
    """How far the search is.

    Attributes
    ----------
    kernel : str
        What is searched just now.
    best : float
        Seconds of its fastest candidate.
    speed, share : float
        Its operations per second, and what part of the processor's peak that is (0: unknown).
    trials, of : int
        Candidates measured, and how many there shall be.
    time_left : float
        Seconds, at most.
    default, model : float
        Seconds of all tuned kernels, with each kernel's default and with the best ones.
    """

    kernel: str
    best: float
    speed: float
    share: float
    trials: int
    of: int
    time_left: float
    default: float
    model: float


@dataclass(frozen=True)
class Result:
    """What a run found: the searches, with all their trials; the processor's peak; was it stopped by the user?"""

    searches: Sequence[Search]
    peak: float
    measured: int
    interrupted: bool = False


class Tuner:
    """One run of the search over a model's kernels.

    Parameters
    ----------
    workloads : sequence of Workload
    laboratory : Laboratory
    database : Database
    model : CostModel
    options : TuneOptions
    tell : callable
        Is called with the progress after each trial.
    """

    def __init__(
        self,
        workloads: Sequence[Workload],
        laboratory: Laboratory,
        database: Database,
        model: CostModel,
        options: TuneOptions,
        tell: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self._laboratory, self._database, self._model = laboratory, database, model
        self._options, self._tell = options, tell
        self._chance = random.Random(options.seed)
        self._searches = [Search(w) for w in workloads]
        self._titles = {w.key: (w.title, canonical_text(w.function)) for w in workloads}
        self._references: dict[str, Times] = {}
        self._start = time.monotonic()
        self._measured = 0
        self._seconds_measuring = 0.0
        self._peak = 0.0

    def run(self) -> Result:
        """Search. Ctrl-C ends it early; all that was measured is in the database."""
        try:
            self._prepare()
            self._search()
            self._confirm()
        except KeyboardInterrupt:
            return Result(self._searches, self._peak, self._measured, interrupted=True)
        return Result(self._searches, self._peak, self._measured)

    # The steps

    def _prepare(self) -> None:
        """Measure the defaults, and take up what earlier runs have found."""
        self._peak = self._laboratory.peak()
        counts = self._laboratory.operations([s.workload for s in self._searches])
        for search, operations in zip(self._searches, counts, strict=True):
            search.operations = operations
        tunable = []
        for search in self._searches:
            found = self._laboratory.describe(search.workload, [Proposal({})])
            if not found:
                raise CompileError(f"the kernel '{search.workload.title}' cannot be scheduled")
            search.default = found[0]
            search.candidates[choices_text(found[0].choices)] = found[0]
            if any(len(d.options) > 1 for d in found[0].decisions):
                tunable.append(search)
        self._searches = tunable
        for search in self._searches:
            self._measure(search, [self._default(search)])
            if search.best == math.inf:
                trial = search.trials[-1]
                raise CompileError(
                    f"the kernel '{search.workload.title}' cannot be measured: {trial.error}: {trial.error_text}",
                    expected="a target that the machine that measures can run",
                )
            self._resume(search)
        self._learn()

    def _resume(self, search: Search) -> None:
        """Take up the trials of earlier runs, with the same tools on the same machine, and know their fastest again."""
        mine = search.trials[-1]
        earlier = [
            t
            for t in self._database.trials(search.workload.key)
            if (t.cpu, t.tools) == (mine.cpu, mine.tools) and t.machine in (mine.machine, "")  # "": it failed
        ]
        search.trials, search.history = [], []
        for trial in earlier:
            search.add(trial)
        times = median_times(search.trials)
        by_key = {t.key: t for t in search.trials}
        fastest = sorted(times, key=lambda key: times[key])[:12]
        known = self._laboratory.describe(search.workload, [Proposal(by_key[key].choices) for key in fastest])
        search.candidates |= {choices_text(c.choices): c for c in known}

    def _search(self) -> None:
        while not self._is_over():
            search = next_search(self._searches, self._chance)
            if search is None:
                return
            size = min(BATCH, self._options.trials - self._total())
            describe = partial(self._laboratory.describe, search.workload)
            batch = search.propose(size, describe, self._model, self._chance)
            if batch:
                self._measure(search, batch)
                self._learn()

    def _confirm(self) -> None:
        """Measure the fastest of each kernel again, beside the default, if that was not done before."""
        budget = self._options.time_budget or math.inf
        order = sorted(self._searches, key=lambda s: s.workload.count * (s.best - s.default_seconds))
        for search in order:
            if self._elapsed() >= budget:
                return
            times = median_times(search.trials)
            counts = Counter(trial.key for trial in search.trials)
            finalists = sorted(times, key=lambda key: times[key])[:FINALISTS]
            again = [search.candidates[k] for k in finalists if counts[k] < 2 and k in search.candidates]
            default = self._default(search)
            others = [c for c in again if c.choices != default.choices]
            if others:
                self._measure(search, [*others, default])

    # Parts of them

    def _default(self, search: Search) -> Candidate:
        assert search.default is not None
        return search.default

    def _measure(self, search: Search, candidates: Iterable[Candidate]) -> None:
        """Measure candidates; each is kept as soon as it is known."""
        start = time.monotonic()
        for candidate, outcome in self._laboratory.run(search, list(candidates)):
            trial = self._trial(search, candidate, outcome)
            self._database.add([trial], self._titles)
            search.add(trial)
            self._measured += 1
            self._report(search)
        self._seconds_measuring += time.monotonic() - start

    def _trial(self, search: Search, candidate: Candidate, outcome: Outcome) -> Trial:
        workload, times = search.workload, outcome.times
        is_default = candidate.choices == self._default(search).choices
        error, text = outcome.error, outcome.text
        if times is not None:
            if is_default:
                self._references.setdefault(workload.key, times)
            reference = self._references.get(workload.key)
            if reference is not None and not times.agrees_with(reference):
                error, text = "wrong result", f"sums {times.sums}, with defaults {reference.sums}"
        measured = times is not None and not error
        return Trial(
            workload.key,
            workload.target.cpu,
            candidate.choices,
            is_default,
            times.warm if times is not None and measured else (),
            times.flushed if times is not None and measured else (),
            error,
            text,
            times.machine if times is not None else "",
            dict(self._laboratory.tools),
            dict(candidate.features),
            now(),
        )

    def _learn(self) -> None:
        """Fit the cost model to all that the database knows of this kind of target."""
        mine = [sample for search in self._searches for sample in search.samples()]
        self._model.fit([*self._others, *mine])

    @cached_property
    def _others(self) -> list[Sample]:
        """Samples of kernels that are not searched now."""
        keys = {search.workload.key for search in self._searches}
        return samples_of([trial for trial in self._database.trials() if trial.workload not in keys])

    def _total(self) -> int:
        return sum(len(s.seen) for s in self._searches)

    def _is_over(self) -> bool:
        if self._total() >= self._options.trials:
            return True
        budget = self._options.time_budget
        return budget is not None and self._elapsed() + self._confirmation(budget) >= budget

    def _elapsed(self) -> float:
        return time.monotonic() - self._start

    def _confirmation(self, budget: float) -> float:
        """Seconds that measuring the finalists will take, as far as the budget allows it."""
        better = sum(s.best < WORTH * s.default_seconds for s in self._searches)
        each = self._seconds_measuring / max(1, self._measured)
        return min(each * (FINALISTS + 1) * better, CONFIRMATION * budget)

    def _report(self, search: Search) -> None:
        total, elapsed = self._total(), self._elapsed()
        left = elapsed / self._measured * max(0, self._options.trials - total)
        if self._options.time_budget is not None:
            left = min(left, max(0.0, self._options.time_budget - elapsed))
        known = [s for s in self._searches if s.history]
        speed = search.operations / search.best if search.best < math.inf else 0.0
        self._tell(
            Progress(
                search.workload.title,
                search.best,
                speed,
                speed / self._peak if self._peak else 0.0,
                total,
                self._options.trials,
                left,
                sum(s.workload.count * s.default_seconds for s in known),
                sum(s.workload.count * s.best for s in known),
            )
        )
