"""ONNX Resize and Upsample: scales, sizes and coordinate modes become exact fractions (see op/resize.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ..op.base import INTEGERS
from ..op.interpolation import cubic_weights, integer_limits, working_dtype
from ..op.resize import SAME, Line
from ..relay.dimension import Dim, Dimension, common_factor, lower_bound, maximum, minimum
from ..relay.expr import Atom, Constant, shape_of
from ..relay.types import TensorType
from .convert_tensor import axes_of
from .registry import Node, converter
from .resize_run_time import Region, Tables
from .run_time_axes import is_known

#: Scales that are this fraction, to float32's precision, are meant to be it: 0.6 is 3/5.
_GREATEST_DENOMINATOR = 4096


#: Denominator of scales that only the run knows: all numbers up to 10 divide it.
_DENOMINATOR = 5040


@dataclass(frozen=True)
class _Axis:
    """One axis to resize.

    Attributes
    ----------
    dim, size : Dimension
        Elements before and after.
    scale : tuple of two Dimensions
        Numerator and denominator of the scale, reduced.
    roi : tuple of two Fractions
        Start and end of the region, normalised.
    """

    dim: Dimension
    size: Dimension
    scale: tuple[Dimension, Dimension]
    roi: tuple[Fraction, Fraction] = (Fraction(0), Fraction(1))


def _fraction(value: Any) -> Fraction:
    exact = Fraction(float(value))
    simple = exact.limit_denominator(_GREATEST_DENOMINATOR)
    return simple if np.float32(float(simple)) == np.float32(value) else exact


def _reduced(*values: Dimension) -> tuple[Dimension, ...]:
    """The values without their common factor."""
    factor = common_factor(values)
    return tuple(v // factor for v in values)


def _line(mode: str, axis: _Axis) -> Line:
    """Where output index i lies in the input: (a*i + b) / c."""
    dim, size, (p, q) = axis.dim, axis.size, axis.scale
    span = dim * p - q  # q times (the output's exact length less 1)
    line: Line
    if mode == "asymmetric":
        line = (q, 0, p)
    elif mode == "half_pixel":
        line = (2 * q, q - p, 2 * p)
    elif mode == "pytorch_half_pixel":  # 0 where the output has one element
        line = (2 * q, (q - p) * minimum(size - 1, 1), 2 * p)
    elif mode == "half_pixel_symmetric":
        line = (2 * q, dim * p - size * q + q - p, 2 * p)
    elif mode == "align_corners":
        line = (0, 0, 1) if _is_point(span) else ((dim - 1) * q, 0, span)
    else:
        start, end = axis.roi
        common = start.denominator * end.denominator
        first, last = int(start * common), int(end * common)
        if _is_point(span):
            line = (0, (first + last) * (dim - 1), 2 * common)
        else:
            line = ((last - first) * (dim - 1) * q, first * (dim - 1) * span, common * span)
    a, b, c = _reduced(*line)
    # A length that may be 1 at run time must not give a division by zero; index 0 is the only one then.
    return a, b, c if isinstance(c, int) else maximum(c, 1)


def _is_point(span: Dimension) -> bool:
    """Is there but one place to sample, by an output's exact length less 1?"""
    return isinstance(span, int) and span <= 0


#: Modes of rounding (a*i + b) / c to the nearest element: (a, b, c) of a fraction that is then rounded down.
_ROUNDING = {
    "floor": lambda a, b, c: (a, b, c),
    "ceil": lambda a, b, c: (a, b + c - 1, c),
    "round_prefer_floor": lambda a, b, c: (2 * a, 2 * b + c - 1, 2 * c),
    "round_prefer_ceil": lambda a, b, c: (2 * a, 2 * b + c, 2 * c),
}


def _rounded(mode: str, line: Line) -> Line:
    a, b, c = _ROUNDING[mode](*line)
    factor = common_factor((a, c))
    # floor((f*a*i + b) / (f*c)) = floor((a*i + floor(b / f)) / c)
    return a // factor, b // factor, c // factor


