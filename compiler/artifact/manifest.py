"""What stands in an artifact's manifest.json: facts for build systems and people, nothing that a run needs.

It says nothing about when, where and by whom the artifact was made, so that same input gives same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..diagnostics import CompileError
from ..executor.program import Buffer, KernelStep, Program, Step, nested_steps
from ..relay.dimension import Dimension
from ..relay.types import TensorType, Type
from ..target import Target
from .compiled import Compiled

#: Raised when a reader of older manifests would misunderstand newer ones.
FORMAT = 1

_TOOLS = {"onnxc": "onnxc", "tvm": "apache-tvm", "onnx": "onnx"}


def manifest(compiled: Compiled, emit: str, files: Mapping[str, Path], compiler: str, external_weights: bool) -> str:
    """Text of a manifest.

    Parameters
    ----------
    compiled : Compiled
    emit : str
        Kind of the artifact.
    files : mapping of str to Path
        Its files: names as they will be, and where they are now.
    compiler : str
        Version of the C compiler; empty where none was used.
    external_weights : bool
    """
    program = compiled.program
    facts = {
        "format": FORMAT,
        "emit": emit,
        "model": {
            "name": program.name,
            "symbol_prefix": compiled.name,
            "hash": compiled.model_hash,
            "inputs": [typed(p.name, p.type) for p in program.inputs],
            "outputs": [typed(n, t) for n, t in zip(program.output_names, program.output_types, strict=True)],
            "symbols": list(program.symbols),
            "bounds": dict(program.bounds),
        },
        "target": _target(compiled.target, emit),
        "memory": {
            "arena_bytes": plain(program.plan.size),
            "peak_bytes": program.plan.peak,
            "heap": program.blocks > 0,
            "weights_bytes": program.weights_size,
            "weights": "external" if external_weights else "embedded",
            "buffers": memory_plan(program),
        },
        "kernels": len(compiled.kernels),
        "options": dict(compiled.options),
        "tools": {**_tool_versions(), "compiler": compiler},
        "files": {name: _file(path) for name, path in sorted(files.items())},
    }
    return json.dumps(facts, indent=1, ensure_ascii=False) + "\n"


@cache
def _tool_versions() -> dict[str, str]:
    """Once a process: to find a package's version takes milliseconds."""
    return {name: version(package) for name, package in _TOOLS.items()}


def memory_plan(program: Program) -> list[dict[str, Any]]:
    """The buffers in the arena: where they lie, between which steps they are alive, and which node wrote them first."""
    first_use: dict[Buffer, str] = {}
    for step in _flat(program.steps):
        if isinstance(step, KernelStep):
            for buffer in step.arguments:
                first_use.setdefault(buffer, step.comment)
    return [
        {
            "offset": plain(offset),
            "bytes": plain(buffer.size),
            "first_step": buffer.first,
            "last_step": buffer.last,
            "node": first_use.get(buffer, ""),
        }
        for buffer, offset in zip(program.arena_buffers, program.plan.offsets, strict=True)
    ]


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a manifest.

    Raises
    ------
    CompileError
        The file is no manifest, or one of a newer format.
    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CompileError(f"'{path}' cannot be read: {error}", expected="a manifest made by onnxc") from error
    if not isinstance(facts, dict) or not isinstance(facts.get("format"), int) or "model" not in facts:
        raise CompileError(f"'{path}' is no manifest made by onnxc")
    if facts["format"] > FORMAT:
        raise CompileError(
            f"'{path}' has format {facts['format']}",
            expected=f"format {FORMAT} or older",
            remedy="use the onnxc that made it, or a newer one",
        )
    return facts


def find_manifest(path: Path) -> Path | None:
    """The manifest that tells about an artifact (a folder, a library, or a manifest itself), if there is one."""
    if path.is_dir():
        candidates = [path / "manifest.json"]
    elif path.name == "manifest.json" or path.name.endswith(".manifest.json"):
        candidates = [path]
    else:
        candidates = [path.with_name(f"{library_stem(path)}.manifest.json"), path.with_name("manifest.json")]
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def library_stem(path: Path) -> str:
    """A library's name without what all libraries have in common."""
    stem = path.stem.removeprefix("lib") if path.suffix == ".a" else path.stem
    return stem or path.stem


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    state = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            state.update(chunk)
    return state.hexdigest()


def _flat(steps: Iterable[Step]) -> Iterable[Step]:
    for step in steps:
        yield step
        for inner in nested_steps(step):
            yield from _flat(inner)


def plain(dim: Dimension) -> int | str:
    """A dimension as JSON: text, where it is symbolic."""
    return dim if isinstance(dim, int) else str(dim)


def typed(name: str, type_: Type) -> dict[str, Any]:
    """An input or output as JSON: its name, element type and shape."""
    if not isinstance(type_, TensorType):  # a sequence or an optional: its type in Relay's text
        return {"name": name, "dtype": str(type_), "shape": []}
    return {"name": name, "dtype": type_.dtype, "shape": [plain(d) for d in type_.shape]}


def _target(target: Target, emit: str) -> dict[str, Any]:
    return {
        "name": target.name,
        "triple": target.triple,
        "cpu": target.cpu,
        "cpu_features": [] if emit == "c" else list(target.required_cpu_features),
    }


def _file(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": digest(path)}
