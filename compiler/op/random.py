"""Random numbers: uniform, normal, and samples of a distribution given by its logits.

The numbers follow from the seed alone (see `philox`): a model gives the same ones in every run, on every target.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.types import DTYPES, TensorType, Type
from .accumulate import widen
from .base import FLOATS, REQUIRED, CSource, FusionKind, Op, check_dtype, register, tensors
from .c_source import PROLOGUE, Scalar, dimension_text, parameters
from .philox import NORMAL_TEXT, WORDS_TEXT, normal_quantile, words


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    _check_stream("random", tensors("random", args, len(args)))
    check_dtype("random", attrs.dtype, FLOATS)
    if attrs.distribution not in ("uniform", "normal"):
        raise CompileError(f"random numbers of the distribution '{attrs.distribution}'", expected="uniform or normal")
    return TensorType(tuple(attrs.shape), attrs.dtype)


def _check_stream(name: str, streams: Sequence[TensorType]) -> None:
    """The number of the stream, which may be there."""
    if len(streams) > 1 or any(stream != TensorType((), "int64") for stream in streams):
        raise CompileError(f"{name} of {', '.join(map(str, streams))}", expected="one int64, or nothing")


def _span(attrs: Attrs) -> float:
    """Upper less lower bound in 24 bits, so that its product with a random number of 24 bits is exact."""
    return float(np.float32(attrs.second - attrs.first))


def _largest(attrs: Attrs) -> float:
    """The greatest number of the element type below the upper bound, for results that are rounded up to that."""
    dtype = DTYPES[attrs.dtype][0]
    bound = np.asarray(attrs.second).astype(dtype)
    if float(bound) < attrs.second or not attrs.second > attrs.first:
        return float(bound)
    bits = bound.view(f"i{dtype.itemsize}")
    step = 1 if float(bound) < 0 else -1
    if float(bound) == 0:
        return -float(np.finfo(np.float32).tiny)
    return float((bits + np.asarray(step, bits.dtype)).view(dtype))


def _reference(attrs: Attrs, stream: np.ndarray | None = None) -> np.ndarray:
    dtype, count = DTYPES[attrs.dtype][0], int(np.prod(attrs.shape, dtype=np.int64))
    bits = words(count, attrs.key, 0 if stream is None else int(stream))
    if attrs.distribution == "normal":
        with np.errstate(over="ignore"):
            values = attrs.first + (normal_quantile(bits) * np.float64(np.float32(attrs.second)))
        return _as(values, dtype).reshape(attrs.shape)
    values = attrs.first + (bits >> np.uint32(8)).astype(np.float64) * 2.0**-24 * _span(attrs)
    return np.minimum(_as(values, dtype), dtype.type(_largest(attrs))).reshape(attrs.shape)


def _as(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Doubles as elements; 16-bit floats by way of float32, as in the kernel."""
    return values.astype(np.float32).astype(dtype) if dtype.itemsize == 2 else values.astype(dtype)


_TEXT = """\
{prologue}{helpers}{words}{normal}int32_t {symbol}({parameters}) {{
  const int64_t count = {count};
  uint32_t word[4] = {{0, 0, 0, 0}};
  for (int64_t i = 0; i < count; ++i) {{
    if (i % 4 == 0) {symbol}_words((uint64_t)(i / 4), {stream}, word);
    {body}
  }}
  return 0;
}}
"""

# Products are exact here, so that contraction changes nothing; the normal one is rounded on its own.
_UNIFORM = """{real} value = ({real})({low} + (double)(word[i % 4] >> 8) * {step});
    out[i] = {store};
    if (!({load} <= {largest})) out[i] = {store_largest};"""
_NORMAL = """volatile double scaled = {symbol}_normal(word[i % 4]) * {scale};
    {real} value = ({real})({mean} + scaled);
    out[i] = {store};"""


def _source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    (result,) = results
    scalar = Scalar(attrs.dtype, symbol)
    real, is_normal = scalar.arithmetic, attrs.distribution == "normal"
    if is_normal:
        scale = repr(float(np.float32(attrs.second)))
        body = _NORMAL.format(
            symbol=symbol, scale=scale, mean=repr(attrs.first), real=real, store=scalar.store("value")
        )
    else:
        largest = f"({real}){_largest(attrs)!r}"
        body = _UNIFORM.format(
            real=real,
            low=repr(attrs.first),
            step=repr(_span(attrs) * 2.0**-24),
            store=scalar.store("value"),
            load=scalar.load("out[i]"),
            largest=largest,
            store_largest=scalar.store(largest),
        )
    key0, key1 = attrs.key
    text = _TEXT.format(
        prologue=PROLOGUE,
        helpers=scalar.helpers,
        words=WORDS_TEXT.format(symbol=symbol, key0=key0, key1=key1),
        normal=NORMAL_TEXT.format(symbol=symbol) if is_normal else "",
        symbol=symbol,
        parameters=parameters(dict(zip(["stream"], args, strict=False)), {"out": result}, attrs),
        stream="(uint64_t)stream[0]" if args else "0",
        count=dimension_text(product(result.shape)),
        body=body,
    )
    return CSource(text)


