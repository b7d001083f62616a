"""What README.md shows works."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import onnxc
from onnxc import targets
from onnxc.artifact.toolchain import find_compiler
from onnxc.cli import main

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
DIGITS = ROOT / "examples" / "digits" / "digits_cnn_trained.onnx"


def test_the_c_program_compiles_and_runs(tmp_path: Path) -> None:
    (program,) = re.findall(r"```c\n(.*?)```", README, re.DOTALL)
    library = onnxc.compile(DIGITS, name="digits", emit="a", output=tmp_path, jobs=1)
    (tmp_path / "main.c").write_text(program)
    compiler = find_compiler(targets.find("host"))
    compiler.compile(tmp_path, "main.c", "main.o")
    compiler.link_program(tmp_path, ["main.o", library.name], "program")
    subprocess.run([tmp_path / "program"], check=True)


def test_every_command_and_option_exists(capsys: pytest.CaptureFixture[str]) -> None:
    shown = re.findall(r"^ {4}onnxc (\w+)(.*?)(?: {2,}#|$)", README, re.MULTILINE)
    assert len(shown) > 5
    for command, arguments in shown:
        main([command, "--help"])
        text = capsys.readouterr().out
        for option in re.findall(r"(?<= )--?[a-z][a-z-]*", arguments):
            assert option in text, f"onnxc {command} {option}"
