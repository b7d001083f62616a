"""Kernels that were built before: the name and the bytes under which a store keeps the code of a primitive function."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache, partial
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from .. import op as relay_op
from ..diagnostics import CompileError
from ..relay.dimension import Dimension
from ..relay.dimension_parser import parse_dimension
from ..relay.expr import Call, Function
from ..relay.printer import canonical_text
from ..store import digest_of
from ..target import Target
from .kernel import KernelCode
from .knobs import Option

#: What decides about the code of a kernel besides the function and the target: rooms and modules of onnxc, and TVM.
_SOURCES = ("diagnostics.py", "target.py", "relay", "op", "kernel")
_TOOLS = ("apache-tvm", "apache-tvm-ffi", "numpy")

#: Facts about a target that no kernel depends on. Its name stands in none, so that targets of the same kind share.
_FOR_OTHERS = ("name", "aliases", "description", "toolchain", "required_cpu_features", "ram_bytes", "flash_bytes")

#: Of knobs: without a tuning record.
NO_CHOICES: Mapping[str, Option] = MappingProxyType({})

_PACKAGE = __name__.split(".")[0]


def code_name(function: Function, target: Target, choices: Mapping[str, Option] = NO_CHOICES) -> str | None:
    """The name of the code for a function: a digest of all that it depends on.

    None where that cannot be told: operators or schedules that are not onnxc's own may change unseen.
    """
    if not target.schedules.startswith(f"{_PACKAGE}.") or not all(map(_is_own, _operators(function))):
        return None
    facts = {key: value for key, value in asdict(target).items() if key not in _FOR_OTHERS}
    known = json.dumps([facts, dict(choices)], sort_keys=True)
    return digest_of([compiler_digest(), known, canonical_text(function)])


@cache
def compiler_digest() -> str:
    """Digest of the compiler itself, as far as kernels depend on it."""
    facts: list[str | bytes] = [f"{tool} {version(tool)}" for tool in _TOOLS]
    compiler = Path(str(files(_PACKAGE)))
    rooms = [compiler / name for name in _SOURCES]
    rooms.append(Path(str(files(f"{_PACKAGE}.targets"))))  # beside the others in a checkout: see pyproject.toml
    for room in rooms:
        for path in sorted(room.rglob("*.py")) if room.is_dir() else [room]:
            facts += [str(path.relative_to(room.parent)), path.read_bytes()]
    return digest_of(facts)


def _operators(function: Function) -> list[relay_op.Op]:
    calls = [b.value for b in function.bindings if isinstance(b.value, Call)]
    return [relay_op.get(call.op) for call in calls if isinstance(call.op, str)]


def _is_own(op: relay_op.Op) -> bool:
    written = [function for function in (op.compute, op.source) if function is not None]
    written = [function.func if isinstance(function, partial) else function for function in written]
    return all(function.__module__.startswith(f"{_PACKAGE}.") for function in written)


def encode_code(code: KernelCode) -> bytes:
    """Code as bytes."""
    facts = {
        "tasks": [None if t is None else str(t) for t in code.tasks],
        "workspaces": [str(size) for size in code.workspaces],
        "source": code.source,
        "rounds": None if code.rounds is None else str(code.rounds),
    }
    return json.dumps(facts).encode() + b"\n" + code.object_code


def decode_code(data: bytes) -> KernelCode | None:
    """Code out of bytes; None where they are none."""
    head, separator, object_code = data.partition(b"\n")
    try:
        facts = json.loads(head)
        tasks = tuple(None if t is None else parse_dimension(t) for t in facts["tasks"])
        workspaces: tuple[Dimension, ...] = tuple(map(parse_dimension, facts["workspaces"]))
        rounds = None if facts["rounds"] is None else parse_dimension(facts["rounds"])
        return KernelCode(tasks, workspaces, object_code, facts["source"], rounds) if separator else None
    except (ValueError, KeyError, TypeError, CompileError):
        return None
