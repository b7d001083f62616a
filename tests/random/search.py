"""Look for graphs that are compiled wrongly:  python -m tests.random.search COUNT [FIRST_SEED] [--size NODES]

Prints each in ONNX's text form, cut down to the first output that is wrong.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from onnxc import targets
from onnxc.driver import C_SCHEDULES
from onnxc.target import Target
from tests.random.check import check
from tests.random.graph import GraphBuilder


def graph(seed: int, size: int) -> GraphBuilder:
    random = np.random.default_rng(seed)

    def choose(options: Sequence[Any]) -> Any:
        return options[int(random.integers(len(options)))]

    builder = GraphBuilder(choose)
    builder.grow(size)
    return builder


def find_target(name: str) -> Target:
    """A target by its name; ``c`` is this machine with kernels as C."""
    if name != "c":
        return targets.find(name)
    return replace(targets.find("host"), kernel_format="c", schedules=C_SCHEDULES)


def failure(model: onnx.ModelProto, level: int, target: Target) -> str:
    """What is wrong with a model; nothing if it is right."""
    try:
        check(model, level, target)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:500]} ({where.filename}:{where.lineno})"
    return ""


def smallest(builder: GraphBuilder, model: onnx.ModelProto, level: int, target: Target) -> onnx.ModelProto:
    """The part up to the first value that is wrong, if it is wrong by itself."""
    for value in builder.values[len(builder.inputs) :]:
        outputs = [helper.make_tensor_value_info(value.name, TensorProto.FLOAT, None)]
        used = {value.name}
        nodes: list[onnx.NodeProto] = []
        for node in reversed(model.graph.node):
            if used & set(node.output):
                nodes.insert(0, node)
                used |= set(node.input)
        inputs = [i for i in model.graph.input if i.name in used]
        constants = [c for c in model.graph.initializer if c.name in used]
        part = helper.make_graph(nodes, "part", inputs, outputs, constants)
        small = helper.make_model(part, opset_imports=model.opset_import, ir_version=model.ir_version)
        small = onnx.shape_inference.infer_shapes(small)
        if failure(small, level, target):
            return small
    return model


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("first", type=int, nargs="?", default=0)
    parser.add_argument("--size", type=int, default=12, help="nodes of a graph")
    parser.add_argument("--levels", type=int, nargs="+", default=[3, 1])
    parser.add_argument("--target", default="host", help="one that this machine can be, or c: kernels as C")
    options = parser.parse_args()
    target = find_target(options.target)
    found = 0
    for seed in range(options.first, options.first + options.count):
        builder = graph(seed, options.size)
        model = builder.model()
        for level in options.levels:
            reason = failure(model, level, target)
            if reason:
                found += 1
                small = smallest(builder, model, level, target)
                print(f"seed {seed}, -O{level}: {reason}\n{failure(small, level, target)}\n{text(small)}", flush=True)
                break
    print(f"{found} of {options.count} graphs are compiled wrongly")
    return 1 if found else 0


def text(model: onnx.ModelProto) -> str:
    """A model's text, without the values of large constants."""
    return onnx.printer.to_text(model)


if __name__ == "__main__":
    sys.exit(main())
