"""``onnxc tune`` and ``onnxc tuning-db``: a real search of a tiny model, killed and taken up again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnxc import compile as compile_model
from onnxc.autotune import laboratory
from onnxc.autotune.database import Database
from onnxc.autotune.whole_model import IN_MODEL, LOADS
from tests.cli.command import Command, Result

PROGRAM = (sys.executable, "-c", "import sys; from onnxc.cli import main; sys.exit(main())")
SEARCH = ("--target", "host", "--no-cost-model", "--jobs", "2")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A matrix product with a softmax behind it."""
    weights = np.random.default_rng(0).standard_normal((48, 64)).astype(np.float32)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Softmax", ["h"], ["y"], axis=1)]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [20, 48])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [20, 64])],
        [numpy_helper.from_array(weights, "w")],
    )
    path = tmp_path_factory.mktemp("tune") / "tiny.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def tune(onnxc: Command, model: Path, database: Path, *arguments: str) -> Result:
    return onnxc("tune", str(model), "--tuning-db", str(database), *SEARCH, *arguments)


def test_tune_and_compile(onnxc: Command, model: Path, tmp_path: Path) -> None:
    database = tmp_path / "t.sqlite"
    result = tune(onnxc, model, database, "--trials", "12")
    assert result.code == 0, result.err
    assert "of peak" in result.out and "all tuned kernels:" in result.out and "trials" in result.err
    trials = Database(database).trials()
    assert len({(t.workload, t.key) for t in trials}) == 12
    assert sum(t.is_default for t in trials) >= 2 and not [t for t in trials if t.error == "wrong result"]
    # Both kernels' best candidates ran in the model, beside its defaults, each time that it was loaded.
    in_model = [t for t in trials if t.tools.get("measured") == IN_MODEL]
    runs = {(t.workload, t.tools["run"]) for t in in_model}
    assert {workload for workload, _ in runs} == {t.workload for t in trials} and len(runs) >= 2 * LOADS
    assert runs == {(t.workload, t.tools["run"]) for t in in_model if t.is_default}
    x = np.random.default_rng(1).standard_normal((20, 48)).astype(np.float32)
    plain, tuned = (compile_model(model, **options)(x)["y"] for options in ({"tuned": False}, {"tuning_db": database}))
    np.testing.assert_allclose(tuned, plain, rtol=1e-5)
    again = tune(onnxc, model, database, "--trials", "12")
    new = [t for t in Database(database).trials() if t not in trials and t.tools.get("measured") != IN_MODEL]
    assert again.code == 0 and len(new) == 2 and all(t.is_default for t in new)


def test_killed_in_the_middle(onnxc: Command, model: Path, tmp_path: Path) -> None:
    """Nothing that was told about is lost, and the same command goes on."""
    database = tmp_path / "t.sqlite"
    command = ["tune", str(model), "--tuning-db", str(database), *SEARCH, "--trials", "200"]
    process = subprocess.Popen([*PROGRAM, *command], stderr=subprocess.DEVNULL)
    _wait_for(database, 5)
    process.kill()
    process.wait()
    kept = Database(database).trials()
    assert len(kept) >= 5
    assert tune(onnxc, model, database, "--trials", str(len(kept) + 3)).code == 0
    assert {t.created for t in kept} < {t.created for t in Database(database).trials()}


