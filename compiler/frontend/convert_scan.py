"""ONNX Scan: a loop over the elements of its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..op.base import normalize_axis
from ..relay.expr import Atom, Var
from ..relay.types import TensorType
from .convert_loop import Body, build_loop, graph_key, loop_output
from .registry import Node, converter


@converter("Scan")
def convert_scan(node: Node) -> Any:
    return _scan_of_batch(node) if node.opset < 9 else _scan(node, list(node.inputs), _Directions(node, 0))


class _Directions:
    """Axes along which a Scan goes, and whether backward: of its inputs, and of its outputs."""

    def __init__(self, node: Node, axis: int) -> None:
        body = node.graph_attr("body")
        scanned = node.required_attr("num_scan_inputs")
        states = len(body.input) - scanned
        collected = len(body.output) - states
        if states < 0 or collected < 0:
            raise node.error(f"a body of {len(body.input)} inputs and {len(body.output)} outputs", expected="more")
        self.states, self.axis = states, axis
        backward = "directions" if node.opset < 9 else "scan_input_directions"
        self.backward = list(node.attr(backward, (0,) * scanned))
        self.axes = list(node.attr("scan_input_axes", (0,) * scanned))
        self.out_backward = list(node.attr("scan_output_directions", (0,) * collected))
        self.out_axes = list(node.attr("scan_output_axes", (0,) * collected))
        if len(self.backward) != scanned or len(self.axes) != scanned:
            raise node.error("directions or axes of inputs", expected=f"{scanned} of each")
        if len(self.out_backward) != collected or len(self.out_axes) != collected:
            raise node.error("directions or axes of outputs", expected=f"{collected} of each")


def _scan(node: Node, inputs: Sequence[Atom | None], way: _Directions, length: Atom | None = None) -> list[Atom]:
    """A scan.

    Parameters
    ----------
    length : Atom, optional
        How many elements count, an int64: the first ones, the last of these first where it goes backward. Behind them
        the state stays as it is, and rows are zeros, as in ONNX Runtime: the standard leaves them open.
    """
    body = node.graph_attr("body")
    atoms = [atom for atom in inputs if atom is not None]
    if len(atoms) != len(body.input):
        raise node.error(f"{len(atoms)} inputs", expected=f"{len(body.input)}, as the body has")
    first, sources = atoms[: way.states], atoms[way.states :]
    axes, lengths = [], []
    for atom, axis in zip(sources, way.axes, strict=True):
        type_ = atom.type
        if not isinstance(type_, TensorType) or type_.rank == 0:
            raise node.error(f"Scan over {type_}", expected="tensors with an axis to go along")
        axes.append(normalize_axis("Scan", axis, type_.rank))
        lengths.append(type_.shape[axes[-1]])
    if len({d for d in lengths if isinstance(d, int)}) > 1:
        raise node.error(f"Scan over {tuple(lengths)} elements", expected="equally many of all inputs")
    count = next((d for d in lengths if isinstance(d, int)), lengths[0])

    def backward(inner: Node, index: Var) -> Atom:
        if length is not None:
            last = inner.call("subtract", length, inner.constant(1, "int64"))
            return inner.call("maximum", inner.call("subtract", last, index), inner.constant(0, "int64"))
        return inner.call("subtract", inner.dimension(count - 1), index)

    def iterate(inner: Node, index: Var, going_on: Atom, carried: list[Atom]) -> Body:
        given = dict(zip((v.name for v in body.input), carried, strict=False))
        elements = zip(body.input[way.states :], sources, axes, way.backward, strict=True)
        for value, source, axis, reverse in elements:
            at = backward(inner, index) if reverse else index
            given[value.name] = inner.call("take", source, at, axis=axis)
        results = node.convert_graph(body, inner.builder, given)
        if length is not None:
            counts = inner.call("less", index, length)
            results = [
                inner.call("where", counts, result, old)
                for result, old in zip(results, [*carried, *map(zero_like, results[way.states :])], strict=True)
            ]
        return Body(going_on, results[: way.states], results[way.states :])

    def zero_like(row: Atom) -> Atom:
        assert isinstance(row.type, TensorType)
        return node.constant("" if row.type.dtype == "string" else 0, row.type.dtype)

    def places(inner: Node, index: Var) -> list[Atom]:
        return [backward(inner, index) if reverse else index for reverse in way.out_backward]

    key = graph_key(body, [str(a.type) for a in atoms], vars(way))
    outputs = [loop_output(node, i) for i in range(len(body.output))]
    results = build_loop(node, key, count, None, first, iterate, outputs, places)
    finals, rows = results[: way.states], results[way.states :]
    return [*finals, *(_axis_first_to(node, r, axis) for r, axis in zip(rows, way.out_axes, strict=True))]


def _axis_first_to(node: Node, value: Atom, axis: int) -> Atom:
    """The first axis moved to another place."""
    assert isinstance(value.type, TensorType)
    rank = value.type.rank
    rest = list(range(1, rank))
    rest.insert(normalize_axis("Scan", axis, rank), 0)
    return node.transpose(value, rest)


def _scan_of_batch(node: Node) -> list[Atom]:
    """Scan of opset 8: each sample of a batch by itself, along axis 1; sequences may be shorter than the tensor."""
    lengths = node.optional_input(0)
    if lengths is not None and (node.type(0).rank != 1 or node.type(0).dtype != "int64"):
        raise node.error(f"lengths of sequences of {node.type(0)}", expected="int64 (batch)")
    inputs = [node.input(i) for i in range(1, len(node.inputs))]
    batch = node.type(1).shape[0]
    way = _Directions(node, 0)

    def iterate(inner: Node, index: Var, going_on: Atom, carried: list[Atom]) -> Body:
        sample = [inner.call("take", atom, index, axis=0) for atom in inputs]
        length = None if lengths is None else inner.call("take", lengths, index, axis=0)
        return Body(going_on, [], _scan(inner, sample, way, length))

    key = graph_key(node.graph_attr("body"), "batch", [str(a.type) for a in inputs], lengths is None)
    outputs = [loop_output(node, i) for i in range(node.output_count)]
    return build_loop(node, key, batch, None, [], iterate, outputs)
