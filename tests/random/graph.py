"""Random ONNX graphs that are valid since every node is run as it is added.

All decisions go through one function, ``choose(options) -> one of them``: hypothesis gives one, a random number
generator another. A graph has open dimensions, and is run in several sizes from the start: each value holds what it is
in each run (see `values.Value`), so that who adds a node sees shapes and numbers, and computes none. Nodes that the
onnx package refuses, or whose values become too large, are not added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, TypeProto, helper, numpy_helper

from tests.random.evaluation import FLOATS, INTEGERS, UNSIGNED, EvaluationError, Step, dtype_of
from tests.random.values import FLOAT, SMALL_FLOATS, SMALL_INTEGERS, Value, random_array, tensor_type

Choose = Callable[[Sequence[Any]], Any]

#: Versions of ai.onnx and ai.onnx.ml.
OPSETS = range(13, onnx.defs.onnx_opset_version() + 1)
ML_OPSETS = range(1, 6)

#: Sizes of open dimensions, in each run; those of the first are what the compiler takes for typical ones.
SYMBOLS = {"N": (2, 3), "H": (6, 5), "L": (4, 9)}
RUNS = 2

#: Most elements of a tensor.
LARGEST_TENSOR = 4000


class Inapplicable(Exception):
    """The operator cannot be added here."""


def need(condition: bool) -> None:
    """Give up what is being added unless a condition holds."""
    if not condition:
        raise Inapplicable


@dataclass
class Shared:
    """What a graph and the graphs in its nodes have in common."""

    choose: Choose
    random: np.random.Generator
    opset: int
    ml_opset: int
    #: All values by their names.
    known: dict[str, Value] = field(default_factory=dict)
    inputs: dict[str, onnx.ValueInfoProto] = field(default_factory=dict)
    constants: dict[str, onnx.TensorProto] = field(default_factory=dict)
    functions: list[onnx.FunctionProto] = field(default_factory=list)
    count: int = 0
    #: Why nodes were not added, by operator.
    refusals: list[tuple[str, str]] = field(default_factory=list)

    @property
    def opsets(self) -> list[onnx.OperatorSetIdProto]:
        return [
            helper.make_opsetid("", self.opset),
            helper.make_opsetid("ai.onnx.ml", self.ml_opset),
            helper.make_opsetid("local", 1),
        ]


class Builder:
    """A graph under construction, or one in a node of another.

    Attributes
    ----------
    values : list of Value
        What nodes may read: those of the graphs around it included.
    nodes : list of onnx.NodeProto
    steps : list of Step
        One for each node.
    """

    def __init__(self, shared: Shared, outer: Builder | None = None) -> None:
        self.shared, self.outer = shared, outer
        self.values: list[Value] = list(outer.values) if outer else []
        self.nodes: list[onnx.NodeProto] = []
        self.steps: list[Step] = []

    # Decisions

    def choose(self, options: Sequence[Any]) -> Any:
        return self.shared.choose(options)

    def chance(self, one_in: int) -> bool:
        return bool(self.choose((False,) * (one_in - 1) + (True,)))

    def some(self, options: Iterable[Any], at_least: int = 1) -> list[Any]:
        """Some of the options, in their order."""
        options = list(options)
        chosen = [option for option in options if self.choose((True, False))]
        return chosen if len(chosen) >= at_least else options[:at_least]

    def permutation(self, count: int) -> list[int]:
        left, order = list(range(count)), []
        while left:
            order.append(int(self.choose(left)))
            left.remove(order[-1])
        return order

    def signed(self, axis: int, rank: int) -> int:
        """An axis, counted from either end."""
        return axis - rank if self.chance(3) else axis

    def axis(self, x: Value, fixed: bool = False, least: int = 0) -> int:
        """An axis, with `fixed` one of the same size in all runs, of at least so many places."""
        axes = [i for i in range(x.rank) if (x.fixed(i) or not fixed) and x.least(i) >= least]
        need(bool(axes))
        return int(self.choose(axes))

    @property
    def opset(self) -> int:
        return self.shared.opset

    @property
    def random(self) -> np.random.Generator:
        return self.shared.random

    # Values

    def name(self) -> str:
        self.shared.count += 1
        return f"v{self.shared.count}"

    def input(self, arrays: Sequence[Any], type_: TypeProto | None = None, symbols: Sequence[str] = ()) -> Value:
        """An input of the whole graph, and what it is in each run; names of open dimensions, or "", may be given."""
        arrays = tuple(arrays)
        if type_ is None:
            first = arrays[0].dtype
            type_ = tensor_type(8 if first.kind == "O" else helper.np_dtype_to_tensor_dtype(first))
        value = Value(self.name(), type_, arrays)
        shaped = TypeProto()
        shaped.CopyFrom(type_)
        if value.kind == "tensor":
            shape = shaped.tensor_type.shape
            shape.SetInParent()
            for axis in range(value.rank):
                dim = shape.dim.add()
                if value.fixed(axis) and not (symbols and symbols[axis]):
                    dim.dim_value = value.shape[axis]
                else:
                    dim.dim_param = (symbols[axis] if symbols else "") or f"{value.name}_{axis}"
        self.shared.inputs[value.name] = onnx.ValueInfoProto(name=value.name, type=shaped)
        return self._add(value)

    def constant(self, array: Any) -> Value:
        """A value that is known: an initializer, or what a node gives."""
        array = np.asarray(array)
        name = self.name()
        proto = numpy_helper.from_array(array, name)
        value = Value(name, tensor_type(proto.data_type), (array,) * RUNS)
        node = helper.make_node("Constant", [], [name], value=proto, name=f"Constant_{name}")
        try:
            step = Step(node, {}, self.shared.opsets) if self.chance(4) else None
        except EvaluationError:  # of a type that this version does not know
            step = None
        if step is None:
            self.shared.constants[name] = proto
        else:
            self.nodes.append(node)
            self.steps.append(step)
        self.shared.known[name] = value
        return value

    def given(self, *arrays: Any) -> Value:
        """Shapes, positions and the like, the same in all runs or one for each: known, or an input."""
        if len(arrays) == 1 and not self.chance(4):
            return self.constant(arrays[0])
        every = [np.asarray(array) for array in (arrays * RUNS if len(arrays) == 1 else arrays)]
        return self.input(every)

    def floats(self, *shape: int, low: float = -1.0, high: float = 1.0, element: int = FLOAT) -> Value:
        return self.constant(self.random.uniform(low, high, shape).astype(dtype_of(element)))

    def fresh(self, element: int, sizes: Sequence[int | str], style: int | None = None) -> Value:
        """A new input, or where nothing is open sometimes a constant; names stand for open dimensions."""
        if style is None:
            style = self.choose((0, 0, 1, 2))
        shapes = [tuple(SYMBOLS[s][run] if isinstance(s, str) else s for s in sizes) for run in range(RUNS)]
        arrays = [random_array(self.random, element, shape, style) for shape in shapes]
        symbols = [size if isinstance(size, str) else "" for size in sizes]
        if not any(symbols) and self.chance(4):
            value = self.constant(arrays[0])
            self.values.append(value)
            return value
        return self.input(arrays, tensor_type(element), symbols)

    def sizes(self, rank: int) -> list[int | str]:
        """A shape of a new tensor."""
        sizes: list[int | str] = [self.choose((1, 2, 3, 4, 5, 8)) for _ in range(rank)]
        for axis, symbol in zip(range(rank), self.choose((("N", "H"), ("", "L"), ("", ""), ("H", ""))), strict=False):
            if symbol:
                sizes[axis] = symbol
        return sizes

    def like(self, x: Value, element: int | None = None, style: int | None = None) -> Value:
        """A new input of the shape that another tensor has in each run."""
        element = x.element if element is None else element
        style = self.choose((0, 0, 1, 2)) if style is None else style
        return self.input(
            [random_array(self.random, element, shape, style) for shape in x.shapes], tensor_type(element)
        )

    def tensors(self) -> list[Value]:
        return [value for value in self.values if value.kind == "tensor"]

    def pick(
        self,
        types: Sequence[int] | None = None,
        rank: int | tuple[int, int] | None = None,
        where: Callable[[Value], bool] | None = None,
        most: int = LARGEST_TENSOR,
    ) -> Value:
        """A tensor of one of some types, and of a rank or from a range of ranks: one that is there, or a new one."""
        low, high = (0, 5) if rank is None else (rank, rank) if isinstance(rank, int) else rank

        def fits(value: Value) -> bool:
            return (
                (types is None or value.element in types)
                and low <= value.rank <= high
                and value.largest <= most
                and (where is None or where(value))
            )

        tensors = self.tensors()
        found = [value for value in tensors if fits(value)]
        if found and not self.chance(8):
            return self.choose(found[-4:] if self.choose((True, False)) else found)  # type: ignore[no-any-return]
        near = [v for v in tensors if low <= v.rank <= high and types and v.element not in types and v.largest <= most]
        if near and self.choose((True, False)):
            near_value = self._converted(self.choose(near), types or ())
            if fits(near_value):
                return near_value
        sizes = self.sizes(self.choose(range(low, high + 1)[-3:]))
        value = self.fresh(self.choose(list(types)) if types else FLOAT, sizes)
        need(fits(value))
        return value

    def _converted(self, x: Value, types: Sequence[int]) -> Value:
        element = self.choose(list(types))
        need(8 not in (x.element, element))  # strings and numbers
        return self.node("Cast", [self.bounded(x, element)], to=element)[0]

    def bounded(self, x: Value, element: int) -> Value:
        """A tensor whose numbers an integer type has: what a cast makes of others is not defined."""
        if x.element not in (*FLOATS, *SMALL_FLOATS) or element not in (*INTEGERS, *SMALL_INTEGERS):
            return x
        limits: dict[int, int] = {TensorProto.INT4: 7, TensorProto.UINT4: 15, TensorProto.INT2: 1, TensorProto.UINT2: 3}
        most = limits.get(element, 100)
        least = 0 if element in (*UNSIGNED, TensorProto.UINT4, TensorProto.UINT2) else -most
        low, high = x.range()
        if low < least or high > most:
            need(x.element in FLOATS)
            (x,) = self.node("Clip", [x, np.array(least, x.dtype), np.array(most, x.dtype)])
        return x

    def same(self, x: Value, types: Sequence[int] | None = None) -> Value:
        """Another tensor of the same shape and type (or one of some types), or x itself at times."""
        types = [x.element] if types is None else types
        found = [v for v in self.tensors() if v.shapes == x.shapes and v.element in types and v is not x]
        if found and not self.chance(3):
            return self.choose(found)  # type: ignore[no-any-return]
        return self.like(x, self.choose(list(types)))

    # Nodes

    def node(
        self, op: str, inputs: Sequence[Any], outputs: int | Sequence[bool] = 1, domain: str = "", **attrs: Any
    ) -> list[Value]:
        """Add a node: its results, or None for those that are not asked for.

        Raises
        ------
        Inapplicable
            It is not valid.
        """
        arguments = [
            i if isinstance(i, Value) else None if i is None or isinstance(i, str) else self.constant(i) for i in inputs
        ]
        least = onnx.defs.get_schema(op, domain=domain).min_input if domain != "local" else 0
        while len(arguments) > least and arguments[-1] is None:
            arguments.pop()
        wanted = [True] * outputs if isinstance(outputs, int) else list(outputs)
        names = [self.name() if want else "" for want in wanted]
        attrs = {name: value for name, value in attrs.items() if value is not None}
        proto = helper.make_node(op, [a.name if a else "" for a in arguments], names, domain=domain, **attrs)
        proto.name = f"{op}_{names[0]}"
        reads = {name: value_info(self.shared.known[name], sizes=True).type for name in names_read(proto)}
        try:
            step = Step(proto, reads, self.shared.opsets, self.shared.functions)
            runs = [step.run({name: self.shared.known[name].runs[run] for name in reads}) for run in range(RUNS)]
        except EvaluationError as error:
            self.shared.refusals.append((op, str(error)))
            raise Inapplicable from None
        results = [Value(n, step.types[n], tuple(run[n] for run in runs)) if n else None for n in names]
        for result in results:
            if result is not None and result.kind == "tensor":
                need(len({run.ndim for run in result.runs}) == 1)
                need(result.largest <= LARGEST_TENSOR and result.rank <= 6)
        self.nodes.append(proto)
        self.steps.append(step)
        return [self._add(result) if result is not None else None for result in results]  # type: ignore[misc]

    def _add(self, value: Value) -> Value:
        self.shared.known[value.name] = value
        self.values.append(value)
        return value

    # Graphs

    def inner(self, parameters: Sequence[Value] = ()) -> Builder:
        """A graph in a node of this one, with its own inputs."""
        builder = Builder(self.shared, self)
        for value in parameters:
            builder._add(value)
        return builder

    def parameter(self, like: Value) -> Value:
        """What a graph in a node is given: as another value."""
        return Value(self.name(), like.type, like.runs)

    def graph(self, parameters: Sequence[Value], results: Sequence[Value]) -> onnx.GraphProto:
        """This graph, in a node of another. What it gives is given by its own nodes, and once."""
        inputs = [value_info(value) for value in parameters]
        made = {name for node in self.nodes for name in node.output}
        outputs: list[Value] = []
        for value in results:
            if value.name not in made or value in outputs:
                (value,) = self.node("Identity", [value])
            outputs.append(value)
        return helper.make_graph(self.nodes, f"graph_{self.name()}", inputs, [value_info(v) for v in outputs])


def value_info(value: Value, sizes: bool = False) -> onnx.ValueInfoProto:
    """A value's name and type, with the rank of a tensor, or those of its dimensions that are the same in all runs."""
    proto = onnx.ValueInfoProto(name=value.name, type=value.type)
    if value.kind == "tensor":
        proto.type.tensor_type.shape.SetInParent()
        for axis in range(value.rank):
            dim = proto.type.tensor_type.shape.dim.add()
            if sizes and value.fixed(axis):
                dim.dim_value = value.shape[axis]
    return proto


def names_read(node: onnx.NodeProto) -> list[str]:
    """Names that a node and the graphs in it take from around it, in a fixed order."""
    found = dict.fromkeys(name for name in node.input if name)
    for attribute in node.attribute:
        for graph in [attribute.g, *attribute.graphs]:
            own = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
            for inner in graph.node:
                found |= dict.fromkeys(name for name in names_read(inner) if name not in own)
                own |= set(inner.output)
            found |= dict.fromkeys(value.name for value in graph.output if value.name not in own)
    return list(found)
