"""Divide every function into kernels: bindings that are computed together become calls of primitive functions.

After Relay (Roesch et al. 2018, section 4.4). A value is fused into the nearest binding that all its uses flow into
(its post-dominator), together with everything on the way, when the kinds of the operators allow it:

- a convolution, matrix product or reduction takes the elementwise operators after it as its epilogue;
- slices and transposes join an operator after them that reads its arguments through any index map (attention);
- elementwise operators join an elementwise or injective operator after them, or a reduction that they feed;
- last, chains of injective operators join (not before, so that they never keep an epilogue from its convolution).

A kernel thus has one output, and nothing is computed in two kernels. Below level 2 every operator is a kernel of its
own. Reshapes at the border of a kernel stay outside as plain calls: the memory planner gives them their argument's
memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..op.base import FusionKind
from ..relay.expr import Constant, Function, Module
from ..relay.types import TensorType, TupleType, Type
from .base import Pass, PassContext, map_subfunctions
from .dataflow import DataflowGraph, Dominator, Node
from .primitives import PrimitiveSet, is_inside_constant

#: A kernel's limits: C compilers and the reader get into trouble beyond.
MAX_PARAMETERS = 24
MAX_OPERATORS = 64

#: Schedules inline what is not stored, so that a value used twice is computed twice: the longest chain doubles each
#: time. This bounds the number of operators in one element's expression.
MAX_EXPRESSION = 256

#: Elementwise operators that cost about as much as loading their argument. All others (exp, power, division, ...) must
#: not be computed more often than there are elements.
# fmt: off
CHEAP = frozenset([
    "abs", "add", "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "broadcast_to", "cast", "ceil", "clip",
    "equal", "floor", "full", "greater", "greater_equal", "isinf", "isnan", "less", "less_equal", "logical_and",
    "logical_not", "logical_or", "logical_xor", "maximum", "minimum", "multiply", "negative", "nn.hard_sigmoid",
    "nn.hard_swish", "nn.leaky_relu", "nn.prelu", "nn.relu", "not_equal", "qnn.dequantize", "reinterpret", "round",
    "sign", "subtract", "where",
])
# fmt: on

#: Reductions that read every element once, in any order.
READS_ONCE = frozenset(["argmax", "argmin", "max", "mean", "min", "product", "sum"])


def _run(module: Module, context: PassContext) -> Module:
    primitives = PrimitiveSet(module.functions)
    functions = {
        name: function if function.is_primitive else _fuse(function, context.level, primitives)
        for name, function in module.functions.items()
    }
    return replace(module, functions={**functions, **primitives.functions})


def _fuse(function: Function, level: int, primitives: PrimitiveSet) -> Function:
    bindings = tuple(
        replace(b, value=map_subfunctions(b.value, lambda f: _fuse(f, level, primitives))) for b in function.bindings
    )
    function = replace(function, bindings=bindings)
    graph = DataflowGraph(function)
    groups = _Grouping(graph).run(fuse=level >= 2)
    return primitives.replace_groups(function, groups)


@dataclass(eq=False)
class _Group:
    """Bindings of one kernel; `root` computes its output.

    kind: that of the anchor, if there is one, else of the root. anchor: the convolution, matrix product or reduction.
    """

    root: int
    members: set[int]
    kind: FusionKind
    anchor: int | None = None


class _Grouping:
    def __init__(self, graph: DataflowGraph) -> None:
        self._graph, self._nodes = graph, graph.nodes
        self._groups = [_single(n) for n in self._nodes]

    def run(self, fuse: bool) -> list[list[Node]]:
        """The kernels, each as its nodes in order, the one with the output last."""
        for injective in (False, True) if fuse else ():
            for node in self._nodes:
                dominator = self._graph.dominators[node.index]
                group = self._groups[node.index]
                # Who is not the root of its group has been fused into its post-dominator.
                if dominator is not None and group.root == node.index:
                    self._try(group, dominator, injective)
        kernels = []
        for group in dict.fromkeys(self._groups):
            members = self._without_border_views(sorted(group.members))
            if members and all(self._nodes[m].op is not None for m in members):
                kernels.append([self._nodes[m] for m in members])
        return kernels

    def _try(self, group: _Group, dominator: Dominator, injective: bool) -> None:
        """Fuse a group into its post-dominator, if that is allowed and its turn."""
        source, sink = group.root, dominator.node
        if self._has_tuple(source):
            return  # several outputs end a kernel
        if group.kind in (FusionKind.REDUCTION, FusionKind.ANCHOR):
            if injective or dominator.kind != FusionKind.ELEMENTWISE:
                return
            hardest = FusionKind.BROADCAST
        elif group.kind <= FusionKind.BROADCAST:
            if dominator.kind > FusionKind.REDUCTION:
                return
            hardest = FusionKind.INJECTIVE
        elif group.kind == FusionKind.INJECTIVE and injective:
            hardest = FusionKind.INJECTIVE
        else:
            return
        way = self._graph.between(source, sink, lambda i: self._groups[i].kind <= hardest)
        if way is None:
            return
        added = set().union(*(self._groups[i].members for i in way))
        target = self._groups[sink]
        if self._accepts(target, sink, group, added) and self._within_limits(added | target.members):
            self._merge(target, added, group)

    def _accepts(self, target: _Group, sink: int, source: _Group, added: set[int]) -> bool:
        """Whether a group may take the nodes in at a binding of its own."""
        if source.anchor is not None:
            return all(self._may_join_epilogue(i) for i in target.members)
        if target.kind == FusionKind.OPAQUE or self._repeats_expensive(added, added | target.members):
            return False
        if target.anchor is None:
            return True
        kinds = max(self._nodes[i].kind for i in added)
        if sink not in self._graph.upstream(target.anchor, target.members):  # it belongs to the epilogue
            return kinds <= FusionKind.BROADCAST
        anchor = self._nodes[target.anchor]
        if target.kind == FusionKind.ANCHOR:
            maps = all(self._nodes[i].kind == FusionKind.INJECTIVE for i in added)
            return maps and anchor.op is not None and anchor.op.index_maps
        if anchor.op is not None and anchor.op.name in READS_ONCE:
            return True
        return kinds <= FusionKind.BROADCAST and all(self._is_cheap(i) for i in added)

    def _may_join_epilogue(self, index: int) -> bool:
        """Elementwise operators do, and reshapes of other inputs that leave the innermost axis alone."""
        node = self._nodes[index]
        if node.kind <= FusionKind.BROADCAST:
            return True
        if not self._is_view(index):
            return False
        before, after = node.args[0].type, node.var.type
        assert isinstance(before, TensorType) and isinstance(after, TensorType)
        return before.shape[-1:] == after.shape[-1:]

    def _repeats_expensive(self, added: set[int], union: set[int]) -> bool:
        """Whether an added expensive operator would be computed again for every element that it is repeated for."""
        for index in added:
            node = self._nodes[index]
            grows = any(
                consumer in union and kind != FusionKind.ELEMENTWISE and _may_grow(node, self._nodes[consumer])
                for consumer, kind in node.consumers
            )
            if grows and not all(self._is_cheap(i) for i in self._graph.upstream(index, union)):
                return True
        return False

    def _is_cheap(self, index: int) -> bool:
        node = self._nodes[index]
        return node.op is not None and (node.kind == FusionKind.INJECTIVE or node.op.name in CHEAP)

    def _within_limits(self, members: set[int]) -> bool:
        if len(members) > MAX_OPERATORS:
            return False
        parameters, size = set(), {}
        for index in sorted(members):
            node = self._nodes[index]
            size[index] = 1
            for atom in node.args:
                producer = self._graph.producer(atom)
                if producer is not None and producer.index in members:
                    size[index] += size[producer.index]
                elif not (isinstance(atom, Constant) and is_inside_constant(atom)):
                    parameters.add(atom)
            if size[index] > MAX_EXPRESSION:
                return False
            if node.kind >= FusionKind.REDUCTION:
                size[index] = 1  # it is stored
        return len(parameters) <= MAX_PARAMETERS

    def _merge(self, target: _Group, added: set[int], source: _Group) -> None:
        target.members |= added
        if source.anchor is not None:
            target.anchor, target.kind = source.anchor, max(source.kind, target.kind)
        for index in added:
            self._groups[index] = target

    def _has_tuple(self, index: int) -> bool:
        return isinstance(self._nodes[index].var.type, TupleType)

    def _without_border_views(self, members: list[int]) -> list[int]:
        """Leave out reshapes of what comes from outside, and of what would be the output."""
        kept = list(members)
        while kept and self._is_view(kept[-1]):
            kept.pop()
        inside = set(kept)
        for index in members:  # in order, so that a view of a view that was left out is left out
            producer = self._graph.producer(self._nodes[index].args[0]) if self._is_view(index) else None
            if self._is_view(index) and (producer is None or producer.index not in inside):
                inside.discard(index)
        return [i for i in kept if i in inside]

    def _is_view(self, index: int) -> bool:
        op = self._nodes[index].op
        return op is not None and op.view


def _single(node: Node) -> _Group:
    anchored = node.kind in (FusionKind.REDUCTION, FusionKind.ANCHOR)
    return _Group(node.index, {node.index}, node.kind, node.index if anchored else None)


def _may_grow(producer: Node, consumer: Node) -> bool:
    """Whether a consumer may have more elements than what it reads; reductions never read one twice."""
    if consumer.kind >= FusionKind.REDUCTION:
        return False
    before, after = _size(producer.var.type), _size(consumer.var.type)
    if isinstance(before, int) and isinstance(after, int):
        return after > before
    return before != after


def _size(type_: Type) -> object:
    if isinstance(type_, TensorType):
        return type_.size
    if isinstance(type_, TupleType):
        total: object = 0
        for field in type_.fields:
            total = total + _size(field)  # type: ignore[operator]
        return total
    return None


fuse = Pass("fuse", 0, _run)
