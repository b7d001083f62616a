"""The search for one kernel: what was measured, and which candidates to measure next.

The space is known as far as it was seen: each candidate tells the options of its knobs. Proposals are mutations and
crossings of the fastest candidates, and random ones; what they lead to is found by running the schedule (some
milliseconds), which also gives the features by which the cost model ranks them. A part of every batch, epsilon, is
taken at random, so that a wrong model cannot lock the search in.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .cost_model import CostModel, Sample
from .database import Trial, choices_text
from .records import Verdict, median_times
from .tasks import Candidate, Proposal
from .workload import Workload

#: Proposals for each candidate of a batch: the model chooses among so many.
POOL = 6
#: Candidates of a batch that are taken at random.
EPSILON = 0.15
#: The fastest so many are parents.
PARENTS = 12
#: Rounds without a new candidate after which the space is taken for exhausted.
BARREN = 3

Describe = Callable[[Sequence[Proposal]], list[Candidate]]


@dataclass
class Search:
    """State of one kernel.

    Attributes
    ----------
    workload : Workload
    operations : int
        Floating-point operations of a call.
    trials : list of Trial
        All that was measured, in this run and in earlier ones.
    patience : int
        Trials without an improvement after which nothing more is expected.
    verdict : Verdict or None
        What the model's own run says, once it was asked.
    """

    workload: Workload
    operations: int = 0
    trials: list[Trial] = field(default_factory=list)
    patience: int = 48
    candidates: dict[str, Candidate] = field(default_factory=dict)
    history: list[float] = field(default_factory=list)  # the best time after each trial
    default: Candidate | None = None
    barren: int = 0
    verdict: Verdict | None = None

    @property
    def best(self) -> float:
        """Seconds of the fastest so far."""
        return self.history[-1] if self.history else math.inf

    @property
    def machine(self) -> str:
        """The processor that measured the candidates."""
        return next((t.machine for t in self.trials if t.machine), "")

    @property
    def best_choices(self) -> str:
        times = median_times(self.trials)
        return min(times, key=lambda key: times[key]) if times else ""

    @property
    def default_seconds(self) -> float:
        assert self.default is not None
        return median_times(self.trials).get(choices_text(self.default.choices), math.inf)

    @property
    def gain(self) -> Verdict:
        """Seconds by default and at best: in the model if that is known, else measured alone."""
        return self.verdict or Verdict(self.default_seconds, min(self.best, self.default_seconds))

    def finalists(self, count: int, tolerance: float) -> list[Candidate]:
        """The fastest that are no defaults, if they do not take more than the tolerance times as long as these."""
        times = median_times(self.trials)
        limit = tolerance * self.default_seconds
        order = sorted((key for key in times if times[key] <= limit), key=lambda key: times[key])
        found = [self.candidates[key] for key in order if key in self.candidates]
        return [c for c in found if self.default is None or c.choices != self.default.choices][:count]

    @property
    def is_finished(self) -> bool:
        """Is there nothing left to try, or has nothing helped for long?"""
        if self.barren >= BARREN:
            return True
        return len(self.history) > self.patience and self.history[-self.patience - 1] <= self.best * 1.005

    @property
    def seen(self) -> set[str]:
        return {t.key for t in self.trials}

    def add(self, trial: Trial) -> None:
        """Take a trial into account."""
        self.trials.append(trial)
        self.history.append(min(self.best, trial.seconds if trial.seconds is not None else math.inf))

    def samples(self) -> list[Sample]:
        """What a cost model learns from."""
        return samples_of(self.trials)

    def propose(
        self, size: int, describe: Describe, model: CostModel, chance: random.Random, share: float = EPSILON
    ) -> list[Candidate]:
        """The next batch: at most `size` candidates that were not measured, the most promising first."""
        seen = self.seen
        pool: dict[str, Candidate] = {}
        for candidate in describe(self._proposals(size * POOL, chance)):
            key = choices_text(candidate.choices)
            self.candidates.setdefault(key, candidate)
            if key not in seen:
                pool.setdefault(key, candidate)
        self.barren = 0 if pool else self.barren + 1
        entries = list(pool.values())
        ranks = model.rank([c.features for c in entries])
        order = sorted(range(len(entries)), key=lambda i: ranks[i], reverse=True)
        adventurous = round(size * share) if len(entries) > size else 0
        batch = order[: size - adventurous]
        rest = order[size - adventurous :]
        batch += chance.sample(rest, min(adventurous, len(rest)))
        return [entries[i] for i in batch]

    def _proposals(self, count: int, chance: random.Random) -> list[Proposal]:
        times = median_times(self.trials)
        ordered = sorted((key for key in times if key in self.candidates), key=lambda key: times[key])
        parents = [self.candidates[key] for key in ordered[:PARENTS]]
        if not parents:
            return [Proposal({}, chance.getrandbits(32)) for _ in range(count)]
        proposals: list[Proposal] = []
        known = self.seen  # in a small space there are few others: do not insist
        for _ in range(4 * count):
            if len(proposals) == count:
                break
            kind = chance.random()
            # Better parents have more children: the square prefers small indices.
            first = parents[int(len(parents) * chance.random() ** 2)]
            if kind < 0.2:
                proposals.append(Proposal({}, chance.getrandbits(32)))
                continue
            crossed = kind < 0.4 and len(parents) > 1
            child = _cross(first, chance.choice(parents), chance) if crossed else _mutate(first, chance)
            key = choices_text(child.choices)
            if key not in known:
                known.add(key)
                proposals.append(child)
        return proposals


def samples_of(trials: Sequence[Trial]) -> list[Sample]:
    """Trials as the cost model takes them."""
    return [
        Sample(f"{t.workload} {t.machine}", t.features, math.inf if t.seconds is None else t.seconds)
        for t in trials
        if t.features
    ]


def _mutate(parent: Candidate, chance: random.Random) -> Proposal:
    """Another option for one or some knobs; a knob that comes up only then is chosen at random."""
    choices = parent.choices
    free = [d for d in parent.decisions if len(d.options) > 1]
    if free:
        count = 1 if chance.random() < 0.6 else chance.randint(1, min(3, len(free)))
        for decision in chance.sample(free, count):
            at = decision.options.index(decision.chosen)
            near = [o for o in decision.options[max(0, at - 1) : at + 2] if o != decision.chosen]
            far = [o for o in decision.options if o != decision.chosen]
            # Options are in order mostly: the next one is the better guess.
            choices[decision.name] = chance.choice(near if chance.random() < 0.5 else far)
    return Proposal(choices, chance.getrandbits(32))


def _cross(first: Candidate, second: Candidate, chance: random.Random) -> Proposal:
    """Each knob from one of two parents."""
    one, other = first.choices, second.choices
    names = [*one, *(name for name in other if name not in one)]
    choices = {}
    for name in names:
        sources = [parent[name] for parent in (one, other) if name in parent]
        choices[name] = chance.choice(sources)
    return Proposal(choices, chance.getrandbits(32))
