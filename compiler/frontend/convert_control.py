"""ONNX If."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..diagnostics import CompileError, RunTimeValueError
from ..relay.builder import FunctionBuilder
from ..relay.dimension import Dim, Dimension
from ..relay.expr import Atom, Attrs, Call, Function
from ..relay.run_time import is_run_time
from ..relay.types import OpenTensorType, OptionalType, TensorType, TupleType, Type, join_types
from .choices import choices_of
from .registry import Finished, Node, converter
from .sequences import as_type, failed


@converter("If")
def convert_if(node: Node) -> Any:
    known = node.builder.shape_value(node.input(0))
    if known is not None and known.size == 1 and isinstance(known.reshape(-1)[0], (int, bool)):
        inner = node.builder.child()
        results = node.convert_graph(
            node.graph_attr("then_branch" if known.reshape(-1)[0] else "else_branch"), inner, {}
        )
        node.builder.take_over(inner)
        return results
    if node.type(0).size != 1:
        raise node.error(f"a condition of shape {node.type(0).shape}", expected="one element")
    branches = [_Branch(node, name) for name in ("then_branch", "else_branch")]
    failed = [branch.error for branch in branches if branch.error is not None]
    if len(failed) == 2:
        raise failed[0]
    for branch, other in zip(branches, reversed(branches), strict=True):
        branch.fail_like(other)
    count = node.output_count
    found = [len(branch.results) for branch in branches]
    if found != [count, count]:
        raise node.error(f"{found[0]} and {found[1]} results of the branches", expected=f"{count}, as outputs")
    differing = [i for i in range(count) if _ranks_differ(*(branch.results[i].type for branch in branches))]
    if differing:
        finished = _each_with_what_follows(node)
        if finished is not None:
            return finished
        if not all(_has_one_element(branch.results[i].type) for branch in branches for i in differing):
            return _taken_on_trust(node)
        _give_one_rank(node, branches, differing)
    types = [_common_type(node, index, branches) for index in range(count)]
    name = node.proto.output[0] if count == 1 else f"{node.location.node}/both"
    type_ = types[0] if count == 1 else TupleType(tuple(types))
    functions = [branch.function(types) for branch in branches]
    value = node.builder.if_(node.input(0), functions[0], functions[1], type_, name, node.location)
    return value if count == 1 else [node.get_item(value, i) for i in range(count)]


class _Branch:
    """A branch under conversion.

    One that cannot be for the shapes that are known, since it was made for others, ends the run where it is taken: many
    models have a branch for each of several kinds of input.
    """

    def __init__(self, node: Node, name: str, follows: bool = False) -> None:
        self._node, self._name, self._follows = node, name, follows
        self.builder = node.builder.child()
        self.results: list[Atom] = []
        self.error: CompileError | None = None
        try:
            choices_of(node.builder.notes).explore(self._convert)
        except RunTimeValueError:
            raise
        except CompileError as error:
            self.error = error

    def _convert(self) -> None:
        self.builder = self._node.builder.child()
        self.results = self._node.convert_graph(self._node.graph_attr(self._name), self.builder, {})
        if self._follows:
            assert self._node.rest is not None
            self.results = self._node.rest(self.builder, self.results)

    def fail_like(self, other: _Branch) -> None:
        """Where the branch cannot be: results of the types that the other one has."""
        if self.error is None:
            return
        self.builder = self._node.builder.child()
        for atom in other.results:
            type_ = atom.type
            if isinstance(type_, TensorType):
                shape = tuple(0 if is_run_time(dim) else dim for dim in type_.shape)
                self.results.append(self._fail(shape, type_.dtype))
            else:
                self.results.append(failed(self._node.inside(self.builder), type_, self._fail))

    def _fail(self, shape: tuple[Dimension, ...], dtype: str) -> Atom:
        assert self.error is not None
        call = Call("fail", (), Attrs(message=self.error.message, shape=shape, dtype=dtype), self.error.location)
        return self.builder.bind(call, TensorType(shape, dtype), "fail", self._node.location)

    def function(self, types: Sequence[Type]) -> Function:
        inner = self._node.inside(self.builder)
        results = [as_type(inner, atom, type_) for atom, type_ in zip(self.results, types, strict=True)]
        return function_of(self._node, self.builder, results)


def function_of(node: Node, builder: FunctionBuilder, results: Sequence[Atom], always_tuple: bool = False) -> Function:
    """The function of a branch or a loop's body."""
    if len(results) == 1 and not always_tuple:
        return builder.function(results[0])
    return builder.function(builder.tuple(list(results), f"{node.location.node}/results", node.location))


