"""ONNX Loop: a state that a body changes, and rows that it collects; convert_scan.py has Scan.

Both become a `While` whose state is the number of the iteration, whether to go on (where that is ever in question),
what is carried from one iteration to the next, and the tensors in which rows are collected.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx

from ..diagnostics import CompileError, RunTimeRankError
from ..relay.dimension import Dim, Dimension, maximum
from ..relay.expr import Atom, Constant, Function, Var
from ..relay.types import SequenceType, TensorType, TupleType, Type, join_types
from .convert_control import function_of
from .registry import Node, converter
from .sequences import as_type, type_of_proto

_BOOL, _INDEX = TensorType((), "bool"), TensorType((), "int64")


class _TypeChangesError(CompileError):
    """What a loop carries is of another rank or element type in each iteration.

    Attributes
    ----------
    node : Node
        The loop.
    place : int
        Which of the values.
    found : Type
        What the body gives.
    """

    def __init__(self, error: CompileError, node: Node, place: int, found: Type) -> None:
        super().__init__(error.message, error.location, expected=error.expected)
        self.node, self.place, self.found = node, place, found


#: A loop of at most so many iterations may carry values whose rank changes: each iteration is code of its own.
UNROLL_LIMIT = 32


@dataclass
class Body:
    """One iteration under conversion.

    Attributes
    ----------
    going_on : Atom
        Whether there shall be another one.
    carried : list of Atom
        What the next iteration takes.
    rows : list of Atom
        What is collected.
    """

    going_on: Atom
    carried: list[Atom]
    rows: list[Atom]


#: ``(node in the body, number of the iteration, whether it goes on, what is carried) -> Body``
Iterate = Callable[[Node, Var, Atom, "list[Atom]"], Body]


#: ``(node in the body, number of the iteration) -> where rows of each kind go``
Places = Callable[[Node, Var], "Sequence[Atom]"]


@dataclass
class _Plan:
    """What must be known before a body can be converted, and is only known afterwards.

    Attributes
    ----------
    changing : set of (int, int)
        Axes of carried tensors whose size changes: (which one, axis).
    types : dict
        Of carried sequences and optional values: what is true of them in every iteration.
    decides : bool
        The body decides whether to go on.
    """

    changing: set[tuple[int, int]] = field(default_factory=set)
    types: dict[int, Type] = field(default_factory=dict)
    decides: bool = False


def build_loop(
    node: Node,
    key: str,
    limit: Dimension | Atom | None,
    condition: Atom | None,
    carried: Sequence[Atom],
    iterate: Iterate,
    names: Sequence[str],
    places: Places | None = None,
    declared: Mapping[int, Type] | None = None,
) -> list[Atom]:
    """Bind a loop.

    Parameters
    ----------
    key : str
        What the body's conversion depends on, for what was found out about it to be found again.
    limit : Dimension, Atom or None
        How many iterations there are at most; as a dimension where it is known as one.
    condition : Atom or None
        Whether there is a first iteration; None: there is.
    carried : sequence of atoms
        What the first iteration takes.
    iterate : callable
        Converts the body.
    names : sequence of str
        Names of the results.
    places : callable, optional
        For each kind of rows, where those of an iteration go; one behind the other by default.
    declared : mapping, optional
        Of carried sequences that begin empty, what the model says of them: asked where the body must know their rank.

    Returns
    -------
    list of atoms
        What the last iteration gave, then all rows of each kind.
    """
    plan = node.builder.notes.setdefault(("loop", key), _Plan())
    while True:
        attempt = _Attempt(node, plan, limit, condition, carried, names)
        try:
            good = attempt.convert(iterate)
        except RunTimeRankError:
            new = {place: type_ for place, type_ in (declared or {}).items() if place not in plan.types}
            if not new:
                raise
            plan.types.update(new)
            continue
        if good:
            return attempt.finish(places)


class _Attempt:
    """A conversion of a loop under assumptions, which may turn out wrong."""

    def __init__(
        self,
        node: Node,
        plan: _Plan,
        limit: Dimension | Atom | None,
        condition: Atom | None,
        carried: Sequence[Atom],
        names: Sequence[str],
    ) -> None:
        self.node, self.plan, self.limit, self.names = node, plan, limit, names
        self.first = list(carried)
        self.begins = condition
        if isinstance(condition, Constant) and condition.array.size == 1 and bool(condition.array.reshape(())):
            self.begins = None
        self.decides = plan.decides or self.begins is not None
        self.builder = node.builder.child()
        self.inner = node.inside(self.builder)
        self.index = self.builder.param("iteration", _INDEX)
        self.builder.iterations += (self.index,)
        self.going_on: Atom = self.builder.param("going_on", _BOOL) if self.decides else Constant(np.array(True))
        self.params = [self._param(i, atom) for i, atom in enumerate(self.first)]
        self.body = Body(self.going_on, [], [])

    def _param(self, place: int, atom: Atom) -> Var:
        type_ = self.plan.types.get(place, atom.type)
        if isinstance(type_, TensorType):
            name = atom.name or "state"
            dims = [
                self.builder.new_symbol(f"{name}_d{axis}") if (place, axis) in self.plan.changing else dim
                for axis, dim in enumerate(type_.shape)
            ]
            type_ = TensorType(tuple(dims), type_.dtype)
        return self.builder.param(atom.name or "state", type_)

    def convert(self, iterate: Iterate) -> bool:
        """Convert the body; False where the plan was wrong, and is better now."""
        self.body = iterate(self.inner, self.index, self.going_on, list(self.params))
        if len(self.body.carried) != len(self.params):
            raise self.node.error(
                f"the body gives {len(self.body.carried)} values for {len(self.params)} that it takes",
                expected="as many of each",
            )
        self.body.carried = [self._like(p.type, a) for p, a in zip(self.params, self.body.carried, strict=True)]
        good = True
        always = isinstance(self.body.going_on, Constant) and bool(self.body.going_on.array.reshape(-1)[0])
        if not self.decides and not always:
            self.plan.decides, good = True, False
        for place, (param, result) in enumerate(zip(self.params, self.body.carried, strict=True)):
            good = self._compare(place, param.type, result.type) and good
        return good

    def _like(self, before: Type, after: Atom) -> Atom:
        """A result; one element as the loop began with it: exporters give a scalar back as a list of one."""
        found = after.type
        if isinstance(before, TensorType) and isinstance(found, TensorType) and before.size == found.size == 1:
            return self.inner.reshape(after, before.shape)
        return after

    def _compare(self, place: int, before: Type, after: Type) -> bool:
        """Is what an iteration gives of the type that the next one takes?"""
        if before == after:
            return True
        fits = isinstance(before, TensorType) and isinstance(after, TensorType)
        if fits and before.dtype == after.dtype and before.rank == after.rank:  # type: ignore[union-attr]
            pairs = enumerate(zip(before.shape, after.shape, strict=True))  # type: ignore[union-attr]
            new = {(place, axis) for axis, (b, a) in pairs if a != b} - self.plan.changing
            self.plan.changing |= new
            return not new
        joined = join_types(before, after)
        if joined is not None:
            self.plan.types[place] = joined
            return joined == before
        error = CompileError(
            f"value {place} that the loop carries is {before} before an iteration, {after} after it",
            self.node.location,
            expected="one element type and rank, or a constant number of iterations, none of which ends the loop",
        )
        raise _TypeChangesError(error, self.node, place, after)

    def finish(self, places: Places | None) -> list[Atom]:
        """Bind the loop."""
        node, builder = self.node, self.builder
        memories, params, grown = self._collect(places)
        next_index = self.inner.call("add", self.index, Constant(np.array(1, np.int64)))
        decision = [scalar(self.inner, self.body.going_on)] if self.decides else []
        types: list[Type] = [p.type for p in self.params]
        carried = [as_type(self.inner, a, t) for a, t in zip(self.body.carried, types, strict=True)]
        first = [as_type(node, a, t) for a, t in zip(self.first, types, strict=True)]
        results = [next_index, *decision, *carried, *grown]
        body = function_of(node, builder, results, always_tuple=True)
        begins = [scalar(node, self.begins) if self.begins is not None else Constant(np.array(True))]
        state = [Constant(np.array(0, np.int64)), *(begins if self.decides else []), *first, *memories]
        name = node.location.node
        types = [builder.seen_outside(p.type, loop_output(node, i), node.builder) for i, p in enumerate(self.params)]
        kept = len(types)
        types += [builder.seen_outside(p.type, loop_output(node, kept + i), node.builder) for i, p in enumerate(params)]
        head = [p.type for p in builder.params[: len(state) - len(types)]]
        type_ = TupleType((*head, *types))
        value = node.builder.while_(self._condition(), body, state, type_, f"{name}/state", node.location)
        outputs = enumerate(self.names, len(head))
        return [node.builder.get_item(value, place, output, node.location) for place, output in outputs]

    def _condition(self) -> Function:
        """Whether there is another iteration."""
        builder = self.node.builder.child()
        params = [builder.param(p.name, p.type) for p in self.builder.params]
        inner = self.node.inside(builder)
        parts: list[Atom] = [params[1]] if self.decides else []
        if self.limit is not None:
            limit = self.limit if isinstance(self.limit, (Var, Constant)) else inner.dimension(self.limit)
            parts.append(inner.call("less", params[0], scalar(inner, limit)))
        if not parts:
            parts.append(Constant(np.array(True)))
        return builder.function(parts[0] if len(parts) == 1 else inner.call("logical_and", *parts))

    def _collect(self, places: Places | None) -> tuple[list[Atom], list[Var], list[Atom]]:
        """For each kind of rows: the memory before the loop, as the body takes it, and with one more row."""
        node, builder, inner = self.node, self.builder, self.inner
        memories: list[Atom] = []
        params: list[Var] = []
        grown: list[Atom] = []
        count = None if self.decides or isinstance(self.limit, (Var, Constant)) else self.limit
        where = [self.index] * len(self.body.rows) if places is None else places(inner, self.index)
        for number, row in enumerate(self.body.rows):
            if not isinstance(row.type, TensorType):
                raise node.error(f"a loop collects {row.type}", expected="tensors")
            name = self.names[len(self.params) + number]
            inside = [isinstance(d, Dim) and bool(d.symbols() & builder.own_symbols) for d in row.type.shape]
            if count is not None and not any(inside):
                memory = node.builder.call(
                    "uninitialized", name=f"{name}_memory", shape=(count, *row.type.shape), dtype=row.type.dtype
                )
                param = builder.param(name, memory.type)
                grown.append(inner.call("place", param, row, where[number]))
            else:
                empty = (0, *(0 if own else dim for own, dim in zip(inside, row.type.shape, strict=True)))
                memory = node.builder.call("uninitialized", name=f"{name}_memory", shape=empty, dtype=row.type.dtype)
                dims = [
                    builder.new_symbol(f"{name}_d{axis}") if own else dim
                    for axis, (own, dim) in enumerate(zip((True, *inside), empty, strict=True))
                ]
                param = builder.param(name, TensorType(tuple(dims), row.type.dtype))
                grown.append(inner.call("append", param, row))
            memories.append(memory)
            params.append(param)
        return memories, params, grown


def loop_output(node: Node, index: int) -> str:
    """Name of a result, also where the model has none for it."""
    return node.proto.output[index] if node.has_output(index) else f"{node.location.node}_{index}"


def scalar(node: Node, value: Atom) -> Atom:
    """One element without dimensions."""
    if not isinstance(value.type, TensorType) or value.type.size != 1:
        raise node.error(f"a loop with {value.type} as its condition or number", expected="one element")
    return node.reshape(value, ())


def graph_key(graph: onnx.GraphProto, *more: object) -> str:
    """Text that stands for a graph's contents."""
    return f"{hashlib.sha256(graph.SerializeToString(deterministic=True)).hexdigest()} {more}"


