"""Axes that only the run knows, of tensors of known rank: what a node does along them is done by computed shapes.

Which axes are meant is a mask, an int64 of 0 or 1 for each axis of the tensor. From the mask the run computes shapes
and positions, by small tensors of integers, and reads them. It fails where an axis is out of range or given twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..relay.dimension import Dimension
from ..relay.expr import Atom, Constant
from ..relay.types import TensorType
from .registry import Node

Shape = tuple[Dimension, ...]


def is_known(node: Node, index: int) -> bool:
    """Does the compiler know an input's values?"""
    atom = node.input(index)
    value = None if isinstance(atom, Constant) else node.builder.shape_value(atom)
    return isinstance(atom, Constant) or (value is not None and all(isinstance(v, int) for v in value.flat))


@dataclass(frozen=True)
class RunTimeAxes:
    """The axes in a node's input.

    Attributes
    ----------
    node : Node
    rank : int
        Of the tensor that has the axes.
    chosen : Atom
        bool (rank, count): is the axis this one of the input?
    mask : Atom
        int64 (rank,).
    """

    node: Node
    rank: int
    chosen: Atom
    mask: Atom

    @staticmethod
    def read(node: Node, index: int, rank: int) -> RunTimeAxes:
        """The axes in input number `index`, a tensor of any rank."""
        atom = node.input(index)
        count = node.type(index).size
        axes = node.cast(node.reshape(atom, (1, count)), "int64")
        negative = node.call("less", axes, node.constant(0, "int64"))
        axes = node.call("where", negative, node.call("add", axes, node.constant(rank, "int64")), axes)
        chosen = node.call("equal", node.constant(np.arange(rank)[:, None], "int64"), axes)
        mask = node.call("sum", node.cast(chosen, "int64"), axis=(1,), keepdims=False)
        mask = node.call("minimum", mask, node.constant(1, "int64"))
        distinct = node.call("sum", mask, axis=(0,), keepdims=True)
        given = node.call("shape_of", node.reshape(atom, (count,)))
        mask = node.call("assume", mask, node.call("equal", distinct, given), value=True)
        return RunTimeAxes(node, rank, chosen, mask)

    @property
    def count(self) -> int:
        """How many axes there are; an error where the compiler does not know that either."""
        assert isinstance(self.chosen.type, TensorType)
        count = self.chosen.type.shape[1]
        if not isinstance(count, int):
            raise self.node.error(
                "the number of axes is only known at run time, and the rank of the result depends on it",
                expected="an input of axes of static length",
            )
        return count

    def spread(self, values: Atom, default: int) -> list[Dimension]:
        """Numbers that belong to the axes of the input, one for each axis of the tensor: the default for others."""
        node = self.node
        found = node.call("where", self.chosen, node.cast(values, "int64"), node.constant(0, "int64"))
        found = node.call("sum", found, axis=(1,), keepdims=False)
        result = node.call("where", self._meant(), found, node.constant(default, "int64"))
        read = node.builder.read_dimensions(result, "number", location=node.location)
        assert read is not None
        return list(read.reshape(-1))

    def _meant(self) -> Atom:
        return self.node.cast(self.mask, "bool")

    def _column(self, values: Atom) -> Atom:
        return self.node.reshape(values, (self.rank, 1))

    def groups(self, x: Atom) -> Shape:
        """A shape of twice the rank for a tensor: pairs of what stays and what is meant, (d, 1) or (1, d)."""
        node = self.node
        dims = self._column(node.call("shape_of", x))
        ones = node.constant(np.ones((self.rank, 1)), "int64")
        pairs = [node.call("concatenate", *columns, axis=1) for columns in ((ones, dims), (dims, ones))]
        return self._shape(node.call("where", self._column(self._meant()), *pairs), x)

    def others(self, x: Atom) -> Atom:
        """int64 (rank - count,): the dimensions of a tensor along the other axes, in order."""
        node = self.node
        other = node.call("subtract", node.constant(1, "int64"), self.mask)
        places = node.call("multiply", node.call("cumulative_sum", other, axis=0), other)  # 1, 2, ...; 0: meant
        wanted = node.constant(np.arange(1, self.rank - self.count + 1)[:, None], "int64")
        dims = node.call(
            "where", node.call("equal", wanted, places), node.call("shape_of", x), node.constant(0, "int64")
        )
        return node.call("sum", dims, axis=(1,), keepdims=False)

    def without(self, x: Atom, source: Atom) -> Shape:
        """The shape that `source` has with x's dimensions along the other axes alone."""
        return self._shape(self.others(x), source) if self.rank > self.count else ()

    def inserted(self, x: Atom) -> Shape:
        """The shape of a tensor of smaller rank with dimensions of 1 put in at the axes."""
        node = self.node
        other = node.call("subtract", node.constant(1, "int64"), self.mask)
        place = node.call("multiply", node.call("cumulative_sum", other, axis=0), other)
        assert isinstance(x.type, TensorType)
        taken = node.call("equal", self._column(place), node.constant(np.arange(1, x.type.rank + 1), "int64"))
        dims = node.call("where", taken, node.call("shape_of", x), node.constant(0, "int64"))
        kept = node.call("sum", dims, axis=(1,), keepdims=False)
        return self._shape(node.call("where", self._meant(), node.constant(1, "int64"), kept), x)

    def around(self, x: Atom) -> Shape:
        """The shape of a tensor around its only axis: what is before it, along it, and behind it."""
        node = self.node
        dims = node.call("shape_of", x)
        begun = node.call("cumulative_sum", self.mask, axis=0)  # 0 before the axis, 1 from there on
        parts = []
        before = node.call("equal", begun, node.constant(0, "int64"))
        behind = node.call("greater", begun, self.mask)
        for part in (before, self._meant(), behind):
            sizes = node.call("where", part, dims, node.constant(1, "int64"))
            parts.append(node.call("product", sizes, axis=(0,), keepdims=True))
        return self._shape(node.call("concatenate", *parts, axis=0), x)

    def _shape(self, numbers: Atom, x: Atom) -> Shape:
        """The shape in a tensor, which has as many elements as x."""
        assert isinstance(x.type, TensorType)
        read = self.node.builder.read_dimensions(numbers, "reshape_zero", x.type.shape, self.node.location)
        assert read is not None
        return tuple(read.reshape(-1))
