"""Models under onnxc and under others, as functions that run them once."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime

import onnxc
from tests.models.catalogue import Feeds

Run = Callable[[], object]


def model_run(model: onnxc.Model, feeds: Feeds) -> Run:
    return lambda: model(feeds)


def session_run(session: onnxruntime.InferenceSession, feeds: Feeds) -> Run:
    return lambda: session.run(None, feeds)


def onnxc_run(model: onnx.ModelProto, feeds: Feeds, threads: int, target: str = "host") -> Run:
    return model_run(onnxc.compile(model, target, threads=threads), feeds)


def onnxruntime_run(model: onnx.ModelProto, feeds: Feeds, threads: int) -> Run:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    providers = ["CPUExecutionProvider"]
    return session_run(onnxruntime.InferenceSession(model.SerializeToString(), options, providers=providers), feeds)


def openvino_run(model: onnx.ModelProto, feeds: Feeds, threads: int) -> Run | None:
    """None where it is not installed, or cannot run the model."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import openvino
    except ImportError:
        return None
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": "1",
        "INFERENCE_NUM_THREADS": str(threads),
        "INFERENCE_PRECISION_HINT": "f32",  # what the others compute in
        "ENABLE_CPU_PINNING": "NO",
    }
    try:
        core = openvino.Core()
        read = core.read_model(model=model.SerializeToString())
        # A dimension that can be anything costs it time in each run: it may know what it is, as its users would say.
        read.reshape({name: list(np.shape(array)) for name, array in feeds.items()})
        request = core.compile_model(read, "CPU", settings).create_infer_request()
        request.infer(feeds)
    except RuntimeError:
        return None
    return lambda: request.infer(feeds, share_inputs=True, share_outputs=True)
