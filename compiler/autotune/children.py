"""Functions run in child processes, which may crash or hang without harm to their caller.

Each thread that calls `isolated` has a child of its own, which lives on for its next calls (importing TVM takes 1.3
seconds) until it crashes or is too late. It works the same in the tuner's threads and in those of a Dask worker: that
is why it starts processes by itself and needs no pool.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO, TypeVar

from ..diagnostics import CompileError
from ..processes import die_with_parent

_T = TypeVar("_T")

_HEAD = struct.Struct("<Q")


class IsolationError(Exception):
    """An isolated function gave no result.

    Parameters
    ----------
    kind : str
        ``crash``, ``timeout``, or ``error`` (it raised).
    text : str
        What is known about it.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind, self.text = kind, text


class _Child:
    """A process that runs functions, one after the other."""

    def __init__(self) -> None:
        # What it has there goes with it, also where it is killed in the middle of its work.
        self._folder = tempfile.TemporaryDirectory(prefix="onnxc-tune-", ignore_cleanup_errors=True)
        # A session of its own: Ctrl-C is for the tuner alone, and its C compilers can be ended with it.
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"import {__name__} as children; children.serve({os.getpid()})"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "TMPDIR": self._folder.name},
        )
        _CHILDREN.add(self)

    def call(self, function: Callable[..., Any], arguments: tuple[Any, ...], timeout: float) -> tuple[str, Any]:
        """(``result``, value) or (``error``, text). Raises EOFError after a crash, TimeoutError when it is too late."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            _send(self._process.stdin, (function, arguments))
        except BrokenPipeError as error:
            raise EOFError from error
        received = _receive(self._process.stdout.fileno(), time.monotonic() + timeout)
        kind, value = pickle.loads(received)
        return kind, value

    def stop(self) -> None:
        """End it, whatever it does."""
        self.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._folder.cleanup()

    def kill(self) -> None:
        """Kill it and what it has started, and do not wait."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def status(self) -> str:
        """How it ended by itself."""
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return "it closed its pipe"
        return f"it ended with signal {-code}" if code < 0 else f"it ended with status {code}"

    def __del__(self) -> None:
        self.stop()


_CHILDREN: weakref.WeakSet[_Child] = weakref.WeakSet()
_LOCAL = threading.local()


def isolated(function: Callable[..., _T], *arguments: Any, timeout: float) -> _T:
    """The result of a function that runs in a child process.

    Parameters
    ----------
    function : callable
        Of a module: it is found by its name.
    timeout : float
        Seconds.

    Raises
    ------
    IsolationError
        The function raised, or the process crashed, or it took too long; then it is stopped.
    """
    child: _Child | None = getattr(_LOCAL, "child", None)
    if child is None:
        child = _LOCAL.child = _Child()
    try:
        kind, value = child.call(function, arguments, timeout)
    except (EOFError, TimeoutError) as error:
        status = child.status() if isinstance(error, EOFError) else f"no result after {timeout:g} s"
        child.stop()
        _LOCAL.child = None
        raise IsolationError("crash" if isinstance(error, EOFError) else "timeout", status) from None
    if kind == "error":
        raise IsolationError("error", value)
    result: _T = value
    return result


def stop_children() -> None:
    """End the children of all threads; calls that wait for them raise `IsolationError`."""
    for child in list(_CHILDREN):
        child.kill()


def _send(stream: BinaryIO | Any, value: Any) -> None:
    data = pickle.dumps(value)
    stream.write(_HEAD.pack(len(data)) + data)
    stream.flush()


def _receive(source: int, deadline: float) -> bytes:
    (size,) = _HEAD.unpack(_read(source, _HEAD.size, deadline))
    return _read(source, size, deadline)


def _read(source: int, size: int, deadline: float) -> bytes:
    parts, missing = [], size
    while missing:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([source], [], [], left)[0]:
            raise TimeoutError
        part = os.read(source, min(missing, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def serve(parent: int) -> None:
    """What a child does: read (function, arguments), write its result, until nobody writes any more."""
    die_with_parent(parent)
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what functions print must not get into the answers
    while True:
        head = source.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return
        function, arguments = pickle.loads(source.read(_HEAD.unpack(head)[0]))
        try:
            answer = ("result", function(*arguments))
        except CompileError as error:
            answer = ("error", str(error))
        except Exception as error:  # whatever a candidate does, it is the candidate's
            answer = ("error", f"{type(error).__name__}: {error}")
        _send(sink, answer)
