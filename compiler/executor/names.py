"""Identifiers and expressions of C."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ..op.packed import PACKED
from ..op.small_float import SMALL_FLOATS
from ..relay.dimension import Dimension, fold
from ..relay.types import DTYPES, TensorType

#: C's type of an element in kernels: what is less than a byte has one of its own, what C cannot compute with is bits.
C_TYPES: Mapping[str, str] = {
    "float16": "uint16_t",
    "bfloat16": "uint16_t",
    "float32": "float",
    "float64": "double",
    **dict.fromkeys(SMALL_FLOATS, "uint8_t"),
    "int4": "int8_t",
    "uint4": "uint8_t",
    "int2": "int8_t",
    "uint2": "uint8_t",
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int16": "int16_t",
    "uint16": "uint16_t",
    "int32": "int32_t",
    "uint32": "uint32_t",
    "int64": "int64_t",
    "uint64": "uint64_t",
    "bool": "bool",
    "complex64": "uint64_t",
    "complex128": "double _Complex",
    "string": "onnxc_string",
}

_CODES = {"i": "kDLInt", "u": "kDLUInt", "f": "kDLFloat", "c": "kDLComplex", "b": "kDLBool", "O": "kDLOpaqueHandle"}


def dlpack_type(dtype: str) -> str:
    """Code, bits and lanes of an element type, as the initializer of a DLDataType."""
    numpy_dtype, bits = DTYPES[dtype]
    if dtype == "bfloat16":
        code = "kDLBfloat"
    elif dtype in SMALL_FLOATS:
        code = f"kDLFloat{dtype.removeprefix('float')}"
    elif dtype in PACKED:
        code = "kDLUInt" if dtype.startswith("u") else "kDLInt"
    else:
        code = _CODES[numpy_dtype.kind]
    return f"{{{code}, {bits}, 1}}"


def interface_type(dtype: str) -> str:
    """C's type of what the caller's arrays are made of."""
    return {"complex64": "float", "complex128": "double"}.get(dtype, "uint8_t" if dtype in PACKED else C_TYPES[dtype])


def interface_count(type_: TensorType) -> Dimension:
    """How many of `interface_type` a tensor is: a complex number is two, less than a byte is packed."""
    if type_.dtype in PACKED:
        return (type_.size * DTYPES[type_.dtype][1] + 7) // 8
    return type_.size * (2 if type_.dtype.startswith("complex") else 1)


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
        "//": lambda a, b: f"onnxc_quotient({a}, {b})",
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
