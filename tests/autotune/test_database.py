"""The database of trials: what goes in comes out, whoever else writes, and whatever ends the writer."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from onnxc.autotune.database import Database, Trial, load_trials, now, write_lines
from onnxc.diagnostics import CompileError

TRIAL = Trial(
    "a" * 64, "znver3", {"rule.tile": (1, 2), "rule.order": "in"}, True, (1e-3, 1.5e-3), (2e-3,), "", "", "this one",
    {"onnxc": "1", "tvm": "2"}, {"knob": 1.5}, "2026-01-01T00:00:00.000+00:00",
)  # fmt: skip
FAILED = replace(TRIAL, warm=(), flushed=(), error="run crash", error_text="signal 11", machine="", is_default=False)
TITLES = {TRIAL.workload: ("softmax 3x4", "fn ...")}


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    database = Database(tmp_path / "t.sqlite", create=True)
    assert database.add([TRIAL, FAILED, TRIAL], TITLES) == 2
    assert database.add([TRIAL], TITLES) == 0
    found = Database(tmp_path / "t.sqlite").trials(TRIAL.workload)
    assert sorted(found, key=lambda t: t.error) == [TRIAL, FAILED]
    assert database.trials("b" * 64) == []
    assert database.titles() == TITLES
    assert [p.name for p in tmp_path.iterdir()] == ["t.sqlite"]  # at rest it is one file


@pytest.mark.parametrize(
    ("trial", "seconds"),
    [(TRIAL, 2e-3), (FAILED, None), (replace(TRIAL, error="wrong result"), None)],
)
def test_seconds(trial: Trial, seconds: float | None) -> None:
    assert trial.seconds == seconds


def test_export_and_import(tmp_path: Path) -> None:
    database = Database(tmp_path / "t.sqlite", create=True)
    database.add([TRIAL, FAILED], TITLES)
    assert write_lines(database.trials(), database.titles(), tmp_path / "t.jsonl") == 2
    for source in ("t.sqlite", "t.jsonl"):
        trials, titles = load_trials(tmp_path / source)
        assert titles == TITLES
        other = Database(tmp_path / f"from_{source}", create=True)
        assert (other.add(trials, titles), other.add(trials, titles)) == (2, 0)
        assert other.trials() == database.trials() and other.titles() == TITLES


def _newer(path: Path) -> None:
    Database(path, create=True)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def _foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE x (y)")
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda path: None, "there is no tuning database"),
        (lambda path: path.mkdir(), "there is no tuning database"),
        (lambda path: path.write_bytes(b"no database" * 100), "is no tuning database"),
        (_foreign, "is no tuning database"),
        (_newer, "has version 99"),
    ],
    ids=["missing", "folder", "garbage", "foreign", "newer"],
)
def test_errors_are_for_people(prepare: object, message: str, tmp_path: Path) -> None:
    prepare(tmp_path / "t.sqlite")  # type: ignore[operator]
    with pytest.raises(CompileError, match=message):
        Database(tmp_path / "t.sqlite")


@pytest.mark.parametrize("text", ["[]\n", "{}\n", '{"title": "", "text": "", "workload": 3}\n', "x", "\xff\n"])
def test_imports_of_something_else(text: str, tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_bytes(text.encode("latin-1"))
    with pytest.raises(CompileError, match=r"t\.jsonl"):
        load_trials(tmp_path / "t.jsonl")


_WRITER = """
import sys, itertools
from dataclasses import replace
from pathlib import Path
from onnxc.autotune.database import Database
from tests.autotune.test_database import TITLES, TRIAL
database = Database(Path(sys.argv[1]), create=True)
for number in itertools.count() if sys.argv[3] == "all" else range(int(sys.argv[3])):
    database.add([replace(TRIAL, error_text=f"{sys.argv[2]} {number}")], TITLES)
    print(number, flush=True)
"""


def _writer(path: Path, name: str, count: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _WRITER, str(path), name, count], stdout=subprocess.PIPE)


def test_processes_write_at_the_same_time(tmp_path: Path) -> None:
    """The file itself is made by whichever is first."""
    path = tmp_path / "t.sqlite"
    writers = [_writer(path, str(number), "20") for number in range(3)]
    assert [w.wait(60) for w in writers] == [0, 0, 0]
    assert {t.error_text for t in Database(path).trials()} == {f"{w} {n}" for w in range(3) for n in range(20)}


def test_a_killed_writer_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    writer = _writer(path, "w", "all")
    assert writer.stdout is not None
    for _ in range(5):
        writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    told = 5 + len(writer.stdout.read().splitlines())
    writer.wait()
    kept = {t.error_text for t in Database(path).trials()}
    assert {f"w {n}" for n in range(told)} <= kept and len(kept) <= told + 1
    assert Database(path).add([TRIAL], TITLES) == 1


def test_times_are_in_order() -> None:
    first = now()
    assert first <= now() and first.endswith("+00:00")
