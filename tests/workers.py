"""Processes that do jobs one after the other. A job that crashes, or takes too long, costs only its process."""

from __future__ import annotations

import collections
import multiprocessing
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

#: Seconds for a process to import TVM and to make the cases.
_START = 300


@dataclass(frozen=True)
class Failure:
    """A job that raised, crashed or took too long."""

    message: str


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    deadline: float
    job: Any = None
    started: bool = False

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


def run_jobs(
    jobs: Sequence[Any], start: Callable[[], Callable[[Any], Any]], count: int, limit: float
) -> Iterator[tuple[Any, Any]]:
    """Do jobs in processes.

    Parameters
    ----------
    jobs : sequence
        What can be pickled.
    start : callable
        Called in each process, gives what does a job; can be pickled.
    count : int
        Of processes.
    limit : float
        Seconds for a job.

    Yields
    ------
    job, result
        As they end; the result may be a `Failure`.
    """
    waiting = collections.deque(jobs)
    workers = [_start(start) for _ in range(min(count, len(jobs)))]
    while workers:
        now = time.monotonic()
        ready = wait([w.connection for w in workers], max(0.0, min(w.deadline for w in workers) - now))
        for index, worker in reversed(list(enumerate(workers))):
            answer = _answer(worker, worker.connection in ready, limit)
            if answer is None:
                continue
            result, alive = answer
            if worker.started:
                yield worker.job, result
            elif not alive:
                raise RuntimeError(f"a process for jobs did not start: {result}")
            worker.started = True
            if not alive:
                worker.stop()
                del workers[index]
                if waiting:
                    workers.append(_start(start))
            elif waiting:
                worker.job, worker.deadline = waiting.popleft(), time.monotonic() + limit
                worker.connection.send(worker.job)
            else:
                worker.stop()
                del workers[index]


def _start(start: Callable[[], Callable[[Any], Any]]) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, start), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours, time.monotonic() + _START)


def _serve(connection: Connection, start: Callable[[], Callable[[Any], Any]]) -> None:
    warnings.simplefilter("ignore")
    do = start()
    connection.send(None)
    while True:
        try:
            job = connection.recv()
        except EOFError:
            return
        try:
            connection.send(do(job))
        except BaseException as error:  # whatever a job raises is its result
            text = " ".join(str(error).split()) or "no message"
            connection.send(Failure(f"{type(error).__name__}: {text}"))


def _answer(worker: _Worker, ready: bool, limit: float) -> tuple[Any, bool] | None:
    """What a worker says, and whether it lives on; None while it works."""
    if ready:
        try:
            return worker.connection.recv(), True
        except (EOFError, ConnectionError):
            worker.process.join()
            return Failure(f"crash: exit code {worker.process.exitcode}"), False
    if time.monotonic() >= worker.deadline:
        return Failure(f"not done after {limit:.0f} s"), False
    return None