@converter("Upsample")
def convert_upsample(node: Node) -> Atom:
    x = node.type(0)
    if node.opset == 1:
        scales: Sequence[Any] = (1.0, 1.0, node.required_attr("height_scale"), node.required_attr("width_scale"))
    else:
        if node.opset >= 9 and not is_known(node, 1):
            return _resize(node, _scaled_by_run(node, x, range(x.rank), 1), "asymmetric", _simple_rounding)
        scales = node.required_attr("scales") if node.opset < 9 else node.static_array(1).tolist()
    return _resize(node, _scaled(node, x, range(x.rank), scales), "asymmetric", _simple_rounding)


def _simple_rounding(axis: _Axis) -> str:
    """How opsets before 11 found the nearest element, in ONNX Runtime: they did not say it."""
    p, q = axis.scale
    return "ceil" if lower_bound(q - p) > 0 else "floor"


@converter("Resize")
def convert_resize(node: Node) -> Atom:
    x = node.type(0)
    if node.opset == 10:
        every = range(x.rank)
        known = is_known(node, 1)
        axes = _scaled(node, x, every, node.static_array(1).tolist()) if known else _scaled_by_run(node, x, every, 1)
        return _resize(node, axes, "asymmetric", _simple_rounding)
    chosen = axes_of(node, None, x.rank)
    coordinates = node.attr("coordinate_transformation_mode", "half_pixel")
    sized = node.has_input(3) and node.type(3).size != 0
    if sized == (node.has_input(2) and node.type(2).size != 0):
        raise node.error("scales and sizes are given, or neither", expected="one of them")
    if sized:
        axes = _sized(node, x, chosen, node.shape_value(3))
    elif is_known(node, 2):
        axes = _scaled(node, x, chosen, node.static_array(2).tolist())
    else:
        axes = _scaled_by_run(node, x, chosen, 2)
    regions: list[Region | None] = []
    if coordinates == "tf_crop_and_resize":
        if is_known(node, 1):
            axes = _with_roi(node, axes, chosen)
        else:
            regions = _regions(node, axes, chosen)
    nearest = node.attr("nearest_mode", "round_prefer_floor")
    if nearest not in _ROUNDING:
        raise node.error(f"the nearest_mode '{nearest}'", expected=f"one of: {', '.join(_ROUNDING)}")
    if regions:
        return _cropped(node, regions, nearest)
    return _resize(node, axes, coordinates, lambda axis: nearest)


def _scaled(node: Node, x: TensorType, chosen: Sequence[int], scales: Sequence[Any]) -> list[_Axis]:
    if len(scales) != len(chosen) or any(scale <= 0 for scale in scales):
        raise node.error(f"the scales {tuple(scales)}", expected=f"{len(chosen)} positive numbers")
    axes = [_Axis(dim, dim, (1, 1)) for dim in x.shape]
    for axis, scale in zip(chosen, scales, strict=True):
        ratio, dim = _fraction(scale), x.shape[axis]
        size = dim * ratio.numerator // ratio.denominator
        axes[axis] = _Axis(dim, size, (ratio.numerator, ratio.denominator))
    return axes


