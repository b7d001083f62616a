"""What takes the place of the compiler in worker processes. On its own, so that they need not import TVM for it."""

from __future__ import annotations

import os
from typing import NoReturn

from onnxc.diagnostics import CompileError, Location
from onnxc.kernel.knobs import Knobs
from onnxc.relay.expr import Function


def refuse(function: Function, target: object, knobs: Knobs) -> NoReturn:
    """Fail as kernels do that cannot be compiled."""
    raise CompileError(f"refused {len(function.params)}", Location(node="somewhere"), expected="less")


def die(function: Function, target: object, knobs: Knobs) -> NoReturn:
    """End as a process does that the operating system has killed."""
    os._exit(1)
