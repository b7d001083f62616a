"""The same search on the workers of a Dask cluster: a real one, of processes on this machine."""

from __future__ import annotations

from pathlib import Path

from distributed import LocalCluster

from onnxc import targets
from onnxc.artifact.toolchain import find_compiler
from onnxc.autotune.cost_model import RankingModel
from onnxc.autotune.database import Database
from onnxc.autotune.laboratory import ExecutorLaboratory, open_executor
from onnxc.autotune.tuner import TuneOptions, Tuner
from tests.autotune.fakes import workloads

HOST = targets.find("host")


def test_a_cluster_searches(tmp_path: Path) -> None:
    kernels = workloads(HOST, 100, 256)
    database = Database(tmp_path / "t.sqlite", create=True)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,  # type: ignore[no-untyped-call]
        open_executor(cluster.scheduler_address, 1) as (executor, workers),
    ):
        assert workers == 2
        laboratory = ExecutorLaboratory(executor, workers, HOST, find_compiler(HOST))
        result = Tuner(kernels, laboratory, database, RankingModel(0, 1), TuneOptions(trials=5)).run()
    trials = database.trials()
    assert len(trials) == result.measured and len({(t.workload, t.key) for t in trials}) >= 4
    assert all(t.machine and not t.error for t in trials)
    assert {t.workload for t in trials} == {w.key for w in kernels}