def _scaled_by_run(node: Node, x: TensorType, chosen: Sequence[int], index: int) -> list[_Axis]:
    """Scales that only the run knows, which it turns into fractions: size / dim where the size is whole, else n / 5040.

    All fractions with a denominator up to 10 are one of these. The run fails where a scale is none, to float32's
    precision, since results would be those of another scale.
    """
    if node.type(index).size != len(chosen):
        raise node.error(f"{node.type(index).size} scales", expected=f"{len(chosen)} positive numbers")
    scales = node.cast(node.input(index), "float64")
    every = node.call("shape_of", node.input(0))
    dims = node.call("take", every, node.constant(list(chosen), "int64"), axis=0)
    exact = node.call("multiply", node.cast(dims, "float64"), scales)
    # A product that is whole but for the rounding of the scale is meant to be whole: 10 * float32(0.6) is 6.
    nearest = node.call("round", exact)
    slack = node.call("multiply", node.call("abs", exact), node.constant(2.0**-23, "float64"))
    whole = node.call("less_equal", node.call("abs", node.call("subtract", exact, nearest)), slack)
    sizes = node.cast(node.call("where", whole, nearest, node.call("floor", exact)), "int64")
    parts = node.call("multiply", scales, node.constant(_DENOMINATOR, "float64"))
    count = node.call("round", parts)
    error = node.call("abs", node.call("subtract", parts, count))
    fits = node.call("less_equal", error, node.call("multiply", parts, node.constant(2.0**-23, "float64")))
    positive = node.call("greater", scales, node.constant(0, "float64"))
    good = node.call("logical_and", node.call("logical_or", whole, fits), positive)
    good = node.call(
        "equal",
        node.call("sum", node.cast(good, "int64"), axis=(0,), keepdims=True),
        node.constant([len(chosen)], "int64"),
    )
    sizes = node.call("assume", sizes, good, value=True)
    tops = node.call("where", whole, sizes, node.cast(count, "int64"))
    bottoms = node.call("where", whole, dims, node.constant(_DENOMINATOR, "int64"))
    numbers = [_read(node, values) for values in (sizes, tops, bottoms)]
    axes = [_Axis(dim, dim, (1, 1)) for dim in x.shape]
    for axis, size, p, q in zip(chosen, *numbers, strict=True):
        axes[axis] = _Axis(x.shape[axis], size, (p, q))
    return axes


def _read(node: Node, values: Atom) -> list[Dimension]:
    """Dimensions whose values the run computes."""
    read = node.builder.read_dimensions(values, location=node.location)
    assert read is not None
    return list(read.reshape(-1))


