"""Processes that work for this one: they end with it, and its signals are none of theirs."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker

#: Linux: the signal that a process gets when its parent's thread ends (from sys/prctl.h).
_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Get killed when the thread that started this process ends, however it ends.

    Parameters
    ----------
    parent : int
        Number of the process that has started this one; it may be gone already.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back until the block ends; processes that are started meanwhile never get it.

    A terminal sends it to all of them, and a Python that is just starting would print a traceback. The tracker of
    resources of `multiprocessing`, which loky starts with its first worker, lets signals through again when it was
    started: it is started before.
    """
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
