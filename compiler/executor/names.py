"""Identifiers and expressions of C."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ..relay.dimension import Dimension, fold

#: DLPack's type code and C's type of each element type.
C_TYPES: Mapping[str, tuple[str, str]] = {
    "float16": ("kDLFloat", "uint16_t"),
    "bfloat16": ("kDLBfloat", "uint16_t"),
    "float32": ("kDLFloat", "float"),
    "float64": ("kDLFloat", "double"),
    "float8_e4m3fn": ("kDLUInt", "uint8_t"),
    "float8_e4m3fnuz": ("kDLUInt", "uint8_t"),
    "float8_e5m2": ("kDLUInt", "uint8_t"),
    "float8_e5m2fnuz": ("kDLUInt", "uint8_t"),
    "float8_e8m0fnu": ("kDLUInt", "uint8_t"),
    "float4_e2m1fn": ("kDLUInt", "uint8_t"),
    "int4": ("kDLInt", "int8_t"),
    "uint4": ("kDLUInt", "uint8_t"),
    "int2": ("kDLInt", "int8_t"),
    "uint2": ("kDLUInt", "uint8_t"),
    "int8": ("kDLInt", "int8_t"),
    "uint8": ("kDLUInt", "uint8_t"),
    "int16": ("kDLInt", "int16_t"),
    "uint16": ("kDLUInt", "uint16_t"),
    "int32": ("kDLInt", "int32_t"),
    "uint32": ("kDLUInt", "uint32_t"),
    "int64": ("kDLInt", "int64_t"),
    "uint64": ("kDLUInt", "uint64_t"),
    "bool": ("kDLBool", "bool"),
}

_KEYWORD_TEXT = """
alignas alignof auto bool break case char const constexpr continue default do double else enum extern false float for
goto if inline int long nullptr register restrict return short signed sizeof static struct switch true typedef typeof
union unsigned void volatile while and or not xor class new delete this template main NULL offsetof
"""
_KEYWORDS = frozenset(_KEYWORD_TEXT.split())


def identifier(name: str, taken: Iterable[str] = ()) -> str:
    """A C identifier like a name, different from those taken."""
    text = re.sub(r"[^0-9A-Za-z_]+", "_", name).strip("_") or "x"
    if text[0].isdigit():
        text = f"n{text}"
    if text in _KEYWORDS or text == "onnxc" or text.startswith("onnxc_"):  # the latter are the runtime's
        text += "_"
    used, candidate, number = set(taken), text, 1
    while candidate in used:
        candidate = f"{text}_{number}"
        number += 1
    return candidate


def identifiers(names: Iterable[str]) -> list[str]:
    """Different identifiers for all the names."""
    result: list[str] = []
    for name in names:
        result.append(identifier(name, result))
    return result


def c_dimension(dim: Dimension, symbols: Mapping[str, str]) -> str:
    """A dimension as a C expression of type int64_t (an integer literal where it is static)."""
    if isinstance(dim, int):
        return str(dim)
    operations = {
        "+": lambda a, b: f"({a} + {b})",
        "*": lambda a, b: f"{a} * {b}",
        "//": lambda a, b: f"onnxc_floor_div({a}, {b})",
        "%": lambda a, b: f"onnxc_floor_mod({a}, {b})",
        "max": lambda a, b: f"onnxc_max({a}, {b})",
        "min": lambda a, b: f"onnxc_min({a}, {b})",
    }
    return str(fold(dim, lambda n: f"INT64_C({n})", lambda s: symbols[s], operations))


def c_bound(dim: Dimension, symbols: Mapping[str, str]) -> str:
    """A C expression of type double that is at least the dimension, and does not overflow."""
    operations = {
        "+": lambda a, b: f"({a} + {b})",
        "*": lambda a, b: f"{a} * {b}",
        "//": lambda a, b: f"({a}) / ({b})",
        "%": lambda a, b: f"({b})",
        "max": lambda a, b: f"onnxc_greater({a}, {b})",
        "min": lambda a, b: f"onnxc_smaller({a}, {b})",
    }
    return str(fold(dim, lambda n: f"{n}.0", lambda s: f"(double){symbols[s]}", operations))


def c_string(text: str) -> str:
    """A C string literal (UTF-8, with what is not plain ASCII in octal)."""
    body = ""
    for byte in text.encode("utf-8", "surrogateescape"):
        char = chr(byte)
        body += char if 32 <= byte < 127 and char not in '"\\?' else f"\\{byte:03o}"
    return f'"{body}"'


def c_comment(text: str) -> str:
    """Text that is safe inside a C comment."""
    return text.replace("*/", "* /").replace("/*", "/ *").replace("\n", " ").replace("\\", "/")
