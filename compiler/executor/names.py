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
union unsigned void volatile while main NULL offsetof asm linux unix
and and_eq bitand bitor catch char8_t char16_t char32_t class co_await co_return co_yield compl concept const_cast
consteval constinit decltype delete dynamic_cast explicit export friend mutable namespace new noexcept not not_eq
operator or or_eq private protected public reinterpret_cast requires static_assert static_cast template this
thread_local throw try typeid typename using virtual wchar_t xor xor_eq
errno I complex imaginary noreturn stdin stdout stderr EOF INFINITY NAN HUGE_VAL RAND_MAX BUFSIZ TRUE FALSE
int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t size_t
"""
#: Words of C and C++, what some compilers and C's headers define, and the types in headers of models.
_KEYWORDS = frozenset(_KEYWORD_TEXT.split())

#: Headers of C and POSIX without a folder, which a model's header must not hide from who searches its folder first.
_HEADER_TEXT = """
aio assert complex cpio ctype dirent dlfcn errno fcntl fenv float fmtmsg fnmatch ftw glob grp iconv inttypes iso646
langinfo libgen limits locale math monetary mqueue ndbm netdb nl_types poll pthread pwd regex sched search semaphore
setjmp signal spawn stdalign stdarg stdatomic stdbit stdbool stdckdint stddef stdint stdio stdlib stdnoreturn string
strings stropts syslog tar termios tgmath threads time trace uchar ulimit unistd utime utmpx wchar wctype wordexp
alloca endian elf features link malloc memory values
"""
_HEADERS = frozenset(_HEADER_TEXT.split())


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


def model_identifier(name: str) -> str:
    """The prefix of a model's symbols, macros and files."""
    text = identifier(name)
    return f"{text}_" if text.lower() in _HEADERS else text


def identifiers(names: Iterable[str]) -> list[str]:
    """Different identifiers for all the names."""
    result: list[str] = []
    for name in names:
        result.append(identifier(name, result))
    return result


def field_names(names: Iterable[str]) -> list[str]:
    """Identifiers for all the names that stay different in capitals, as macros have them."""
    result: list[str] = []
    for name in names:
        taken = {found.upper() for found in result}
        text, number = identifier(name), 1
        while text.upper() in taken:
            text, number = f"{identifier(name)}_{number}", number + 1
        result.append(text)
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
