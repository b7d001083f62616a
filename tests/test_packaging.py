"""The wheel has all that is needed, and works where the checkout is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {"compiler": "onnxc", "targets": "onnxc/targets", "runtime_stub": "onnxc/runtime_stub"}

#: Compiles the model named by its argument, counts the images that it recognises, and says where onnxc came from.
PROGRAM = """
import sys
import numpy as np
import onnxc

test_set = np.load(sys.argv[2])
model = onnxc.compile(sys.argv[1])
found = [model(image[None])["output"].argmax() for image in test_set["x"]]
print(np.mean(found == test_set["y"]))
for name, module in sorted(sys.modules.items()):
    if name.split(".")[0] == "onnxc":
        print(module.__file__)
"""


def run(*command: object, cwd: Path) -> str:
    """Standard output of a program that sees nothing of the checkout."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    arguments = [str(part) for part in command]
    done = subprocess.run(arguments, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a source distribution, and that from a copy, since setuptools leaves files among its sources."""
    copy = tmp_path_factory.mktemp("wheel") / "source"
    copy.mkdir()
    for name in ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for name in (*FOLDERS, "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    run(sys.executable, "-c", "from setuptools.build_meta import build_sdist; build_sdist('..')", cwd=copy)
    (source,) = copy.parent.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        assert not any("/tests/" in name for name in archive.getnames()), "tests without their data"
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", copy.parent, source, cwd=copy)
    (path,) = copy.parent.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs in a new environment with the wheel; other packages are those of this one."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    programs = folder / "bin"
    pip = [sys.executable, "-m", "pip", "--python", programs / "python"]
    run(*pip, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    # A path in a .pth file comes after the environment's own; .pth files in it, like the checkout's, are not read.
    packages = run(programs / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    Path(packages.strip(), "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return programs


def sources() -> Sequence[str]:
    """What must be in the wheel: Python modules, the C runtime with licences of others, and tuning records."""
    return sorted(
        f"{package}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, package in FOLDERS.items()
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".c", ".h", ".jsonl", ".typed")
        or (path.is_file() and "third_party" in path.parts and not path.name.startswith("."))
    )


def test_the_wheel_has_every_module_and_the_runtime(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        found = sorted(name for name in archive.namelist() if name.startswith("onnxc/"))
    assert found == sources(), "compare [tool.setuptools] packages in pyproject.toml with the folders"


def test_the_wheel_compiles_and_runs_a_model(environment: Path, tmp_path: Path) -> None:
    for path in (ROOT / "examples" / "digits").glob("digits_cnn_*"):
        shutil.copy(path, tmp_path)
    (tmp_path / "program.py").write_text(PROGRAM)
    files = ("digits_cnn_trained.onnx", "digits_cnn_testset.npz")
    accuracy, *modules = run(environment / "python", "program.py", *files, cwd=tmp_path).split("\n")
    assert float(accuracy) >= 0.981
    for module in filter(None, modules):
        assert Path(module).is_relative_to(environment.parent), "not from the wheel"


def test_the_command_of_the_wheel(environment: Path, tmp_path: Path) -> None:
    model = ROOT / "examples" / "digits" / "digits_cnn_trained.onnx"
    run(environment / "onnxc", "compile", model, "-o", "build", "--quiet", cwd=tmp_path)
    output = run(environment / "onnxc", "run", "build", "--repeat", "3", cwd=tmp_path)
    assert "output" in output
