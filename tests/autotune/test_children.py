"""Functions in child processes: whatever they do, the caller lives on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from onnxc.autotune.children import IsolationError, isolated


def add(a: int, b: int) -> int:
    print("this must not get into the answer")
    return a + b


def own_id() -> int:
    return os.getpid()


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def leave() -> None:
    os._exit(3)


def hang() -> None:
    time.sleep(60)


def refuse() -> None:
    raise ValueError("not this one")


def test_results_come_back_and_children_live_on() -> None:
    first = isolated(own_id, timeout=30)
    assert isolated(add, 2, 3, timeout=30) == 5
    assert isolated(own_id, timeout=30) == first != os.getpid()
    data = os.urandom(3_000_000)
    assert isolated(bytes, data, timeout=30) == data


@pytest.mark.parametrize(
    ("function", "kind", "text"),
    [
        (crash, "crash", "signal 11"),
        (leave, "crash", "status 3"),
        (hang, "timeout", "no result after 0.5 s"),
        (refuse, "error", "ValueError: not this one"),
    ],
)
def test_failures_cost_no_more_than_their_time(function: Callable[[], None], kind: str, text: str) -> None:
    isolated(own_id, timeout=30)
    start = time.monotonic()
    with pytest.raises(IsolationError, match=text) as caught:
        isolated(function, timeout=0.5)
    assert caught.value.kind == kind
    assert time.monotonic() - start < 5
    assert isolated(add, 1, 1, timeout=30) == 2


def test_children_die_with_their_parent() -> None:
    """Killed with no chance to tell them, while one of them is busy."""
    script = (
        "import threading, time\nfrom onnxc.autotune.children import isolated\n"
        "from tests.autotune.test_children import hang, own_id\n"
        "print(isolated(own_id, timeout=30), flush=True)\nisolated(hang, timeout=60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    time.sleep(0.2)
    parent.kill()
    parent.wait()
    for _ in range(100):
        if not _runs(child):
            break
        time.sleep(0.05)
    assert not _runs(child)


def _runs(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