def test_interrupted(tmp_path: Path) -> None:
    """Of a model with so many choices that nobody has tried all of them before the signal."""
    random = np.random.default_rng(0)
    shapes = ((32, 16, 3, 3), (64, 32, 3, 3), (96, 64, 1, 1))
    weights = [
        numpy_helper.from_array(random.standard_normal(s).astype(np.float32), f"w{i}") for i, s in enumerate(shapes)
    ]
    nodes = [helper.make_node("Conv", [f"x{i}", f"w{i}"], [f"x{i + 1}"], strides=[2, 2]) for i in range(len(shapes))]
    inputs = [helper.make_tensor_value_info("x0", TensorProto.FLOAT, [1, 16, 57, 57])]
    outputs = [helper.make_tensor_value_info("x3", TensorProto.FLOAT, [1, 96, 7, 7])]
    graph = helper.make_graph(nodes, "convolutions", inputs, outputs, weights)
    model = tmp_path / "convolutions.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), model)
    database = tmp_path / "t.sqlite"
    command = ["tune", str(model), "--tuning-db", str(database), *SEARCH, "--trials", "500"]
    process = subprocess.Popen(
        [*PROGRAM, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=_heed_interrupts
    )
    _wait_for(database, 1)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    output, error = process.communicate(timeout=30)
    assert process.returncode == 130 and "all tuned kernels:" in output and "interrupted" in error
    assert "Traceback" not in error and time.monotonic() - start < 10
    assert len(Database(database).trials()) >= 1


def _heed_interrupts() -> None:
    """Shells start what runs in the background with this signal ignored, and tests with it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _wait_for(database: Path, trials: int) -> None:
    for _ in range(600):
        if database.exists() and os.path.getsize(database) and len(Database(database).trials()) >= trials:
            return
        time.sleep(0.1)
    raise AssertionError("nothing was measured")


def test_databases_are_shown_exported_and_imported(onnxc: Command, model: Path, tmp_path: Path) -> None:
    database, lines, best = tmp_path / "t.sqlite", tmp_path / "t.jsonl", tmp_path / "best.jsonl"
    assert tune(onnxc, model, database, "--trials", "8", "-q").code == 0
    shown = onnxc("tuning-db", "show", str(database))
    assert shown.code == 0 and "softmax" in shown.out and "dense" in shown.out
    assert onnxc("tuning-db", "export", str(database), str(lines)).code == 0
    assert onnxc("tuning-db", "export", "--best", str(database), str(best)).code == 0
    assert len(best.read_text().splitlines()) <= 4 < len(lines.read_text().splitlines())
    other = tmp_path / "other.sqlite"
    first = onnxc("tuning-db", "import", str(other), str(lines), str(best))
    assert first.code == 0 and "new trials" in first.out
    assert onnxc("tuning-db", "import", str(other), str(database)).out.endswith(": 0 new trials\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--target", "aarch64"), "cannot run what is compiled for aarch64"),
        (("--target", "cortex-m4"), "cannot run what is compiled for cortex-m4"),
        (("--time-budget", "soon"), "is no duration"),
        (("--executor", "tcp://127.0.0.1:1"), "no Dask scheduler"),
        (("--executor", "nonsense://x"), "no Dask scheduler"),
    ],
)
def test_mistakes(
    onnxc: Command,
    model: Path,
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(laboratory, "CONNECT_SECONDS", 0.5)
    result = onnxc("tune", str(model), "--tuning-db", str(tmp_path / "t.sqlite"), *arguments)
    assert result.code in (1, 2) and message in result.err


def test_what_is_not_installed(onnxc: Command, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package, extra, arguments in (
        ("xgboost", "onnxc[tune]", ()),
        ("distributed", "onnxc[farm]", ("--no-cost-model", "--executor", "tcp://127.0.0.1:1")),
    ):
        monkeypatch.setitem(sys.modules, package, None)
        result = onnxc("tune", str(model), "--tuning-db", str(tmp_path / "t.sqlite"), *arguments)
        assert result.code == 1 and f"pip install {extra}" in result.err


def test_a_missing_database_is_an_error(onnxc: Command, model: Path, tmp_path: Path) -> None:
    result = onnxc("compile", str(model), "-o", str(tmp_path / "m.so"), "--tuning-db", str(tmp_path / "missing"))
    assert result.code == 1 and "there is no tuning database" in result.err


def test_errors_leave_nothing(onnxc: Command, model: Path, tmp_path: Path) -> None:
    database = tmp_path / "t.sqlite"
    assert "No such file" in tune(onnxc, tmp_path / "missing.onnx", database).err
    assert "no open dimension named N" in tune(onnxc, model, database, "--size", "N=3").err
    assert not database.exists()
    database.write_text("no database" * 100)
    assert "is no tuning database" in tune(onnxc, model, database).err
