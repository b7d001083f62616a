"""Images: resizing, sampling, regions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.random.graph import Builder, need
from tests.random.registry import generator
from tests.random.values import DOUBLE, FLOAT, INT8, UINT8


@generator("Resize")
def resize(g: Builder, op: str) -> object:
    x = g.pick((FLOAT, FLOAT, FLOAT, DOUBLE, UINT8, INT8), (2, 4), lambda v: 0 < v.largest <= 300)
    axes = g.some(range(x.rank))[-2:]
    mode = g.choose(("nearest", "linear", "cubic"))
    attrs: dict[str, Any] = {"mode": mode}
    ways = ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
    attrs["coordinate_transformation_mode"] = g.choose((*ways, "half_pixel_symmetric") if g.opset >= 19 else ways)
    if mode == "nearest":
        attrs["nearest_mode"] = g.choose((None, "floor", "ceil", "round_prefer_floor", "round_prefer_ceil"))
    if mode == "cubic":
        attrs |= {"cubic_coeff_a": g.choose((None, -0.5)), "exclude_outside": g.choose((None, 1))}
    if g.opset >= 18 and mode != "nearest":
        attrs["antialias"] = g.choose((None, 0, 1))
        # Of what a filter does with a coordinate that is fixed there are several readings.
        need(not attrs["antialias"] or attrs["coordinate_transformation_mode"] != "pytorch_half_pixel")
    partial = g.opset >= 18 and g.choose((True, False))
    if partial:
        attrs["axes"] = axes
    if g.choose((True, False)):
        factors = [g.choose((1.0, 2.0, 0.5, 1.5, 0.7)) if a in axes else 1.0 for a in range(x.rank)]
        factors = [factors[a] for a in axes] if partial else factors
        need(not attrs.get("antialias") or all(x.fixed(a) for a in axes))
        return g.node(op, [x, None, np.array(factors, np.float32)], **attrs)
    need(partial or x.all_fixed)
    sizes = [g.choose((1, 2, 3, 5, 7)) if a in axes else x.shape[a] for a in range(x.rank)]
    sizes = [sizes[a] for a in axes] if partial else sizes
    if partial and g.opset >= 18 and len(axes) == 2:
        attrs["keep_aspect_ratio_policy"] = g.choose((None, "stretch", "not_larger", "not_smaller"))
    # Filters, and sizes that depend on each other, are for known sizes only.
    known = attrs.get("antialias") or attrs.get("keep_aspect_ratio_policy")
    need(not known or all(x.fixed(a) for a in axes))
    wanted = np.array(sizes, np.int64)
    return g.node(op, [x, None, None, g.constant(wanted) if known else g.given(wanted)], **attrs)


@generator("GridSample")
def sample(g: Builder, op: str) -> object:
    new = g.opset >= 20
    modes = ("linear", "nearest", "cubic") if new else ("bilinear", "nearest", "bicubic")
    solid = new and g.chance(4)
    mode = g.choose(modes[:2] if solid else modes)
    batch, element = g.choose((1, "N")), FLOAT  # the evaluator's cubic functions are of 32 bits
    x = g.fresh(element, [batch, 2, *([2] if solid else []), g.choose((3, "H")), 4], style=0)
    depth = 3 if solid else 2
    grid = g.fresh(element, [batch, *([2] if solid else []), 3, g.choose((2, "L")), depth], style=0)
    # With others than zeros around the image, the evaluator reads beyond it in cubic mode.
    around = (None, "zeros") if mode in ("cubic", "bicubic") else (None, "zeros", "border", "reflection")
    attrs: dict[str, Any] = {
        "padding_mode": g.choose(around),
        "align_corners": g.choose((None, 0, 1)),
    }
    return g.node(op, [x, grid], mode=mode, **attrs)


@generator("AffineGrid")
def affine(g: Builder, op: str) -> object:
    solid = g.chance(3)
    theta = g.fresh(FLOAT, [2, 3, 4] if solid else [2, 2, 3], style=0)
    size = np.array([2, 3, 2, 3, 4] if solid else [2, 3, 4, 5])
    return g.node(op, [theta, g.given(size)], align_corners=g.choose((None, 0, 1)))


@generator("RoiAlign")
def regions(g: Builder, op: str) -> object:
    need(g.opset >= 16)  # of those before, the evaluator has another default
    x = g.fresh(g.choose((FLOAT, FLOAT, DOUBLE)), [2, 3, g.choose((8, "H")), 7], style=0)
    count = g.choose((1, 3))
    low = g.random.uniform(0, 3, (count, 2))
    corners = np.concatenate([low, low + g.random.uniform(1, 4, (count, 2))], 1).astype(x.dtype)
    rois = g.input([corners, corners[::-1] + np.array(0.25, x.dtype)])
    where = g.given(g.random.integers(0, 2, count))
    attrs: dict[str, Any] = {
        "mode": g.choose((None, "avg", "max")),
        "output_height": g.choose((None, 2)),
        "output_width": 3,
    }
    attrs |= {"sampling_ratio": g.choose((0, 2)), "spatial_scale": g.choose((None, 0.5))}
    attrs["coordinate_transformation_mode"] = g.choose((None, "half_pixel", "output_half_pixel"))
    return g.node(op, [x, rois, where], **attrs)


@generator("MaxRoiPool")
def region_pool(g: Builder, op: str) -> object:
    x = g.fresh(FLOAT, [2, 3, 8, 7], style=0)
    rois = np.array([[0, 1, 1, 5, 6], [1, 0, 0, 3, 2]], np.float32)
    return g.node(op, [x, g.given(rois)], pooled_shape=[2, g.choose((1, 2))], spatial_scale=g.choose((None, 0.5)))
