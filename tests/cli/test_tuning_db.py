"""``onnxc tuning-db``, and databases that are damaged, locked, foreign, newer, or cannot be written."""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import asdict
from pathlib import Path

import pytest

from onnxc.autotune import database as database_module
from onnxc.autotune.database import Database, Trial
from tests.cli.command import DIGITS, Command
from tests.cli.processes import run

TRIALS = [Trial("a kernel", "cpu", {"knob": index}, created=str(index), error_text="x" * 200) for index in range(100)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Database(tmp_path / "t.sqlite", create=True).add(TRIALS, {"a kernel": ("title", "text")})
    return tmp_path / "t.sqlite"


def _fails(onnxc: Command, path: Path, *texts: str, whole: bool = False) -> None:
    """Every command that reads the database (or `whole` of it) says so, and the database is as it was."""
    before = path.read_bytes()
    commands: list[tuple[object, ...]] = [
        ("tuning-db", "show", path),
        ("tuning-db", "export", path, path.with_name("lines.jsonl")),
        ("tuning-db", "import", path.with_name("other.sqlite"), path),
    ]
    if not whole:
        commands.append(("compile", DIGITS, "-o", path.with_name("out"), "--tuning-db", path))
    for command in commands:
        error = onnxc.fail(*command)
        assert all(text in error for text in texts), error
    assert path.read_bytes() == before
    assert not list(path.parent.glob("lines.jsonl")) and not list(path.parent.glob("out"))


def test_damaged(path: Path, onnxc: Command) -> None:
    data = path.read_bytes()
    for start, end in ((0, 4), (100, 120), (4096, 4200), (len(data) // 2, len(data))):
        path.write_bytes(data[:start] + b"\xff" * (end - start) + data[end:])
        _fails(onnxc, path, "t.sqlite", whole=start > 4000)
    path.write_bytes(data[: len(data) // 3])
    _fails(onnxc, path, "t.sqlite", whole=True)


@pytest.mark.parametrize(
    ("column", "value"),
    [("choices", "[1"), ("choices", "3"), ("warm", "{}x"), ("warm", '["a"]'), ("tools", "[]"), ("cpu", 7)],
)
def test_rows_of_others(column: str, value: object, path: Path, onnxc: Command) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE trials SET {column} = ?", (value,))
        if column == "cpu":
            connection.execute("UPDATE trials SET is_default = x'ff'")
    connection.close()
    for command in (("show", path), ("export", path, path.with_name("lines.jsonl"))):
        assert "is no tuning database, or it is damaged" in onnxc.fail("tuning-db", *command)


def test_foreign(tmp_path: Path, onnxc: Command) -> None:
    path = tmp_path / "t.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    _fails(onnxc, path, "is no tuning database", "onnxc tune")
    assert "is no tuning database" in onnxc.fail("tuning-db", "import", path, path)
    assert "is no tuning database" in onnxc.fail("tune", DIGITS, "--tuning-db", path, "--no-cost-model")


def test_newer(path: Path, onnxc: Command) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    _fails(onnxc, path, "has version 9", "expected: version 1", "remedy: ")


def test_tables_that_are_missing(path: Path, onnxc: Command) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE trials")
    connection.close()
    assert "no such table" in onnxc.fail("tuning-db", "show", path)


def test_locked(path: Path, onnxc: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "_PATIENCE", 0.1)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    assert "database is locked" in onnxc.fail("tuning-db", "show", path)
    other = path.with_name("other.jsonl")
    other.write_text(json.dumps({**asdict(TRIALS[0]), "title": "", "text": ""}))
    error = onnxc.fail("tuning-db", "import", path, other)
    assert "database is locked" in error and "remedy: " in error
    holder.close()


def test_places(path: Path, tmp_path: Path, onnxc: Command) -> None:
    assert "Is a directory" in onnxc.fail("tuning-db", "show", tmp_path)
    assert "No such file" in onnxc.fail("tuning-db", "show", tmp_path / "missing")
    assert "no folder" in onnxc.fail("tuning-db", "import", tmp_path / "none" / "t", path)
    assert "no tuning database" in onnxc.fail("tuning-db", "import", tmp_path, path)
    if os.geteuid() != 0:
        path.chmod(0o400)
        assert "title" in onnxc.succeed("tuning-db", "show", path)
        assert "readonly" in onnxc.fail("tuning-db", "import", path, path)


def test_nothing_is_half_imported(path: Path, tmp_path: Path, onnxc: Command) -> None:
    broken = tmp_path / "broken.jsonl"
    onnxc.succeed("tuning-db", "export", path, broken)
    broken.write_text(broken.read_text() + '{"choices": {}}\n')
    assert "line 101" in onnxc.fail("tuning-db", "import", tmp_path / "new.sqlite", path, broken)
    assert not (tmp_path / "new.sqlite").exists()


def test_an_export_through_a_pipe(path: Path, tmp_path: Path, onnxc: Command) -> None:
    onnxc.succeed("tuning-db", "export", path, tmp_path / "lines.jsonl")
    with (tmp_path / "lines.jsonl").open() as lines:
        code, out, err = run(["tuning-db", "import", tmp_path / "new.sqlite", "/dev/stdin"], stdin=lines)
    assert (code, err) == (0, "") and "100 new trials" in out
