"""Models of one or a few operators beside ONNX Runtime: what the programs that hunt for slow kernels share."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tests.bench.machine import machine_name
from tests.bench.rivals import onnxc_run, onnxruntime_run
from tests.bench.turns import take_turns

#: Ratios above this are listed at the end.
SLOW = 0.95


@dataclass(frozen=True)
class Single:
    """A small model.

    Attributes
    ----------
    name : str
    nodes : sequence of NodeProto
        From the inputs to ``y``.
    inputs, weights : dict
        Arrays; weights are constants.
    """

    name: str
    nodes: Sequence[onnx.NodeProto]
    inputs: dict[str, np.ndarray]
    weights: dict[str, np.ndarray]

    def model(self) -> onnx.ModelProto:
        def value(name: str, array: np.ndarray) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)

        graph = helper.make_graph(
            list(self.nodes),
            "single",
            [value(name, array) for name, array in self.inputs.items()],
            [helper.make_empty_tensor_value_info("y")],
            [numpy_helper.from_array(array, name) for name, array in self.weights.items()],
        )
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def node(operator: str, inputs: str, output: str = "y", **attributes: Any) -> onnx.NodeProto:
    """A node; `inputs` are names apart by spaces."""
    made: onnx.NodeProto = helper.make_node(operator, inputs.split(), [output])
    made.domain = attributes.pop("domain", "")
    made.attribute.extend(helper.make_attribute(key, given) for key, given in attributes.items())
    return made


def compare(cases: Iterable[Single], threads: int, seconds: float) -> list[tuple[str, float]]:
    """Print a table of the cases, and give each one's ratio to ONNX Runtime's time."""
    print(f"{machine_name()}, {threads} threads; medians, taken in turns\n")
    print("| case | onnxc us | ONNX Runtime us | ratio |\n|---|--:|--:|--:|", flush=True)
    ratios = []
    for case in cases:
        model = case.model()
        runs = {
            "ours": onnxc_run(model, case.inputs, threads),
            "theirs": onnxruntime_run(model, case.inputs, threads),
        }
        times = take_turns(runs, seconds)
        ours, theirs = (statistics.median(times[who]) for who in ("ours", "theirs"))
        ratios.append((case.name, ours / theirs))
        print(f"| {case.name} | {1e6 * ours:.1f} | {1e6 * theirs:.1f} | {ours / theirs:.2f} |", flush=True)
    slow = sorted((pair for pair in ratios if pair[1] > SLOW), key=lambda pair: -pair[1])
    print(f"\n{len(slow)} of {len(ratios)} above {SLOW}: " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in slow))
    return ratios
