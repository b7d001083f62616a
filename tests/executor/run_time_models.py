"""Small models whose sizes only the run knows: results as large as their data say, computed shapes, loops, branches."""

from __future__ import annotations

import numpy as np

from tests.executor.models import SmallModel
from tests.executor.run_time_axes_models import AXES_MODELS, HOSTILE_AXES


def _floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def _ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def _number(value: int) -> np.ndarray:
    return np.array(value, np.int64)


#: Opset 17 has no attribute of type bool that the text form can write: 1 as int64 is cast.
_TRUE = "one = Constant<value_int = 1>()\n go0 = Cast<to = 9>(one)"

RUN_TIME_MODELS = [
    SmallModel(
        "found",
        """(float[N, 4] x) => (int64[2, K] places, float[K] values, float[M] kept, float[L] sums) {
            places = NonZero(x)
            rows = Transpose(places)
            values0 = GatherND(x, rows)
            values = Exp(values0)
            zero = Constant<value_float = 0.0>()
            row = ReduceSum<keepdims = 0>(x)
            mask = Greater(values0, zero)
            kept = Compress<axis = 0>(values0, mask)
            both = Concat<axis = 0>(kept, values0)
            sums = Add(both, row)
        }""",
        feeds=[{"x": np.eye(4, dtype=np.float32)[:3]}, {"x": np.zeros((2, 4), np.float32)}, {"x": _floats(5, 4)}],
    ),
    SmallModel(
        "progressions",
        """(int64 a, int64 b, int64 c, float s) => (int64[K] y, float[L] z, float[M] w) {
            y = Range(a, b, c)
            zero = Constant<value_float = 0.0>()
            ten = Constant<value_float = 10.0>()
            z = Range(zero, ten, s)
            w = Relu(z)
        }""",
        feeds=[
            {"a": _number(a), "b": _number(b), "c": _number(c), "s": np.array(s, np.float32)}
            for a, b, c, s in [(0, 10, 3, 2.5), (5, -7, -2, -1), (3, 3, 1, 3)]
        ],
    ),
    SmallModel(
        "shapes",
        """(float[N, 4] x, int64[2] shape, int64[2] wide, int64[2] counts, int64[1] k)
            => (float[A, B] y, float[C, D] e, float[E, F] t, float[G, H] f, float[I, J] v, int64[I, J] i) {
            h = Exp(x)
            y = Reshape(h, shape)
            one = Constant<value_ints = [1, 1]>()
            zeros = Constant<value_ints = [0, 0]>()
            corner = Slice(x, zeros, one)
            e = Expand(corner, wide)
            t = Tile(x, counts)
            f = ConstantOfShape(wide)
            v, i = TopK(x, k)
        }""",
        feeds=[
            {"x": _floats(n, 4), "shape": _ints(*s), "wide": _ints(*w), "counts": _ints(*c), "k": _ints(k)}
            for n, s, w, c, k in [
                (6, (8, 3), (2, 3), (1, 2), 2),
                (3, (-1, 2), (1, 1), (2, 0), 0),
                (2, (0, 4), (3, 0), (1, 1), 4),
            ]
        ],
    ),
    SmallModel(
        "slices",
        """(float[N, 3] x, int64[2] from, int64[2] to, int64[2] step, int64[4] pads) => (float[A, B] y, float[C, D] z) {
            axes = Constant<value_ints = [0, 1]>()
            y = Slice(x, from, to, axes, step)
            z = Pad(x, pads)
        }""",
        feeds=[
            {"x": _floats(n, 3), "from": _ints(*a), "to": _ints(*b), "step": _ints(*s), "pads": _ints(*p)}
            for n, a, b, s, p in [
                (7, (0, 0), (3, 2**62), (1, 1), (1, 2, 0, 3)),
                (7, (-3, -1), (100, -4), (2, -1), (0, 0, 0, 0)),
                (7, (8, 2), (-(2**62), 0), (-3, -2), (0, -1, 2, -1)),
                (1, (5, 0), (3, 1), (1, 5), (0, -2, 0, -1)),
            ]
        ],
    ),
    SmallModel(
        "branch_shapes",
        """(bool choice, float[N] x) => (float[K] y, float[L] z) {
            w, v = If<
                then_branch = a () => (float[L] t, float[N] t2) { t = Concat<axis = 0>(x, x)
                    t2 = Exp(x) },
                else_branch = b () => (float[M] e, float[N] e2) { zero = Constant<value_float = 0.0>()
                    m = Greater(x, zero)
                    e = Compress<axis = 0>(x, m)
                    e2 = Relu(x) }
            >(choice)
            y = Neg(w)
            z = Concat<axis = 0>(v, w)
        }""",
        feeds=[{"choice": np.array(c), "x": _floats(3)} for c in (True, False)],
    ),
    SmallModel(
        "grow",
        f"""(int64 count, float[N, 2] x) => (float[K, 2] y, float[2] last, float[L, 2] rows) {{
            {_TRUE}
            zero = Constant<value_ints = [0]>()
            first = ReduceSum<keepdims = 0>(x, zero)
            y, last, rows = Loop<body = b (int64 i, bool go, float[M, 2] a, float[2] s)
                => (bool go2, float[L, 2] a2, float[2] s2, float[2] row) {{
                    go2 = Identity(go)
                    a2 = Concat<axis = 0>(a, x)
                    z = Constant<value_ints = [0]>()
                    sum = ReduceSum<keepdims = 0>(a2, z)
                    s2 = Add(s, sum)
                    row = Exp(sum)
                }}>(count, go0, x, first)
        }}""",
        feeds=[{"count": _number(k), "x": _floats(3, 2) / 10} for k in (1, 5, 2)],
    ),
    SmallModel(
        "until",
        """(float[N] x, float limit) => (float[N] y, float[K, N] rows) {
            one = Constant<value_int = 1>()
            go0 = Cast<to = 9>(one)
            y, rows = Loop<body = b (int64 i, bool go, float[N] a) => (bool go2, float[N] a2, float[N] row) {
                a2 = Add(a, x)
                sum = ReduceSum<keepdims = 0>(a2)
                go2 = Less(sum, limit)
                row = Mul(a2, a2)
            }>("", go0, x)
        }""",
        feeds=[
            {"x": np.abs(_floats(n)) + 0.5, "limit": np.array(v, np.float32)} for n, v in ((3, 10), (5, 0), (1, 50))
        ],
    ),
    SmallModel(
        "swapped",
        f"""(int64 count, float[N] x, float[N] z) => (float[N] y, float[N] w) {{
            {_TRUE}
            y, w = Loop<body = b (int64 i, bool go, float[N] a, float[N] e) => (bool go2, float[N] a2, float[N] e2) {{
                go2 = Identity(go)
                a2 = Identity(e)
                e2 = Identity(a)
            }}>(count, go0, x, z)
        }}""",
        feeds=[{"count": _number(k), "x": _floats(3), "z": _floats(3) + 1} for k in (0, 1, 4)],
    ),
    SmallModel(
        "scan",
        """(float[T, 3] x, float[3] h, float[3, T] v) => (float[3] y, float[T, 3] rows, float[3, T] back) {
            y, rows, back = Scan<
                num_scan_inputs = 2, scan_input_axes = [0, 1], scan_input_directions = [0, 1],
                scan_output_axes = [0, 1], scan_output_directions = [0, 1],
                body = b (float[3] s, float[3] e, float[3] d) => (float[3] s2, float[3] row, float[3] row2) {
                    sum = Add(s, e)
                    s2 = Mul(sum, d)
                    row = Exp(sum)
                    row2 = Neg(s2)
                }>(h, x, v)
        }""",
        feeds=[{"x": _floats(t, 3), "h": _floats(3), "v": _floats(3, t)} for t in (1, 4)],
    ),
    SmallModel(
        "nested_loops",
        f"""(int64 count, float[N] x) => (float[N] y) {{
            {_TRUE}
            y = Loop<body = b (int64 i, bool go, float[N] a) => (bool go2, float[N] a2) {{
                go2 = Identity(go)
                a2 = Loop<body = b2 (int64 j, bool go3, float[N] p) => (bool go4, float[N] p2) {{
                    go4 = Identity(go3)
                    q = Add(p, a)
                    half = Constant<value_float = 0.5>()
                    p2 = Mul(q, half)
                }}>(count, go, x)
            }}>(count, go0, x)
        }}""",
        feeds=[{"count": _number(k), "x": _floats(3)} for k in (0, 1, 4)],
    ),
    *AXES_MODELS,
]