register(
    Op(
        "random",
        FusionKind.OPAQUE,
        _relation,
        _reference,
        source=_source,
        # uniform: from `first` to below `second`; normal: mean `first`, standard deviation `second`. key: two words.
        attributes={
            "distribution": "uniform",
            "shape": REQUIRED,
            "dtype": REQUIRED,
            "first": 0.0,
            "second": 1.0,
            "key": REQUIRED,
        },
    )
)


def _sample_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    logits, *streams = tensors("multinomial", args, len(args))
    _check_stream("multinomial", streams)
    check_dtype("multinomial", logits.dtype, FLOATS)
    check_dtype("multinomial: result", attrs.dtype, ("int32", "int64"))
    if logits.rank != 2 or logits.shape[1] == 0 or attrs.count < 1:
        raise CompileError(f"{attrs.count} samples of {logits.shape}", expected="(batch, classes), and samples")
    return TensorType((logits.shape[0], attrs.count), attrs.dtype)


def _sample_reference(attrs: Attrs, logits: np.ndarray, stream: np.ndarray | None = None) -> np.ndarray:
    wide = widen(logits).astype(np.float64)
    weights = np.exp(wide - wide.max(axis=1, keepdims=True))
    sums = np.cumsum(weights, axis=1)
    batch = len(logits)
    bits = words(batch * attrs.count, attrs.key, 0 if stream is None else int(stream))
    parts = bits.reshape(batch, attrs.count).astype(np.float64) * 2.0**-32
    below = sums[:, None, :] <= (parts * sums[:, -1:])[:, :, None]
    return np.minimum(below.sum(axis=2), logits.shape[1] - 1).astype(DTYPES[attrs.dtype][0])


_SAMPLE_TEXT = """\
{prologue}{helpers}{words}int32_t {symbol}({parameters}) {{
  const int64_t batch = {batch}, classes = {classes}, count = {count};
  double *sums = (double *)workspace;
  uint32_t word[4] = {{0, 0, 0, 0}};
  int64_t drawn = 0;
  for (int64_t b = 0; b < batch; ++b, logits += classes) {{
    double best = -INFINITY, total = 0;
    for (int64_t c = 0; c < classes; ++c) best = (double){load} > best ? (double){load} : best;
    for (int64_t c = 0; c < classes; ++c) sums[c] = total += exp((double){load} - best);
    for (int64_t s = 0; s < count; ++s, ++drawn) {{
      int64_t low = 0, high = classes - 1;
      if (drawn % 4 == 0) {symbol}_words((uint64_t)(drawn / 4), {stream}, word);
      const double place = word[drawn % 4] * {step} * total;
      while (low < high) {{ /* the first class whose sum is above the place */
        const int64_t middle = low + (high - low) / 2;
        if (sums[middle] <= place) low = middle + 1;
        else high = middle;
      }}
      out[drawn] = ({storage})low;
    }}
  }}
  return 0;
}}
"""


def _sample_source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    logits, *streams = args
    scalar, result = Scalar(logits.dtype, symbol), Scalar(attrs.dtype, symbol)
    key0, key1 = attrs.key
    text = _SAMPLE_TEXT.format(
        prologue=PROLOGUE,
        helpers=scalar.helpers,
        words=WORDS_TEXT.format(symbol=symbol, key0=key0, key1=key1),
        symbol=symbol,
        parameters=parameters(
            {"logits": logits, **dict(zip(["stream"], streams, strict=False))}, {"out": results[0]}, attrs, "workspace"
        ),
        stream="(uint64_t)stream[0]" if streams else "0",
        batch=dimension_text(logits.shape[0]),
        classes=dimension_text(logits.shape[1]),
        count=attrs.count,
        load=scalar.load("logits[c]"),
        step=repr(2.0**-32),
        storage=result.storage,
    )
    return CSource(text, 8 * logits.shape[1])


register(
    Op(
        "multinomial",
        FusionKind.OPAQUE,
        _sample_relation,
        _sample_reference,
        source=_sample_source,
        attributes={"count": REQUIRED, "dtype": "int32", "key": REQUIRED},
    )
)
