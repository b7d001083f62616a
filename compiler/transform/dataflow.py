"""The dataflow graph of one function's bindings, with the post-dominators that operator fusion asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from .. import op as relay_op
from ..op.base import FusionKind, Op
from ..relay.expr import Atom, Binding, Call, Function, Var, atoms_of, free_vars, subfunctions
from ..relay.types import TensorType


@dataclass(eq=False)
class Node:
    """A binding in the graph.

    Attributes
    ----------
    op : Op or None
        The operator, where the binding is a call of one that may become (a part of) a kernel.
    kind : FusionKind
        OPAQUE for all that is not fused: operators of that kind, tuples, branches, loops.
    consumers : list of (int, FusionKind)
        Later bindings that use this one, and how.
    producers : list of int
    escapes : bool
        The value is (part of) the function's result, or nothing uses it.
    """

    index: int
    binding: Binding
    op: Op | None
    kind: FusionKind
    consumers: list[tuple[int, FusionKind]] = field(default_factory=list)
    producers: list[int] = field(default_factory=list)
    escapes: bool = False

    @property
    def var(self) -> Var:
        return self.binding.var

    @property
    def args(self) -> tuple[Atom, ...]:
        return atoms_of(self.binding.value)


@dataclass(frozen=True)
class Dominator:
    """The nearest binding that all uses of a value flow into, and the hardest kind of use on the way."""

    node: int
    kind: FusionKind
    depth: int


class DataflowGraph:
    """Nodes in the order of the bindings, which is topological."""

    def __init__(self, function: Function) -> None:
        self.nodes = [_node(i, b) for i, b in enumerate(function.bindings)]
        self._of = {n.var: n for n in self.nodes}
        for node in self.nodes:
            for var in dict.fromkeys(_used(node.binding)):
                producer = self._of.get(var)
                if producer is not None:
                    producer.consumers.append((node.index, _edge_kind(node, var)))
                    node.producers.append(producer.index)
        if isinstance(function.result, Var) and function.result in self._of:
            self._of[function.result].escapes = True
        self.dominators = self._dominators()

    def producer(self, atom: Atom) -> Node | None:
        """The node that computes an atom; None for parameters, constants and variables from outside."""
        return self._of.get(atom) if isinstance(atom, Var) else None

    def _dominators(self) -> list[Dominator | None]:
        """Immediate post-dominators, last node first: the common ancestor of all consumers, in the tree so far."""
        found: list[Dominator | None] = [None] * len(self.nodes)
        for node in reversed(self.nodes):
            if node.escapes or not node.consumers:
                continue
            (place, kind), *rest = node.consumers
            common: int | None = place
            for other, other_kind in rest:
                if common is not None:
                    common, kind = _common(found, common, other, max(kind, other_kind))
            if common is not None:
                parent = found[common]
                found[node.index] = Dominator(common, kind, parent.depth + 1 if parent else 1)
        return found

    def between(self, source: int, sink: int, accept: Callable[[int], bool]) -> set[int] | None:
        """The nodes on paths from source (included) to sink (left out); None where one is not accepted."""
        seen: set[int] = set()
        waiting = [source]
        while waiting:
            index = waiting.pop()
            if index in seen or index == sink:
                continue
            if index != source and not accept(index):
                return None
            seen.add(index)
            waiting.extend(consumer for consumer, _ in self.nodes[index].consumers)
        return seen

    def upstream(self, start: int, inside: set[int]) -> Iterator[int]:
        """A node and what it depends on, as far as that lies in a set."""
        seen, waiting = {start}, [start]
        while waiting:
            index = waiting.pop()
            yield index
            for producer in self.nodes[index].producers:
                if producer in inside and producer not in seen:
                    seen.add(producer)
                    waiting.append(producer)


def _common(found: list[Dominator | None], left: int, right: int, kind: FusionKind) -> tuple[int | None, FusionKind]:
    """The lowest common ancestor of two nodes of the tree, and the hardest kind of use up to it."""

    def depth(index: int) -> int:
        dominator = found[index]
        return dominator.depth if dominator else 0

    while left != right:
        if depth(left) < depth(right):
            left, right = right, left
        dominator = found[left]
        if dominator is None:
            return None, kind
        left, kind = dominator.node, max(kind, dominator.kind)
    return left, kind


def _node(index: int, binding: Binding) -> Node:
    value = binding.value
    if not isinstance(value, Call) or not isinstance(value.op, str):
        return Node(index, binding, None, FusionKind.OPAQUE)
    op = relay_op.get(value.op)
    if op.contiguous is not None and op.contiguous(value.attrs, [a.type for a in value.args]):
        return Node(index, binding, None, FusionKind.OPAQUE)  # the memory planner makes it free
    if op.step:
        return Node(index, binding, None, FusionKind.OPAQUE)
    return Node(index, binding, op, op.kind if op.compute is not None else FusionKind.OPAQUE)


def _used(binding: Binding) -> Iterable[Var]:
    yield from (a for a in atoms_of(binding.value) if isinstance(a, Var))
    for sub in subfunctions(binding.value):
        yield from free_vars(sub)


def _edge_kind(consumer: Node, var: Var) -> FusionKind:
    """How a node uses a value: an operator that could broadcast but does not uses it element by element."""
    if consumer.kind > FusionKind.BROADCAST:
        return consumer.kind
    argument, result = var.type, consumer.var.type
    same = isinstance(argument, TensorType) and isinstance(result, TensorType) and argument.shape == result.shape
    return FusionKind.ELEMENTWISE if same else FusionKind.BROADCAST
