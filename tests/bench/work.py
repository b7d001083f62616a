"""How much arithmetic a model is: the multiply-adds of its convolutions, matrix products and recurrent cells."""

from __future__ import annotations

from collections.abc import Mapping

import onnx

from onnxc import op as relay_op
from onnxc.frontend.importer import import_model
from onnxc.relay.dimension import evaluate, symbols
from onnxc.relay.expr import Call, Function, GlobalVar, If, Module
from onnxc.relay.types import TensorType, tensor_fields
from onnxc.transform.pipeline import PassContext, run_pipeline
from tests.models.catalogue import Feeds


def multiply_adds(model: onnx.ModelProto, feeds: Feeds) -> int:
    """Multiplications with an addition in one run; of an If, those of the branch with more.

    As the model says it: kernels may do fewer (Winograd) or more (channels that fill up a block).
    """
    # Level 1: what is constant is not computed in a run.
    module = run_pipeline(import_model(model, {}, "model"), PassContext(None, 1))
    values: dict[str, int] = {}
    for param in module.main.params:
        assert isinstance(param.type, TensorType)
        for dim, size in zip(param.type.shape, feeds[param.name].shape, strict=True):
            values.update(dict.fromkeys(symbols(dim), size))  # an input's dimension is an integer or a symbol
    return _count(module, module.main, values)


def _count(module: Module, function: Function, values: Mapping[str, int]) -> int:
    total = 0
    for binding in function.bindings:
        value = binding.value
        if isinstance(value, If):
            total += max(_count(module, branch, values) for branch in (value.then_branch, value.else_branch))
        elif isinstance(value, Call) and isinstance(value.op, GlobalVar):
            total += _count(module, module.functions[value.op.name], values)
        elif isinstance(value, Call) and isinstance(value.op, str):
            count = relay_op.get(value.op).multiply_adds
            if count is not None:
                arguments = [a.type for a in value.args if isinstance(a.type, TensorType)]
                total += evaluate(count(value.attrs, arguments, tensor_fields(binding.var.type)), values)
    return total
