"""Discrete Fourier transforms of any length, also of one that only the run knows (ONNX DFT, STFT).

Data is (outer, found, inner, parts), of which the second axis is transformed: its first elements, or with zeros behind
them. There is 1 part (real numbers) or 2 (real and imaginary ones), and the result has as many elements as `length`
says; `onesided` spectra have those up to the middle, length // 2 + 1, and only an inverse transform takes them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import Dimension
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .accumulate import widen
from .base import FLOATS, REQUIRED, CSource, FusionKind, Op, check_dtype, register, tensors
from .c_source import PROLOGUE, WRONG_VALUE, Scalar, dimension_text, parameters


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("fourier_transform", args, 1)
    check_dtype("fourier_transform", x.dtype, FLOATS)
    length, halved = attrs.length, attrs.onesided
    if x.rank != 4 or x.shape[3] not in ((1, 2) if not halved else (2,) if attrs.inverse else (1,)):
        raise CompileError(
            f"a Fourier transform of {x.shape}", expected="(outer, elements, inner, parts), of 1 or 2 parts"
        )
    if isinstance(length, int) and length < 1:
        raise CompileError(f"a Fourier transform of {length} elements", expected="at least 1")
    elements: Dimension = length // 2 + 1 if halved and not attrs.inverse else length
    return TensorType((x.shape[0], elements, x.shape[2], 1 if halved and attrs.inverse else 2), x.dtype)


def _reference(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    wide = widen(x).astype(np.float64)
    signal = wide[..., 0] + (1j * wide[..., 1] if x.shape[3] == 2 else 0)
    if attrs.inverse and attrs.onesided:
        return np.fft.irfft(signal, attrs.length, axis=1)[..., None].astype(x.dtype)
    result = (np.fft.ifft if attrs.inverse else np.fft.fft)(signal, attrs.length, axis=1)
    if attrs.onesided:
        result = result[:, : attrs.length // 2 + 1]
    return np.stack([result.real, result.imag], -1).astype(x.dtype)


#: Stockham's transform, one prime factor after the other (Van Loan 1992, chapter 1.7): no permutation at its end. A
#: length with a large prime factor is a convolution of twice the length or more, a power of 2 (Bluestein 1970).
_TEXT = """\
{prologue}{helpers}/* The complex numbers exp(sign * 2 pi i k / n). */
static void {symbol}_roots(double *roots, int32_t n, int sign) {{
  for (int32_t k = 0; k < n; ++k) {{
    const double angle = 6.283185307179586 * k / n;
    roots[2 * k] = cos(angle);
    roots[2 * k + 1] = sign * sin(angle);
  }}
}}

/* The transform of n complex numbers; `other` is room for as many. Gives which of both has the result. */
static double *{symbol}_transform(double *from, double *to, const double *roots, int32_t n) {{
  int32_t stride = 1, factor = 2;
  for (int32_t rest = n; rest > 1;) {{
    while (rest % factor != 0) factor = factor * factor > rest ? rest : factor + 1;
    const int32_t part = rest / factor;
    for (int32_t j = 0; j < part; ++j)
      for (int32_t r = 0; r < factor; ++r) {{
        double *const sums = to + 2 * (int64_t)stride * ((int64_t)factor * j + r);
        const int32_t turn = r * part * stride; /* below n, as is the first place */
        for (int32_t q = 0; q < 2 * stride; ++q) sums[q] = 0;
        for (int32_t k = 0, place = stride * r * j; k < factor; ++k) {{
          const double c = roots[2 * (int64_t)place], s = roots[2 * (int64_t)place + 1];
          const double *const terms = from + 2 * (int64_t)stride * (j + (int64_t)part * k);
          for (int32_t q = 0; q < stride; ++q) {{
            const double real = terms[2 * q], imaginary = terms[2 * q + 1];
            sums[2 * q] += real * c - imaginary * s;
            sums[2 * q + 1] += real * s + imaginary * c;
          }}
          place = place >= n - turn ? place - (n - turn) : place + turn;
        }}
      }}
    double *const swapped = from;
    from = to;
    to = swapped;
    stride *= factor;
    rest = part;
  }}
  return from;
}}

/* Multiplies complex numbers by others, or by their conjugates. */
static void {symbol}_multiply(double *values, const double *factors, int32_t count, int sign) {{
  for (int32_t k = 0; k < count; ++k) {{
    const double a = values[2 * k], b = values[2 * k + 1], c = factors[2 * k], d = sign * factors[2 * k + 1];
    values[2 * k] = a * c - b * d;
    values[2 * k + 1] = a * d + b * c;
  }}
}}