@converter("Loop")
def convert_loop(node: Node) -> Any:
    body = node.graph_attr("body")
    first = [node.input(i) for i in range(2, len(node.inputs))]
    names = [value.name for value in body.input]
    if len(names) != len(first) + 2:
        raise node.error(f"a body of {len(names)} inputs", expected=f"{len(first) + 2}: number, condition and state")
    kept = len(body.output) - 1
    if kept < len(first):
        raise node.error(f"a body of {len(body.output)} outputs", expected=f"at least {len(first) + 1}")
    # What the body gives as it took it does not change: it is a value from outside.
    fixed = {i for i in range(len(first)) if body.output[i + 1].name == names[i + 2]}
    moving = [i for i in range(len(first)) if i not in fixed]

    def iterate(inner: Node, index: Var, going_on: Atom, carried: list[Atom]) -> Body:
        given = {names[i + 2]: first[i] for i in fixed} | {
            names[i + 2]: a for i, a in zip(moving, carried, strict=True)
        }
        for name, atom, value in zip(names, (index, going_on), body.input, strict=False):
            ranked = len(value.type.tensor_type.shape.dim) == 1
            given[name] = inner.reshape(atom, (1,)) if ranked else atom
        results = node.convert_graph(body, inner.builder, given)
        return Body(results[0], [results[i + 1] for i in moving], results[len(first) + 1 :])

    limit = node.optional_input(0)
    count = None if limit is None else _known_count(node, limit)
    outputs = [loop_output(node, i) for i in (*moving, *range(len(first), kept))]
    bound: Dimension | Atom | None = limit if count is None else count
    types = {place: _declared(body.input[i + 2]) for place, i in enumerate(moving) if _is_empty(first[i].type)}
    declared = {place: type_ for place, type_ in types.items() if type_ is not None}
    unread = {place for place, i in enumerate(moving) if names[i + 2] not in _names_in(body)}
    while True:
        key = graph_key(body, [str(a.type) for a in first])
        carried = [first[i] for i in moving]
        try:
            results = build_loop(node, key, bound, node.optional_input(1), carried, iterate, outputs, declared=declared)
            break
        except _TypeChangesError as error:
            found = error.found if error.node is node and error.place in unread else None
            if isinstance(found, TensorType):
                unread.remove(error.place)
                first[moving[error.place]] = _begin_unread(node, found)
                continue
            unrolled = _unrolled(node, body, first, count)
            if unrolled is None:
                raise
            return unrolled
    finals = dict(zip(moving, results, strict=False))
    return [*(finals.get(i, first[i]) for i in range(len(first))), *results[len(moving) :]]


