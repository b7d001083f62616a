"""The machines that onnxc compiles for: see README.md here. A family is a folder with a target.py."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from types import ModuleType

from ..diagnostics import CompileError
from ..target import Target
from .machine import Machine, this_machine

#: Names of the target that is the machine which runs the compiler.
HOST_NAMES = ("host", "native")


@cache
def _families() -> tuple[ModuleType, ...]:
    """The target.py of every folder that has one, by name."""
    return tuple(
        importlib.import_module(f"{name}.target")
        for name in sorted(f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__) if module.ispkg)
        if find_spec(f"{name}.target") is not None
    )


def all_targets() -> tuple[Target, ...]:
    """Every target with a name of its own, ordered by family; the host is not among them."""
    return tuple(target for family in _families() for target in family.TARGETS)


def host(machine: Machine | None = None) -> Target:
    """The target for a machine, with all that its processor offers.

    Parameters
    ----------
    machine : Machine, optional
        The one that this process runs on when left out.

    Raises
    ------
    CompileError
        No family knows such a machine.
    """
    machine = machine or this_machine()
    for family in _families():
        detect = getattr(family, "host", None)
        target: Target | None = detect(machine) if detect is not None else None
        if target is not None:
            return target
    raise CompileError(
        f"this machine ({machine.system} on {machine.architecture}) cannot be compiled for by itself",
        expected="Linux on x86-64 or aarch64",
        remedy="name a target: see 'onnxc targets'",
    )


def find(name: str) -> Target:
    """The target of a name or an alias; case and the choice between ``-`` and ``_`` do not matter.

    Raises
    ------
    CompileError
        There is none; the error lists names like it.
    """
    wanted = _normal(name)
    if wanted in HOST_NAMES:
        return host()
    by_name = {_normal(known): target for target in all_targets() for known in _names(target)}
    if wanted in by_name:
        return by_name[wanted]
    close = difflib.get_close_matches(wanted, [*by_name, *HOST_NAMES], n=3, cutoff=0.5)
    raise CompileError(
        f"unknown target '{name}'",
        expected=", ".join([*HOST_NAMES[:1], *(target.name for target in all_targets())]),
        remedy=f"did you mean {' or '.join(close)}?" if close else "see 'onnxc targets'",
    )


def _names(target: Target) -> Iterator[str]:
    yield target.name
    yield from target.aliases


def _normal(name: str) -> str:
    return name.strip().lower().replace("_", "-")
