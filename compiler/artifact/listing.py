"""Compiled models as text for people: Relay, and what became of each kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from ..executor.names import c_comment
from ..kernel.compile import kernel_listing
from ..kernel.knobs import Knobs, Option
from ..relay.expr import Function, Module
from ..relay.printer import print_module
from ..target import Target

_COMMENTS = {"tir": "# {}", "llvm": "; {}", "asm": "# {}"}


def listing(
    module: Module,
    target: Target,
    form: str,
    choose: Callable[[Function], Mapping[str, Option]],
    progress: Callable[[int, int], None],
) -> str:
    """Text of an optimised module.

    Parameters
    ----------
    module : Module
    target : Target
    form : str
        ``relay``: the module; ``tir``, ``llvm``, ``asm``: its kernels, one after the other.
    choose : callable
        What tuning records choose for a kernel's knobs.
    progress : callable
        Told how many of how many kernels are done.
    """
    if form == "relay":
        return print_module(module)
    if form != "tir":
        target = replace(target, kernel_format="object")
    primitives = {name: function for name, function in module.functions.items() if function.is_primitive}
    parts = []
    for index, (name, function) in enumerate(primitives.items()):
        progress(index, len(primitives))
        head = _COMMENTS[form].format(f"---- kernel {c_comment(name)}")
        parts.append(f"{head}\n{kernel_listing(function, name, target, form, Knobs(choose(function))).strip()}\n")
    return "\n".join(parts)
