"""The maximum of each of a grid of bins in regions of an image (ONNX MaxRoiPool).

Data is (N, C, H, W), regions are rows of the number of the image and the corners x1, y1, x2, y2, which are rounded to
elements and lie inside of the region. A bin without elements gives 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .accumulate import widen
from .base import (
    FLOATS,
    REQUIRED,
    CSource,
    FusionKind,
    Op,
    check_dtype,
    check_index_source,
    register,
    same_dtype,
    tensors,
)
from .c_source import PROLOGUE, Scalar, dimension_text, parameters

_NAME = "roi_max_pool"

#: Places beyond this are as good as this one: nobody has so large images.
_FAR = 1e6


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, regions = tensors(_NAME, args, 2)
    check_dtype(_NAME, same_dtype(_NAME, [x, regions]), FLOATS)
    if x.rank != 4 or regions.rank != 2 or regions.shape[1] != 5:
        raise CompileError(
            f"{_NAME} of {x.shape} with regions {regions.shape}",
            expected="(N, C, H, W) and (regions, 5)",
        )
    if min(attrs.height, attrs.width) < 1:
        raise CompileError(f"{_NAME} to {attrs.height} x {attrs.width}", expected="at least 1 x 1")
    result = TensorType((regions.shape[0], x.shape[1], attrs.height, attrs.width), x.dtype)
    check_index_source(_NAME, (x.shape[0], *x.shape[2:]), result.size)
    return result


def _corner(value: float, scale: float) -> int:
    """Rounded, halves away from 0, in float32."""
    place = np.float32(value) * np.float32(scale)
    bounded = min(max(place, -_FAR), _FAR) if place == place else 0.0
    return int(np.floor(abs(bounded) + 0.5)) * (-1 if bounded < 0 else 1)


def _bins(start: int, end: int, count: int, size: int) -> list[tuple[int, int]]:
    """First element and the one behind the last of each bin along an axis."""
    step = np.float32(max(end - start + 1, 1)) / np.float32(count)
    edges = []
    for index in range(count):
        low = int(np.floor(np.float32(index) * step)) + start
        high = int(np.ceil(np.float32(index + 1) * step)) + start
        edges.append((min(max(low, 0), size), min(max(high, 0), size)))
    return edges


def _reference(attrs: Attrs, x: np.ndarray, regions: np.ndarray) -> np.ndarray:
    batch, channels, height, width = x.shape
    result = np.zeros((len(regions), channels, attrs.height, attrs.width), x.dtype)
    for r, (image, *corners) in enumerate(widen(regions)):
        x1, y1, x2, y2 = (_corner(c, attrs.scale) for c in corners)
        plane = x[min(max(int(image), 0), batch - 1)]
        for i, (top, bottom) in enumerate(_bins(y1, y2, attrs.height, height)):
            for j, (left, right) in enumerate(_bins(x1, x2, attrs.width, width)):
                if bottom > top and right > left:
                    result[r, :, i, j] = plane[:, top:bottom, left:right].max(axis=(1, 2))
    return result


_TEXT = """\
{prologue}{helpers}static int32_t {symbol}_corner(float value) {{ /* halves away from 0 */
  const float place = value * {scale}f;
  const float bounded = place > {far}f ? {far}f : place < -{far}f ? -{far}f : place == place ? place : 0.0f;
  return bounded < 0 ? -(int32_t)floorf(-bounded + 0.5f) : (int32_t)floorf(bounded + 0.5f);
}}

static int32_t {symbol}_within(int32_t place, int32_t size) {{ return place < 0 ? 0 : place > size ? size : place; }}

int32_t {symbol}({parameters}) {{
  const int32_t batch = {batch}, channels = {channels}, height = {height}, width = {width}, count = {count};
  for (int32_t r = 0; r < count; ++r) {{
    const float image = (float){image};
    const int32_t x1 = {symbol}_corner((float){x1}), y1 = {symbol}_corner((float){y1});
    const int32_t x2 = {symbol}_corner((float){x2}), y2 = {symbol}_corner((float){y2});
    const int32_t number = image > 0 ? image < (float)batch ? (int32_t)image : batch - 1 : 0;
    const float down = (float)(y2 - y1 + 1 > 1 ? y2 - y1 + 1 : 1) / {bins_down};
    const float across = (float)(x2 - x1 + 1 > 1 ? x2 - x1 + 1 : 1) / {bins_across};
    for (int32_t c = 0; c < channels; ++c) {{
      const {storage} *plane = data + ((int64_t)number * channels + c) * height * width;
      for (int32_t i = 0; i < {bins_down}; ++i) {{
        const int32_t top = {symbol}_within((int32_t)floorf((float)i * down) + y1, height);
        const int32_t bottom = {symbol}_within((int32_t)ceilf((float)(i + 1) * down) + y1, height);
        for (int32_t j = 0; j < {bins_across}; ++j) {{
          const int32_t left = {symbol}_within((int32_t)floorf((float)j * across) + x1, width);
          const int32_t right = {symbol}_within((int32_t)ceilf((float)(j + 1) * across) + x1, width);
          {real} best = 0;
          int first = 1;
          for (int32_t y = top; y < bottom; ++y)
            for (int32_t x = left; x < right; ++x) {{
              const {real} value = {value};
              if (first || value > best) best = value;
              first = 0;
            }}
          *out++ = {store};
        }}
      }}
    }}
  }}
  return 0;
}}
"""


def _source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    x, regions = args
    scalar = Scalar(x.dtype, symbol)
    columns = ("image", "x1", "y1", "x2", "y2")
    return CSource(
        _TEXT.format(
            prologue=PROLOGUE,
            helpers=scalar.helpers,
            symbol=symbol,
            real=scalar.arithmetic,
            storage=scalar.storage,
            scale=repr(float(attrs.scale)),
            far=repr(_FAR),
            parameters=parameters({"data": x, "regions": regions}, {"out": results[0]}, attrs),
            batch=dimension_text(x.shape[0]),
            channels=dimension_text(x.shape[1]),
            height=dimension_text(x.shape[2]),
            width=dimension_text(x.shape[3]),
            count=dimension_text(regions.shape[0]),
            bins_down=attrs.height,
            bins_across=attrs.width,
            value=scalar.load("plane[(int64_t)y * width + x]"),
            store=scalar.store("best"),
            **{name: scalar.load(f"regions[5 * (int64_t)r + {k}]") for k, name in enumerate(columns)},
        )
    )


register(
    Op(
        _NAME,
        FusionKind.OPAQUE,
        _relation,
        _reference,
        source=_source,
        attributes={"height": REQUIRED, "width": REQUIRED, "scale": 1.0},
    )
)