def _unrolled(node: Node, body: onnx.GraphProto, first: Sequence[Atom], count: Dimension | None) -> list[Atom] | None:
    """The results of a loop, one iteration after the other; None where the number of these is not known."""

    def decides(condition: Atom) -> bool | None:
        value = condition.array if isinstance(condition, Constant) else node.builder.shape_value(condition)
        known = value is not None and value.size == 1 and not isinstance(value.reshape(-1)[0], Dim)
        return bool(value.reshape(-1)[0]) if known and value is not None else None

    condition = node.optional_input(1)
    going_on = True if condition is None else decides(condition)
    if not isinstance(count, int) or not 0 < count <= UNROLL_LIMIT or not going_on:
        return None
    carried = list(first)
    rows: list[list[Atom]] = [[] for _ in body.output[1 + len(first) :]]
    for index in range(count):
        inner = node.builder.child()
        inner.iterations += (node.constant(index, "int64"),)
        given = {value.name: atom for value, atom in zip(body.input[2:], carried, strict=True)}
        for value, constant in zip(body.input, (np.int64(index), np.bool_(True)), strict=False):
            ranked = len(value.type.tensor_type.shape.dim) == 1
            given[value.name] = Constant(np.array([constant] if ranked else constant))
        results = node.convert_graph(body, inner, given)
        node.builder.take_over(inner)
        carried = results[1 : 1 + len(first)]
        for kept, row in zip(rows, results[1 + len(first) :], strict=True):
            assert isinstance(row.type, TensorType)
            kept.append(node.reshape(row, (1, *row.type.shape)))
        going_on = decides(results[0])
        if going_on is None and index + 1 < count:
            return None
        if going_on is False:
            break
    return [*carried, *(kept[0] if len(kept) == 1 else node.call("concatenate", *kept, axis=0) for kept in rows)]


