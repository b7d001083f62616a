"""The measure of whole models must see errors."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import onnx
import pytest

from tests.models.agreement import Arrays, compare, quantization_step

FLOAT = """<ir_version: 10, opset_import: ["": 20]>
model (float[4] x) => (float[4] y, int64[1] place) { y = Add(x, x) place = ArgMax(x) }"""

QUANTIZED = """<ir_version: 10, opset_import: ["": 20]>
model (float[4] x) => (float[2, 2] y) <float scale = {0.5}, int8 zero = {0}, int64[2] shape = {2, 2}> {
  q = QuantizeLinear(x, scale, zero) d = DequantizeLinear(q, scale, zero) y = Reshape(d, shape)
}"""

RUNS = [{"x": np.array([0, 1, 2, 3], np.float32)}, {"x": np.array([3, 2, 1, 0], np.float32)}]


def doubled(feeds: Arrays) -> dict[str, np.ndarray]:
    x = feeds["x"]
    return {"y": x + x, "place": np.array([x.argmax()])}


def changed(**outputs: Callable[[np.ndarray], np.ndarray]) -> Callable[[Arrays], Arrays]:
    def run(feeds: Arrays) -> Arrays:
        return {name: outputs.get(name, lambda v: v)(value) for name, value in doubled(feeds).items()}

    return run


def test_equal_outputs_agree() -> None:
    agreement = compare(onnx.parser.parse_model(FLOAT), doubled, RUNS)
    assert agreement.holds
    assert agreement.error == 0


def test_the_error_is_relative_to_the_range() -> None:
    agreement = compare(onnx.parser.parse_model(FLOAT), changed(y=lambda y: y + np.float32(0.06)), RUNS)
    assert not agreement.holds
    assert agreement.error == pytest.approx(0.01, rel=1e-3)
    assert agreement.output == "y"


@pytest.mark.parametrize(
    ("output", "change"),
    [
        ("place", lambda place: place + 1),
        ("place", lambda place: place.astype(np.int32)),
        ("y", lambda y: y[:3]),
        ("y", lambda y: np.where(y == 2, np.nan, y).astype(np.float32)),
    ],
    ids=["other integers", "other type", "other shape", "NaN"],
)
def test_what_is_wrong_altogether_is_infinitely_wrong(output: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    agreement = compare(onnx.parser.parse_model(FLOAT), changed(**{output: change}), RUNS)
    assert agreement.error == math.inf
    assert not agreement.holds


def shifted(error: float) -> Callable[[Arrays], Arrays]:
    return lambda feeds: {"y": feeds["x"].reshape(2, 2) + np.float32(error)}


def test_quantized_outputs_are_measured_in_steps() -> None:
    model = onnx.parser.parse_model(QUANTIZED)
    assert quantization_step(model, "y") == 0.5
    for steps in (0, 1, 2):
        agreement = compare(model, shifted(0.5 * steps), RUNS)
        assert agreement.error == pytest.approx(steps)
        assert agreement.holds == (steps <= 1)
