"""Fourier transforms of all kinds of lengths, against numpy's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

import onnxc
from onnxc.op.mel_weights import mel_weights


def transform(x: np.ndarray, length: int, **attrs: Any) -> np.ndarray:
    graph = helper.make_graph(
        [helper.make_node("DFT", ["x", "length", "axis"], ["y"], **attrs)],
        "transform",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *x.shape[1:]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [helper.make_tensor("length", TensorProto.INT64, [], [length]), helper.make_tensor("axis", 7, [], [1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return onnxc.compile(model, jobs=1)(x)["y"]


def pairs(values: np.ndarray) -> np.ndarray:
    return np.stack([values.real, values.imag], -1)


@pytest.mark.parametrize("length", [1, 2, 7, 64, 100, 131, 262, 400, 1024])
def test_lengths(length: int) -> None:
    random = np.random.default_rng(length)
    x = random.standard_normal((2, length, 2)).astype(np.float32)
    z = x[..., 0].astype(np.float64) + 1j * x[..., 1]
    close: dict[str, Any] = {"rtol": 1e-4, "atol": 2e-6 * length}
    np.testing.assert_allclose(transform(x, length), pairs(np.fft.fft(z, axis=1)), **close)
    np.testing.assert_allclose(transform(x, length, inverse=1), pairs(np.fft.ifft(z, axis=1)), rtol=1e-4, atol=1e-6)
    real = x[..., :1]
    np.testing.assert_allclose(transform(real, length), pairs(np.fft.fft(real[..., 0], axis=1)), **close)
    half = transform(real, length, onesided=1)
    np.testing.assert_allclose(half, pairs(np.fft.rfft(real[..., 0], axis=1)), **close)
    back = transform(half, length, inverse=1, onesided=1)
    np.testing.assert_allclose(back, real, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("length", [5, 12])
def test_padded_and_cut(length: int) -> None:
    x = np.random.default_rng(0).standard_normal((3, 9, 1)).astype(np.float32)
    wanted = pairs(np.fft.fft(x[..., 0].astype(np.float64), length, axis=1))
    np.testing.assert_allclose(transform(x, length), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", ["2, N, 1", "2, N"])
def test_spectrogram_of_any_length(shape: str) -> None:
    model = onnx.parser.parse_model(
        f"""<ir_version: 10, opset_import: ["" : 17]>
        g (float[{shape}] x, float[16] window) => (float[2, F, 9, 2] y) {{
            step = Constant<value = int64 {{5}}>()
            y = STFT(x, step, window)
        }}"""
    )
    compiled = onnxc.compile(model, jobs=1)
    random = np.random.default_rng(0)
    for length in (16, 57):
        x = random.standard_normal((2, length)).astype(np.float32)
        window = np.hanning(16).astype(np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(x, 16, 1)[:, ::5] * window
        x = x.reshape(2, length, *(1,) * shape.endswith("1"))
        np.testing.assert_allclose(compiled(x, window)["y"], pairs(np.fft.rfft(frames)), rtol=1e-4, atol=1e-5)


def test_mel_weights_cover_the_spectrum() -> None:
    weights = mel_weights(20, 512, 16000, 0, 8000)
    assert weights.shape == (257, 20) and weights.min() == 0 and weights.max() == 1
    assert (weights.max(axis=0) > 0).all()


def run_time_model(text: str, opset: int = 20) -> onnx.ModelProto:
    return onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["" : {opset}]> g {text}')


def check(model: onnx.ModelProto, feeds: Sequence[Mapping[str, np.ndarray]], close: float = 1e-5) -> None:
    """Compile once, and compare all runs with the onnx package's evaluator."""
    evaluator = ReferenceEvaluator(model)
    with onnxc.compile(model, jobs=1) as compiled:
        for inputs in feeds:
            expected = dict(zip(evaluator.output_names, evaluator.run(None, dict(inputs)), strict=True))
            for name, want in expected.items():
                found = compiled.run(inputs)[name]
                assert found.shape == want.shape and found.dtype == want.dtype
                np.testing.assert_allclose(found, want, rtol=1e-4, atol=close, err_msg=f"{name} {inputs}")


def number(value: float, dtype: str = "int64") -> np.ndarray:
    return np.array(value, dtype)


