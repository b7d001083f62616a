"""Random models: what is chosen once for each, and what it gives in each run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tests.random.evaluation import EXACT, ROUNDS_INSIDE, EvaluationError, Step, noise, without_shape
from tests.random.graph import ML_OPSETS, OPSETS, Builder, Choose, Inapplicable, Shared, names_read, value_info
from tests.random.registry import Family, families
from tests.random.values import Value, tensor_type

#: How often rounding errors are tried out.
TRIALS = 12

#: Families of most operators, which are chosen more often.
_LARGE = ("elementwise", "moves", "indexing")
#: Versions; the newest, of most operators, more often.
_VERSIONS = (*OPSETS, *OPSETS[-7:], OPSETS[-1], OPSETS[-1])[::-1]


@dataclass(repr=False)
class RandomModel:
    """A model, and what it gives.

    Attributes
    ----------
    inputs : dict of str to onnx.ValueInfoProto
    constants : dict of str to onnx.TensorProto
    steps : list of Step
        One for each node.
    known : dict of str to Value
        All values by name.
    outputs : list of str
    opsets, functions : list
    """

    inputs: dict[str, onnx.ValueInfoProto]
    constants: dict[str, onnx.TensorProto]
    steps: list[Step]
    known: dict[str, Value]
    outputs: list[str]
    opsets: list[onnx.OperatorSetIdProto]
    functions: list[onnx.FunctionProto] = field(default_factory=list)

    def __repr__(self) -> str:
        return onnx.printer.to_text(self.proto)

    @cached_property
    def proto(self) -> onnx.ModelProto:
        """The model, without what no output needs."""
        nodes, used = self._needed()
        graph = helper.make_graph(
            nodes,
            "random",
            [value for name, value in self.inputs.items() if name in used],
            [value_info(self.known[name]) for name in self.outputs],
            [tensor for name, tensor in self.constants.items() if name in used],
        )
        called = {(node.domain, node.op_type) for node in all_nodes(nodes)}
        domains = {domain for domain, _ in called} | {""}
        return helper.make_model(
            graph,
            opset_imports=[entry for entry in self.opsets if entry.domain in domains],
            ir_version=13 if self.opsets[0].version > 24 else 10,
            functions=[function for function in self.functions if (function.domain, function.name) in called],
        )

    def _needed(self) -> tuple[list[onnx.NodeProto], set[str]]:
        used, nodes = set(self.outputs), []
        for step in reversed(self.steps):
            if used & set(step.node.output):
                nodes.append(step.node)
                used |= set(names_read(step.node))
        return nodes[::-1], used

    def feeds(self, run: int) -> dict[str, Any]:
        return {value.name: self.known[value.name].runs[run] for value in self.proto.graph.input}

    def expected(self, run: int) -> dict[str, Any]:
        return {name: self.known[name].runs[run] for name in self.outputs}

    def disturbed(self, run: int) -> Iterator[dict[str, Any]]:
        """What the outputs are when each node's results have rounding errors.

        Errors may lead where a node is not defined: what depends on it is missing then.
        """
        random = np.random.default_rng(0)
        needed = {id(node) for node in self._needed()[0]}
        for _ in range(TRIALS):
            values = {name: self.known[name].runs[run] for name in (*self.inputs, *self.constants)}
            for step in self.steps:
                if id(step.node) not in needed or any(name not in values for name in step.reads):
                    continue
                inside = step.node.op_type in ROUNDS_INSIDE
                try:
                    results = step.run({n: noise(v, random) for n, v in values.items()} if inside else values)
                except EvaluationError:
                    continue
                exact = step.node.op_type in EXACT
                values |= {name: value if exact else noise(value, random) for name, value in results.items()}
            yield {name: values[name] for name in self.outputs if name in values}

    @classmethod
    def of(cls, proto: onnx.ModelProto, feeds: Sequence[Mapping[str, Any]]) -> RandomModel:
        """A model that is there, with its inputs in each run."""
        constants = {tensor.name: tensor for tensor in proto.graph.initializer}
        inputs = {value.name: value for value in proto.graph.input}
        known = {
            name: Value(name, tensor_type(tensor.data_type), (numpy_helper.to_array(tensor),) * len(feeds))
            for name, tensor in constants.items()
        }
        for name, value in inputs.items():
            known[name] = Value(name, without_shape(value.type), tuple(feed[name] for feed in feeds))
        steps = []
        for node in proto.graph.node:
            types = {name: value_info(known[name]).type for name in names_read(node)}
            steps.append(Step(node, types, proto.opset_import, proto.functions))
            runs = [steps[-1].run({n: known[n].runs[run] for n in types}) for run in range(len(feeds))]
            for name, type_ in steps[-1].types.items():
                known[name] = Value(name, type_, tuple(run[name] for run in runs))
        outputs = [value.name for value in proto.graph.output]
        return cls(inputs, constants, steps, known, outputs, list(proto.opset_import), list(proto.functions))


def all_nodes(nodes: Sequence[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """Nodes, and those in graphs of theirs."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in [attribute.g, *attribute.graphs]:
                yield from all_nodes(graph.node)


def grow(builder: Builder, count: int, chosen: Sequence[Family]) -> None:
    """Add so many operators (and what they need), most from some families."""
    for _ in range(count):
        for _ in range(8):
            family = builder.choose(chosen if builder.choose((True, True, True, False)) else families())
            domain, operator = builder.choose(list(family.operators))
            nodes, values = len(builder.nodes), len(builder.values)
            try:
                family.operators[domain, operator](builder, operator)
                break
            except Inapplicable:
                # Inputs and constants that were made stay: some may be of use, the others are left out at the end.
                made = {name for node in builder.nodes[nodes:] for name in node.output}
                builder.values[values:] = [v for v in builder.values[values:] if v.name not in made]
                del builder.nodes[nodes:], builder.steps[nodes:]


def random_model(choose: Choose, size: int = 8, only: Sequence[str] = ()) -> RandomModel:
    """A model of about so many nodes, from a few families of operators, or from those that are named."""
    shared = Shared(choose, np.random.default_rng(choose(range(1 << 16))), choose(_VERSIONS), choose(ML_OPSETS[::-1]))
    builder = Builder(shared)
    every = [family for family in families() if not only or family.name in only]
    every += [family for family in every if family.name in _LARGE] * 2
    grow(builder, size, [choose(every) for _ in range(choose((3, 2, 1)))])
    return finished(builder)


def finished(builder: Builder) -> RandomModel:
    """The model of a graph: its outputs are what nothing reads, and sometimes others."""
    shared = builder.shared
    made = [name for node in builder.nodes for name in node.output if name and node.op_type != "Constant"]
    read = {name for node in builder.nodes for name in names_read(node)}
    outputs = [name for name in made if name not in read or shared.choose((False,) * 7 + (True,))]
    return RandomModel(
        shared.inputs, shared.constants, builder.steps, shared.known, outputs, shared.opsets, shared.functions
    )
