"""Ctrl-C and SIGTERM in every stage: the exit code, one line, no half files, nothing that goes on, a whole cache."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from tests.cli.command import DIGITS
from tests.cli.processes import environment, run

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in Linux's /proc")

INTERRUPT, TERMINATE = signal.SIGINT, signal.SIGTERM

#: Where the signal comes: module and function.
STAGES = {
    "parse": ("onnxc.frontend.importer", "load_model"),
    "passes": ("onnxc.transform.pipeline", "run_pipeline"),
    "kernel": ("onnxc.kernel.compile", "compile_code"),
    "store": ("onnxc.store", "os.replace"),
    "link": ("onnxc.artifact.toolchain", "Compiler.link_shared"),
    "publish": ("onnxc.artifact.staging", "_publish"),
}


def _check_cache(folder: Path) -> None:
    """Every file is an entry, and whole."""
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert sha256(data[32:]).digest() == data[:32], path


@pytest.mark.parametrize(
    ("stage", "number"),
    [*((stage, INTERRUPT) for stage in STAGES), ("kernel", TERMINATE), ("link", TERMINATE)],
    ids=lambda value: value if isinstance(value, str) else signal.Signals(value).name,
)
def test_compile(stage: str, number: int, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    code, out, err = run(
        ["compile", DIGITS, "--jobs", 1, "-o", tmp_path / "work" / "out"],
        f"stage{(*STAGES[stage], int(number), False)}",
        env=environment(ONNXC_CACHE_DIR=tmp_path / "cache", TMPDIR=tmp_path / "work"),
    )
    assert (code, out, err) == (128 + number, "", "interrupted\n" if number == INTERRUPT else "terminated\n")
    assert list((tmp_path / "work").iterdir()) == []
    _check_cache(tmp_path / "cache")


#: Makes small models use worker processes, and a function send a signal when it has worked.
WORKERS = """
import onnxc.kernel.compile_all as c
c.PARALLEL_KERNELS = c.PARALLEL_KERNELS_WITHOUT_TVM = 2
import loky.process_executor
import onnxc.driver
def after(owner, name):
    function = getattr(owner, name)
    def told(*args, **kwargs):
        result = function(*args, **kwargs)
        if name != "report" or (args[1] == "kernels" and args[2]): SEND
        return result
    setattr(owner, name, told)
"""

#: When the signal comes: when workers were just started, and when the first kernel is there.
MOMENTS = {
    "start": 'after(loky.process_executor.ProcessPoolExecutor, "submit")',
    "work": 'after(onnxc.driver.Options, "report")',
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("send", ["os.killpg", "os.kill"])
@pytest.mark.parametrize("number", [INTERRUPT, TERMINATE], ids=["SIGINT", "SIGTERM"])
def test_workers(number: int, send: str, moment: str, tmp_path: Path) -> None:
    """While worker processes compile: a terminal sends Ctrl-C to them, too, and what ends services SIGTERM."""
    (tmp_path / "work").mkdir()
    setup = WORKERS.replace("SEND", f"{send}(os.getpid(), {int(number)})") + MOMENTS[moment]
    code, out, err = run(
        ["compile", DIGITS, "--jobs", 2, "-o", tmp_path / "work" / "out"],
        setup,
        env=environment(ONNXC_CACHE_DIR=tmp_path / "cache"),
    )
    assert (code, out, err) == (128 + number, "", "interrupted\n" if number == INTERRUPT else "terminated\n")
    assert list((tmp_path / "work").iterdir()) == []
    _check_cache(tmp_path / "cache")


def test_no_worker_gets_interrupts() -> None:
    """Not even while it starts: all are started with the signal blocked, in a process that has started none before."""
    text = """
import signal
from onnxc.kernel.compile_all import kernel_workers
with kernel_workers(2) as workers:
    masks = [workers.submit(signal.pthread_sigmask, signal.SIG_BLOCK, []) for _ in range(4)]
    print(all(signal.SIGINT in mask.result() for mask in masks))
"""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_while_workers_compile(moment: str, tmp_path: Path) -> None:
    """Even then nothing goes on."""
    setup = WORKERS.replace("SEND", "os.kill(os.getpid(), signal.SIGKILL)") + MOMENTS[moment]
    arguments = ["compile", DIGITS, "--jobs", 2, "-o", tmp_path / "out"]
    code, out, err = run(arguments, setup, env=environment(ONNXC_CACHE_DIR=""))
    assert (code, out) == (-signal.SIGKILL, "")
    assert not err or "leaked semlock objects to clean up" in err  # loky's tracker has cleaned up
    assert not (tmp_path / "out").exists()


def test_impatience(tmp_path: Path) -> None:
    """More of the same signal does not interrupt the clearing away."""
    setup = "import onnxc.artifact.toolchain as toolchain\n"
    setup += "def interrupted(*args, **kwargs):\n"
    setup += "    stage('shutil', 'rmtree', 2, False)\n"
    setup += "    os.kill(os.getpid(), 2)\n"
    setup += "toolchain.Compiler.link_shared = interrupted"
    code, _, err = run(
        ["compile", DIGITS, "--jobs", 1, "-o", tmp_path / "out"], setup, env=environment(ONNXC_CACHE_DIR="")
    )
    assert (code, err) == (130, "interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_where_python_can_only_print(tmp_path: Path) -> None:
    """An interruption that comes in __del__ comes again."""
    setup = """
class Trap:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000): pass
import onnxc.artifact.toolchain as toolchain
link = toolchain.Compiler.link_shared
def trapped(*args, **kwargs):
    trap = Trap()
    del trap
    import time
    time.sleep(20)
toolchain.Compiler.link_shared = trapped
"""
    code, _, err = run(["compile", DIGITS, "-o", tmp_path / "out"], setup)
    assert (code, err) == (130, "interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_ignored_signals_stay_ignored(tmp_path: Path) -> None:
    """As under nohup."""
    setup = "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    setup += f"stage('onnxc.frontend.importer', 'load_model', {int(signal.SIGHUP)}, False)"
    code, _, err = run(["compile", DIGITS, "-o", tmp_path / "out", "-q"], setup)
    assert (code, err) == (0, "")


@pytest.mark.parametrize("number", [INTERRUPT, TERMINATE], ids=["SIGINT", "SIGTERM"])
def test_tune(number: int, tmp_path: Path) -> None:
    """While candidates are built: what was measured is kept, and no folder of a child's is left."""
    (tmp_path / "tmp").mkdir()
    database = tmp_path / "t.sqlite"
    setup = "import onnxc.autotune.tuner\n"
    setup += "report, count = onnxc.autotune.tuner.Tuner._report, []\n"
    setup += "def told(self, search):\n"
    setup += "    report(self, search); count.append(1)\n"
    setup += f"    if len(count) == 3: os.kill(os.getpid(), {int(number)})\n"
    setup += "onnxc.autotune.tuner.Tuner._report = told"
    code, out, err = run(
        ["tune", DIGITS, "--tuning-db", database, "--no-cost-model", "--jobs", 2, "-q"],
        setup,
        env=environment(TMPDIR=tmp_path / "tmp"),
    )
    word = "interrupted" if number == INTERRUPT else "terminated"
    assert (code, err) == (128 + number, f"{word}: the same command goes on from here\n")
    assert "3 measured in this run" in out
    left = [path.name for path in (tmp_path / "tmp").iterdir()]
    assert left == [f"onnxc-measure-{os.getuid()}.lock"]
