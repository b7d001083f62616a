"""The search by itself, over a space whose times are a formula."""

from __future__ import annotations

import math
import random
from functools import partial

import pytest

from onnxc import targets
from onnxc.autotune.allocation import gain, next_search
from onnxc.autotune.cost_model import CostModel, NoModel, RankingModel, Sample
from onnxc.autotune.database import Trial, choices_text
from onnxc.autotune.search import Search
from onnxc.autotune.tasks import Candidate, Proposal
from onnxc.kernel.knobs import Knobs
from tests.autotune.fakes import FakeLaboratory, cost, workloads

HOST = targets.find("x86-64-v3")


def searched(model: CostModel, seed: int, rounds: int) -> Search:
    """A search after some rounds of 8 candidates."""
    laboratory, chance = FakeLaboratory(), random.Random(seed)
    search = Search(workloads(HOST, 8)[0], patience=1000)
    describe = partial(laboratory.describe, search.workload)
    batch = describe([Proposal({})])
    search.candidates[choices_text(batch[0].choices)] = batch[0]
    for _ in range(rounds):
        for candidate in batch:
            seconds = cost(candidate.choices)
            search.add(trial(search, candidate, seconds))
        model.fit(search.samples())
        batch = search.propose(8, describe, model, chance)
    return search


def trial(search: Search, candidate: Candidate, seconds: float) -> Trial:
    times = () if seconds == math.inf else (seconds,)
    return Trial(
        search.workload.key, "cpu", candidate.choices, warm=times, flushed=times,
        error="" if times else "run crash", machine="m", features=candidate.features,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_measured_twice(seed: int) -> None:
    search = searched(NoModel(), seed, 10)
    assert len(search.seen) == len(search.trials) == 73


@pytest.mark.parametrize("seed", range(3))
def test_evolution_finds_the_fastest_of_750(seed: int) -> None:
    search = searched(NoModel(), seed, 20)
    assert search.best <= 1.3e-3, search.best_choices


@pytest.mark.parametrize("seed", range(3))
def test_the_model_finds_it_sooner(seed: int) -> None:
    search = searched(RankingModel(seed, 1), seed, 9)
    assert search.best <= 1.2e-3, search.best_choices


def test_the_model_orders_what_it_did_not_see() -> None:
    """Also for another kernel: only the order within each counts."""
    laboratory = FakeLaboratory()
    workload = workloads(HOST, 8)[0]
    seen = laboratory.describe(workload, [Proposal({}, seed) for seed in range(120)])
    model = RankingModel(0, 1)
    slow = [Sample("slow", c.features, 1e3 * cost(c.choices)) for c in seen[:60]]
    fast = [Sample("fast", c.features, cost(c.choices)) for c in seen[60:]]
    model.fit([*slow, *fast, Sample("fast", {**seen[0].features, "tile.0": -1.0}, math.inf)])
    others = laboratory.describe(workload, [Proposal({}, seed) for seed in range(200, 260)])
    ranks = model.rank([c.features for c in others])
    pairs = [(i, j) for i in range(60) for j in range(60) if cost(others[i].choices) < 0.7 * cost(others[j].choices)]
    right = sum(ranks[i] > ranks[j] for i, j in pairs)
    assert right > 0.9 * len(pairs)


def test_a_small_space_is_exhausted() -> None:
    def ask(knobs: Knobs) -> dict[str, object]:
        knobs.choose("rule.tile", ((1, 1), (2, 2)), (1, 1))
        knobs.choose("rule.unroll", (1, 2), 1)
        return dict(knobs.choices)

    laboratory, chance = FakeLaboratory(space=ask), random.Random(0)
    search = Search(workloads(HOST, 8)[0])
    describe = partial(laboratory.describe, search.workload)
    rounds = 0
    while not search.is_finished:
        rounds += 1
        for candidate in search.propose(8, describe, NoModel(), chance):
            search.add(trial(search, candidate, cost(candidate.choices)))
    assert len(search.seen) == 4 and rounds <= 6


def test_a_search_without_improvement_ends() -> None:
    search = Search(workloads(HOST, 8)[0], patience=10)
    candidates = FakeLaboratory().describe(search.workload, [Proposal({}, seed) for seed in range(40)])
    for number, candidate in enumerate(candidates):
        search.add(trial(search, candidate, 1.0 if number != 3 else 0.5))
        assert search.is_finished == (number >= 13)


def with_history(search: Search, *seconds: float) -> Search:
    for number, value in enumerate(seconds):
        (candidate,) = FakeLaboratory().describe(search.workload, [Proposal({}, number)])
        search.add(trial(search, candidate, value))
    return search


def test_trials_go_where_they_save_most() -> None:
    chance = random.Random(3)
    twice, once = (Search(w, operations=1000) for w in workloads(HOST, 8, 16))
    assert (twice.workload.count, once.workload.count) == (2, 1)
    with_history(twice, 1.0), with_history(once, 1.0)
    assert next_search([once, twice], chance) is twice  # the same time, but called twice
    with_history(twice, *[1.0] * 20)
    assert next_search([once, twice], chance) is once  # nothing was gained there
    with_history(once, *[1.0] * 20)
    before = gain(once, 0.0)
    with_history(once, 0.5)
    assert gain(once, 0.0) > before * 0.5  # what improves may improve more
    slow = with_history(Search(once.workload, operations=1000), *[10.0] * 21)
    assert next_search([once, twice, slow], random.Random(3)) is slow  # others of its kind are 20 times as fast


def test_failed_candidates_are_no_parents() -> None:
    search = Search(workloads(HOST, 8)[0])
    laboratory = FakeLaboratory()
    good, bad = laboratory.describe(search.workload, [Proposal({}), Proposal({"rule.unroll": 16})])
    for candidate, seconds in ((bad, math.inf), (good, 1e-3)):
        search.candidates[choices_text(candidate.choices)] = candidate
        search.add(trial(search, candidate, seconds))
    assert search.best_choices == choices_text(good.choices)
    assert search.best == 1e-3
    assert choices_text(bad.choices) in search.seen
