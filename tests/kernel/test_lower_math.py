"""Elementary functions of kernels against float64, over the whole range of float32."""

from __future__ import annotations

import math

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnxc

COUNT = 200_000


@pytest.fixture(scope="module")
def functions() -> onnxc.Model:
    """A model with the outputs of functions of one vector."""
    names = ["Exp", "Tanh", "Erf", "Sigmoid", "Cosh", "Sinh", "Log", "Softplus"]
    nodes = [helper.make_node(n, ["x"], [n.lower()]) for n in names]
    values = [helper.make_tensor_value_info(n.lower(), TensorProto.FLOAT, [COUNT]) for n in names]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [COUNT])
    graph = helper.make_graph(nodes, "functions", [x], values)
    return onnxc.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]))


def inputs(low: float, high: float) -> np.ndarray:
    """Values over a range, dense near 0 too."""
    rng = np.random.default_rng(0)
    near = rng.uniform(-1, 1, COUNT // 2) * 10.0 ** rng.uniform(-8, 0, COUNT // 2)
    return np.concatenate([rng.uniform(low, high, COUNT - COUNT // 2), near]).astype(np.float32)


def ulps(got: np.ndarray, want: np.ndarray) -> float:
    """Greatest error in units of the last place of float32, where the result is a normal number."""
    normal = np.abs(want) > np.finfo(np.float32).tiny
    return float(np.max(np.abs(got.astype(np.float64) - want)[normal] / np.spacing(np.abs(want[normal].astype("f")))))


def test_exp_is_accurate(functions: onnxc.Model) -> None:
    x = inputs(-86.9, 88.7)
    assert ulps(functions(x)["exp"], np.exp(x.astype(np.float64))) <= 2


def test_tanh_is_accurate(functions: onnxc.Model) -> None:
    x = inputs(-12, 12)
    assert ulps(functions(x)["tanh"], np.tanh(x.astype(np.float64))) <= 6


def test_sigmoid_is_accurate(functions: onnxc.Model) -> None:
    x = inputs(-80, 80)
    assert ulps(functions(x)["sigmoid"], 1 / (1 + np.exp(-x.astype(np.float64)))) <= 4


def test_erf_is_accurate(functions: onnxc.Model) -> None:
    x = inputs(-6, 6)
    want = np.vectorize(math.erf)(x.astype(np.float64))
    got = functions(x)["erf"]
    assert ulps(got, want) <= 6


def test_hyperbolic_functions_are_accurate(functions: onnxc.Model) -> None:
    x = inputs(-89.3, 89.3)
    result = functions(x)
    assert ulps(result["cosh"], np.cosh(x.astype(np.float64))) <= 4
    assert ulps(result["sinh"], np.sinh(x.astype(np.float64))) <= 4


def test_log_is_accurate(functions: onnxc.Model) -> None:
    x = np.abs(inputs(0, 3))
    x[:1000] = np.geomspace(1e-45, 3e38, 1000)
    x = np.maximum(x, np.float32(1e-45))  # the least subnormal number
    assert ulps(functions(x)["log"], np.log(x.astype(np.float64))) <= 2


def test_softplus_is_accurate(functions: onnxc.Model) -> None:
    x = inputs(-86, 100)
    assert ulps(functions(x)["softplus"], np.logaddexp(0, x.astype(np.float64))) <= 4


def test_special_values(functions: onnxc.Model) -> None:
    x = np.zeros(COUNT, np.float32)
    x[:5] = [np.inf, -np.inf, np.nan, 200, -200]
    result = functions(x)
    np.testing.assert_array_equal(result["exp"][:5], np.array([np.inf, 0, np.nan, np.inf, 0], "f"))
    np.testing.assert_array_equal(result["tanh"][:5], np.array([1, -1, np.nan, 1, -1], "f"))
    np.testing.assert_array_equal(result["erf"][:5], np.array([1, -1, np.nan, 1, -1], "f"))
    np.testing.assert_array_equal(result["cosh"][:5], np.array([np.inf, np.inf, np.nan, np.inf, np.inf], "f"))
    np.testing.assert_array_equal(result["sinh"][:5], np.array([np.inf, -np.inf, np.nan, np.inf, -np.inf], "f"))
    np.testing.assert_array_equal(result["sigmoid"][:5], np.array([1, 0, np.nan, 1, 0], "f"))
    np.testing.assert_array_equal(result["softplus"][:3], np.array([np.inf, 0, np.nan], "f"))
    np.testing.assert_array_equal(result["log"][:3], np.array([np.inf, np.nan, np.nan], "f"))
    np.testing.assert_array_equal(result["log"][4:6], np.array([np.nan, -np.inf], "f"))


def test_kernels_call_no_library_function() -> None:
    """The polynomials stand in the kernels: a float32 model needs no libm."""
    from onnxc import targets
    from onnxc.driver import Options, compile_model

    graph = helper.make_graph(
        [helper.make_node("Tanh", ["x"], ["y"])],
        "tanh",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [64])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    onnx.checker.check_model(model)
    compiled = compile_model(model, targets.find("x86-64-v3"), Options())
    assert all(b"tanhf" not in k.object_code and b"expf" not in k.object_code for k in compiled.kernels)
