"""Regions of an image, pooled to one size from samples between the elements (ONNX RoiAlign).

Data is (N, C, H, W), regions are rows x1, y1, x2, y2, each with the number of its image. How many samples a region
takes depends on its size unless `samples` says it: hence the kernel is in C.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.run_time import may_equal_shapes
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
from .gather import INDEX_TYPES, valid_indices

#: More samples a side than any sensible region has: a bound for hostile ones.
_MOST_SAMPLES = 1 << 16


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, regions, images = tensors("roi_align", args, 3)
    check_dtype("roi_align", same_dtype("roi_align", [x, regions]), FLOATS)
    check_dtype("roi_align: numbers of images", images.dtype, INDEX_TYPES)
    fits = x.rank == 4 and regions.rank == 2 and regions.shape[1] == 4
    if not fits or not may_equal_shapes(images.shape, regions.shape[:1]):
        raise CompileError(
            f"roi_align of {x.shape} with regions {regions.shape} and images {images.shape}",
            expected="(N, C, H, W), (regions, 4) and (regions,)",
        )
    if min(attrs.height, attrs.width) < 1:
        raise CompileError(f"roi_align of {x.shape} to {attrs.height} x {attrs.width}", expected="at least 1 x 1")
    if attrs.mode not in ("avg", "max"):
        raise CompileError(f"roi_align with the mode '{attrs.mode}'", expected="avg or max")
    result = TensorType((regions.shape[0], x.shape[1], attrs.height, attrs.width), x.dtype)
    check_index_source("roi_align", (x.shape[0], *x.shape[2:]), result.size)
    return result


def _samples(attrs: Attrs, length: Any) -> int:
    """Samples a side of a bin."""
    if attrs.samples > 0:
        return attrs.samples
    return int(min(np.ceil(length), _MOST_SAMPLES)) if length > 0 else 0


def _axis_taps(start: Any, step: Any, bins: int, samples: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices and weights (bins * samples, 2) of the two elements that each sample lies between."""
    index = np.arange(bins * samples)
    place = start + (index // samples) * step + (index % samples + 0.5) * step / samples
    outside = (place < -1) | (place > dim)
    place = np.clip(np.where(outside, 0, place), 0, None)
    low = np.minimum(place.astype(np.int64), dim - 1)
    part = np.where(low >= dim - 1, 0, place - low)
    weights = np.stack([1 - part, part], 1) * ~outside[:, None]
    return np.stack([low, np.minimum(low + 1, dim - 1)], 1), weights


def _reference(attrs: Attrs, x: np.ndarray, regions: np.ndarray, images: np.ndarray) -> np.ndarray:
    data = widen(x)
    boxes = widen(regions) * data.dtype.type(attrs.scale) - data.dtype.type(0.5 if attrs.half_pixel else 0)
    sides = (attrs.height, attrs.width)
    result = np.zeros((len(boxes), x.shape[1], *sides), data.dtype)
    for r, (image, (x1, y1, x2, y2)) in enumerate(zip(valid_indices(images, x.shape[0]), boxes, strict=True)):
        extent = [y2 - y1, x2 - x1] if attrs.half_pixel else [max(y2 - y1, 1), max(x2 - x1, 1)]
        steps = [e / s for e, s in zip(extent, sides, strict=True)]
        counts = [_samples(attrs, step) for step in steps]
        if 0 in counts:
            continue
        (rows, row_weights), (columns, column_weights) = (
            _axis_taps(start, step, side, count, dim)
            for start, step, side, count, dim in zip((y1, x1), steps, sides, counts, x.shape[2:], strict=True)
        )
        corners = np.stack(
            [
                data[image][:, rows[:, None, i], columns[None, :, j]]
                * (row_weights[:, None, i] * column_weights[None, :, j])
                for i in range(2)
                for j in range(2)
            ]
        )
        bins = (x.shape[1], sides[0], counts[0], sides[1], counts[1])
        if attrs.mode == "avg":
            result[r] = corners.sum(0).reshape(bins).mean((2, 4))
        else:
            result[r] = corners.max(0).reshape(bins).max((2, 4))
    return result.astype(x.dtype)


_TEXT = """\
{prologue}{helpers}/* The elements on both sides of a place, and the weight of the second; 0: the place is outside. */
static int {symbol}_taps({real} place, int32_t size, int32_t *low, int32_t *high, {real} *part) {{
  if (!(place >= -1 && place <= size)) return 0;
  if (place < 0) place = 0;
  *low = (int32_t)place;
  if (*low >= size - 1) {{
    *low = *high = size - 1;
    *part = 0;
  }} else {{
    *high = *low + 1;
    *part = place - *low;
  }}
  return 1;
}}

static int32_t {symbol}_samples({real} length) {{
  if ({samples} > 0) return {samples};
  if (!(length > 0)) return 0;
  return length > {most} ? {most} : (int32_t)ceil(length);
}}

int32_t {symbol}({parameters}) {{
  const int32_t batch = {batch}, channels = {channels}, height = {height}, width = {width}, count = {count};
  const {real} shift = ({real}){shift}, scale = ({real}){scale};
  for (int32_t r = 0; r < count; ++r) {{
    int64_t image = images[r] < 0 ? images[r] + batch : images[r];
    const {real} x1 = {x1} * scale - shift, y1 = {y1} * scale - shift;
    {real} across = {x2} * scale - shift - x1, down = {y2} * scale - shift - y1;
    if (image < 0) image = 0;
    if (image >= batch) image = batch - 1;
    if ({malformed}) {{ /* at least one element */
      if (!(across > 1)) across = 1;
      if (!(down > 1)) down = 1;
    }}
    across /= {bins_across};
    down /= {bins_down};
    const int32_t rows = {symbol}_samples(down), columns = {symbol}_samples(across);
    for (int32_t c = 0; c < channels; ++c) {{
      const {storage} *plane = data + (image * channels + c) * height * width;
      for (int32_t i = 0; i < {bins_down}; ++i)
        for (int32_t j = 0; j < {bins_across}; ++j) {{
          {real} result = 0;
          for (int32_t k = 0; k < rows; ++k)
            for (int32_t l = 0; l < columns; ++l) {{
              int32_t y_low = 0, y_high = 0, x_low = 0, x_high = 0;
              {real} b = 0, d = 0, corners[4] = {{0, 0, 0, 0}};
              if ({symbol}_taps(y1 + i * down + (k + ({real})0.5) * down / rows, height, &y_low, &y_high, &b) &&
                  {symbol}_taps(x1 + j * across + (l + ({real})0.5) * across / columns, width, &x_low, &x_high, &d)) {{
                corners[0] = {v00} * ((1 - b) * (1 - d));
                corners[1] = {v01} * ((1 - b) * d);
                corners[2] = {v10} * (b * (1 - d));
                corners[3] = {v11} * (b * d);
              }}
              {combine}
            }}
          *out++ = {store};
        }}
    }}
  }}
  return 0;
}}
"""

_AVERAGE = "result += corners[0] + corners[1] + corners[2] + corners[3];"
_MAXIMUM = """for (int m = 0; m < 4; ++m)
                if ((k | l | m) == 0 || corners[m] > result) result = corners[m];"""


def _source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    x, regions, images = args
    scalar = Scalar(x.dtype, symbol)
    average = f"result / (rows * columns > 0 ? ({scalar.arithmetic})rows * columns : 1)"
    names = {"data": x, "regions": regions, "images": images}
    corners = {
        f"v{i}{j}": scalar.load(f"plane[(int64_t)y_{row} * width + x_{column}]")
        for i, row in enumerate(("low", "high"))
        for j, column in enumerate(("low", "high"))
    }
    sides = {name: scalar.load(f"regions[4 * (int64_t)r + {k}]") for k, name in enumerate(("x1", "y1", "x2", "y2"))}
    return CSource(
        _TEXT.format(
            prologue=PROLOGUE,
            helpers=scalar.helpers,
            symbol=symbol,
            real=scalar.arithmetic,
            storage=scalar.storage,
            samples=attrs.samples,
            most=_MOST_SAMPLES,
            parameters=parameters(names, {"out": results[0]}, attrs),
            batch=dimension_text(x.shape[0]),
            channels=dimension_text(x.shape[1]),
            height=dimension_text(x.shape[2]),
            width=dimension_text(x.shape[3]),
            count=dimension_text(regions.shape[0]),
            shift=0.5 if attrs.half_pixel else 0.0,
            scale=repr(float(attrs.scale)),
            malformed=int(not attrs.half_pixel),
            bins_across=attrs.width,
            bins_down=attrs.height,
            combine=_AVERAGE if attrs.mode == "avg" else _MAXIMUM,
            store=scalar.store(average if attrs.mode == "avg" else "result"),
            **corners,
            **sides,
        )
    )


register(
    Op(
        "roi_align",
        FusionKind.OPAQUE,
        _relation,
        _reference,
        source=_source,
        # samples: on each side of a bin; 0: by the region's size. half_pixel: elements lie at n + 1/2.
        attributes={
            "height": REQUIRED,
            "width": REQUIRED,
            "samples": 0,
            "scale": 1.0,
            "half_pixel": True,
            "mode": "avg",
        },
    )
)
