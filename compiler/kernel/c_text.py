"""C99 out of what TVM prints: exact constants, plain signatures, nothing unused."""

from __future__ import annotations

import math
import re
import struct
from typing import Any

import numpy as np

from .tvm_api import structural_map, tirx

_CONSTANT = "onnxc_constant"
_TYPES = r"(?:float|double|bool|u?int(?:8|16|32|64)_t|half|void)"


def hide_constants(module: Any) -> Any:
    """Hide floating-point constants behind calls that `clean_source` replaces: TVM prints 7 digits only."""

    def hide(constant: Any) -> Any:
        dtype = str(constant.ty)
        if dtype not in ("float32", "float64"):
            return constant
        return tirx.call_pure_extern(dtype, f"{_CONSTANT}{dtype[5:]}_{struct.pack('>d', constant.value).hex()}")

    return structural_map(module, (tirx.FloatImm, hide))


def _constant_text(match: re.Match[str]) -> str:
    (value,) = struct.unpack(">d", bytes.fromhex(match.group(2)))
    if value != value or value in (math.inf, -math.inf):
        return "NAN" if value != value else "INFINITY" if value > 0 else "(-INFINITY)"
    if match.group(1) == "64":
        return repr(value)
    text = str(np.float32(value))  # the shortest text that reads back as the same float
    return f"{text if '.' in text or 'e' in text else text + '.0'}f"


def clean_source(text: str, const_places: frozenset[int]) -> str:
    """C99 out of TVM's text: without its prologue and decorations, with const and restrict on the pointers.

    Parameters
    ----------
    text : str
    const_places : set of int
        Parameters that are pointers to what is only read.
    """
    functions: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith(("// tvm target", "#", 'extern "C"', "void* __tvm_ffi")) or not line.strip():
            continue
        if line.startswith("TVM_DLL"):
            if not line.endswith(";"):  # prototypes: the executor prints its own, and math.h has the others
                functions.append([line.removeprefix("TVM_DLL ")])
        else:
            functions[-1].append(line)
    cleaned = "\n".join(_function(lines, const_places) for lines in functions)
    return re.sub(rf"{_CONSTANT}(\d+)_([0-9a-f]{{16}})\(\)", _constant_text, cleaned)


def _function(lines: list[str], const_places: frozenset[int]) -> str:
    """One function, with its head in order and without what it does not use."""
    head, *body = lines
    body = _without_unused(body)
    parameters = head.partition("(")[2].rsplit(")", 1)[0].split(", ")
    words = set(re.findall(r"\w+", "\n".join(body)))
    unused = [name for name in (p.split()[-1] for p in parameters if p) if name not in words]
    ignored = ["  (void)" + ", (void)".join(unused) + ";"] if unused else []
    return "\n".join([_signature(head, const_places), *ignored, *body, ""])


def _without_unused(body: list[str]) -> list[str]:
    """Leave out common subexpressions that nothing uses: TVM binds some for expressions that it then simplifies."""
    while True:
        words = re.findall(r"\w+", "\n".join(body))
        kept = [
            line
            for line in body
            if not (match := re.fullmatch(r"\s*int32_t (cse_\w+) = .*;", line)) or words.count(match.group(1)) > 1
        ]
        if len(kept) == len(body):
            return body
        body = kept


def _signature(line: str, const_places: frozenset[int]) -> str:
    """Qualify the pointers of a function's head."""
    head, _, rest = line.partition("(")
    parameters = rest.rsplit(")", 1)[0].split(", ")
    result = []
    for index, parameter in enumerate(parameters):
        match = re.fullmatch(rf"({_TYPES})\* (\w+)", parameter)
        if match is None:
            result.append(parameter)
        else:
            result.append(f"{'const ' if index in const_places else ''}{match.group(1)} *restrict {match.group(2)}")
    return f"{head}({', '.join(result)}) {{"
