"""What all commands share: help, exit codes, and how little is loaded for them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from onnxc import cli, targets
from tests.cli.command import DIGITS, Command

COMMANDS = ("compile", "run", "inspect", "opt", "targets")


def test_help(onnxc: Command) -> None:
    out = onnxc.succeed("--help")
    for name in COMMANDS:
        assert name in out
        assert f"Usage: onnxc {name}" in onnxc.succeed(name, "-h")


def test_version(onnxc: Command) -> None:
    assert onnxc.succeed("--version") == "onnxc 0.1.0\n"


def test_targets(onnxc: Command) -> None:
    lines = onnxc.succeed("targets").splitlines()
    names = [line.split()[0] for line in lines[1:]]
    assert names == ["host", *(target.name for target in targets.all_targets())]


def _loaded(code: str) -> set[str]:
    """Packages that a new process has loaded after running some code."""
    script = f"import sys\n{code}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_help_loads_click_alone() -> None:
    code = "from onnxc.cli import main\nassert main(['--help']) == main(['compile', '--help']) == 0"
    assert not _loaded(code) & {"tvm", "onnx", "numpy", "rich", "cffi", "_cffi_backend"}


def test_loading_a_model_needs_cffi_and_numpy_alone(digits: Path) -> None:
    code = f"import onnxc\nprint(onnxc.load({str(digits / 'digits_cnn_trained.so')!r}))"
    found = _loaded(code)
    assert {"_cffi_backend", "numpy"} <= found
    assert not found & {"tvm", "onnx", "click", "rich", "google"}


def test_importing_onnxc_loads_nothing() -> None:
    assert not _loaded("import onnxc\nonnxc.CompileError") & {
        "tvm",
        "onnx",
        "numpy",
        "click",
        "rich",
        "cffi",
        "_cffi_backend",
    }


def _raise(error: BaseException) -> click.Command:
    def command() -> None:
        raise error

    return click.Command("broken", callback=command)


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (ValueError("something odd"), 70, "onnxc has a bug: ValueError: something odd"),
        (AssertionError(), 70, "Please report it"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError("no memory for an arena"), 1, "error: out of memory: no memory for an arena"),
        (PermissionError(13, "Permission denied", "/some/file"), 1, "error: /some/file: Permission denied"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_exit_codes(
    error: BaseException, code: int, text: str, onnxc: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ONNXC_DEBUG", raising=False)
    monkeypatch.setitem(cli.cli.commands, "broken", _raise(error))
    result = onnxc("broken")
    assert result.code == code
    assert text in result.err


def test_debugging_shows_the_traceback(onnxc: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONNXC_DEBUG", "1")
    monkeypatch.setitem(cli.cli.commands, "broken", _raise(ValueError("something odd")))
    with pytest.raises(ValueError, match="something odd"):
        onnxc("broken")


def test_program() -> None:
    """The installed program: its exit code reaches the shell."""
    program = Path(sys.executable).with_name("onnxc")
    command = (
        [program] if program.exists() else [sys.executable, "-c", "import sys, onnxc.cli as c; sys.exit(c.main())"]
    )
    done = subprocess.run([*command, "inspect", "missing.onnx"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "missing.onnx" in done.stderr and "Traceback" not in done.stderr


def test_a_reader_that_leaves_early() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    script = f"import sys\nfrom onnxc.cli import main\nsys.exit(main(['inspect', {str(DIGITS)!r}]))"
    done = subprocess.run([sys.executable, "-c", script], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert done.stderr == b""


@pytest.mark.parametrize("module", ["onnxc", "onnxc.cli"])
def test_python_module(module: str) -> None:
    command = [sys.executable, "-m", module, "targets"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "cortex-m4" in result.stdout
