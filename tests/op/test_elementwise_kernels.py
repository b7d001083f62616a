"""What kernels do at the ends of numbers: division by zero, overflow, NaN, large unsigned integers, dimensions of 1."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import pytest

import onnxc

NAN, INF = np.nan, np.inf
LEAST = np.iinfo(np.int32).min


def parse(text: str) -> onnx.ModelProto:
    """A graph in ONNX's text form as a model."""
    return onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 21]> {text}')


def run(text: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    return onnxc.compile(parse(text)).run(inputs)


def test_integer_division_where_the_processor_traps() -> None:
    out = run(
        """g (int32[5] x, int32[5] y) => (int32[5] quotient, int32[5] floor, int32[5] truncated) {
            quotient = Div(x, y)
            floor = Mod(x, y)
            truncated = Mod<fmod = 1>(x, y)
        }""",
        x=np.array([LEAST, 7, -7, -7, 7], np.int32),
        y=np.array([-1, 0, 2, -2, -2], np.int32),
    )
    assert out["quotient"].tolist() == [LEAST, 0, -3, 3, -3]
    assert out["floor"].tolist() == [0, 0, 1, -1, -1]
    assert out["truncated"].tolist() == [0, 0, -1, -1, 1]


def test_nan_stays_nan() -> None:
    x = np.array([NAN, -1.0, INF, 0.25], np.float32)
    out = run(
        """g (float[4] x) => (float[4] relu, float[4] clip, float[4] most, float[4] least, float[4] hard,
                               bool[4] same, bool[4] other, bool[4] nonzero) {
            zero = Constant<value = float {0.0}>()
            one = Constant<value = float {1.0}>()
            relu = Relu(x)
            clip = Clip(x, zero, one)
            most = Max(zero, x)
            least = Min(x, zero)
            hard = HardSigmoid(x)
            same = Equal(x, x)
            other = Not(same)
            nonzero = Cast<to = 9>(x)
        }""",
        x=x,
    )
    np.testing.assert_array_equal(out["relu"], np.array([NAN, 0, INF, 0.25], np.float32))
    np.testing.assert_array_equal(out["clip"], np.array([NAN, 0, 1, 0.25], np.float32))
    np.testing.assert_array_equal(out["most"], np.array([NAN, 0, INF, 0.25], np.float32))
    np.testing.assert_array_equal(out["least"], np.array([NAN, -1, 0, 0], np.float32))
    np.testing.assert_allclose(out["hard"], np.array([NAN, 0.3, 1, 0.55], np.float32), rtol=1e-6)
    assert out["same"].tolist() == [False, True, True, True]
    assert out["other"].tolist() == [True, False, False, False]
    assert out["nonzero"].tolist() == [True, True, True, True]


@pytest.mark.parametrize("dtype", ["uint32", "uint64"])
def test_large_unsigned_integers_are_ordered(dtype: str) -> None:
    top = np.iinfo(dtype).max
    out = run(
        f"""g ({dtype}[3] x) => (bool[3] less, {dtype}[3] most, {dtype}[3] clip) {{
            five = Constant<value = {dtype} {{5}}>()
            less = Less(x, five)
            most = Max(x, five)
            clip = Clip(x, , five)
        }}""",
        x=np.array([top, 3, 5], dtype),
    )
    assert out["less"].tolist() == [False, True, False]
    assert out["most"].tolist() == [top, 5, 5]
    assert out["clip"].tolist() == [5, 3, 5]


def test_symbolic_dimensions_broadcast_as_they_turn_out() -> None:
    model = onnxc.compile(parse("g (float[N, 3] x, float[M, 3] y) => (float[K, 3] z) { z = Sub(x, y) }"))
    for rows, others in ((1, 4), (4, 1), (4, 4), (1, 1)):
        x, y = (np.random.default_rng(n).random((n, 3), np.float32) for n in (rows, others))
        np.testing.assert_array_equal(model.run({"x": x, "y": y})["z"], x - y)


def test_quantising_rounds_halves_to_even_and_saturates() -> None:
    out = run(
        """g (float[8] x) => (int8[8] y) {
            scale = Constant<value = float {2.0}>()
            point = Constant<value = int8 {1}>()
            y = QuantizeLinear(x, scale, point)
        }""",
        x=np.array([1, 3, -1, 5, 1e30, -INF, INF, NAN], np.float32),
    )
    assert out["y"].tolist() == [1, 3, 1, 3, 127, -128, 127, -128]
