"""Cut a model down to what is still compiled wrongly.

Every value is known in every run, so any of them can be an input, and whatever comes before it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import onnx

from tests.random.model import RandomModel

#: Whether a model is compiled wrongly in the same way.
Test = Callable[[RandomModel], bool]


def shrink(model: RandomModel, wrong: Test) -> RandomModel:
    """The smallest part of a model that is still wrong, of those that were tried."""
    for output in model.outputs:
        part = replace(model, outputs=[output])
        if len(model.outputs) > 1 and wrong(part):
            model = part
            break
    again = True
    while again:
        again = False
        for smaller in _smaller(model):
            if wrong(smaller):
                model, again = smaller, True
                break
    return model


def _smaller(model: RandomModel) -> Iterator[RandomModel]:
    """Models with one step less: an earlier output, inputs in place of what a node gives, fewer outputs."""
    kept = {node.name for node in model.proto.graph.node}
    steps = [step for step in model.steps if step.node.name in kept]
    for step in steps[:-1]:
        names = [name for name in step.node.output if name]
        if names and step.node.op_type != "Constant":
            yield replace(model, outputs=names)
    if len(model.outputs) > 1:
        for output in model.outputs:
            yield replace(model, outputs=[name for name in model.outputs if name != output])
    for step in steps[:-1][::-1]:
        if step.node.op_type == "Constant":
            continue
        made = {name: input_info(model, name) for name in step.node.output if name}
        if not set(made) & set(model.outputs):
            rest = [other for other in model.steps if other is not step]
            yield replace(model, steps=rest, inputs={**model.inputs, **made})


def input_info(model: RandomModel, name: str) -> onnx.ValueInfoProto:
    """A value as an input: open are dimensions that differ between runs."""
    value = model.known[name]
    proto = onnx.ValueInfoProto(name=name, type=value.type)
    if value.kind == "tensor":
        proto.type.tensor_type.shape.SetInParent()
        for axis in range(value.rank):
            dim = proto.type.tensor_type.shape.dim.add()
            if value.fixed(axis):
                dim.dim_value = value.shape[axis]
            else:
                dim.dim_param = f"{name}_{axis}"
    return proto
