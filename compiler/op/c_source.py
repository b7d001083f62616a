"""Pieces of kernels that are written in C: element types, dimensions, parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..diagnostics import CompileError
from ..relay.dimension import Dimension, fold, product
from ..relay.expr import Attrs
from ..relay.types import DTYPES, TensorType, type_symbols
from .base import INTEGERS

PROLOGUE = "#include <math.h>\n#include <stdbool.h>\n#include <stdint.h>\n#include <string.h>\n"

#: What a kernel returns where a number that the run computed makes no sense: ONNXC_ERROR_VALUE of onnxc_runtime.h.
WRONG_VALUE = 10

#: Element types by the C type that they lie in. 16-bit floats have none; sub-byte types take a byte; complex numbers
#: are only moved.
_STORAGE = {
    "float32": "float",
    "float64": "double",
    "float16": "uint16_t",
    "bfloat16": "uint16_t",
    "bool": "bool",
    "int4": "int8_t",
    "int2": "int8_t",
    "complex64": "uint64_t",
    "complex128": "double _Complex",
    "string": "onnxc_string",
    **{f"{sign}int{bits}": f"{sign}int{bits}_t" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}

_BFLOAT16 = """\
static inline float {symbol}_load(uint16_t bits) {{
  uint32_t wide = (uint32_t)bits << 16;
  float value;
  memcpy(&value, &wide, sizeof value);
  return value;
}}

static inline uint16_t {symbol}_store(float value) {{
  uint32_t wide;
  memcpy(&wide, &value, sizeof wide);
  if (value != value) return (uint16_t)(wide >> 16 | 0x40u);
  return (uint16_t)((wide + 0x7fffu + (wide >> 16 & 1u)) >> 16); /* to nearest, halves to even */
}}

"""

#: The value of a float16's bits.
HALF_LOAD = """\
static inline float {symbol}_load(uint16_t bits) {{
  uint32_t sign = (uint32_t)(bits & 0x8000u) << 16, exponent = bits >> 10 & 31u, fraction = bits & 0x3ffu, wide;
  float value;
  if (exponent == 0) {{ /* zero, or fraction * 2**-24 */
    value = (float)fraction * 5.9604644775390625e-8f;
    return sign ? -value : value;
  }}
  wide = sign | (exponent == 31u ? 255u : exponent + 112u) << 23 | fraction << 13;
  memcpy(&value, &wide, sizeof value);
  return value;
}}

"""

#: The bits of the float16 next to a float.
HALF_STORE = """\
static inline uint16_t {symbol}_store(float value) {{ /* to nearest, halves to even */
  uint32_t wide, sign, magnitude, half;
  memcpy(&wide, &value, sizeof wide);
  sign = wide >> 16 & 0x8000u;
  magnitude = wide & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return (uint16_t)(sign | 0x7e00u);
  if (magnitude >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* 65520 and more: infinity */
  if (magnitude < 0x38800000u) {{ /* below 2**-14: a multiple of 2**-24, which adding 0.5 rounds to */
    float small;
    memcpy(&small, &magnitude, sizeof small);
    small += 0.5f;
    memcpy(&half, &small, sizeof half);
    return (uint16_t)(sign | (half - 0x3f000000u));
  }}
  half = magnitude - 0x38000000u;
  return (uint16_t)(sign | (half + 0xfffu + (half >> 13 & 1u)) >> 13);
}}

"""


def storage_type(dtype: str) -> str:
    """The C type in which an element lies in memory; those that C has no type for lie in bytes."""
    if DTYPES[dtype][1] > 8 and dtype not in _STORAGE:
        raise CompileError(f"kernels in C have no tensors of {dtype}", expected="another element type")
    return _STORAGE.get(dtype, "uint8_t")


class Scalar:
    """How C code computes with elements of a type: 16-bit floats are loaded as float and rounded when stored.

    Attributes
    ----------
    storage, arithmetic : str
        The C types of an element in memory, and of its value.
    wrapping : str
        The C type in which sums and products of integers wrap around, as numpy's do, instead of overflowing.
    helpers : str
        Definitions that must stand before the kernel, with names that begin with its symbol.
    """

    def __init__(self, dtype: str, symbol: str) -> None:
        text = {"float16": HALF_LOAD + HALF_STORE, "bfloat16": _BFLOAT16}.get(dtype)
        self._converts = symbol if text else ""
        self.helpers = text.format(symbol=symbol) if text else ""
        self.storage = storage_type(dtype)
        self.arithmetic = "float" if text else "uint8_t" if dtype == "bool" else self.storage
        self.wrapping = f"uint{max(32, DTYPES[dtype][1])}_t" if dtype in INTEGERS else self.arithmetic
        self._is_bool = dtype == "bool"

    def load(self, text: str) -> str:
        """The value of an element in memory."""
        return f"{self._converts}_load({text})" if self._converts else text

    def store(self, text: str) -> str:
        """What to assign to an element in memory for a value."""
        if self._is_bool:
            return f"({text}) != 0"
        return f"{self._converts}_store({text})" if self._converts else f"({self.storage})({text})"


def dimension_text(dim: Dimension) -> str:
    """C expression of a dimension, over parameters that are named by the symbols."""
    return fold(
        dim,
        lambda number: str(number) if number >= 0 else f"({number})",
        str,
        {
            "+": lambda a, b: f"({a} + {b})",
            "*": lambda a, b: f"({a} * {b})",
            "//": lambda a, b: f"({a} / {b} - ({a} % {b} != 0 && ({a} < 0) != ({b} < 0)))",
            "%": lambda a, b: f"(({a} % {b} + {b}) % {b})",
            "max": lambda a, b: f"({a} > {b} ? {a} : {b})",
            "min": lambda a, b: f"({a} < {b} ? {a} : {b})",
        },
    )


def strides(shape: Sequence[Dimension]) -> list[Dimension]:
    """Elements from one index to the next on each axis of a dense tensor."""
    return [product(shape[axis + 1 :]) for axis in range(len(shape))]


def parameters(
    inputs: Mapping[str, TensorType],
    outputs: Mapping[str, TensorType],
    attrs: Attrs,
    workspace: str = "",
    *,
    makes_text: bool = False,
) -> str:
    """Parameter list of a kernel: pointers by name, the workspace if it has a name, an int32_t for each symbol.

    With `makes_text`, ``onnxc_text *text`` stands behind the other pointers.
    """
    types = (*inputs.values(), *outputs.values())
    names = set().union(*map(type_symbols, types), attrs.symbols())
    pointers = [f"const {storage_type(t.dtype)} *restrict {name}" for name, t in inputs.items()]
    pointers += [f"{storage_type(t.dtype)} *restrict {name}" for name, t in outputs.items()]
    pointers += [f"uint8_t *restrict {workspace}"] if workspace else []
    pointers += ["onnxc_text *text"] if makes_text else []
    return ", ".join([*pointers, *(f"int32_t {name}" for name in sorted(names))])
