"""Weights for models that come without them."""

from __future__ import annotations

import math

import numpy as np
import onnx
from onnx import helper, numpy_helper


def fill_skeleton(model: onnx.ModelProto) -> None:
    """Fill initializers that are only described, as ``random mean deviation positive seed`` in their doc_string."""
    for tensor in model.graph.initializer:
        if not tensor.doc_string.startswith("random "):
            continue
        mean, deviation, positive, seed = tensor.doc_string.split()[1:]
        rng = np.random.default_rng(int(seed))
        value = rng.standard_normal(list(tensor.dims), dtype=np.float32) * float(deviation) + float(mean)
        if positive == "1":
            value = np.abs(value) + 1e-3
        tensor.raw_data = value.astype(helper.tensor_dtype_to_np_dtype(tensor.data_type)).tobytes()
        tensor.doc_string = ""


def fill_light(model: onnx.ModelProto) -> None:
    """Replace the constant weights of the onnx package's ``light_`` models by random ones.

    Their variance keeps the activations' (He et al., 2015), so that no layer's outputs overflow, vanish, or are all the
    same; where branches are summed it is a quarter of that, since each sum adds. Where a scale or a variance is
    wanted, values are around 1.
    """
    graph = model.graph
    integers = [tensor for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.INT64]
    shapes = {tensor.name: tuple(numpy_helper.to_array(tensor).tolist()) for tensor in integers}
    scales = _scales(graph)
    gain = 0.5 if any(node.op_type == "Sum" for node in graph.node) else 2
    rng = np.random.default_rng(0)
    kept = []
    for node in graph.node:
        if node.op_type != "ConstantOfShape":
            kept.append(node)
            continue
        shape = shapes[node.input[0]]
        value = rng.standard_normal(shape, np.float32)
        if node.output[0] in scales:
            value = 1 + 0.2 * np.clip(value, -2, 2)
        elif len(shape) > 1:
            value *= np.float32(math.sqrt(gain / math.prod(shape[1:])))
        else:
            value *= np.float32(0.1)
        graph.initializer.append(numpy_helper.from_array(value, node.output[0]))
    del graph.node[:]
    graph.node.extend(kept)


def _scales(graph: onnx.GraphProto) -> set[str]:
    """Values that others are multiplied or divided by elementwise: of batch normalization, and of Mul."""
    found: set[str] = set()
    for node in reversed(graph.node):
        if node.op_type == "BatchNormalization":
            found |= {node.input[1], node.input[4]}
        elif node.op_type == "Mul":
            found.add(node.input[1])
        elif node.op_type == "Unsqueeze" and node.output[0] in found:
            found.add(node.input[0])
    return found
