"""Where candidates are described, built and measured: on the workers of an executor.

Any `concurrent.futures.Executor` will do: threads here (each with a child process for what may crash), or a Dask
cluster of machines of one kind. Batches are built first and measured then, so that building does not disturb measuring.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol, TypeVar

from ..artifact.toolchain import Compiler
from ..diagnostics import CompileError
from ..target import Target
from . import children, measure, tasks
from .children import IsolationError
from .measure import METHOD
from .search import Search
from .tasks import Candidate, Choices, Outcome, Proposal
from .whole_model import WholeModel
from .workload import Workload

_T = TypeVar("_T")

#: Builds a model once for each mapping of `Workload.key` to choices; what stands in none has its defaults.
BuildModels = Callable[[Sequence[Mapping[str, Choices]]], WholeModel]

#: Seconds that measuring a candidate may take: this many, or more for kernels whose defaults are slow.
MEASURE_TIMEOUT = 5.0
_CALLS = 200


#: Seconds to wait for a Dask scheduler.
CONNECT_SECONDS = 10.0


class Laboratory(Protocol):
    """What the tuner needs: tests have one without a compiler."""

    tools: Mapping[str, str]

    def operations(self, workloads: Sequence[Workload]) -> list[int]:
        """Floating-point operations of each."""

    def describe(self, workload: Workload, proposals: Sequence[Proposal]) -> list[Candidate]:
        """Candidates out of proposals, in their order; without those that cannot be scheduled."""

    def run(self, search: Search, candidates: Sequence[Candidate]) -> Iterator[tuple[Candidate, Outcome]]:
        """Build and measure; yields each candidate as soon as it is measured."""

    def run_models(self, variants: Sequence[Mapping[str, Choices]], seconds: float) -> list[list[dict[str, float]]]:
        """Build the whole model with each of these choices, and measure its kernels in its runs.

        Returns
        -------
        list of list of dict
            For each of some times: for each variant: seconds a call, by `Workload.key`.

        Raises
        ------
        IsolationError
            The model cannot be run.
        """

    def peak(self) -> float:
        """Floating-point operations per second of one processor at best; 0 where unknown."""


class ExecutorLaboratory:
    """A laboratory on an executor.

    Parameters
    ----------
    executor : Executor
    workers : int
        How many tasks it runs at a time.
    target : Target
    compiler : Compiler
        Is called on the workers.
    build_models : callable, optional
        Without it, kernels are measured alone only.
    """

    def __init__(
        self,
        executor: Executor,
        workers: int,
        target: Target,
        compiler: Compiler,
        build_models: BuildModels | None = None,
    ) -> None:
        self._build_models = build_models
        self._executor, self._workers, self._target, self._compiler = executor, workers, target, compiler
        self.tools: Mapping[str, str] = {
            "onnxc": _version("onnxc"),
            "tvm": _version("apache-tvm"),
            "cc": compiler.version,
            "measured": METHOD,
        }

    def operations(self, workloads: Sequence[Workload]) -> list[int]:
        futures = [self._executor.submit(tasks.count_operations, w) for w in workloads]
        return _results(futures)

    def describe(self, workload: Workload, proposals: Sequence[Proposal]) -> list[Candidate]:
        size = -(-len(proposals) // self._workers)
        parts = [proposals[i : i + size] for i in range(0, len(proposals), size)] if proposals else []
        futures = [self._executor.submit(tasks.describe, workload, part) for part in parts]
        return [candidate for part in _results(futures) for candidate in part]

    def run(self, search: Search, candidates: Sequence[Candidate]) -> Iterator[tuple[Candidate, Outcome]]:
        workload = search.workload
        builds = [self._executor.submit(tasks.build, workload, c.choices, self._compiler) for c in candidates]
        built = _results(builds)
        timeout = MEASURE_TIMEOUT + (_CALLS * search.history[0] if search.history and search.history[0] < 10 else 0.0)
        waiting: dict[Future[Outcome], Candidate] = {}
        for candidate, program in zip(candidates, built, strict=True):
            if isinstance(program, Outcome):
                yield candidate, program
            else:
                waiting[self._executor.submit(tasks.measure, program, workload.elsewhere, timeout)] = candidate
        for future in as_completed(waiting):
            yield waiting[future], future.result()

    def run_models(self, variants: Sequence[Mapping[str, Choices]], seconds: float) -> list[list[dict[str, float]]]:
        if self._build_models is None:
            raise IsolationError("error", "there is no whole model")
        return self._executor.submit(tasks.measure_whole_models, self._build_models(variants), seconds).result()

    def peak(self) -> float:
        return self._executor.submit(tasks.measure_peak, self._target, self._compiler).result()


def _results(futures: Sequence[Future[_T]]) -> list[_T]:
    try:
        return [future.result() for future in futures]
    except BaseException:
        for future in futures:
            future.cancel()
        raise


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


@contextmanager
def open_executor(address: str | None, jobs: int) -> Iterator[tuple[Executor, int]]:
    """An executor and the number of its workers: threads of this process, or those of a Dask cluster.

    Parameters
    ----------
    address : str or None
        Of a Dask scheduler, such as ``tcp://scheduler:8786``.
    jobs : int
        Threads here.

    Raises
    ------
    CompileError
        `distributed` is not installed, or there is no scheduler.
    """
    if address is None:
        pool = ThreadPoolExecutor(jobs, thread_name_prefix="onnxc-tune")
        try:
            yield pool, jobs
        finally:  # also after Ctrl-C: what is still running is stopped, not waited for
            pool.shutdown(wait=False, cancel_futures=True)
            children.stop_children()
            measure.stop_programs()
            pool.shutdown(wait=True)
        return
    client = _connect(address)
    try:
        workers = sum(client.nthreads().values())
        if not workers:
            raise CompileError(f"the Dask cluster at {address} has no workers", remedy="start one: dask worker ADDRESS")
        with client.get_executor(pure=False) as executor:
            yield executor, workers
    finally:
        client.close()


def _connect(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError as error:
        raise CompileError(
            f"--executor {address} needs Dask, which is not installed", remedy="pip install onnxc[farm]"
        ) from error
    try:
        return Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, TypeError) as error:
        raise CompileError(
            f"there is no Dask scheduler at {address}: {error}", expected="an address such as tcp://scheduler:8786"
        ) from error
