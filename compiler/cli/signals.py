"""Signals that end the program: the work stops, what it has begun is cleared away, and the exit code says which."""

from __future__ import annotations

import signal
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import Any

#: Signals that end the program, and what it says then.
ENDINGS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}

#: Seconds after a signal in which others are ignored: impatient Ctrl-C must not interrupt the clearing away.
CLEARING_SECONDS = 2.0

#: Seconds after which an interruption is tried again that came where Python can only print exceptions.
_AGAIN_SECONDS = 0.02


class EndingSignals:
    """While it is entered, a signal that ends the program raises KeyboardInterrupt in the main thread.

    What ignores a signal (nohup, a shell's background jobs) goes on ignoring it.

    Parameters
    ----------
    last : bool
        Nothing of the program comes afterwards: from then on signals end it at once, without a traceback from the
        interpreter's own end.

    Attributes
    ----------
    received : signal.Signals or None
        The last one. Other exceptions may come out of an interruption, such as that of a child process that the same
        Ctrl-C has ended: it is known here what has happened.
    """

    def __init__(self, last: bool) -> None:
        self.received: signal.Signals | None = None
        self._last, self._time = last, -CLEARING_SECONDS
        self._before: dict[signal.Signals, Any] = {}
        self._hook = sys.unraisablehook

    def __enter__(self) -> EndingSignals:
        if threading.current_thread() is threading.main_thread():  # others may not set handlers
            for number in ENDINGS:
                before = signal.getsignal(number)
                if before not in (signal.SIG_IGN, None):
                    self._before[number] = before
                    signal.signal(number, self._receive)
            self._hook, sys.unraisablehook = sys.unraisablehook, self._unraisable
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, signal.SIG_DFL if self._last else before)
        if self._before:
            sys.unraisablehook = self._hook

    @property
    def code(self) -> int:
        """The exit code after a signal, as a shell counts."""
        return 128 + (self.received or signal.SIGINT)

    @property
    def text(self) -> str:
        """What has happened, for people."""
        return ENDINGS[self.received or signal.SIGINT]

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if time.monotonic() - self._time < CLEARING_SECONDS:
            return
        self._time, self.received = time.monotonic(), signal.Signals(number)
        raise KeyboardInterrupt

    def _unraisable(self, found: Any) -> None:
        """Where an exception goes that nobody can catch, such as in ``__del__``: the interruption must not get lost."""
        if not isinstance(found.exc_value, KeyboardInterrupt) or self.received is None:
            self._hook(found)
            return
        self._time = -CLEARING_SECONDS
        timer = threading.Timer(_AGAIN_SECONDS, signal.raise_signal, (self.received,))
        timer.daemon = True
        timer.start()
