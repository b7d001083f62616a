"""Decision trees as ONNX describes them -> tables that the operator ml.tree_ensemble walks.

All comparisons become one: ``slot <= threshold``, which is false for NaN. A slot is a feature or its negative; x > t is
-x <= the number below -t, and where NaN must count as true, the opposite is asked and the branches are swapped. So
every node is a threshold, a slot and the place of its two successors, whatever its mode.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: Bytes of a cache line.
_LINE = 64

#: Leaves of a tree whose set is a word of bits.
BIT_LEAVES = 32


@dataclass(frozen=True, eq=False)
class Leaf:
    """What a leaf adds: (target, weight), any number of them."""

    pairs: tuple[tuple[int, float], ...]


@dataclass(frozen=True, eq=False)
class Split:
    """Goes to `true` where the slot is at most the threshold, else, and for NaN, to `false`."""

    feature: int
    negated: bool
    threshold: float
    false: Tree
    true: Tree
    depth: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", 1 + max(_depth(self.false), _depth(self.true)))


Tree = Leaf | Split


class Splitter:
    """Makes splits out of ONNX's modes, for thresholds of an element type."""

    def __init__(self, dtype: np.dtype) -> None:
        self._dtype = dtype

    def _below(self, value: float) -> float:
        """The number below; NaN, which nothing is at most, where there is none."""
        number = self._dtype.type(value)
        return float(np.nextafter(number, self._dtype.type(-np.inf))) if number > -np.inf else float("nan")

    def _at_most(self, feature: int, value: float, false: Tree, true: Tree) -> Split:
        return Split(feature, False, value, false, true)

    def _less(self, feature: int, value: float, false: Tree, true: Tree) -> Split:
        return Split(feature, False, self._below(value), false, true)

    def _at_least(self, feature: int, value: float, false: Tree, true: Tree) -> Split:
        return Split(feature, True, -value, false, true)

    def _greater(self, feature: int, value: float, false: Tree, true: Tree) -> Split:
        return Split(feature, True, self._below(-value), false, true)

    def split(self, mode: str, feature: int, value: float, missing: bool, false: Tree, true: Tree) -> Split:
        """A node with one of ONNX's modes; `missing` says that NaN goes to `true`. NaN is not equal to anything."""
        direct: Mapping[str, Callable[..., Split]] = {
            "LEQ": self._at_most,
            "LT": self._less,
            "GTE": self._at_least,
            "GT": self._greater,
        }
        opposite = {"LEQ": "GT", "LT": "GTE", "GTE": "LT", "GT": "LEQ"}
        if mode in direct:
            if missing:
                return direct[opposite[mode]](feature, value, true, false)
            return direct[mode](feature, value, false, true)
        if mode == "EQ":
            return self.member([value], feature, missing, false, true)
        assert mode == "NEQ", mode
        return self.member([value], feature, False, true, false)

    def member(self, values: Sequence[float], feature: int, missing: bool, false: Tree, true: Tree) -> Split:
        """Is the feature one of the values?"""
        tree: Tree = false
        for value in sorted(set(values), reverse=True):
            tree = self._at_most(feature, value, tree, self._at_least(feature, value, false, true))
        if missing or not isinstance(tree, Split):
            tree = self._at_most(feature, float("inf"), true if missing else false, tree)
        assert isinstance(tree, Split)
        return tree


@dataclass
class Tables:
    """Trees as arrays, the arguments of ml.tree_ensemble: see there."""

    slots: np.ndarray
    nodes: np.ndarray
    trees: np.ndarray
    spans: np.ndarray
    weights: np.ndarray
    targets: np.ndarray
    bits: np.ndarray
    bit_trees: np.ndarray
    leaves: np.ndarray
    single: bool
    shift: int


def make_tables(trees: Sequence[Tree], target_count: int, dtype: np.dtype, with_bits: bool) -> Tables:
    """Tables for trees.

    Parameters
    ----------
    trees : sequence of Tree
    target_count : int
    dtype : numpy.dtype
        Of features and thresholds.
    with_bits : bool
        Make tables of bits too, for runs of many rows.
    """
    return _Tables(trees, target_count, dtype, with_bits).make()


@dataclass
class _Tables:
    trees: Sequence[Tree]
    target_count: int
    dtype: np.dtype
    with_bits: bool
    slots: dict[tuple[int, bool], int] = field(default_factory=dict)

    def make(self) -> Tables:
        fitting = [self.with_bits and _fits_bits(tree) for tree in self.trees]
        # Trees that are only walked come first; those of like depth are walked together.
        order = sorted(range(len(self.trees)), key=lambda i: (fitting[i], _depth(self.trees[i]), i))
        for tree in self.trees:
            self._number_slots(tree)
        walk = _Walk(self)
        roots = [(walk.add(self.trees[i]), _depth(self.trees[i]), _target(self.trees[i])) for i in order]
        bits = _Bits(self)
        for i in order:
            if fitting[i]:
                bits.add(self.trees[i])
        return Tables(
            slots=np.array([feature * 2 + negated for feature, negated in self.slots] or [0], np.int32),
            trees=np.array(roots, np.int32).reshape(-1, 3),
            bits=np.array(bits.nodes, np.uint32).reshape(-1, 3),
            bit_trees=np.array(bits.trees, np.int32).reshape(-1, 4),
            leaves=np.array(bits.leaves, self.dtype),
            **walk.arrays(),
        )

    def _number_slots(self, tree: Tree) -> None:
        seen: set[int] = set()
        stack = [tree]
        while stack:
            node = stack.pop()
            if isinstance(node, Split) and id(node) not in seen:
                seen.add(id(node))
                self.slots.setdefault((node.feature, node.negated), len(self.slots))
                stack += [node.true, node.false]

    def slot(self, node: Split) -> int:
        return self.slots[node.feature, node.negated]


