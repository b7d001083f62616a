"""Floats of a byte or less as bits: what they are worth, and which of them is nearest to a float32.

Kernels keep such a float in a byte. The formats are ONNX's, and those of ml_dtypes, which references use.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

from ..relay.types import DTYPES


@dataclass(frozen=True)
class Format:
    """A sign, an exponent and a fraction.

    Attributes
    ----------
    exponent, fraction : int
        Their sizes in bits.
    bias : int
        What is added to the exponent. Exponent 0 is that of subnormal numbers.
    largest : int
        The bits of the greatest number.
    nan : int or None
        The bits of the NaN that results have. None: there is none.
    infinity : int or None
        The bits of infinity; all that are greater are NaN. None: there is none.
    unsigned_zero : bool
        The bits of -0 are those of NaN, which has no sign.
    """

    exponent: int
    fraction: int
    bias: int
    largest: int
    nan: int | None = None
    infinity: int | None = None
    unsigned_zero: bool = False

    @property
    def sign(self) -> int:
        """The bit of the sign."""
        return 1 << (self.exponent + self.fraction)

    @property
    def overflow(self) -> int:
        """The bits of what is out of range and not saturated."""
        return next(bits for bits in (self.infinity, self.nan, self.largest) if bits is not None)


FORMATS: dict[str, Format] = {
    "float8_e4m3fn": Format(4, 3, 7, largest=0x7E, nan=0x7F),
    "float8_e4m3fnuz": Format(4, 3, 8, largest=0x7F, nan=0x80, unsigned_zero=True),
    "float8_e5m2": Format(5, 2, 15, largest=0x7B, nan=0x7E, infinity=0x7C),
    "float8_e5m2fnuz": Format(5, 2, 16, largest=0x7F, nan=0x80, unsigned_zero=True),
    "float4_e2m1fn": Format(2, 1, 1, largest=0x7),
}

#: A power of two without sign or fraction: bits are the exponent plus 127, and 255 is NaN.
EXPONENT_ONLY = "float8_e8m0fnu"

#: All floats that kernels keep in a byte.
SMALL_FLOATS = (*FORMATS, EXPONENT_ONLY)


def decode(T: Any, bits: Any, dtype: str) -> Any:
    """The float32 that a byte stands for."""
    code = T.cast(bits, "int32")
    if dtype == EXPONENT_ONLY:
        number = T.select(code == _int(T, 0), _int(T, 1 << 22), code << _int(T, 23))  # 2**-127 is a subnormal float32
        return T.select(code == _int(T, 255), _float(T, math.nan), T.reinterpret(number, "float32"))
    form = FORMATS[dtype]
    magnitude = code & _int(T, form.sign - 1)
    normal = (magnitude << _int(T, 23 - form.fraction)) + _int(T, (127 - form.bias) << 23)
    subnormal = T.cast(magnitude, "float32") * _float(T, 2.0 ** (1 - form.bias - form.fraction))
    value = T.select(magnitude < _int(T, 1 << form.fraction), subnormal, T.reinterpret(normal, "float32"))
    if form.infinity is not None:
        value = T.select(magnitude == _int(T, form.infinity), _float(T, math.inf), value)
    value = T.select(code < _int(T, form.sign), value, -value)
    if form.nan is None:
        return value
    if form.infinity is not None:
        is_nan = magnitude > _int(T, form.infinity)
    else:
        is_nan = (code if form.unsigned_zero else magnitude) == _int(T, form.nan)
    return T.select(is_nan, _float(T, math.nan), value)


def encode(T: Any, value: Any, dtype: str, saturate: bool, rounding: str = "up") -> Any:
    """The byte of the small float next to a float32, halves to even.

    Parameters
    ----------
    value
        A float32.
    saturate : bool
        Infinities and what is out of range become the greatest number; else infinity, or NaN where there is none.
    rounding : str
        ``up``, ``down`` or ``nearest``: for exponents without fraction, where nothing is even.
    """
    bits = T.reinterpret(value, "int32")
    magnitude = bits & _int(T, 0x7FFFFFFF)
    is_nan = magnitude > _int(T, 0x7F800000)
    if dtype == EXPONENT_ONLY:
        return T.cast(T.select(is_nan, _int(T, 255), _encode_exponent(T, magnitude, saturate, rounding)), "uint8")
    form = FORMATS[dtype]
    dropped = 23 - form.fraction
    # Adding just less than half of the last place that is kept, and its own bit, carries where rounding goes up.
    rounded = magnitude + _int(T, (1 << (dropped - 1)) - 1) + ((magnitude >> _int(T, dropped)) & _int(T, 1))
    normal = (rounded >> _int(T, dropped)) - _int(T, (127 - form.bias) << form.fraction)
    # A subnormal is a multiple of the smallest one: added to a number with that last place, it is rounded to it.
    aligner = 2.0 ** (24 - form.bias - form.fraction)
    aligned = T.reinterpret(T.reinterpret(magnitude, "float32") + _float(T, aligner), "int32")
    subnormal = aligned - _int(T, _bits(aligner))
    code = T.select(magnitude < _int(T, (128 - form.bias) << 23), subnormal, normal)
    code = T.select(code > _int(T, form.largest), _int(T, form.largest if saturate else form.overflow), code)
    # Without a NaN ml_dtypes makes a zero of the other sign of it.
    code = T.select(is_nan, _int(T, form.sign if form.nan is None else form.nan), code)
    sign = T.select(bits < _int(T, 0), _int(T, form.sign), _int(T, 0))
    if form.unsigned_zero:
        sign = T.select((code & _int(T, form.sign - 1)) == _int(T, 0), _int(T, 0), sign)
    return T.cast(code ^ sign, "uint8")


def _encode_exponent(T: Any, magnitude: Any, saturate: bool, rounding: str) -> Any:
    """The power of two for a float32 without its sign, that is no NaN."""
    fraction = magnitude & _int(T, 0x7FFFFF)
    exponent = magnitude >> _int(T, 23)
    # The least fractions that round up: of a normal number, and of one between 2**-127 and 2**-126.
    least = {"up": (1, (1 << 22) + 1), "nearest": (1 << 22, 3 << 21), "down": (1 << 23, 1 << 23)}[rounding]
    is_subnormal = exponent == _int(T, 0)
    bound = T.select(is_subnormal, _int(T, least[1]), _int(T, least[0]))
    code = exponent + T.select(fraction >= bound, _int(T, 1), _int(T, 0))
    if saturate:
        return T.minimum(code, _int(T, 254))
    # What rounds to less than 2**-127.
    smallest = {"up": (1 << 21) + 1, "nearest": 3 << 20, "down": 1 << 22}[rounding]
    return T.select(magnitude < _int(T, smallest), _int(T, 255), T.minimum(code, _int(T, 255)))


def _bits(value: float) -> int:
    (bits,) = struct.unpack("<i", struct.pack("<f", value))
    return int(bits)


def _int(T: Any, value: int) -> Any:
    return T.const(value, "int32")


def _float(T: Any, value: float) -> Any:
    return T.const(value, "float32")


assert set(SMALL_FLOATS) == {name for name in DTYPES if name.startswith(("float8", "float4"))}
