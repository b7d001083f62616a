"""onnxc: ahead-of-time compiler for ONNX models.

>>> import onnxc
>>> model = onnxc.compile("model.onnx")  # doctest: +SKIP
>>> onnxc.compile("model.onnx", "aarch64", output="build/")  # doctest: +SKIP
>>> model = onnxc.load("build/model.so")  # doctest: +SKIP

Names are looked up when they are used: to load a model needs neither TVM nor the onnx package, and should not wait for
them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import compile
    from .diagnostics import CompileError
    from .op.custom import register_operator
    from .runtime_stub.loader import InputError, LoadError, Model, RunError, load

    __version__: str

__all__ = [
    "CompileError",
    "InputError",
    "LoadError",
    "Model",
    "RunError",
    "__version__",
    "compile",
    "load",
    "register_operator",
]

_HOMES = {
    "compile": ".api",
    "CompileError": ".diagnostics",
    "register_operator": ".op.custom",
    **dict.fromkeys(("InputError", "LoadError", "Model", "RunError", "load"), ".runtime_stub.loader"),
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name], __name__), name)
    elif name == "__version__":
        from importlib.metadata import version

        value = version("onnxc")
    else:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
