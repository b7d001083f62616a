"""The formats of floats of a byte or less. Kernels keep one in a byte; `T.encode` and `T.decode` convert them."""

from __future__ import annotations

from dataclasses import dataclass

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
    "float6_e2m3fn": Format(2, 3, 1, largest=0x1F),
    "float6_e3m2fn": Format(3, 2, 3, largest=0x1F),
    "float4_e2m1fn": Format(2, 1, 1, largest=0x7),
}

#: A power of two without sign or fraction: bits are the exponent plus 127, and 255 is NaN.
EXPONENT_ONLY = "float8_e8m0fnu"

#: All floats that kernels keep in a byte.
SMALL_FLOATS = (*FORMATS, EXPONENT_ONLY)

assert set(SMALL_FLOATS) == {name for name in DTYPES if name.startswith(("float8", "float6_", "float4"))}
