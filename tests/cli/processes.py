"""Runs the command line in processes of its own, as a shell does: for signals, closed files and what is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

#: Runs a command after ``SETUP``, in which ``stage(module, name)`` makes a function send a signal before it works.
_PROGRAM = """
import importlib, os, signal, sys

def stage(module, name, number, group):
    owner = importlib.import_module(module)
    *path, last = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    function = getattr(owner, last)
    def interrupted(*args, **kwargs):
        (os.killpg if group else os.kill)(os.getpid(), number)
        return function(*args, **kwargs)
    setattr(owner, last, interrupted)

SETUP
from onnxc.cli import main
sys.exit(main())
"""


def start(arguments: Sequence[object], setup: str = "", **options: Any) -> subprocess.Popen[str]:
    """Start a command in a session of its own, after some Python."""
    program = [sys.executable, "-c", _PROGRAM.replace("SETUP", setup), *map(str, arguments)]
    pipe = subprocess.PIPE
    given: dict[str, Any] = {"stdout": pipe, "stderr": pipe, "stdin": subprocess.DEVNULL, "text": True, **options}
    return subprocess.Popen(program, start_new_session=True, preexec_fn=_heed_signals, **given)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error; fails where a process is left behind or a traceback printed."""
    try:
        out, err = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    assert "Traceback" not in (out or "") + (err or ""), err
    deadline = time.monotonic() + 5
    while left := processes_of(process.pid):
        assert time.monotonic() < deadline, f"left behind: {left}"
        time.sleep(0.05)
    return process.returncode, out or "", err or ""


def run(arguments: Sequence[object], setup: str = "", **options: Any) -> tuple[int, str, str]:
    """Run a command to its end: see `start` and `finish`."""
    return finish(start(arguments, setup, **options))


def environment(**variables: object) -> Mapping[str, str]:
    """This process's, changed."""
    return {**os.environ, **{name: str(value) for name, value in variables.items()}}


def processes_of(session: int) -> dict[int, str]:
    """Processes of a session that are not at their end, and their commands."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it ended meanwhile
            continue
        if int(fields[3]) == session and fields[0] not in "ZX" and int(folder.name) != session:
            found[int(folder.name)] = command
    return found


def _heed_signals() -> None:
    """Shells start what runs in the background with this signal ignored, and tests with it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
