"""Small models with axes, depths and scales that only the run knows."""

from __future__ import annotations

import numpy as np

from tests.executor.models import SmallModel


def _floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def _ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


AXES_MODELS = [
    SmallModel(
        "axes_of_slices",
        """(float[4, 5, N] x, int64[2] a, int64[2] b, int64[2] e, int64[2] s, int64[4] p)
            => (float[A, B, C] y, float[D, E, F] z, float[G, H, I] w) {
            h = Exp(x)
            y = Slice(h, b, e, a, s)
            z = Slice(h, b, e, a)
            w = Pad<mode = "edge">(h, p, , a)
        }""",
        feeds=[
            {"x": _floats(4, 5, n), "a": _ints(*a), "b": _ints(*b), "e": _ints(*e), "s": _ints(*s), "p": _ints(*p)}
            for n, a, b, e, s, p in [
                (6, (0, 1), (1, 0), (3, -1), (1, 2), (1, 0, 2, 1)),
                (3, (-1, 0), (2, -1), (-100, -100), (-1, -2), (0, 0, 0, 3)),
                (2, (1, 2), (0, 0), (2**63 - 1, 2**31 - 1), (3, 1), (2, 1, 0, 1)),
            ]
        ],
        opset=18,
    ),
    SmallModel(
        "axes_of_reductions",
        """(float[4, 5, N] x, int64[2] a, int64[1] b) => (float[A, B, C] y, float[D] z, float[E, F, G] v, float[H, I] w,
            float[J, K, L] u) {
            h = Exp(x)
            y = ReduceSum(h, a)
            z = ReduceMax<keepdims = 0>(h, a)
            v = ReduceLogSumExp(x, b)
            w = ReduceMean<keepdims = 0>(h, b)
            u = ReduceL2<noop_with_empty_axes = 1>(h, b)
        }""",
        feeds=[
            {"x": _floats(4, 5, n), "a": _ints(*a), "b": _ints(b)}
            for n, a, b in [(6, (0, 1), 2), (1, (-1, 0), 0), (3, (2, 1), -2)]
        ],
        opset=18,
    ),
    SmallModel(
        "axes_of_shapes",
        """(float[1, N, 1] x, int64[1] a, int64[2] b, int64 c, int64 d, float[2] v)
            => (float[A, B] y, float[C, D, E, F, G] z, float[1, N, 1] s, float[1, N, 1] p, float[H, I] hot) {
            h = Exp(x)
            y = Squeeze(h, a)
            z = Unsqueeze(h, b)
            s = CumSum(h, c)
            p = CumSum<exclusive = 1, reverse = 1>(h, c)
            i0 = Abs(x)
            i1 = Cast<to = 7>(i0)
            flat = Constant<value_ints = [-1]>()
            i = Reshape(i1, flat)
            hot = OneHot<axis = 0>(i, d, v)
        }""",
        feeds=[
            {
                "x": _floats(1, n, 1),
                "a": _ints(a),
                "b": _ints(*b),
                "c": np.array(c, np.int64),
                "d": np.array(d, np.int64),
                "v": np.array([-1, 2], np.float32),
            }
            for n, a, b, c, d in [(5, 0, (0, 1), 1, 4), (1, 2, (-1, 2), -1, 2), (7, -3, (4, 0), -2, 1)]
        ],
    ),
    SmallModel(
        "scales",
        """(float[1, 2, H, W] x, float[4] s, int64[4] sizes) => (float[1, 2, A, B] y, float[C, D, E, F] z,
            float[G, I, J, K] w) {
            h = Exp(x)
            y = Resize<mode = "linear">(h, , s)
            z = Resize<mode = "nearest", coordinate_transformation_mode = "asymmetric", nearest_mode = "floor">(h, , s)
            w = Resize<mode = "cubic">(h, , , sizes)
        }""",
        feeds=[
            {"x": _floats(1, 2, h, w), "s": np.array([1, 1, *s], np.float32), "sizes": _ints(1, 2, *sizes)}
            for h, w, s, sizes in [(5, 6, (2, 1.5), (7, 3)), (10, 3, (0.6, 2.25), (10, 9)), (4, 4, (1, 1 / 3), (1, 1))]
        ],
    ),
    SmallModel(
        "spectra",
        """(float[2, N, 3, 1] x, int64 length, int64 axis, float[2, M, 1] s, float[W] window, int64 step, int64 bins,
            int64 rate) => (float[A, B, C, D] y, float[E, F, G, H] half, float[I, J, K, L] z, float[O, P, Q, R] back,
            float[S, T, U, V] frames, float[BA, BB] mel) {
            tiny = Constant<value_float = 0.001>()
            h = Mul(x, tiny)
            y = DFT(h, length, axis)
            half = DFT<onesided = 1>(h, length, axis)
            z = DFT(h, , axis)
            back = DFT<inverse = 1>(z, , axis)
            frames = STFT(s, step, window)
            low = Constant<value_float = 20.0>()
            high = Constant<value_float = 3000.0>()
            mel = MelWeightMatrix(bins, length, rate, low, high)
        }""",
        feeds=[
            {
                "x": _floats(2, n, 3, 1),
                "length": np.array(length, np.int64),
                "axis": np.array(axis, np.int64),
                "s": _floats(2, m, 1),
                "window": np.hanning(width).astype(np.float32),
                "step": np.array(step, np.int64),
                "bins": np.array(bins, np.int64),
                "rate": np.array(8000, np.int64),
            }
            for n, length, axis, m, width, step, bins in [
                (5, 4, 1, 40, 16, 5, 3),
                (67, 67, -3, 9, 9, 1, 1),
                (12, 10, 2, 30, 7, 2, 12),
            ]
        ],
        opset=20,
    ),
    SmallModel(
        "regions",
        """(float[1, 2, H, W] x, float[8] r, int64[4] s) => (float[A, B, C, D] y, float[E, F, G, I] z,
            float[J, K, L, M] w) {
            h = Exp(x)
            y = Resize<mode = "linear", coordinate_transformation_mode = "tf_crop_and_resize">(h, r, , s)
            z = Resize<mode = "cubic", coordinate_transformation_mode = "tf_crop_and_resize",
                extrapolation_value = 10.0>(h, r, , s)
            w = Resize<mode = "nearest", coordinate_transformation_mode = "tf_crop_and_resize">(h, r, , s)
        }""",
        feeds=[
            {"x": _floats(1, 2, h, w), "r": np.array([0, 0, *a, 1, 1, *b], np.float32), "s": _ints(1, 2, *s)}
            for h, w, a, b, s in [
                (4, 5, (0.4, 0.6), (0.62, 0.81), (3, 4)),
                (6, 3, (-0.2, 0.1), (1.23, 0.9), (5, 7)),
                (1, 4, (0.0, 0.3), (1.0, 0.3), (2, 1)),
            ]
        ],
        opset=18,
    ),
    SmallModel(
        "shrunk",
        """(float[1, 2, H, W] x, float[4] s, int64[2] sizes) => (float[A, B, C, D] y, float[E, F, G, I] z,
            float[J, K, L, M] w, float[N, O, P, Q] v) {
            h = Exp(x)
            y = Resize<mode = "linear", antialias = 1>(h, , s)
            z = Resize<mode = "cubic", antialias = 1>(h, , , sizes_4)
            one = Constant<value_ints = [1, 2]>()
            sizes_4 = Concat<axis = 0>(one, sizes)
            w = Resize<mode = "nearest", axes = [2, 3], keep_aspect_ratio_policy = "not_larger">(h, , , sizes)
            v = Resize<mode = "linear", axes = [2, 3], keep_aspect_ratio_policy = "not_smaller">(h, , , sizes)
        }""",
        feeds=[
            {"x": _floats(1, 2, h, w), "s": np.array([1, 1, *s], np.float32), "sizes": _ints(*sizes)}
            for h, w, s, sizes in [(8, 6, (0.5, 0.5), (3, 4)), (10, 9, (0.6, 2), (5, 8)), (12, 4, (0.25, 1), (20, 3))]
        ],
        opset=18,
    ),
    SmallModel(
        "grids",
        """(float[N, 2, 3] t, float[N, 3, 4] u, int64[4] s, int64[5] r)
            => (float[N, A, B, 2] y, float[N, C, D, E, 3] z) {
            y = AffineGrid(t, s)
            z = AffineGrid<align_corners = 1>(u, r)
        }""",
        feeds=[
            {"t": _floats(n, 2, 3), "u": _floats(n, 3, 4), "s": _ints(n, 1, *s), "r": _ints(n, 2, *r)}
            for n, s, r in [(1, (3, 4), (2, 3, 4)), (3, (1, 5), (2, 3, 2))]
        ],
        opset=20,
    ),
    SmallModel(
        "blocks",
        """(float[N, C, L] x, int64[2] image, int64[2] block) => (float[N, A, B, D] y) {
            h = Exp(x)
            y = Col2Im<strides = [2, 1], pads = [0, 1, 1, 0]>(h, image, block)
        }""",
        feeds=[
            {"x": _floats(n, c, length), "image": _ints(*image), "block": _ints(*block)}
            for n, c, length, image, block in [
                (1, 12, 12, (6, 4), (2, 2)),
                (2, 3, 12, (4, 3), (1, 1)),
                (1, 6, 12, (6, 5), (2, 3)),
            ]
        ],
        opset=18,
    ),
    SmallModel(
        "expanded",
        """(float[3, 1] x, float[N, 1] z, int64[2] shape, int64[3] more) => (float[A, B] y, float[C, D, E] w) {
            y = Expand(x, shape)
            w = Expand(z, more)
        }""",
        feeds=[
            {"x": _floats(3, 1), "z": _floats(n, 1), "shape": _ints(*s), "more": _ints(*m)}
            for n, s, m in [(2, (3, 4), (2, 2, 3)), (1, (1, 1), (1, 5, 1)), (4, (3, 1), (3, 1, 2))]
        ],
    ),
]

