"""C99 out of what TVM prints: exact constants, plain signatures, nothing unused, 16-bit floats as their bits."""

from __future__ import annotations

import math
import re
import struct
from typing import Any

import numpy as np

from ..op.c_source import HALF_LOAD, HALF_STORE
from .tvm_api import structural_map, tirx

_CONSTANT = "onnxc_constant"
_TYPES = r"(?:float|double|bool|u?int(?:8|16|32|64)_t|half|void|uint64_t2)"


def prepare(module: Any) -> Any:
    """Hide behind calls, which `clean_source` replaces, what C or TVM's printing of it cannot say.

    These are floating-point constants, of which TVM prints 7 digits only, and conversions of 16-bit floats, which C99
    does not have. Computes do their arithmetic in float32; what TVM adds between 16-bit floats is done so here, too.
    """

    def constant(value: Any) -> Any:
        dtype = str(value.ty)
        if dtype not in ("float16", "float32", "float64"):
            return value
        return tirx.call_pure_extern(dtype, f"{_CONSTANT}{dtype[5:]}_{struct.pack('>d', value.value).hex()}")

    def cast(value: Any) -> Any:
        source, target = str(value.value.ty), str(value.ty)
        if "float16" not in (source, target) or source == target:
            return value
        inner = _load_half(value.value) if source == "float16" else value.value
        return _store_half(inner) if target == "float16" else inner.astype(target)

    def arithmetic(value: Any) -> Any:
        if str(value.a.ty) != "float16":
            return value
        result = type(value)(_load_half(value.a), _load_half(value.b))
        return _store_half(result) if str(value.ty) == "float16" else result

    rules = ((tirx.FloatImm, constant), (tirx.Cast, cast), *((kind, arithmetic) for kind in _ARITHMETIC))
    return structural_map(module, rules)


_ARITHMETIC = (
    *(tirx.Add, tirx.Sub, tirx.Mul, tirx.Div, tirx.Min, tirx.Max),
    *(tirx.EQ, tirx.NE, tirx.LT, tirx.LE, tirx.GT, tirx.GE),
)

#: Names of helpers, before they have the kernel's name in them.
_LOAD, _STORE, _PAIR = "onnxc_half_load", "onnxc_half_store", "onnxc_pair"

#: A complex number out of bits.
_PAIR_TEXT = """\
static inline double _Complex {symbol}_pair(uint64_t real, uint64_t imaginary) {{
  uint64_t bits[2] = {{real, imaginary}};
  double _Complex value;
  memcpy(&value, bits, sizeof value);
  return value;
}}

"""

_HELPERS = ((_STORE, HALF_STORE, "store"), (_LOAD, HALF_LOAD, "load"), (_PAIR, _PAIR_TEXT, "pair"))


def _load_half(value: Any) -> Any:
    return tirx.call_pure_extern("float32", _LOAD, value)


def _store_half(value: Any) -> Any:
    return tirx.call_pure_extern("float16", _STORE, value.astype("float32"))


def _constant_text(match: re.Match[str]) -> str:
    (value,) = struct.unpack(">d", bytes.fromhex(match.group(2)))
    if match.group(1) == "16":
        return f"(uint16_t)0x{np.float16(value).view(np.uint16):04x}u"
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
    cleaned = re.sub(rf"{_CONSTANT}(\d+)_([0-9a-f]{{16}})\(\)", _constant_text, cleaned)
    cleaned = re.sub(r"\bhalf\b", "uint16_t", cleaned).replace("uint64_t2(", f"{_PAIR}(")
    return _with_helpers(cleaned.replace("uint64_t2", "double _Complex"))


def _with_helpers(text: str) -> str:
    """With the functions that it calls, named after the first function, the kernel."""
    for name, definition, ending in _HELPERS:
        if name in text:
            (symbol,) = re.findall(r"^int32_t (\w+)\(", text, re.MULTILINE)[:1]
            text = definition.format(symbol=symbol) + text.replace(name, f"{symbol}_{ending}")
    return text


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
