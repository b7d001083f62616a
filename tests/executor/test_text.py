"""The C of small models, as text and through compilers that complain about everything."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from onnxc import targets
from onnxc.artifact.link import runtime_files
from onnxc.driver import Options, compile_model
from onnxc.executor.emit import emit_model
from onnxc.executor.header import emit_header
from onnxc.executor.program import Program
from onnxc.target import Target
from tests.compilers import COMPILER
from tests.executor.models import MODELS
from tests.executor.run_time_models import RUN_TIME_MODELS

GOLDENS = Path(__file__).resolve().parent / "golden"
BY_NAME = {model.name: model for model in [*MODELS, *RUN_TIME_MODELS]}


def program(name: str, target: Target) -> Program:
    return compile_model(BY_NAME[name].proto(), target, Options(), name).program


def text(program: Program, target: Target, profile: bool = False) -> str:
    return emit_model(
        program,
        model_hash="0" * 64,
        target=target.name,
        cpu_features=target.required_cpu_features,
        threads=target.hosted,
        shared=target.hosted,
        profile=profile,
    )


def check_golden(path: Path, content: str, update: bool) -> None:
    if update:
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    assert content == path.read_text(), f"{path.name} has changed: see pytest --update-goldens"


def test_text(update_goldens: bool) -> None:
    """Read it: a line for each call of a kernel, with the names of the model's nodes."""
    target = targets.find("cortex-m4")
    made = program("branches", target)
    check_golden(GOLDENS / "branches.c", text(made, target), update_goldens)
    check_golden(GOLDENS / "branches.h", emit_header(made), update_goldens)


@pytest.mark.parametrize("name", ["convolutions", "grow", "joins", "nested_branches", "outputs", "parts"])
def test_steps(name: str, update_goldens: bool) -> None:
    """No copy but of inputs, weights, results of branches, and what is in two places."""
    target = targets.find("x86-64-v3")
    _, _, rest = text(program(name, target), target).partition("static onnxc_status run(")
    function, _, _ = rest.partition("  return ONNXC_OK;\n")
    _, _, steps = function.partition("(void)parallel;\n")
    check_golden(GOLDENS / f"{name}_steps.c", steps, update_goldens)


def test_timed_steps(update_goldens: bool) -> None:
    """The same steps, each with its number, its multiply-adds and its bytes."""
    target = targets.find("cortex-m4")
    _, _, rest = text(program("branches", target), target, profile=True).partition("#define RUN")
    timed, _, _ = rest.partition("static size_t arena_size")
    check_golden(GOLDENS / "branches_timed.c", f"#define RUN{timed}", update_goldens)


@pytest.mark.parametrize("profile", [False, True])
@pytest.mark.parametrize("name", list(BY_NAME))
def test_compilers_have_nothing_to_complain_about(name: str, profile: bool, tmp_path: Path) -> None:
    target = targets.find("host")
    made = program(name, target)
    headers, _ = runtime_files(target)
    files = {**headers, f"{name}.h": emit_header(made), f"{name}.c": text(made, target, profile)}
    files["includes.cpp"] = f'#include "{name}.h"\n#include "{name}.h"\n'
    for file, content in files.items():
        (tmp_path / file).write_text(content)
    everything = ["-Wall", "-Wextra", "-Wshadow", "-Wstrict-prototypes", "-Werror", "-pedantic", "-O2", "-c"]
    commands = [[*COMPILER, "-std=c11", *everything, f"{name}.c"]]
    if shutil.which("c++") is not None:
        everything.remove("-Wstrict-prototypes")
        commands.append(["c++", "-std=c++11", *everything, "includes.cpp"])
    for command in commands:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