#: What ends with a status.
HOSTILE_AXES = [
    SmallModel(
        "wrong_axes",
        """(float[4, 5] x, int64[2] a, int64[1] b, int64 c) => (float[A, B] y, float[C] z, float[4, 5] s) {
            y = ReduceSum(x, a)
            z = ReduceSum<keepdims = 0>(x, b)
            s = CumSum(x, c)
        }""",
        feeds=[
            {"x": _floats(4, 5), "a": _ints(*a), "b": _ints(b), "c": np.array(c, np.int64), "status": 3}  # type: ignore[dict-item]
            for a, b, c in [
                ((0, 0), 0, 0),
                ((0, 2), 0, 0),
                ((1, -1), 0, 0),
                ((0, 1), -3, 0),
                ((0, 1), 2**62, 0),
                ((0, 1), 0, 2),
            ]
        ],
    ),
    SmallModel(
        "wrong_squeezes",
        """(float[1, N] x, int64[1] a, float[2] s) => (float[A] y, float[1, B] z) {
            y = Squeeze(x, a)
            flat = Constant<value_ints = [1, 1, 1, -1]>()
            image = Reshape(x, flat)
            ones = Constant<value_floats = [1.0, 1.0]>()
            scales = Concat<axis = 0>(ones, s)
            w = Resize<mode = "linear">(image, , scales)
            two = Constant<value_ints = [1, -1]>()
            z = Reshape(w, two)
        }""",
        feeds=[
            {"x": _floats(1, 3), "a": _ints(a), "s": np.array(s, np.float32), "status": status}  # type: ignore[dict-item]
            for a, s, status in [
                (1, (1, 1), 10),
                (2, (1, 1), 3),
                (0, (1, 1.3707), 3),
                (0, (1, -2), 3),
                (0, (np.nan, 1), 3),
            ]
        ],
    ),
    SmallModel(
        "wrong_expansion",
        "(float[3, 1] x, int64[2] shape) => (float[A, B] y) { y = Expand(x, shape) }",
        feeds=[{"x": _floats(3, 1), "shape": _ints(2, 4), "status": 3}],  # type: ignore[dict-item]
    ),
]
