"""Floats narrower than float32: conversions are calls while loops are scheduled, and arithmetic on bits after that.

A conversion uses its argument several times, which schedules would copy for each operator in a chain of them; so, as
with elementary functions (`lower_math`), it takes the place of its call last. Results are int32: the bits.
"""

from __future__ import annotations

import math
import struct
from functools import cache
from typing import Any

from ..op.small_float import EXPONENT_ONLY, FORMATS
from .lower_math import Vector
from .tvm_api import DECODE, ENCODE, Call, structural_map, tirx


def lower_narrow_floats(func: Any) -> Any:
    """A function with arithmetic in the place of conversions, in Lets."""

    def lower(call: Any) -> Any:
        name = str(getattr(call.op, "name", ""))
        if not name.startswith((DECODE, ENCODE)):
            return call
        vector = Vector(int(str(call.ty).partition("x")[2] or 1))
        if name.startswith(DECODE):
            return vector.finish(_decode(vector, vector.let(call.args[0], "int32"), name.removeprefix(DECODE)))
        dtype, saturate, rounding = name.removeprefix(ENCODE).split(".")
        return vector.finish(_encode(vector, vector.let(call.args[0]), dtype, saturate == "True", rounding))

    return func.with_body(structural_map(func.body, (Call, lower)))


def _decode(v: Vector, code: Any, dtype: str) -> Any:
    """The float32 that bits stand for."""
    if dtype == EXPONENT_ONLY:
        number = tirx.Select(code == _int(v, 0), _int(v, 1 << 22), code << _int(v, 23))  # 2**-127 is subnormal
        return v.let(tirx.Select(code == _int(v, 255), v.const(math.nan), _as_float(v, number)))
    form = FORMATS[dtype]
    magnitude = v.let(code & _int(v, form.sign - 1), "int32")
    normal = (magnitude << _int(v, 23 - form.fraction)) + _int(v, (127 - form.bias) << 23)
    subnormal = magnitude.astype(v.type("float32")) * v.const(2.0 ** (1 - form.bias - form.fraction))
    value = v.let(tirx.Select(magnitude < _int(v, 1 << form.fraction), subnormal, _as_float(v, normal)))
    if form.infinity is not None:
        value = v.let(tirx.Select(magnitude == _int(v, form.infinity), v.const(math.inf), value))
    value = v.let(tirx.Select(code < _int(v, form.sign), value, v.const(-0.0) - value))
    if form.nan is None:
        return value
    if form.infinity is not None:
        is_nan = magnitude > _int(v, form.infinity)
    else:
        is_nan = (code if form.unsigned_zero else magnitude) == _int(v, form.nan)
    return v.let(tirx.Select(is_nan, v.const(math.nan), value))


def _encode(v: Vector, value: Any, dtype: str, saturate: bool, rounding: str) -> Any:
    """The bits of the narrow float next to a float32, halves to even."""
    bits = v.let(tirx.reinterpret(v.type("int32"), value), "int32")
    magnitude = v.let(bits & _int(v, 0x7FFFFFFF), "int32")
    is_nan = magnitude > _int(v, 0x7F800000)
    if dtype == "bfloat16":
        last = (bits >> _int(v, 16)) & _int(v, 1)
        # In unsigned numbers: the sum of the greatest NaN's bits would overflow.
        rounded = bits.astype(v.type("uint32")) + (last + _int(v, 0x7FFF)).astype(v.type("uint32"))
        upper = (rounded >> v.const(16, "uint32")).astype(v.type("int32"))
        quiet = ((bits >> _int(v, 16)) & _int(v, 0xFFFF)) | _int(v, 0x40)
        return v.let(tirx.Select(is_nan, quiet, upper), "int32")
    if dtype == EXPONENT_ONLY:
        code = _encode_exponent(v, magnitude, saturate, rounding)
        return v.let(tirx.Select(is_nan, _int(v, 255), code), "int32")
    form = FORMATS[dtype]
    dropped = 23 - form.fraction
    # Adding just less than half of the last place that is kept, and its own bit, carries where rounding goes up.
    last = (magnitude >> _int(v, dropped)) & _int(v, 1)
    normal = ((magnitude + last + _int(v, (1 << (dropped - 1)) - 1)) >> _int(v, dropped)) - _int(
        v, (127 - form.bias) << form.fraction
    )
    # A subnormal is a multiple of the smallest one: added to a number with that last place, it is rounded to it.
    aligner = 2.0 ** (24 - form.bias - form.fraction)
    aligned = v.let(_as_float(v, magnitude) + v.const(aligner))
    subnormal = tirx.reinterpret(v.type("int32"), aligned) - _int(v, _float_bits(aligner))
    code = v.let(tirx.Select(magnitude < _int(v, (128 - form.bias) << 23), subnormal, normal), "int32")
    too_large = _int(v, form.largest if saturate else form.overflow)
    code = v.let(tirx.Select(code > _int(v, form.largest), too_large, code), "int32")
    # Without a NaN ml_dtypes makes a zero of the other sign of it.
    code = v.let(tirx.Select(is_nan, _int(v, form.sign if form.nan is None else form.nan), code), "int32")
    sign = v.let(tirx.Select(bits < _int(v, 0), _int(v, form.sign), _int(v, 0)), "int32")
    if form.unsigned_zero:
        has_none = (code & _int(v, form.sign - 1)) == _int(v, 0)
        sign = v.let(tirx.Select(has_none, _int(v, 0), sign), "int32")
    return v.let(code ^ sign, "int32")


def _encode_exponent(v: Vector, magnitude: Any, saturate: bool, rounding: str) -> Any:
    """The power of two for a float32 without its sign, that is no NaN."""
    fraction = v.let(magnitude & _int(v, 0x7FFFFF), "int32")
    exponent = v.let(magnitude >> _int(v, 23), "int32")
    # The least fractions that round up: of a normal number, and of one between 2**-127 and 2**-126.
    least = {"up": (1, (1 << 22) + 1), "nearest": (1 << 22, 3 << 21), "down": (1 << 23, 1 << 23)}[rounding]
    bound = v.let(tirx.Select(exponent == _int(v, 0), _int(v, least[1]), _int(v, least[0])), "int32")
    code = v.let(exponent + tirx.Select(fraction >= bound, _int(v, 1), _int(v, 0)), "int32")
    if saturate:
        return v.let(tirx.min(code, _int(v, 254)), "int32")
    # What rounds to less than 2**-127.
    smallest = {"up": (1 << 21) + 1, "nearest": 3 << 20, "down": 1 << 22}[rounding]
    return v.let(tirx.Select(magnitude < _int(v, smallest), _int(v, 255), tirx.min(code, _int(v, 255))), "int32")


@cache
def _float_bits(value: float) -> int:
    (bits,) = struct.unpack("<i", struct.pack("<f", value))
    return int(bits)


def _as_float(v: Vector, bits: Any) -> Any:
    return tirx.reinterpret(v.type("float32"), bits)


def _int(v: Vector, value: int) -> Any:
    return v.const(value, "int32")
