"""Casts from and to floats of a byte or less, element by element against ml_dtypes and the reference."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnxc
from onnxc.op.cast import to_float8_e8m0
from onnxc.op.small_float import FORMATS

#: Relay's name -> ONNX's number.
NUMBERS = {
    "float8_e4m3fn": TensorProto.FLOAT8E4M3FN,
    "float8_e4m3fnuz": TensorProto.FLOAT8E4M3FNUZ,
    "float8_e5m2": TensorProto.FLOAT8E5M2,
    "float8_e5m2fnuz": TensorProto.FLOAT8E5M2FNUZ,
    "float8_e8m0fnu": TensorProto.FLOAT8E8M0,
    "float4_e2m1fn": TensorProto.FLOAT4E2M1,
}
if hasattr(TensorProto, "FLOAT6E2M3"):  # since onnx 1.23
    NUMBERS |= {"float6_e2m3fn": TensorProto.FLOAT6E2M3, "float6_e3m2fn": TensorProto.FLOAT6E3M2}
NEWEST = onnx.defs.onnx_opset_version()


def compile_graph(nodes: list, inputs: dict[str, tuple[int, int]], outputs: dict[str, int]) -> onnxc.Model:
    """A model of nodes; inputs are names with type and length, outputs names with type."""
    values = [helper.make_tensor_value_info(n, t, [size]) for n, (t, size) in inputs.items()]
    results = [helper.make_tensor_value_info(n, t, None) for n, t in outputs.items()]
    graph = helper.make_graph(nodes, "casts", values, results)
    return onnxc.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", NEWEST)]), jobs=1)


def same_bits(got: np.ndarray, want: np.ndarray) -> None:
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got.view(np.uint8), want.view(np.uint8))


def test_every_small_float_has_its_value() -> None:
    sizes = {"float4": 16, "float6": 64}
    codes = {name: np.arange(sizes.get(name[:6], 256), dtype=np.uint8) for name in NUMBERS}
    model = compile_graph(
        [helper.make_node("Cast", [name], [f"{name}_out"], to=TensorProto.FLOAT) for name in NUMBERS],
        {name: (number, len(codes[name])) for name, number in NUMBERS.items()},
        {f"{name}_out": TensorProto.FLOAT for name in NUMBERS},
    )
    arrays = {name: bits.view(getattr(ml_dtypes, name)) for name, bits in codes.items()}
    out = model.run(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(out[f"{name}_out"], array.astype(np.float32), name)


def awkward_floats() -> np.ndarray:
    """Every float16, halves between small floats and their neighbours, powers of two, infinities, NaN."""
    halves = np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float32)
    finite = halves[np.isfinite(halves)]
    near = np.concatenate([np.nextafter(finite, np.float32(np.inf)), np.nextafter(finite, np.float32(-np.inf))])
    powers = np.exp2(np.arange(-149, 128).astype(np.float64)).astype(np.float32)
    steps = [powers * np.float32(f) for f in (0.75, 1, 1.25, 1.5, 1.75)]
    special = np.array([np.inf, -np.inf, np.nan, -np.nan], np.float32)
    return np.concatenate([halves, near, *steps, *(-s for s in steps), special])


@pytest.mark.parametrize("saturate", [1, 0])
def test_every_float_finds_its_small_float(saturate: int) -> None:
    x = awkward_floats()
    names = [name for name in FORMATS if name in NUMBERS]
    model = compile_graph(
        [helper.make_node("Cast", ["x"], [name], to=NUMBERS[name], saturate=saturate) for name in names],
        {"x": (TensorProto.FLOAT, len(x))},
        {name: NUMBERS[name] for name in names},
    )
    out = model(x)
    for name in names:
        dtype = np.dtype(getattr(ml_dtypes, name))
        bound = float(ml_dtypes.finfo(dtype).max)
        with np.errstate(invalid="ignore"):  # NaN
            want = (np.clip(x, -bound, bound) if saturate else x).astype(dtype)
        same_bits(out[name], want)


@pytest.mark.parametrize("saturate", [1, 0])
def test_exponents(saturate: int) -> None:
    x = awkward_floats()
    roundings = ("up", "down", "nearest")
    model = compile_graph(
        [
            helper.make_node("Cast", ["x"], [r], to=TensorProto.FLOAT8E8M0, saturate=saturate, round_mode=r)
            for r in roundings
        ],
        {"x": (TensorProto.FLOAT, len(x))},
        {r: TensorProto.FLOAT8E8M0 for r in roundings},
    )
    out = model(x)
    for rounding in roundings:
        with np.errstate(invalid="ignore"):  # NaN
            want = to_float8_e8m0(x, bool(saturate), rounding)
        same_bits(out[rounding], want)


def test_moves_of_small_and_complex_elements() -> None:
    """Operators that only move elements take all types, packed ones of odd length too."""
    random = np.random.default_rng(0)
    kinds = {
        TensorProto.INT4: ml_dtypes.int4,
        TensorProto.UINT2: ml_dtypes.uint2,
        TensorProto.FLOAT4E2M1: ml_dtypes.float4_e2m1fn,
        TensorProto.FLOAT8E5M2: ml_dtypes.float8_e5m2,
        TensorProto.COMPLEX64: np.complex64,
        TensorProto.COMPLEX128: np.complex128,
    }
    for number, dtype in kinds.items():
        x = random.integers(0, 4, (3, 5)).astype(np.float32).astype(dtype)
        if np.dtype(dtype).kind == "c":
            x = x + (1j * random.standard_normal(x.shape)).astype(dtype)
        graph = onnx.parser.parse_graph(
            """g (float[3, 5] x) => (float[5, 3] y, float[3, 5] same, float[6, 5] twice) {
                y = Transpose(x)
                same = Identity(x)
                twice = Concat<axis = 0>(x, x)
            }"""
        )
        for value in (*graph.input, *graph.output):
            value.type.tensor_type.elem_type = number
        model = onnxc.compile(
            helper.make_model(graph, opset_imports=[helper.make_opsetid("", 25)], ir_version=12), jobs=1
        )
        out = model(x)
        for name, want in (("y", x.T), ("same", x), ("twice", np.concatenate([x, x]))):
            assert out[name].dtype == x.dtype
            assert out[name].tobytes() == np.ascontiguousarray(want).tobytes(), (dtype, name)


def test_weights_of_less_than_a_byte() -> None:
    """What is not folded lies in the artifact, where kernels read it."""
    w = np.random.default_rng(0).integers(-8, 8, (10, 11)).astype(ml_dtypes.int4)
    graph = onnx.parser.parse_graph(
        """g (float[10, 11] x) => (float[10, 11] y) {
            scale = Constant<value = float {0.5}>()
            d = DequantizeLinear(w, scale)
            y = Mul(d, x)
        }"""
    )
    graph.initializer.append(onnx.numpy_helper.from_array(w, "w"))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    out = onnxc.compile(model, level=0, jobs=1)(np.ones(w.shape, np.float32))
    np.testing.assert_array_equal(out["y"], w.astype(np.float32) / 2)
