"""The tuner: measures candidates until trials, time or ideas are used up, and keeps each in the database at once."""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from ..diagnostics import CompileError
from ..relay.printer import canonical_text
from .allocation import next_search
from .children import IsolationError
from .cost_model import CostModel, Sample
from .database import Database, Trial, choices_text, now
from .laboratory import Laboratory
from .measure import Times
from .records import best_choices, median_times, verdict_in_model
from .search import Search, samples_of
from .tasks import Candidate, Choices, Outcome, Proposal
from .whole_model import IN_MODEL
from .workload import Workload

#: Candidates that are measured between two looks at the cost model.
BATCH = 8
#: The fastest so many of each kernel are measured again at the end, in the model.
FINALISTS = 3
#: How much longer than the defaults they may take where they were measured alone.
TOLERANCE = 1.02
#: The part of a time budget that this may take, and how many seconds at most.
CONFIRMATION, MOST_CONFIRMATION = 0.25, 180.0
#: Seconds of a budget from which on there is time for more than one finalist of each kernel.
MANY_FINALISTS = 120.0
#: Seconds that models are measured, at least and at most.
MODEL_SECONDS = (2.0, 12.0)


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
    """What a run found.

    Attributes
    ----------
    searches : sequence of Search
        With all their trials.
    peak : float
        Of the processor, in operations per second.
    measured : int
        Candidates of this run.
    interrupted : bool
        Was it stopped by the user?
    doubt : str
        Why the choices could not be confirmed in the model's own run; empty if they were.
    """

    searches: Sequence[Search]
    peak: float
    measured: int
    interrupted: bool = False
    doubt: str = ""


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
        self._peak = 0.0
        self._doubt = ""

    def run(self) -> Result:
        """Search. Ctrl-C ends it early; all that was measured is in the database."""
        try:
            self._prepare()
            self._search()
            self._confirm()
        except KeyboardInterrupt:
            return self._result(interrupted=True)
        return self._result()

    def _result(self, interrupted: bool = False) -> Result:
        for search in self._searches:
            search.verdict = verdict_in_model(self._database.trials(search.workload.key), search.workload.target.cpu)
        return Result(self._searches, self._peak, self._measured, interrupted, self._doubt)

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
        """Measure the fastest of each kernel in the model's own run, and what is best there once more, all together.

        What was measured alone is not the last word: see `whole_model`. And of many measurements the smallest is too
        small, which the second run finds out.
        """
        budget = self._options.time_budget
        if budget is not None and self._elapsed() >= budget:
            return
        count = FINALISTS if budget is None or budget >= MANY_FINALISTS else 1
        found = {s.workload.key: self._unconfirmed(s, s.finalists(count, TOLERANCE)) for s in self._searches}
        variants: list[Mapping[str, Choices]] = [
            {key: candidates[place].choices for key, candidates in found.items() if place < len(candidates)}
            for place in range(count)
        ]
        variants = [variant for variant in variants if variant]
        if not variants:
            return
        try:
            self._run_models(variants)
            best: dict[str, Choices] = {
                s.workload.key: choices
                for s in self._searches
                if (choices := best_choices(self._database.trials(s.workload.key), s.workload.target.cpu))
            }
            if best and (budget is None or self._elapsed() < budget):
                self._run_models([best])
        except IsolationError as error:
            self._doubt = error.text

    def _unconfirmed(self, search: Search, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Those that no run of a model has had yet, with these tools."""
        tools = self._laboratory.tools
        known = {
            t.key
            for t in self._database.trials(search.workload.key)
            if t.tools.get("measured") == IN_MODEL and all(t.tools.get(k) == tools[k] for k in tools if k != "measured")
        }
        return [c for c in candidates if choices_text(c.choices) not in known]

    def _run_models(self, variants: Sequence[Mapping[str, Choices]]) -> None:
        """Measure models with these choices for their kernels, beside one with defaults, and keep that as trials."""
        least, most = MODEL_SECONDS
        seconds = min(most, max(least, (self._options.time_budget or math.inf) / 40))
        models = [{}, *variants]
        time_of_day, trials = now(), []
        for number, measured in enumerate(self._laboratory.run_models(models, seconds)):
            run = f"{time_of_day} {number}"
            for search in self._searches:
                trials += self._trials_in_model(search, models, measured, run)
        self._database.add(trials, self._titles)

    def _trials_in_model(
        self, search: Search, models: Sequence[Mapping[str, Choices]], measured: Sequence[Mapping[str, float]], run: str
    ) -> list[Trial]:
        """A trial for each of a kernel's choices; what several of the models have was measured several times."""
        key, default = search.workload.key, self._default(search).choices
        found: dict[str, tuple[Choices, list[float]]] = {}
        for model, seconds in zip(models, measured, strict=True):
            if key in seconds:
                choices = model.get(key, default)
                found.setdefault(choices_text(choices), (choices, []))[1].append(seconds[key])
        tools = {**self._laboratory.tools, "measured": IN_MODEL, "run": run}
        return [
            Trial(
                key,
                search.workload.target.cpu,
                choices,
                choices == default,
                (statistics.median(values),),
                (statistics.median(values),),
                machine=search.machine,
                tools=tools,
                created=run.split()[0],
            )
            for choices, values in found.values()
        ]

    # Parts of them

    def _default(self, search: Search) -> Candidate:
        assert search.default is not None
        return search.default

    def _measure(self, search: Search, candidates: Iterable[Candidate]) -> None:
        """Measure candidates; each is kept as soon as it is known."""
        for candidate, outcome in self._laboratory.run(search, list(candidates)):
            trial = self._trial(search, candidate, outcome)
            self._database.add([trial], self._titles)
            search.add(trial)
            self._measured += 1
            self._report(search)

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

    @staticmethod
    def _confirmation(budget: float) -> float:
        """Seconds that are kept for the end."""
        return min(CONFIRMATION * budget, MOST_CONFIRMATION)

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
