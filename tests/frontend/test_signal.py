"""Fourier transforms of all kinds of lengths, against numpy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnxc
from onnxc.frontend.convert_signal import mel_weights


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