def signal(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def test_transforms_of_lengths_that_only_the_run_knows() -> None:
    model = run_time_model(
        """(float[2, N, 3, 1] x, float[M, 4, 2] z, int64 length)
        => (float[A, B, C, D] y, float[E, F, G, H] half, float[I, J, K] w, float[M, L, O] back) {
            y = DFT(x, length)
            axis = Constant<value = int64 {1}>()
            half = DFT<onesided = 1>(x, length, axis)
            zero = Constant<value = int64 {0}>()
            w = DFT<inverse = 1>(z, , zero)
            back = DFT<inverse = 1>(z, length, axis)
        }"""
    )
    sizes = [(7, 5, 7), (12, 1, 8), (5, 131, 11), (1, 2, 1)]
    check(model, [{"x": signal(2, n, 3, 1), "z": signal(m, 4, 2), "length": number(k)} for n, m, k in sizes])


@pytest.mark.parametrize("inputs", ["x, , axis", "x, length, axis"])
@pytest.mark.parametrize("parts, onesided", [(1, 0), (1, 1), (2, 0)])
def test_transforms_along_axes_that_only_the_run_knows(inputs: str, parts: int, onesided: int) -> None:
    model = run_time_model(
        f"""(float[3, N, 5, {parts}] x, int64 length, int64 axis) => (float[A, B, C, D] y) {{
            y = DFT<onesided = {onesided}>({inputs})
        }}"""
    )
    feeds = [
        {"x": signal(3, n, 5, parts), "length": number(k), "axis": number(axis)}
        for n, axis, k in [(4, 0, 3), (7, 1, 7), (2, -2, 6), (6, -3, 4)]
    ]
    check(model, feeds)
    with onnxc.compile(model, jobs=1) as compiled, pytest.raises(onnxc.RunError):
        compiled.run({**feeds[0], "axis": number(3)})


def test_spectrograms_whose_frames_only_the_run_knows() -> None:
    model = run_time_model(
        """(float[2, N, 1] x, float[W] window, int64 step, int64 length) => (float[A, B, C, D] y, float[E, F, G, H] z) {
            y = STFT(x, step, window, length)
            z = STFT<onesided = 0>(x, step, , length)
        }""",
        17,
    )
    feeds = [
        {"x": signal(2, n, 1), "window": np.hanning(k).astype(np.float32), "step": number(s), "length": number(k)}
        for n, s, k in [(64, 8, 16), (50, 7, 15), (20, 1, 20)]
    ]
    check(model, feeds)
    with onnxc.compile(model, jobs=1) as compiled:
        for wrong in ({"step": number(0)}, {"step": number(-1)}, {"length": number(0)}, {"length": number(17)}):
            with pytest.raises(onnxc.RunError):
                compiled.run({**feeds[0], **wrong})
        with pytest.raises(onnxc.RunError):
            compiled.run({**feeds[0], "x": signal(2, 3, 1)})


def test_mel_weights_of_numbers_that_only_the_run_knows() -> None:
    model = run_time_model(
        """(int64 bins, int64 length, int64 rate, float low, float high) => (float[A, B] y, double[C, D] z) {
            y = MelWeightMatrix(bins, length, rate, low, high)
            z = MelWeightMatrix<output_datatype = 11>(bins, length, rate, low, high)
        }""",
        17,
    )
    names = ("bins", "length", "rate", "low", "high")
    kinds = ("int64", "int64", "int64", "float32", "float32")
    cases = [(8, 16, 8192, 0, 4096), (20, 512, 16000, 80, 7600), (1, 1, 8000, 0, 4000), (40, 33, 22050, 300, 11025)]
    check(model, [{n: number(v, kind) for n, v, kind in zip(names, case, kinds, strict=True)} for case in cases])


@pytest.mark.parametrize("operator", ["HannWindow", "HammingWindow", "BlackmanWindow"])
def test_windows_of_a_size_that_only_the_run_knows(operator: str) -> None:
    model = run_time_model(
        f"""(int64 size) => (float[N] y, double[M] z) {{
            y = {operator}(size)
            z = {operator}<periodic = 0, output_datatype = 11>(size)
        }}""",
        17,
    )
    check(model, [{"size": number(size)} for size in (2, 10, 33)], 1e-6)


def test_long_prime_lengths_need_no_large_constants() -> None:
    x = signal(1, 10007, 1)
    found = transform(x, 10007, onesided=1)
    np.testing.assert_allclose(found, pairs(np.fft.rfft(x[..., 0], axis=1)), rtol=1e-4, atol=1e-4)
