"""Kernels of a model as the tuner sees them: how often they are called, and what else the model reads."""

from __future__ import annotations

from onnxc import targets
from onnxc.autotune.workload import extract
from onnxc.relay.dimension import evaluate
from onnxc.relay.types import tensor_fields
from onnxc.transform.pipeline import PassContext, run_pipeline
from tests.kernel.native import Graph
from tests.kernel.recurrent_cases import cell

HOST = targets.find("host")


def test_weights_and_what_other_kernels_read() -> None:
    graph = Graph()
    x = graph.input(8, 64)
    hidden = graph("nn.relu", graph("nn.dense", x, graph.weights(128, 64)))
    y = graph("nn.softmax", graph("nn.dense", hidden, graph.weights(32, 128)), axis=1)
    found = extract(run_pipeline(graph.module([y]), PassContext(HOST, 3)), HOST, {})
    first, second, softmax = sorted(found, key=lambda w: w.elsewhere)
    assert (first.weights, second.weights, softmax.weights) == ((1,), (1,), ())
    packed = [evaluate(t.byte_size, {}) for w in (first, second) for t in tensor_fields(w.function.params[1].type)]
    assert packed[0] >= 128 * 64 * 4 and packed[1] >= 32 * 128 * 4  # packing may fill them up
    result = 8 * 128 * 4  # the largest of a kernel
    assert first.elsewhere == packed[1] + result
    assert second.elsewhere == packed[0] + result
    assert softmax.elsewhere == sum(packed) + result


def test_kernels_in_c_are_tuned_where_they_have_knobs() -> None:
    graph = Graph()
    results = [*cell(graph, "nn.lstm", 20, 2, 3), graph("determinant", graph.input(2, 3, 3))]
    (found,) = extract(run_pipeline(graph.module(results), PassContext(HOST, 3)), HOST, {})
    assert found.title.startswith("lstm") and found.weights == (1,)
