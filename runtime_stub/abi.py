"""The C interface of artifacts, for cffi: its types, constants and functions are those of onnxc_runtime.h."""

from __future__ import annotations

from typing import Any

from .abi_types import ffi

VERSION = ffi.integer_const("ONNXC_ABI_VERSION")
ALIGNMENT = ffi.integer_const("ONNXC_ALIGNMENT")
OK = ffi.integer_const("ONNXC_OK")
TENSOR, VALUE = ffi.integer_const("ONNXC_TENSOR"), ffi.integer_const("ONNXC_VALUE")
SEQUENCE, OPTIONAL = ffi.integer_const("ONNXC_SEQUENCE"), ffi.integer_const("ONNXC_OPTIONAL")
NONE = ffi.integer_const("ONNXC_NONE")
MAX_RANK = ffi.integer_const("ONNXC_MAX_RANK")
#: Macros whose values cffi does not read.
EXPRESSION = -(2**63)
RUN_TIME = EXPRESSION + 1

#: What every library has, from this version of the interface on; onnxc_query was always there.
FUNCTIONS = (
    "onnxc_status_text",
    "onnxc_check_machine",
    "onnxc_pool_create",
    "onnxc_pool_destroy",
    "onnxc_now",
    "onnxc_run_call",
)
SIZE_MAX = 2 ** (8 * ffi.sizeof("size_t")) - 1


def text(pointer: Any) -> str:
    """A string of C, which may have bytes that are no UTF-8."""
    return ffi.string(pointer).decode("utf-8", "replace")