#: Models with inputs that make no sense, and the status that a run ends with.
HOSTILE = [
    SmallModel(
        "wrong_shapes",
        """(float[3, 4] x, int64[2] shape, int64[1] k) => (float[A, B] y, float[3, K] v, int64[3, K] i, float[E, F] f) {
            h = Exp(x)
            y = Reshape(h, shape)
            v, i = TopK(x, k)
            f = ConstantOfShape(shape)
        }""",
        feeds=[
            {"x": _floats(3, 4), "shape": _ints(*s), "k": _ints(k), "status": status}  # type: ignore[dict-item]
            for s, k, status in [
                ((5, 2), 2, 10),
                ((-1, -1), 2, 10),
                ((-2, -6), 2, 10),
                ((2**62, 2**62), 2, 10),
                ((2, 6), 5, 10),
                ((2, 6), -1, 10),
                ((2, 6), 2**40, 10),
            ]
        ],
    ),
    SmallModel(
        "wrong_sizes",
        """(float[1, 4] x, int64[2] shape, float[M] m) => (float[A, B] y) {
            h = Exp(x)
            e = Expand(h, shape)
            places = NonZero(m)
            flat = Constant<value_ints = [-1]>()
            list = Reshape(places, flat)
            row = Cast<to = 1>(list)
            y = Add(e, row)
        }""",
        feeds=[
            {"x": _floats(1, 4), "shape": _ints(*s), "m": np.ones(m, np.float32), "status": status}  # type: ignore[dict-item]
            for s, m, status in [
                ((3, 4), 3, 3),
                ((2**31 - 1, 2**31 - 1), 4, 3),
                ((-3, 4), 4, 10),
                ((2**30, 4), 4, 3),
            ]
        ],
    ),
    SmallModel(
        "wrong_steps",
        """(float[3] x, int64 by, int64[2] pads) => (int64[B] z, float[C] p) {
            zero = Constant<value_int = 0>()
            much = Constant<value_int = 4611686018427387904>()
            z = Range(zero, much, by)
            p = Pad(x, pads)
        }""",
        feeds=[
            {"x": _floats(3), "by": _number(b), "pads": _ints(*p), "status": status}  # type: ignore[dict-item]
            for b, p, status in [
                (0, (0, 0), 10),
                (1, (0, 0), 10),
                (2**61, (-2, -2), 10),
                (2**61, (2**40, 0), 10),
            ]
        ],
    ),
    *HOSTILE_AXES,
]
