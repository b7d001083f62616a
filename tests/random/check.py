"""Compiled models against ONNX Runtime, in the sizes of the first run and in others."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import onnxruntime

import onnxc
from onnxc.target import Target
from tests.random.graph import SYMBOLS

#: Largest difference, relative to the largest value of an output.
TOLERANCE = 1e-4
#: And how much larger than the reference's own, where its inputs are changed in the last places.
CONDITION = 20

Arrays = Mapping[str, np.ndarray]


class Reference:
    """ONNX Runtime as the standard says, without its own optimisations."""

    def __init__(self, model: onnx.ModelProto) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        names = [output.name for output in self._session.get_outputs()]
        return dict(zip(names, self._session.run(None, dict(inputs)), strict=True))


def random_inputs(model: onnx.ModelProto, symbols: Mapping[str, int], seed: int = 1) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    arrays = {}
    for value in model.graph.input:
        dims = value.type.tensor_type.shape.dim
        shape = [symbols[d.dim_param] if d.dim_param else d.dim_value for d in dims]
        arrays[value.name] = random.standard_normal(shape).astype(np.float32)
    return arrays


def check(model: onnx.ModelProto, level: int, target: str | Target = "host") -> None:
    """Compile a model for this machine, or another that it can be, and compare it."""
    onnx.checker.check_model(model, full_check=True)
    reference = Reference(model)
    others = [{name: value + more for name, value in SYMBOLS.items()} for more in (1, -1, 9)]
    has_symbols = any(d.dim_param for i in model.graph.input for d in i.type.tensor_type.shape.dim)
    with onnxc.compile(model, target, level=level, jobs=1) as compiled:
        for symbols in (SYMBOLS, *others) if has_symbols else (SYMBOLS,):
            inputs = random_inputs(model, symbols)
            try:
                expected = reference.run(inputs)
            except Exception:
                if symbols is SYMBOLS:
                    raise
                continue  # other sizes need not fit
            compare(compiled.run(inputs), expected, reference, inputs)


def compare(found: Arrays, expected: Arrays, reference: Reference, inputs: Arrays) -> None:
    """Equal up to rounding; where values are rounded or compared, up to what that does to a change of the inputs."""
    wrong = {}
    for name, want in expected.items():
        got = found[name]
        assert got.dtype == want.dtype and got.shape == want.shape, (name, got.dtype, got.shape, want.dtype, want.shape)
        allowed = TOLERANCE * max(1.0, float(np.max(np.abs(want), initial=0)))
        difference = float(np.max(np.abs(got.astype(np.float64) - want), initial=0))
        if not difference <= allowed:
            wrong[name] = (difference, allowed)
    if not wrong:
        return
    random = np.random.default_rng(0)
    changes = dict.fromkeys(wrong, 0.0)
    for _ in range(16):
        changed = {n: a * (1 + 1e-6 * random.standard_normal(a.shape).astype(a.dtype)) for n, a in inputs.items()}
        for name, other in reference.run(changed).items():
            if name in wrong:
                change = float(np.max(np.abs(other.astype(np.float64) - expected[name]), initial=0))
                changes[name] = max(changes[name], change)
    for name, (difference, allowed) in wrong.items():
        bound = allowed + CONDITION * changes[name]
        assert difference <= bound, f"output {name} is wrong by {difference:.3g}, allowed are {bound:.3g}"