def _names_in(graph: onnx.GraphProto) -> set[str]:
    """Names of values that a graph reads, or the graphs inside of it."""
    found = {output.name for output in graph.output}
    for node in graph.node:
        found |= set(node.input)
        for attribute in node.attribute:
            for inner in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
                found |= _names_in(inner)
    return found


def _begin_unread(node: Node, found: TensorType) -> Atom:
    """What a loop begins with in place of a value that its body does not read, and gives in another type.

    PaddlePaddle's exporter carries what only the last iteration gives, and begins with a scalar of any value. Without
    an iteration there is nothing to return: then the run ends.
    """
    start: Atom = node.constant(np.zeros([d if isinstance(d, int) else 1 for d in found.shape]), found.dtype)
    limit, condition = node.optional_input(0), node.optional_input(1)
    if limit is not None:
        some = node.call("greater", scalar(node, limit), node.constant(0, "int64"))
        start = node.call("assume", start, some, value=True)
    return start if condition is None else node.call("assume", start, scalar(node, condition), value=True)


def _is_empty(type_: Type) -> bool:
    return isinstance(type_, SequenceType) and not type_.element.exists


def _declared(value: onnx.ValueInfoProto) -> Type | None:
    """What a body says of a sequence that it takes."""
    return type_of_proto(value.type, lambda name: None) if value.type.HasField("sequence_type") else None


def _known_count(node: Node, limit: Atom) -> Dimension | None:
    """The number of iterations as a dimension, where it is not the result of computing with data."""
    value = node.builder.shape_value(limit)
    return None if value is None or value.size != 1 else maximum(value.reshape(-1)[0], 0)