class _Walk:
    """Nodes in pairs of successors, each a threshold and a link: the place of its own pair, and its slot."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables
        self._records: list[tuple[float, int, int, Leaf | None]] = []
        self._places: dict[int, int] = {}  # id of a split -> place of its pair
        self._line = max(1, _LINE // (2 * tables.dtype.itemsize))

    def add(self, tree: Tree) -> int:
        """Place of the root.

        A pair and those of its two successors stand in one cache line, so that a walk needs few of them.
        """
        root = self._room(1)
        waiting = [(root, tree)]
        while waiting:
            place, node = waiting.pop()
            if isinstance(node, Leaf) or id(node) in self._places:
                self._set(place, node)
                continue
            near = [n for n in (node.false, node.true) if isinstance(n, Split) and id(n) not in self._places]
            if len(near) == 2 and near[0] is near[1]:
                near.pop()
            pair = self._room(2 + 2 * len(near))
            self._places[id(node)] = pair
            self._set(place, node)
            for number, child in enumerate(near, 1):
                self._places[id(child)] = below = pair + 2 * number
                waiting += [(below, child.false), (below + 1, child.true)]
            self._set(pair, node.false)
            self._set(pair + 1, node.true)
        return root

    def _room(self, count: int) -> int:
        """Places of new nodes, within a line."""
        used = len(self._records) % self._line
        gap = self._line - used if used + count > self._line else 0
        self._records += [(0.0, 0, 0, None)] * (gap + count)
        return len(self._records) - count

    def _set(self, place: int, node: Tree) -> None:
        """A leaf leads to itself, as its slot is NaN; its threshold is its weight."""
        if isinstance(node, Leaf):
            weight = node.pairs[0][1] if len(node.pairs) == 1 else 0.0
            self._records[place] = (weight, len(self._tables.slots), place, node)
        else:
            self._records[place] = (node.threshold, self._tables.slot(node), self._places[id(node)], None)

    def arrays(self) -> dict[str, Any]:
        dtype, count = self._tables.dtype, len(self._records)
        shift = (
            8 if len(self._tables.slots) < 256 else 16 if len(self._tables.slots) < 65536 else 31
        )  # cheap to cut off
        small = dtype.itemsize == 4 and count <= 1 << (32 - shift)
        word = np.dtype(np.uint32 if small else np.uint64)
        nodes = np.zeros((count, 2), word)
        thresholds = np.zeros((count, word.itemsize // dtype.itemsize), dtype)
        thresholds[:, 0] = [r[0] for r in self._records]
        nodes[:, 0] = thresholds.view(word)[:, 0]
        nodes[:, 1] = [r[2] << shift | r[1] for r in self._records]
        single = all(_target(tree) >= 0 for tree in self._tables.trees)
        leaves = [leaf.pairs if leaf and not single else () for _, _, _, leaf in self._records]
        ends = np.cumsum([len(pairs) for pairs in leaves])
        spans = np.stack([ends - [len(pairs) for pairs in leaves], ends], axis=1).astype(np.int32)
        return {
            "nodes": nodes,
            "spans": spans[:1] if single else spans,
            "weights": np.array([w for pairs in leaves for _, w in pairs] or [0.0], dtype),
            "targets": np.array([t for pairs in leaves for t, _ in pairs] or [0], np.int32),
            "single": single,
            "shift": shift,
        }


class _Bits:
    """Splits of a tree one after the other, each with the leaves that stay possible where it is false."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables
        self.nodes: list[tuple[int, int, int]] = []
        self.trees: list[tuple[int, int, int, int]] = []
        self.leaves: list[float] = []

    def add(self, tree: Tree) -> None:
        first_node, first_leaf = len(self.nodes), len(self.leaves)
        self._visit(tree, first_leaf)
        target = _target(tree)
        self.leaves += [0.0] * (BIT_LEAVES - (len(self.leaves) - first_leaf))  # a table of known size
        self.trees.append((first_node, len(self.nodes), first_leaf, target))

    def _visit(self, tree: Tree, first_leaf: int) -> None:
        if isinstance(tree, Leaf):
            self.leaves.append(tree.pairs[0][1])
            return
        begin = len(self.leaves) - first_leaf
        self._visit(tree.true, first_leaf)
        inside = (1 << (len(self.leaves) - first_leaf)) - (1 << begin)
        threshold = int(np.array(tree.threshold, np.float32).view(np.uint32))
        self.nodes.append((threshold, self._tables.slot(tree), ~inside & 0xFFFFFFFF))
        self._visit(tree.false, first_leaf)


def _depth(tree: Tree) -> int:
    return tree.depth if isinstance(tree, Split) else 0


def _target(tree: Tree) -> int:
    """The target that all leaves of a tree have one weight for; -1 where there is no such."""
    found: set[int] = set()
    seen: set[int] = set()
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, Leaf):
            found |= {target for target, _ in node.pairs} if len(node.pairs) == 1 else {-1}
        elif id(node) not in seen:
            seen.add(id(node))
            stack += [node.true, node.false]
    return found.pop() if len(found) == 1 else -1


def _fits_bits(tree: Tree) -> bool:
    """Can a word of bits hold the leaves? Few of them (shared ones counted each time), one target for all."""
    count, stack = 0, [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, Split):
            stack += [node.true, node.false]
            continue
        count += 1
        if count > BIT_LEAVES:
            return False
    return _target(tree) >= 0
