"""Philox 4x32-10, the counter-based generator of Salmon et al. (2011), and numbers made of its words.

Word i of a stream is a function of the key, the stream's number (in a loop that of the iteration) and i alone: no state
is kept, elements can be computed in any order, and every target gets the same bits. Numbers are made by arithmetic that
rounds alike everywhere: products that are exact, and, where that cannot be, code that compilers are told not to
contract.
"""

from __future__ import annotations

import math

import numpy as np

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)


def words(count: int, key: tuple[int, int], stream: int = 0) -> np.ndarray:
    """The first words of one of a key's streams, as uint32."""
    blocks = np.arange((count + 3) // 4, dtype=np.uint64)
    c = [blocks & _LOW, blocks >> np.uint64(32), np.full_like(blocks, stream & 0xFFFFFFFF)]
    c.append(np.full_like(blocks, stream >> 32 & 0xFFFFFFFF))
    k = [key[0], key[1]]
    for _ in range(10):
        products = [np.uint64(m) * c[2 * i] for i, m in enumerate(_MULTIPLIERS)]
        high, low = [p >> np.uint64(32) for p in products], [p & _LOW for p in products]
        c = [high[1] ^ c[1] ^ np.uint64(k[0]), low[1], high[0] ^ c[3] ^ np.uint64(k[1]), low[0]]
        k = [(k[i] + _WEYL[i]) & 0xFFFFFFFF for i in range(2)]
    return np.stack(c, 1).reshape(-1)[:count].astype(np.uint32)


WORDS_TEXT = """\
/* Philox 4x32-10 (Salmon et al. 2011): the four words of a block of a stream. */
static void {symbol}_words(uint64_t block, uint64_t stream, uint32_t *word) {{
  uint32_t c0 = (uint32_t)block, c1 = (uint32_t)(block >> 32), c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
  uint32_t k0 = {key0}u, k1 = {key1}u;
  for (int round = 0; round < 10; ++round) {{
    const uint64_t a = (uint64_t)0xD2511F53u * c0, b = (uint64_t)0xCD9E8D57u * c2;
    c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)b;
    c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)a;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }}
  word[0] = c0, word[1] = c1, word[2] = c2, word[3] = c3;
}}

"""

# The quantile of the normal distribution: Wichura (1988), algorithm AS 241, PPND16.
_CENTRE = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
     13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608),
    (5226.495278852545925, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
     5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0),
)  # fmt: skip
_MIDDLE = (
    (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
     3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
     0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0),
)  # fmt: skip
_TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
     0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772),
    (2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
     0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0),
)  # fmt: skip

#: Terms of the series of the logarithm: 2 (s + s**3 / 3 + ...), with s at most 0.172, to 1e-17.
_SERIES = 10


def _polynomial(x: np.ndarray, coefficients: tuple[float, ...]) -> np.ndarray:
    result = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        result = result * x + coefficient
    return result


def _logarithm(x: np.ndarray) -> np.ndarray:
    """Of normal positive numbers, by operations that round alike everywhere."""
    fraction, exponent = np.frexp(x)
    small = fraction < math.sqrt(0.5)
    fraction, exponent = np.where(small, 2 * fraction, fraction), exponent - small
    s = (fraction - 1) / (fraction + 1)
    square = s * s
    series = _polynomial(square, tuple(1 / (2 * k + 1) for k in reversed(range(_SERIES))))
    return 2 * (s * series) + exponent * math.log(2)


def normal_quantile(word: np.ndarray) -> np.ndarray:
    """The number below which a standard normal variable is with the probability (word + 1/2) / 2**32."""
    probability = (word.astype(np.float64) + 0.5) * 2.0**-32
    q = probability - 0.5
    r = 0.180625 - q * q
    centre = q * (_polynomial(r, _CENTRE[0]) / _polynomial(r, _CENTRE[1]))
    distance = np.sqrt(0 - _logarithm(np.where(q < 0, probability, 1 - probability)))
    middle = _polynomial(distance - 1.6, _MIDDLE[0]) / _polynomial(distance - 1.6, _MIDDLE[1])
    tail = _polynomial(distance - 5, _TAIL[0]) / _polynomial(distance - 5, _TAIL[1])
    outside = np.where(distance <= 5, middle, tail)
    return np.where(np.abs(q) <= 0.425, centre, np.where(q < 0, 0 - outside, outside))


def _array_text(coefficients: tuple[float, ...]) -> str:
    return "{{" + ", ".join(map(repr, coefficients)) + "}}"


# Compilers may contract a * b + c to one operation with one rounding: not here.
NORMAL_TEXT = f"""\
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#define ONNXC_NO_CONTRACTION
#elif defined(__GNUC__)
#define ONNXC_NO_CONTRACTION __attribute__((optimize("fp-contract=off")))
#else
#define ONNXC_NO_CONTRACTION
#endif

ONNXC_NO_CONTRACTION static double {{symbol}}_polynomial(double x, const double *coefficients, int count) {{{{
  double result = coefficients[0];
  for (int i = 1; i < count; ++i) result = result * x + coefficients[i];
  return result;
}}}}

/* Of normal positive numbers. */
ONNXC_NO_CONTRACTION static double {{symbol}}_logarithm(double x) {{{{
  static const double series[] = {_array_text(tuple(1 / (2 * k + 1) for k in reversed(range(_SERIES))))};
  int exponent;
  double fraction = frexp(x, &exponent), s, total;
  if (fraction < {math.sqrt(0.5)!r}) fraction = 2 * fraction, --exponent;
  s = (fraction - 1) / (fraction + 1);
  total = s * {{symbol}}_polynomial(s * s, series, {_SERIES});
  return 2 * total + exponent * {math.log(2)!r};
}}}}

/* The quantile of the normal distribution, of (word + 1/2) / 2**32: Wichura (1988), algorithm AS 241, PPND16. */
ONNXC_NO_CONTRACTION static double {{symbol}}_normal(uint32_t word) {{{{
  static const double centre[2][8] = {{{{{_array_text(_CENTRE[0])}, {_array_text(_CENTRE[1])}}}}};
  static const double middle[2][8] = {{{{{_array_text(_MIDDLE[0])}, {_array_text(_MIDDLE[1])}}}}};
  static const double tail[2][8] = {{{{{_array_text(_TAIL[0])}, {_array_text(_TAIL[1])}}}}};
  const double probability = ((double)word + 0.5) * {2.0**-32!r}, q = probability - 0.5;
  double r, result;
  if (fabs(q) <= 0.425) {{{{
    r = 0.180625 - q * q;
    return q * ({{symbol}}_polynomial(r, centre[0], 8) / {{symbol}}_polynomial(r, centre[1], 8));
  }}}}
  r = sqrt(-{{symbol}}_logarithm(q < 0 ? probability : 1 - probability));
  if (r <= 5)
    result = {{symbol}}_polynomial(r - 1.6, middle[0], 8) / {{symbol}}_polynomial(r - 1.6, middle[1], 8);
  else
    result = {{symbol}}_polynomial(r - 5, tail[0], 8) / {{symbol}}_polynomial(r - 5, tail[1], 8);
  return q < 0 ? -result : result;
}}}}

"""