int32_t {symbol}({parameters}) {{
  const int32_t outer = {outer}, found = {found}, inner = {inner}, n = {length}, kept = {kept};
  const int32_t parts = {parts}, results = {results}, sign = {sign}, mirrored = {mirrored};
  if (n < 1 || n > {most}) return {wrong};
  int32_t rest = n, size = n;
  for (int32_t factor = 2; factor <= {greatest}; ++factor)
    while (rest % factor == 0) rest /= factor;
  if (rest > 1) /* a prime factor that is large */
    for (size = 1; size < 2 * n - 1;) size *= 2;
  /* size: of roots, two lines, and what a convolution is with; n: of the chirp. */
  double *const roots = (double *)(void *)workspace, *const line = roots + 2 * (int64_t)size;
  double *const other = line + 2 * (int64_t)size, *const filter = other + 2 * (int64_t)size;
  double *const chirp = filter + 2 * (int64_t)size;
  {symbol}_roots(roots, size, size == n ? sign : -1);
  if (size != n) {{
    for (int32_t k = 0; k < n; ++k) {{
      const double angle = 3.141592653589793 * (double)((int64_t)k * k % (2 * (int64_t)n)) / n;
      chirp[2 * k] = cos(angle);
      chirp[2 * k + 1] = sign * sin(angle);
    }}
    memset(line, 0, 2 * (size_t)size * sizeof(double));
    for (int32_t k = 0; k < n; ++k) {{
      const int32_t back = k == 0 ? 0 : size - k;
      line[2 * k] = line[2 * back] = chirp[2 * k];
      line[2 * k + 1] = line[2 * back + 1] = -chirp[2 * k + 1];
    }}
    const double *const spectrum = {symbol}_transform(line, other, roots, size);
    for (int64_t k = 0; k < 2 * (int64_t)size; ++k) filter[k] = spectrum[k];
  }}
  const int32_t given = mirrored ? n / 2 + 1 : n, taken = found < given ? found : given;
  const double scale = {scale};
  for (int32_t o = 0; o < outer; ++o)
    for (int32_t i = 0; i < inner; ++i) {{
      memset(line, 0, 2 * (size_t)size * sizeof(double));
      for (int32_t k = 0; k < taken; ++k) {{
        const int64_t at = (((int64_t)o * found + k) * inner + i) * parts;
        line[2 * k] = {first};
        line[2 * k + 1] = {second};
      }}
      if (mirrored) /* each stands for its conjugate, too, but for the first one, and the one in the middle */
        for (int32_t k = 1; k < n - k; ++k) {{
          line[2 * (n - k)] = line[2 * k];
          line[2 * (n - k) + 1] = -line[2 * k + 1];
        }}
      double *values;
      if (size == n) {{
        values = {symbol}_transform(line, other, roots, n);
      }} else {{
        {symbol}_multiply(line, chirp, n, 1);
        values = {symbol}_transform(line, other, roots, size);
        {symbol}_multiply(values, filter, size, 1);
        for (int32_t k = 0; k < size; ++k) values[2 * k + 1] = -values[2 * k + 1]; /* back by conjugates */
        values = {symbol}_transform(values, values == line ? other : line, roots, size);
        for (int32_t k = 0; k < n; ++k) {{
          values[2 * k] /= size;
          values[2 * k + 1] /= -size;
        }}
        {symbol}_multiply(values, chirp, n, 1);
      }}
      for (int32_t k = 0; k < kept; ++k)
        for (int32_t part = 0; part < results; ++part) {{
          const {arithmetic} value = ({arithmetic})(values[2 * k + part] * scale);
          out[(((int64_t)o * kept + k) * inner + i) * results + part] = {store};
        }}
    }}
  return 0;
}}
"""

#: Above the greatest prime factor that is transformed as it is. It also is the greatest one of lengths whose transform
#: is a few small products of matrices (frontend/convert_signal.py).
GREATEST_FACTOR = 64

#: The greatest length: twice of it, up to the next power of 2, are places in 32 bits.
_MOST = 2**28


def _source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    (x,), (y,) = args, results
    scalar, parts = Scalar(x.dtype, symbol), x.shape[3]
    text = _TEXT.format(
        prologue=PROLOGUE,
        helpers=scalar.helpers,
        symbol=symbol,
        parameters=parameters({"data": x}, {"out": y}, attrs, "workspace"),
        outer=dimension_text(x.shape[0]),
        found=dimension_text(x.shape[1]),
        inner=dimension_text(x.shape[2]),
        length=dimension_text(attrs.length),
        kept=dimension_text(y.shape[1]),
        parts=parts,
        results=y.shape[3],
        sign=1 if attrs.inverse else -1,
        mirrored=int(attrs.inverse and attrs.onesided),
        greatest=GREATEST_FACTOR,
        most=_MOST,
        wrong=WRONG_VALUE,
        scale="1.0 / n" if attrs.inverse else "1.0",
        first=scalar.load("data[at]"),
        second=scalar.load("data[at + 1]") if parts == 2 else "0",
        arithmetic=scalar.arithmetic,
        store=scalar.store("value"),
    )
    return CSource(text, _workspace(attrs.length))


def _workspace(length: Dimension) -> Dimension:
    """Bytes of four rows of complex numbers of the convolution's length, and one of the transform's."""
    if not isinstance(length, int):
        return (4 * 4 + 1) * 16 * length
    size, rest = length, length
    for factor in range(2, GREATEST_FACTOR + 1):
        while rest % factor == 0:
            rest //= factor
    if rest > 1:
        size = 1 << (2 * length - 2).bit_length()
    return (4 * size + length) * 16


register(
    Op(
        "fourier_transform",
        FusionKind.OPAQUE,
        _relation,
        _reference,
        source=_source,
        attributes={"length": REQUIRED, "inverse": False, "onesided": False},
    )
)