def _ranks_differ(then: Type, other: Type) -> bool:
    tensors = isinstance(then, TensorType) and isinstance(other, TensorType)
    return tensors and then.dtype == other.dtype and then.rank != other.rank  # type: ignore[union-attr]


def _each_with_what_follows(node: Node) -> Finished | None:
    """Either branch with all that follows it; None where that cannot be, or fits one branch only.

    An output whose rank the branch decides is an optional value, which is always there: types of tensors have a rank.
    """
    if node.rest is None:
        return None
    sides = [_Branch(node, name, follows=True) for name in ("then_branch", "else_branch")]
    if any(side.error is not None for side in sides):
        return None
    types: list[Type] = []
    for index, results in enumerate(zip(*(side.results for side in sides), strict=True)):
        then, other = (atom.type for atom in results)
        if isinstance(then, TensorType) and isinstance(other, TensorType) and _ranks_differ(then, other):
            types.append(OptionalType(OpenTensorType(then.dtype)))
        else:
            types.append(_common_type(node, index, sides))
    type_ = types[0] if len(types) == 1 else TupleType(tuple(types))
    then_function, other_function = (side.function(types) for side in sides)
    name = f"{node.location.node}/rest"
    value = node.builder.if_(node.input(0), then_function, other_function, type_, name, node.location)
    return Finished([value] if len(types) == 1 else [node.get_item(value, i) for i in range(len(types))])


def _has_one_element(type_: Type) -> bool:
    return isinstance(type_, TensorType) and type_.size == 1


def _give_one_rank(node: Node, branches: Sequence[_Branch], differing: Sequence[int]) -> None:
    """Reshape results of one element, such as flags, to what one of the branches gives: see choices.py."""
    second = choices_of(node.builder.notes).choose(_key(node))
    pattern, other = branches[second], branches[not second]
    for index in differing:
        type_ = pattern.results[index].type
        assert isinstance(type_, TensorType)
        inner = node.inside(other.builder)
        other.results[index] = inner.call("reshape", other.results[index], shape=type_.shape)


def _key(node: Node) -> str:
    return f"{node.location.node} {tuple(node.proto.output)}"


def _taken_on_trust(node: Node) -> list[Atom]:
    """The results of one branch, where the run takes that one: see choices.py."""
    second = choices_of(node.builder.notes).choose(_key(node))
    inner = node.builder.child()
    results = node.convert_graph(node.graph_attr("else_branch" if second else "then_branch"), inner, {})
    node.builder.take_over(inner)
    return [node.call("assume", atom, node.input(0), value=not second) for atom in results]


def _common_type(node: Node, index: int, branches: Sequence[_Branch]) -> Type:
    """The type of a result, whichever branch gives it: dimensions that differ are only known at run time."""
    then, other = (branch.results[index].type for branch in branches)
    if isinstance(then, TensorType) and isinstance(other, TensorType):
        if then.dtype == other.dtype and then.rank == other.rank:
            name = (node.proto.output[index : index + 1] or [""])[0] or node.location.node
            return TensorType(tuple(_common_dims(node, name, then, other, branches)), then.dtype)
    else:
        joined = join_types(then, other)
        if joined is not None:
            return joined
    raise node.error(
        f"output {index} is {then} in the then branch, {other} in the else branch",
        expected="one type in both, up to dimensions: which branch runs is only known at run time",
    )


def _common_dims(
    node: Node, name: str, then: TensorType, other: TensorType, branches: Sequence[_Branch]
) -> list[Dimension]:
    own = set().union(*(branch.builder.own_symbols for branch in branches))
    dims: list[Dimension] = []
    for axis, (left, right) in enumerate(zip(then.shape, other.shape, strict=True)):
        inner = isinstance(left, Dim) and bool(left.symbols() & own)
        dims.append(left if left == right and not inner else node.builder.new_symbol(f"{name}_d{axis}"))
    return dims
