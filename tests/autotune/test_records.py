"""Which choices records give to kernels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from onnxc import targets
from onnxc.autotune.database import Database, Trial, load_trials, write_lines
from onnxc.autotune.measure import METHOD
from onnxc.autotune.records import WORTH, Records, best_choices, condensed, verdict
from onnxc.autotune.whole_model import IN_MODEL
from onnxc.autotune.workload import workload_key
from onnxc.diagnostics import CompileError
from onnxc.relay.expr import Function
from onnxc.transform.pipeline import PassContext, run_pipeline
from tests.kernel.native import Graph

HOST = targets.find("x86-64-v3")
TODAY = {"measured": METHOD}


def trial(tile: int, seconds: float | None, **facts: Any) -> Trial:
    times = () if seconds is None else (seconds,)
    known = Trial("w", "cpu", {"rule.tile": tile}, tile == 1, times, times, "" if times else "run crash", machine="m")
    return replace(known, **facts)


def run(name: str) -> dict[str, str]:
    """Tools of trials in a run of models."""
    return {"measured": IN_MODEL, "run": name}


@pytest.mark.parametrize(
    ("trials", "tile"),
    [
        ([trial(1, 1.0), trial(2, 0.5), trial(4, 0.7)], 2),
        ([trial(1, 1.0), trial(2, 0.99)], None),  # not clearly better
        ([trial(1, 1.0)], None),
        ([trial(2, None)], None),
        ([], None),
        ([trial(1, 1.0), trial(2, 0.3), trial(2, 0.9), trial(4, 0.5)], 4),  # the median of 2's times is more
        ([trial(1, 1.0), trial(2, None), trial(4, 0.9)], 4),
        # Nor one way of measuring with another: today's counts.
        ([trial(1, 1.0, tools=TODAY), trial(2, 0.5, tools=TODAY), trial(4, 0.1)], 2),
        # Luck on a busy machine: the defaults were as fast once, or the others as slow.
        ([trial(1, 1.0), trial(1, 1.4), trial(2, 0.99)], None),
        ([trial(1, 1.0), trial(2, 0.2), trial(2, 1.1), trial(4, 0.9)], 4),
        # What was measured in the model counts more than what was measured alone; it compares within its run.
        ([trial(1, 1.0), trial(2, 0.5), trial(1, 1.0, tools=run("a")), trial(2, 1.1, tools=run("a"))], None),
        ([trial(1, 1.0, tools=run("a")), trial(2, 0.9, tools=run("a")), trial(4, 0.8, tools=run("b"))], 2),
        (
            [
                trial(1, 1.0, tools=run("a")),
                trial(2, 0.9, tools=run("a")),
                trial(1, 0.5, tools=run("b")),
                trial(2, 0.47, tools=run("b")),
                trial(4, 0.46, tools=run("b")),
            ],
            2,
        ),
        (
            [
                trial(1, 1.0, tools=run("a")),
                trial(2, 0.9, tools=run("a")),
                trial(1, 0.5, tools=run("b")),
                trial(2, 0.5, tools=run("b")),
            ],
            None,
        ),
        # The own processor; else any is better than nothing.
        ([trial(1, 1.0), trial(2, 0.5), trial(4, 0.1, cpu="other"), trial(1, 0.2, cpu="other")], 2),
        ([trial(1, 1.0, cpu="other"), trial(2, 0.5, cpu="other")], 2),
        # One machine is not compared with another: the one with more trials counts.
        ([trial(1, 1.0), trial(2, 0.5), trial(4, 0.6), trial(4, 0.1, machine="x"), trial(1, 0.2, machine="x")], 2),
    ],
)
def test_the_best(trials: Sequence[Trial], tile: int | None) -> None:
    assert best_choices(trials, "cpu") == ({} if tile is None else {"rule.tile": tile})
    assert best_choices(condensed(trials), "cpu") == best_choices(trials, "cpu")
    found = verdict(trials, "cpu")
    if any(t.is_default for t in trials):
        assert found is not None and (found.best <= WORTH * found.default if tile else found.best == found.default)
    else:
        assert found is None


def function(columns: int = 8, name: str = "x") -> Function:
    graph = Graph()
    module = run_pipeline(graph.module([graph("nn.softmax", graph.input(3, columns), axis=1)]), PassContext(HOST, 3))
    (found,) = (f for f in module.functions.values() if f.is_primitive)
    return found


def test_keys_tell_kernels_and_kinds_of_targets_apart() -> None:
    key = workload_key(function(), HOST)
    assert key == workload_key(function(), HOST)
    assert key != workload_key(function(16), HOST)
    assert key != workload_key(function(), targets.find("x86-64-v4"))
    assert key == workload_key(function(), replace(HOST, name="mine", cpu="znver3"))  # a guess for other processors


def test_databases_and_exports_give_choices(tmp_path: Path) -> None:
    key = workload_key(function(), HOST)
    trials = [trial(1, 1.0, workload=key), trial(2, 0.5, workload=key)]
    titles = {key: ("softmax", "")}
    Database(tmp_path / "a.sqlite", create=True).add(trials, titles)
    write_lines(trials, titles, tmp_path / "a.jsonl")
    for name in ("a.sqlite", "a.jsonl"):
        records = Records([tmp_path / name], shipped=False)
        assert records.choices(function(), HOST) == {"rule.tile": 2}
        assert records.choices(function(16), HOST) == {}
    assert Records(shipped=False).choices(function(), HOST) == {}


def test_the_first_database_that_knows_a_kernel_counts(tmp_path: Path) -> None:
    key = workload_key(function(), HOST)
    for name, tile in (("a.sqlite", 2), ("b.sqlite", 4)):
        trials = [trial(1, 1.0, workload=key), trial(tile, 0.5, workload=key)]
        Database(tmp_path / name, create=True).add(trials, {})
    Database(tmp_path / "empty.sqlite", create=True)
    paths = [tmp_path / name for name in ("empty.sqlite", "b.sqlite", "a.sqlite")]
    assert Records(paths).choices(function(), HOST) == {"rule.tile": 4}


def test_a_missing_database_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="there is no tuning database"):
        Records([tmp_path / "missing"])


def test_what_ships_can_be_read() -> None:
    from importlib.resources import files

    exports = [entry for entry in files("onnxc.autotune").iterdir() if entry.name.endswith(".jsonl")]
    for entry in exports:
        trials, _ = load_trials(Path(str(entry)))
        assert trials and all(t.seconds is not None for t in trials)
        kernels = Counter((t.workload, t.cpu) for t in trials)
        assert max(kernels.values()) <= 2, "export with --best"
        assert {(t.workload, t.cpu) for t in trials if t.is_default} == set(kernels)