def _sized(node: Node, x: TensorType, chosen: Sequence[int], sizes: Sequence[Dimension]) -> list[_Axis]:
    if len(sizes) != len(chosen):
        raise node.error(f"{len(sizes)} sizes", expected=str(len(chosen)))
    axes = [_Axis(dim, dim, (1, 1)) for dim in x.shape]
    policy = node.attr("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        for axis, size in zip(chosen, sizes, strict=True):
            dim = x.shape[axis]
            p, q = _reduced(size, dim) if dim != 0 else (1, 1)
            axes[axis] = _Axis(dim, size, (p, q))
        return axes
    ratios = []
    for axis, size in zip(chosen, sizes, strict=True):
        dim = x.shape[axis]
        if isinstance(size, Dim) or isinstance(dim, Dim):
            return _sized_by_run(node, x, chosen, policy)
        ratios.append(Fraction(size, dim))
    ratio = min(ratios) if policy == "not_larger" else max(ratios)
    for axis in chosen:
        dim = x.shape[axis]
        assert isinstance(dim, int)
        axes[axis] = _Axis(dim, int(ratio * dim + Fraction(1, 2)), (ratio.numerator, ratio.denominator))
    return axes


def _sized_by_run(node: Node, x: TensorType, chosen: Sequence[int], policy: str) -> list[_Axis]:
    """Sizes with one scale for all axes, the least or the greatest, where only the run knows which."""
    sizes = node.cast(node.input(3), "int64")
    dims = node.call("take", node.call("shape_of", node.input(0)), node.constant(list(chosen), "int64"), axis=0)
    ratios = node.call("divide", node.cast(sizes, "float64"), node.cast(dims, "float64"))
    place = node.call("argmin" if policy == "not_larger" else "argmax", ratios, axis=0, keepdims=True)
    top, bottom = (node.call("take", numbers, place, axis=0) for numbers in (sizes, dims))
    # dim * top / bottom, rounded, halves up
    doubled = node.call("add", node.call("multiply", node.call("add", dims, dims), top), bottom)
    found = node.call("divide", doubled, node.call("add", bottom, bottom))
    numbers = [_read(node, values) for values in (found, top, bottom)]
    axes = [_Axis(dim, dim, (1, 1)) for dim in x.shape]
    for axis, size in zip(chosen, numbers[0], strict=True):
        axes[axis] = _Axis(x.shape[axis], size, (numbers[1][0], numbers[2][0]))
    return axes


def _regions(node: Node, axes: Sequence[_Axis], chosen: Sequence[int]) -> list[Region | None]:
    """What the run decides about regions of the chosen axes; None for others."""
    if node.type(1).size != 2 * len(chosen):
        raise node.error(f"a region of {node.type(1).size} numbers", expected=f"{2 * len(chosen)}")
    if node.attr("antialias", 0):
        raise node.error("antialias with tf_crop_and_resize", expected="another coordinate mode, or no antialias")
    roi = node.cast(node.input(1), "float64")
    result: list[Region | None] = [None] * len(axes)
    for place, axis in enumerate(chosen):
        ends = [node.call("take", roi, node.constant([at], "int64"), axis=0) for at in (place, len(chosen) + place)]
        info = axes[axis]
        result[axis] = Region(node, info.dim, info.size, info.scale, *ends)
    return result


def _cropped(node: Node, regions: Sequence[Region | None], nearest: str) -> Atom:
    """One axis after the other."""
    x, mode = node.type(0), node.attr("mode", "nearest")
    wide, value = x.dtype, node.input(0)
    tables = Tables(node, mode, node.attr("cubic_coeff_a", -0.75), bool(node.attr("exclude_outside", 0)))
    if mode != "nearest":
        wide = working_dtype(x.dtype)
        value = node.cast(value, wide)
    outside: Atom | None = None
    for axis, region in enumerate(regions):
        if region is None:
            continue
        places = region.places()
        beyond = region.outside(places, axis, x.rank)
        outside = beyond if outside is None else node.call("logical_or", outside, beyond)
        if region.dim == 1:  # all places have its element
            shape = [region.size if a == axis else dim for a, dim in enumerate(shape_of(value))]
            value = node.call("broadcast_to", value, shape=tuple(shape)) if region.size != 1 else value
        elif mode == "nearest":
            value = region.nearest(value, places, axis, nearest)
        else:
            value = region.interpolated(value, places, axis, tables, wide)
    assert outside is not None
    value = node.call("where", outside, node.constant(node.attr("extrapolation_value", 0.0), wide), value)
    return _narrowed(node, value, x.dtype, wide)


def _with_roi(node: Node, axes: Sequence[_Axis], chosen: Sequence[int]) -> list[_Axis]:
    roi = [_fraction(v) for v in node.static_array(1).reshape(-1)]
    if len(roi) != 2 * len(chosen):
        raise node.error(f"a region of {len(roi)} numbers", expected=f"{2 * len(chosen)}")
    result = list(axes)
    for place, axis in enumerate(chosen):
        old = axes[axis]
        result[axis] = _Axis(old.dim, old.size, old.scale, (roi[place], roi[len(chosen) + place]))
    return result


def _resize(node: Node, axes: Sequence[_Axis], coordinates: str, nearest: Any) -> Atom:
    """The Relay calls for resizing by axes, once everything is known about them."""
    modes = ("asymmetric", "half_pixel", "pytorch_half_pixel", "half_pixel_symmetric", "align_corners")
    if coordinates not in (*modes, "tf_crop_and_resize"):
        raise node.error(
            f"the coordinate_transformation_mode '{coordinates}'",
            expected=f"one of: {', '.join(modes)}, tf_crop_and_resize",
        )
    lines = [
        SAME if axis.size == axis.dim and axis.scale == (1, 1) and axis.roi == (0, 1) else _line(coordinates, axis)
        for axis in axes
    ]
    shape = tuple(axis.size for axis in axes)
    attrs: dict[str, Any] = {"shape": shape}
    if coordinates == "tf_crop_and_resize":
        attrs |= {"crop": tuple(lines), "extrapolation": node.attr("extrapolation_value", 0.0)}
    elif all(line == SAME for line in lines):
        return node.input(0)
    mode = node.attr("mode", "nearest")
    if mode == "nearest":
        rounded = [
            line if line == SAME else _rounded(nearest(axis), line) for line, axis in zip(lines, axes, strict=True)
        ]
        return node.call("resize_nearest", node.input(0), **attrs, lines=tuple(rounded))
    mode = "linear" if mode == "bilinear" else mode
    exclude = bool(node.attr("exclude_outside", 0))
    cubic_a = node.attr("cubic_coeff_a", -0.75)
    shrinks = any(lower_bound(p - q) < 0 for p, q in (axis.scale for axis in axes))  # as far as is known
    if node.attr("antialias", 0) and shrinks:
        if "crop" in attrs:
            raise node.error("antialias with tf_crop_and_resize", expected="another coordinate mode, or no antialias")
        return _antialiased(node, axes, lines, mode, cubic_a, exclude)
    return node.call(
        "resize_interpolate",
        node.input(0),
        **attrs,
        lines=tuple(lines),
        mode=mode,
        cubic_a=cubic_a,
        exclude_outside=exclude,
    )


def _antialiased(
    node: Node, axes: Sequence[_Axis], lines: Sequence[Line], mode: str, cubic_a: float, exclude: bool
) -> Atom:
    """One axis after the other, by tables of weights."""
    x = node.type(0)
    wide = working_dtype(x.dtype)
    value = node.input(0) if x.dtype == wide else node.call("cast", node.input(0), dtype=wide)
    for axis, (info, line) in enumerate(zip(axes, lines, strict=True)):
        if line == SAME:
            continue
        numbers = (*line, info.size, info.dim, *info.scale)
        if any(isinstance(v, Dim) for v in numbers):
            tables = Tables(node, mode, cubic_a, exclude)
            first, shares = tables.stretched(*tables.along(line, info.size), info.size, info.dim, info.scale)
            value = node.call("resample", value, first, node.cast(shares, wide), axis=axis)
            continue
        starts, weights = _tables(info, line, mode, cubic_a, exclude)
        value = node.call("resample", value, Constant(starts), node.constant(weights, wide), axis=axis)
    return _narrowed(node, value, x.dtype, wide)


def _narrowed(node: Node, value: Atom, dtype: str, wide: str) -> Atom:
    """Weighted sums as elements of the result: integers are rounded to nearest and saturate."""
    if dtype in INTEGERS and dtype != wide:
        low, high = integer_limits(dtype, wide)
        value = node.call("clip", node.call("round", value), low=low, high=high)
    return node.cast(value, dtype)


def _tables(axis: _Axis, line: Line, mode: str, cubic_a: float, exclude: bool) -> tuple[np.ndarray, np.ndarray]:
    """First tap and weights of every output element, the filter being stretched when the scale is below 1."""
    a, b, c = (int(v) for v in line)  # type: ignore[arg-type]
    p, q = axis.scale
    scale = min(p / q, 1.0)  # type: ignore[operator]
    reach = 1 if mode == "linear" else 2
    first = int(np.floor(-reach / scale)) + 1
    taps = np.arange(first, 2 - first)
    numerator = a * np.arange(int(axis.size)) + b  # type: ignore[arg-type]
    base = numerator // c
    distance = np.abs(taps - ((numerator - base * c) / c)[:, None]) * scale
    if mode == "linear":
        weights = np.clip(1 - distance, 0, None)
    else:
        near = np.array(cubic_weights(distance, cubic_a)[1])
        far = np.array(cubic_weights(distance - 1, cubic_a)[0])
        weights = np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))
    starts = base + first
    if exclude:
        places = starts[:, None] + np.arange(len(taps))
        weights = np.where((places >= 0) & (places < axis.dim), weights, 0.0)  # type: ignore[operator]
    return starts.astype(np.int64), weights / weights.sum(1, keepdims=True)
