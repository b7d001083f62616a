"""Imports point one way: see the design in compiler/README.md."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: Folders of the package and where they stand in it.
FOLDERS = {"onnxc": ROOT / "compiler", "onnxc.targets": ROOT / "targets", "onnxc.runtime_stub": ROOT / "runtime_stub"}

#: From the bottom up. A module may import from its own room and from lower floors, never from rooms beside it.
FLOORS = [
    ["diagnostics"],
    ["processes", "store", "target"],
    ["relay"],
    ["op"],
    ["frontend", "transform"],
    ["kernel"],
    ["memory", "targets"],
    ["executor"],
    ["artifact"],
    ["autotune"],
    ["driver"],
    ["inspection"],
    ["api"],
    ["backend", "cli"],
    ["__main__"],
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

#: The loader stands beside the tower: it imports nothing of onnxc, and whoever runs models may import it.
LOADER = "runtime_stub"
LOADS_MODELS = {"api", "cli", "backend", "autotune", "artifact"}

#: What the loader needs: _cffi_backend is cffi's part without a parser of C; ml_dtypes only to name element types that
#: numpy does not have, when it is there.
LOADER_NEEDS = {"_cffi_backend", "numpy", "ml_dtypes"}


def modules() -> Iterator[tuple[str, Path]]:
    """Dotted name and file of every module."""
    for package, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            yield ".".join([package, *(part for part in parts if part != "__init__")]), path


def imported(name: str, path: Path) -> Iterator[tuple[str, int]]:
    """Absolute dotted names of what a module imports, anywhere in it, with the line."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{origin}.{alias.name}", node.lineno


def room(name: str) -> str:
    """The room of a dotted name in onnxc; empty for the package itself."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


MODULES = list(modules())


def test_every_room_has_a_floor() -> None:
    assert {room(name) for name, _ in MODULES} - {"", LOADER} == set(FLOOR)


@pytest.mark.parametrize(("name", "path"), MODULES, ids=[name for name, _ in MODULES])
def test_imports_point_down(name: str, path: Path) -> None:
    own = room(name)
    if own == "":
        return  # the package itself: it looks its names up when they are used
    known = {module for module, _ in MODULES}
    for target, line in imported(name, path):
        # What is imported from a package may be a module in it, or a name that it defines.
        there = room(target if target in known else target.rpartition(".")[0])
        if target.split(".")[0] != "onnxc" or there in (own, ""):
            continue
        where = f"{path.relative_to(ROOT)}:{line} imports {target}"
        if there == LOADER:
            assert own in LOADS_MODELS, f"{where}, but does not run models"
            continue
        assert own != LOADER, f"{where}: the loader must need nothing of the compiler"
        assert FLOOR[there] < FLOOR[own], f"{where}: {own} is not above {there}"


@pytest.mark.parametrize(("name", "path"), MODULES, ids=[name for name, _ in MODULES])
def test_only_tvm_api_imports_tvm(name: str, path: Path) -> None:
    if name == "onnxc.kernel.tvm_api":
        return
    for target, line in imported(name, path):
        assert target.split(".")[0] not in ("tvm", "tvm_ffi"), f"{path.relative_to(ROOT)}:{line} imports {target}"


def test_the_loader_needs_cffi_and_numpy_alone() -> None:
    allowed = LOADER_NEEDS | set(sys.stdlib_module_names) | {"onnxc"}
    for name, path in MODULES:
        if room(name) != LOADER:
            continue
        for target, line in imported(name, path):
            assert target.split(".")[0] in allowed, f"{path.relative_to(ROOT)}:{line} imports {target}"


def test_no_file_is_past_500_lines() -> None:
    sources = [path for folder in (*FOLDERS.values(), ROOT / "tests") for path in folder.rglob("*.py")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources}
    assert {path: length for path, length in lengths.items() if length > 500} == {}
