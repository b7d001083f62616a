"""All trials in one SQLite file, which any number of processes may use at the same time.

Each trial is one transaction: what was measured is kept, whatever happens to the tuner next. The journal is SQLite's
rollback journal, so that a database at rest is one file, which can be copied, and read where it cannot be written.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import statistics
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..diagnostics import CompileError
from ..kernel.knobs import Option

#: SQLite's fields for what kind of file it is ("onxt") and of which version of the tables.
APPLICATION = 0x6F6E7874
VERSION = 1

#: Seconds to wait for other processes.
_PATIENCE = 60.0

_TABLES = """
CREATE TABLE workloads (
    key TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    text TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE trials (
    id TEXT PRIMARY KEY,
    workload TEXT NOT NULL REFERENCES workloads(key),
    cpu TEXT NOT NULL,
    choices TEXT NOT NULL,
    is_default TEXT NOT NULL,
    warm TEXT NOT NULL,
    flushed TEXT NOT NULL,
    error TEXT NOT NULL,
    error_text TEXT NOT NULL,
    machine TEXT NOT NULL,
    tools TEXT NOT NULL,
    features TEXT NOT NULL,
    created TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX trials_of_workload ON trials(workload);
"""


@dataclass(frozen=True)
class Trial:
    """One candidate, built and measured once.

    Attributes
    ----------
    workload : str
        `Workload.key`.
    cpu : str
        The target's processor.
    choices : mapping
        Of every knob.
    is_default : bool
        They are the schedule's defaults.
    warm, flushed : tuple of float
        Seconds a call: see `measure.Times`; empty after an error.
    error, error_text : str
        See `tasks.Outcome`.
    machine : str
        The processor that it was measured on.
    tools : mapping
        Versions of onnxc, of TVM, and of the C compiler; as ``measured``, how: `measure.METHOD`, or
        `whole_model.IN_MODEL`; then as ``run`` in which run of models, where alone times compare.
    features : mapping
        For cost models of later runs.
    created : str
        Time (UTC, ISO 8601).
    """

    workload: str
    cpu: str
    choices: Mapping[str, Option]
    is_default: bool = False
    warm: tuple[float, ...] = ()
    flushed: tuple[float, ...] = ()
    error: str = ""
    error_text: str = ""
    machine: str = ""
    tools: Mapping[str, str] = field(default_factory=dict)
    features: Mapping[str, float] = field(default_factory=dict)
    created: str = ""

    @property
    def seconds(self) -> float | None:
        """What trials are compared by; None after an error."""
        if self.error or not self.warm or not self.flushed:
            return None
        return statistics.median(self.flushed)

    @property
    def key(self) -> str:
        """What tells choices apart, as text."""
        return choices_text(self.choices)


def choices_text(choices: Mapping[str, Option]) -> str:
    """Choices as JSON, the same text for the same choices."""
    return json.dumps(dict(choices), sort_keys=True, separators=(",", ":"))


def now() -> str:
    """The time as trials have it."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


class Database:
    """A file of trials.

    Parameters
    ----------
    path : Path
    create : bool
        Make it if there is none.

    Raises
    ------
    CompileError
        There is no such file, or it is something else, or it cannot be read.
    """

    def __init__(self, path: Path, create: bool = False) -> None:
        self.path = path
        if not path.is_file():
            if path.exists() or not create:
                raise CompileError(
                    f"there is no tuning database '{path}'", remedy="make one with 'onnxc tune MODEL --tuning-db FILE'"
                )
            if not path.parent.is_dir():
                raise CompileError(f"there is no folder '{path.parent}' for the tuning database")
        with self._connection() as connection:
            if not self._check(connection):
                with connection:
                    connection.execute("BEGIN EXCLUSIVE")
                    if not self._check(connection):  # nobody was faster
                        for statement in _TABLES.split(";"):
                            connection.execute(statement)
                        connection.execute(f"PRAGMA application_id = {APPLICATION}")
                        connection.execute(f"PRAGMA user_version = {VERSION}")

    def _check(self, connection: sqlite3.Connection) -> bool:
        """Is it a database of ours (or still empty)?"""
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application == APPLICATION and version == VERSION:
            return True
        if application == APPLICATION:
            raise CompileError(
                f"the tuning database '{self.path}' has version {version}",
                expected=f"version {VERSION}",
                remedy="use the onnxc that made it, or another file",
            )
        if tables:
            raise self._foreign()
        return False

    def _foreign(self, reason: object = "") -> CompileError:
        found = f"'{self.path}' is no tuning database"
        return CompileError(
            f"{found}, or it is damaged: {reason}" if reason else found, expected="a file made by 'onnxc tune'"
        )

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection for one use: connections may not be shared by threads or survive a fork."""
        try:
            with closing(sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None)) as connection:
                yield connection
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                remedy = "end the process that holds it, or wait for it" if "locked" in str(error) else ""
                raise CompileError(
                    f"the tuning database '{self.path}' cannot be used: {error}", remedy=remedy
                ) from error
            raise self._foreign(error) from error
        except _BROKEN as error:
            raise self._foreign(error) from error

    def add(self, trials: Iterable[Trial], titles: Mapping[str, tuple[str, str]]) -> int:
        """Keep trials, all or none of them; what is there already stays as it is.

        Parameters
        ----------
        trials : iterable of Trial
        titles : mapping
            For the keys of their workloads: a title for people, and the text of the function.

        Returns
        -------
        int
            How many were new.
        """
        with self._connection() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            (before,) = connection.execute("SELECT count(*) FROM trials").fetchone()
            for trial in trials:
                title, text = titles.get(trial.workload, ("", ""))
                connection.execute("INSERT OR IGNORE INTO workloads VALUES (?, ?, ?)", (trial.workload, title, text))
                row = _row(trial)
                places = ", ".join("?" * len(row))
                connection.execute(f"INSERT OR IGNORE INTO trials VALUES ({places})", row)
            (after,) = connection.execute("SELECT count(*) FROM trials").fetchone()
            return int(after - before)

    def trials(self, workload: str | None = None) -> list[Trial]:
        """Trials of a workload, or all; the oldest first."""
        names = ", ".join(f.name for f in fields(Trial))
        where, values = ("", ()) if workload is None else ("WHERE workload = ?", (workload,))
        with self._connection() as connection:
            rows = connection.execute(f"SELECT {names} FROM trials {where} ORDER BY created, id", values)
            return [_trial(row) for row in rows]

    def titles(self) -> dict[str, tuple[str, str]]:
        """Title and text of each workload, by its key."""
        with self._connection() as connection:
            return {key: (title, text) for key, title, text in connection.execute("SELECT * FROM workloads")}


#: What rows raise that others than `_row` have written.
_BROKEN = (ValueError, TypeError, KeyError, AttributeError, RecursionError)

_JSON = ("choices", "is_default", "warm", "flushed", "tools", "features")


def _row(trial: Trial) -> tuple[str, ...]:
    values = [
        json.dumps(value, sort_keys=True, separators=(",", ":")) if name in _JSON else str(value)
        for name, value in ((f.name, getattr(trial, f.name)) for f in fields(Trial))
    ]
    digest = hashlib.sha256(json.dumps(values).encode("utf-8", "surrogatepass")).hexdigest()
    return (digest[:32], *values)


def _trial(row: Iterable[str]) -> Trial:
    names = [f.name for f in fields(Trial)]
    values: dict[str, Any] = {
        name: json.loads(value) if name in _JSON else value for name, value in zip(names, row, strict=True)
    }
    return _from_json(values)


def _from_json(values: dict[str, Any]) -> Trial:
    """A trial; raises one of `_BROKEN` for values of other types than a trial's."""
    values["choices"] = {k: tuple(v) if isinstance(v, list) else v for k, v in values["choices"].items()}
    for name in ("warm", "flushed"):
        values[name] = tuple(map(float, values[name]))
    for name in ("workload", "cpu", "error", "error_text", "machine", "created"):
        if not isinstance(values.get(name, ""), str):
            raise TypeError(f"{name} is no text")
    for name in ("tools", "features"):
        if not isinstance(values.get(name, {}), dict):
            raise TypeError(f"{name} is no mapping")
    return Trial(**values)


def write_lines(trials: Iterable[Trial], titles: Mapping[str, tuple[str, str]], path: Path, texts: bool = True) -> int:
    """Write trials as JSON, one a line, each with its workload's title and, if wanted, text; how many they are."""
    count = 0
    with open(path, "w", encoding="utf-8") as file:
        for trial in trials:
            title, text = titles.get(trial.workload, ("", ""))
            facts = {**asdict(trial), "title": title, "text": text if texts else ""}
            file.write(json.dumps(facts, sort_keys=True, separators=(",", ":")) + "\n")
            count += 1
    return count


def read_lines(text: str, name: str) -> tuple[list[Trial], dict[str, tuple[str, str]]]:
    """Trials, and titles and texts of their workloads, out of what `write_lines` wrote.

    Raises
    ------
    CompileError
        The text of the file so named is something else.
    """
    trials, titles = [], {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            facts = json.loads(line)
            title = (str(facts.pop("title")), str(facts.pop("text")))
            trial = _from_json(facts)
        except _BROKEN:
            raise CompileError(f"line {number} of '{name}' is no trial", expected="what onnxc has exported") from None
        trials.append(trial)
        titles[trial.workload] = title
    return trials, titles


def is_database(path: Path) -> bool:
    """Is the file one of SQLite's?"""
    with open(path, "rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def load_trials(path: Path) -> tuple[list[Trial], dict[str, tuple[str, str]]]:
    """All trials of a file, which may be a database or an export of one, and the titles of their workloads."""
    try:
        if path.is_file() and is_database(path):  # what comes through a pipe cannot be read twice
            database = Database(path)
            return database.trials(), database.titles()
        return read_lines(path.read_text(encoding="utf-8"), path.name)
    except UnicodeDecodeError as error:
        raise CompileError(f"'{path}' holds no trials", expected="a tuning database, or an export of one") from error
    except OSError as error:
        raise CompileError(f"'{path}' cannot be read: {error.strerror}") from error
