"""How far a compiled model is from ONNX Runtime.

ONNX Runtime computes quantized models in two ways. By default it fuses QuantizeLinear and DequantizeLinear nodes into
kernels of integers; with optimisations off it computes each node in float. In a deep network the two are several steps
apart, since a value that falls to the other side of one half moves many others; and on processors without VNNI
instructions the fused kernels saturate. So an output of a quantized model counts as right where one of the two has it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

Arrays = Mapping[str, np.ndarray]

#: Largest error of a float output, relative to the range of its values.
FLOAT_BOUND = 1e-3

#: Largest error of a quantized output, in steps of its quantisation.
STEP_BOUND = 1.0

#: A step is the difference of two floats: allow for their rounding.
_ROUNDING = 1 + 1e-4


@dataclass(frozen=True)
class Agreement:
    """The worst error over a model's outputs and runs.

    Attributes
    ----------
    error : float
        Relative to the range of the output's values over all runs; or in quantisation steps; infinite where types or
        shapes differ, or where one has a NaN or an infinity and the other does not.
    unit : str
        ``range`` or ``steps``.
    output : str
        Where it is.
    reason : str
        What is wrong where the error is infinite.
    """

    error: float
    unit: str
    output: str
    reason: str = ""

    @property
    def bound(self) -> float:
        return FLOAT_BOUND if self.unit == "range" else STEP_BOUND

    @property
    def bound_text(self) -> str:
        return f"{FLOAT_BOUND:.0e}" if self.unit == "range" else "1 step"

    @property
    def holds(self) -> bool:
        return self.error <= self.bound * _ROUNDING

    def __str__(self) -> str:
        if self.reason:
            return f"output '{self.output}': {self.reason}"
        if self.unit == "steps":
            return f"{self.error:.3g} {'step' if round(self.error, 3) == 1 else 'steps'}"
        return f"{self.error:.1e}"


def reference_outputs(
    model: onnx.ModelProto, runs: Sequence[Arrays], *, optimized: bool = True
) -> list[dict[str, np.ndarray]]:
    """ONNX Runtime's outputs on the CPU, by its default settings, or without its optimisations."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors: it warns of each initializer that is not used
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return [dict(zip(names, session.run(None, dict(feeds)), strict=True)) for feeds in runs]


def compare(model: onnx.ModelProto, ours: Callable[[Arrays], Arrays], runs: Sequence[Arrays]) -> Agreement:
    """Run both and compare all outputs."""
    found = [ours(feeds) for feeds in runs]
    agreement = _worst(model, reference_outputs(model, runs), found)
    if any(quantization_step(model, output.name) for output in model.graph.output):
        unfused = _worst(model, reference_outputs(model, runs, optimized=False), found)
        agreement = min(agreement, unfused, key=lambda a: a.error)
    return agreement


def _worst(model: onnx.ModelProto, expected: Sequence[Arrays], found: Sequence[Arrays]) -> Agreement:
    agreements = []
    for name in expected[0]:
        step = quantization_step(model, name)
        agreements.append(_compare_output(name, [r[name] for r in expected], [r.get(name) for r in found], step))
    return max(agreements, key=lambda agreement: agreement.error / agreement.bound)


def _compare_output(
    name: str, expected: Sequence[np.ndarray], found: Sequence[np.ndarray | None], step: float | None
) -> Agreement:
    unit = "range" if step is None else "steps"
    expected, found = [_plain(want) for want in expected], [_plain(got) for got in found]
    for want, got in zip(expected, found, strict=True):
        if got is None:
            return Agreement(math.inf, unit, name, "missing")
        if want.dtype != got.dtype or want.shape != got.shape:
            reason = f"found {got.dtype} {got.shape}, expected {want.dtype} {want.shape}"
            return Agreement(math.inf, unit, name, reason)
        if want.dtype.kind != "f" and step is None:
            if not np.array_equal(want, got):
                return Agreement(math.inf, unit, name, f"{np.count_nonzero(want != got)} of {want.size} values differ")
        elif not np.array_equal(np.isfinite(want), np.isfinite(got)):
            count = np.count_nonzero(np.isfinite(want) != np.isfinite(got))
            return Agreement(math.inf, unit, name, f"{count} values are infinite or NaN in one only")
    if expected[0].dtype.kind not in "fiu":
        return Agreement(0.0, unit, name)
    pairs = [_finite(want, got) for want, got in zip(expected, found, strict=True)]
    difference = max((float(np.max(np.abs(want - got))) for want, got in pairs if want.size), default=0.0)
    scale = step if step is not None else _range([want for want, _ in pairs])
    return Agreement(difference / scale, unit, name)


def _plain(value: Any) -> Any:
    """A sequence of maps as a matrix; other values as they are."""
    if isinstance(value, list):
        return np.array([[entry[key] for key in sorted(entry)] for entry in value], np.float32)
    return value


def _finite(want: np.ndarray, got: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    assert got is not None
    mask = np.isfinite(want)
    return want[mask].astype(np.float64), got[mask].astype(np.float64)


def _range(arrays: Sequence[np.ndarray]) -> float:
    """Largest less smallest value; of an output that is always the same number, its magnitude."""
    values = np.concatenate([array.reshape(-1) for array in arrays])
    if not values.size:
        return 1.0
    low, high = float(values.min()), float(values.max())
    return high - low or abs(high) or 1.0


def quantization_step(model: onnx.ModelProto, output: str) -> float | None:
    """The step of a quantized output; None for one that is not quantized.

    An output of integers from a node ``Q...`` has the step 1. A float output is quantized if a DequantizeLinear
    computes it, perhaps followed by nodes that only move elements; its step is that node's scale, the largest where
    there is one for each channel.
    """
    producers = {name: node for node in model.graph.node for name in node.output}
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    node = producers.get(output)
    while node is not None and node.op_type in ("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Identity"):
        node = producers.get(node.input[0])
    if node is None:
        return None
    if node.op_type == "DequantizeLinear" and node.input[1] in constants:
        return float(np.max(numpy_helper.to_array(constants[node.input[1]])))
    return 1.0 if node.op_type.startswith("Q") else None
