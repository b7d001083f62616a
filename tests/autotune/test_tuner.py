"""Runs of the tuner in a laboratory without a compiler: what is kept, taken up again, and refused."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from onnxc import targets
from onnxc.autotune.children import IsolationError
from onnxc.autotune.cost_model import NoModel, Sample
from onnxc.autotune.database import Database
from onnxc.autotune.records import best_choices
from onnxc.autotune.tasks import Outcome
from onnxc.autotune.tuner import FINALISTS, Progress, Result, TuneOptions, Tuner
from onnxc.autotune.whole_model import IN_MODEL
from onnxc.diagnostics import CompileError
from onnxc.kernel.knobs import Knobs
from tests.autotune.fakes import FakeLaboratory, cost, outcome, workloads

HOST = targets.find("x86-64-v3")
KERNELS = workloads(HOST, 8, 16)


def tune(path: Path, laboratory: FakeLaboratory, trials: int = 60, model: Any = None, **options: Any) -> Result:
    database = Database(path / "t.sqlite", create=True)
    tuner = Tuner(KERNELS, laboratory, database, model or NoModel(), TuneOptions(trials, **options))
    return tuner.run()


def test_all_trials_are_kept(tmp_path: Path) -> None:
    laboratory = FakeLaboratory()
    result = tune(tmp_path, laboratory)
    trials = Database(tmp_path / "t.sqlite").trials()
    alone = [t for t in trials if t.tools.get("measured") != IN_MODEL]
    assert len(alone) == len(laboratory.measured) == result.measured
    assert len({(t.workload, t.key) for t in alone}) == 60
    for workload in KERNELS:
        own = [t for t in alone if t.workload == workload.key]
        assert own[0].is_default and all(t.features and t.tools == laboratory.tools for t in own)
        best = best_choices(own, HOST.cpu)
        assert cost(best) < cost(own[0].choices) / 2


def test_the_best_are_measured_in_the_model(tmp_path: Path) -> None:
    laboratory = FakeLaboratory()
    result = tune(tmp_path, laboratory)
    # Defaults and three finalists of each kernel, then defaults and the best of these together.
    first, *finalists, defaults, together = laboratory.models
    assert first == defaults == {} and len(finalists) == FINALISTS
    assert set(together) == {workload.key for workload in KERNELS}
    for search in result.searches:
        key = search.workload.key
        own = [t for t in Database(tmp_path / "t.sqlite").trials(key) if t.tools.get("measured") == IN_MODEL]
        assert sorted(t.tools["run"] for t in own)[0] != own[-1].tools["run"]  # two runs
        assert together[key] == finalists[0][key] == best_choices(own, HOST.cpu)
        assert result.doubt == "" and search.verdict is not None
        default = next(t.choices for t in own if t.is_default)
        assert search.gain.default / search.gain.best == pytest.approx(cost(default) / cost(together[key]))


class _OtherInModel(FakeLaboratory):
    """In the model nothing is as good as the defaults but tiles of (8, 4), four times unrolled."""

    def run_models(self, variants: Any, seconds: float) -> Any:
        (found,) = super().run_models(variants, seconds)
        for variant, times in zip(variants, found, strict=True):
            for key, choices in variant.items():
                times[key] = 0.5e-3 if choices["rule.unroll"] == 4 and choices["rule.tile"] == (8, 4) else 9.0
        return [found]


def test_the_model_has_the_last_word(tmp_path: Path) -> None:
    result = tune(tmp_path, _OtherInModel(), trials=30)
    for search in result.searches:
        trials = Database(tmp_path / "t.sqlite").trials(search.workload.key)
        alone = [t for t in trials if t.tools.get("measured") != IN_MODEL]
        assert best_choices(alone, HOST.cpu) != {}
        best = best_choices(trials, HOST.cpu)
        if best:
            assert (best["rule.unroll"], best["rule.tile"]) == (4, (8, 4))
        assert search.verdict is not None and search.gain.best == (0.5e-3 if best else search.gain.default)


class _NoModel(FakeLaboratory):
    def run_models(self, variants: Any, seconds: float) -> Any:
        raise IsolationError("crash", "it ended with signal 11")


def test_without_a_model_kernels_measured_alone_count(tmp_path: Path) -> None:
    result = tune(tmp_path, _NoModel())
    assert result.doubt == "it ended with signal 11"
    for search in result.searches:
        best = best_choices(Database(tmp_path / "t.sqlite").trials(search.workload.key), HOST.cpu)
        assert cost(best) == pytest.approx(search.gain.best)


def test_the_same_seed_does_the_same(tmp_path: Path) -> None:
    runs = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        laboratory = FakeLaboratory()
        tune(tmp_path / name, laboratory, seed=5)
        runs.append(laboratory.measured)
    assert runs[0] == runs[1]


class _Stop(FakeLaboratory):
    """Ctrl-C comes while the n-th candidate is measured."""

    def __init__(self, after: int) -> None:
        super().__init__(self._run)
        self._left = after

    def _run(self, choices: Mapping[str, Any]) -> float:
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        return cost(choices)


@pytest.mark.parametrize("after", [1, 2, 3, 29])
def test_a_run_that_was_stopped_goes_on(after: int, tmp_path: Path) -> None:
    first = _Stop(after)
    result = tune(tmp_path, first)
    assert result.interrupted and result.measured == after
    assert len(Database(tmp_path / "t.sqlite").trials()) == after
    second = FakeLaboratory()
    assert not tune(tmp_path, second).interrupted
    done = [(key, str(sorted(choices.items()))) for key, choices in first.measured[:after]]
    again = [(key, str(sorted(choices.items()))) for key, choices in second.measured]
    # Of what was measured, only defaults and finalists are measured again.
    assert len(set(done) & set(again)) <= 2 * 4
    assert len({(t.workload, t.key) for t in Database(tmp_path / "t.sqlite").trials()}) == 60


def test_what_is_done_needs_no_more_trials(tmp_path: Path) -> None:
    tune(tmp_path, FakeLaboratory())
    laboratory = FakeLaboratory()
    assert tune(tmp_path, laboratory).measured <= 2 * len(KERNELS)


def test_other_tools_begin_anew_but_teach_the_model(tmp_path: Path) -> None:
    tune(tmp_path, FakeLaboratory())
    laboratory = FakeLaboratory()
    laboratory.tools = {"onnxc": "1"}
    result = tune(tmp_path, laboratory)
    assert result.measured >= 60 - 2


class _Listening(NoModel):
    def __init__(self) -> None:
        self.heard: list[Sample] = []

    def fit(self, samples: Any) -> None:
        self.heard = list(samples)


def test_the_model_starts_with_what_others_have_measured(tmp_path: Path) -> None:
    database = Database(tmp_path / "t.sqlite", create=True)
    Tuner(workloads(HOST, 32), FakeLaboratory(), database, NoModel(), TuneOptions(20)).run()
    model, laboratory = _Listening(), _Stop(2)
    tune(tmp_path, laboratory, model=model)
    assert len(model.heard) >= 20


def test_bad_candidates_are_kept_and_not_tried_again(tmp_path: Path) -> None:
    errors = ("run crash", "run timeout", "build error")

    def run(choices: Mapping[str, Any]) -> float | Outcome:
        if choices["rule.unroll"] == 1:
            return cost(choices)
        if choices["rule.unroll"] == 16:
            return outcome(1e-9, total=2.0)  # fast, but wrong
        return Outcome(None, errors[choices["rule.unroll"] // 4], "why")

    result = tune(tmp_path, FakeLaboratory(run))
    trials = Database(tmp_path / "t.sqlite").trials()
    assert {t.error for t in trials} == {"", "wrong result", *errors}
    assert all((t.seconds is None) == bool(t.error) for t in trials)
    failed = [(t.workload, t.key) for t in trials if t.error]
    assert len(failed) == len(set(failed))
    for search in result.searches:
        assert best_choices(search.trials, HOST.cpu)["rule.unroll"] == 1


def test_defaults_that_cannot_run_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="cannot be measured: run crash: signal 4"):
        tune(tmp_path, FakeLaboratory(lambda choices: Outcome(None, "run crash", "signal 4")))


def test_time_budget(tmp_path: Path) -> None:
    pause = threading.Event()

    def run(choices: Mapping[str, Any]) -> float:
        pause.wait(0.02)
        return cost(choices)

    result = tune(tmp_path, FakeLaboratory(run), trials=10_000, time_budget=1.0)
    assert 4 < result.measured < 60


def test_progress(tmp_path: Path) -> None:
    told: list[Progress] = []
    database = Database(tmp_path / "t.sqlite", create=True)
    Tuner(KERNELS, FakeLaboratory(), database, NoModel(), TuneOptions(40), told.append).run()
    assert [p.trials for p in told] == sorted(p.trials for p in told)
    last = told[-1]
    assert (last.trials, last.of) == (40, 40) and last.model < last.default / 2
    assert last.speed == pytest.approx(1e6 / last.best) and last.share == pytest.approx(last.speed / 1e11)
    assert last.default == pytest.approx(3 * cost({"rule.tile": (1, 1), "rule.unroll": 1}))


def test_kernels_without_choices_are_left_alone(tmp_path: Path) -> None:
    laboratory = FakeLaboratory(lambda choices: 1.0, _one_way)
    result = tune(tmp_path, laboratory)
    assert not result.searches and not laboratory.measured


def _one_way(knobs: Knobs) -> dict[str, Any]:
    knobs.choose("rule.tile", ((1, 1),), (1, 1))
    knobs.choose("rule.unroll", (1,), 1)
    return knobs.choices


def test_kernels_without_a_schedule_are_an_error(tmp_path: Path) -> None:
    laboratory = FakeLaboratory()
    laboratory.describe = lambda workload, proposals: []  # type: ignore[method-assign]
    with pytest.raises(CompileError, match="cannot be scheduled"):
        tune(tmp_path, laboratory)
