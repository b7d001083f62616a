"""Writes runtime_stub/abi_types.py: the types and functions of onnxc_runtime.h, as cffi reads them without parsing C.

    python -m tests.runtime.abi_types

To be called whenever the header changes; a test compares.
"""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from pathlib import Path

import cffi

from tests.runtime.native import RUNTIME

TARGET = RUNTIME / "abi_types.py"

_HEAD = '''\
"""Types and functions of onnxc_runtime.h for cffi, which then parses no C: written by tests/runtime/abi_types.py."""

# ruff: noqa
# fmt: off
'''


def declarations() -> str:
    """What the header declares, in the C that cffi reads."""
    text = (RUNTIME / "onnxc_runtime.h").read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    text = re.sub(r'extern "C" \{', "", text).rpartition("#ifdef __cplusplus")[0]
    text = text.replace("__attribute__((aligned(16)))", "").replace("ONNXC_EXPORT ", "")
    limits = [line for line in text.splitlines() if re.match(r"#define \w+ \d+u?$", line)]
    kept = [line for line in text.splitlines() if not line.startswith("#")]
    return "\n".join(line.removesuffix("u") for line in limits) + "\n" + "\n".join(kept)


def generated() -> str:
    """The module's text."""
    ffi = cffi.FFI()
    ffi.cdef(declarations())
    ffi.set_source("onnxc.runtime_stub.abi_types", None)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "abi_types.py")
        with contextlib.redirect_stdout(io.StringIO()):
            ffi.emit_python_code(str(path))
        _, imported, rest = path.read_text().partition("import _cffi_backend")
    return _HEAD + imported + rest


if __name__ == "__main__":
    TARGET.write_text(generated())
