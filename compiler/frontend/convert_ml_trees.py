"""Decision trees of ai.onnx.ml."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..op.ml_tree_ensemble_source import BIT_BLOCK
from ..relay.expr import Atom
from ..relay.types import DTYPES, TensorType
from .ml_scores import (
    best_labels,
    class_labels,
    feature_rows,
    post_transform,
    threshold_labels,
    transform_kind,
    two_scores,
)
from .registry import Node, converter
from .tree_tables import Leaf, Split, Splitter, Tree, make_tables

DOMAIN = "ai.onnx.ml"

_MODES = ("LEQ", "LT", "GTE", "GT", "EQ", "NEQ", "MEMBER")
_TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
_AGGREGATES = ("AVERAGE", "SUM", "MIN", "MAX")


def _ensemble(node: Node, x: Atom, trees: Sequence[Tree], targets: int, aggregate: str, base: Any = ()) -> Atom:
    """Raw scores [rows, targets]."""
    assert isinstance(x.type, TensorType)
    dtype = DTYPES[x.type.dtype][0]
    rows, features = x.type.shape
    used = _features(trees)
    if used and isinstance(features, int) and not 0 <= min(used) <= max(used) < features:
        raise node.error(f"the trees ask for feature {max(used)}", expected=f"less than the input's {features}")
    base = np.broadcast_to(np.array(base if len(base) else [0], dtype), (targets,)).copy()
    few_rows = isinstance(rows, int) and rows < BIT_BLOCK // 4
    tables = make_tables(trees, targets, dtype, with_bits=x.type.dtype == "float32" and not few_rows)
    arrays = ("slots", "nodes", "trees", "spans", "weights", "targets", "bits", "bit_trees", "leaves")
    constants = [node.constant(getattr(tables, name)) for name in arrays]
    attributes = {"aggregate": aggregate.lower(), "single": tables.single, "shift": tables.shift}
    return node.call("ml.tree_ensemble", x, *constants, node.constant(base), **attributes)


def _features(trees: Sequence[Tree]) -> set[int]:
    found: set[int] = set()
    seen: set[int] = set()
    stack = list(trees)
    while stack:
        tree = stack.pop()
        if isinstance(tree, Split) and id(tree) not in seen:
            seen.add(id(tree))
            found.add(tree.feature)
            stack += [tree.false, tree.true]
    return found


def _build(node: Node, root: int, children: Callable[[int], tuple[int, int] | None], make: Callable[..., Tree]) -> Tree:
    """A tree from its leaves up, without recursion; `children` are (false, true), or None at a leaf."""
    done: dict[int, Tree] = {}
    open_: set[int] = set()
    stack = [root]
    while stack:
        index = stack[-1]
        below = children(index)
        waiting = [c for c in below or () if c not in done]
        if any(c in open_ or c == index for c in waiting):
            raise node.error(f"the tree's node {index} is above itself", expected="trees")
        if waiting:
            open_.add(index)
            stack += waiting
            continue
        stack.pop()
        open_.discard(index)
        if index not in done:
            done[index] = make(index, *(done[c] for c in below or ()))
    return done[root]


class _NamedTrees:
    """Trees whose nodes have numbers within their tree: TreeEnsembleClassifier and TreeEnsembleRegressor."""

    def __init__(self, node: Node, kind: str, dtype: np.dtype) -> None:
        self._node, self._splitter = node, Splitter(dtype)
        self._trees = node.required_attr("nodes_treeids")
        count = len(self._trees)
        self._numbers = self._list("nodes_nodeids", count)
        self._modes = [m.removeprefix("BRANCH_") for m in self._list("nodes_modes", count)]
        self._values = self._floats("nodes_values", count)
        self._features = self._list("nodes_featureids", count)
        self._true = self._list("nodes_truenodeids", count)
        self._false = self._list("nodes_falsenodeids", count)
        self._missing = node.attr("nodes_missing_value_tracks_true") or [0] * count
        unknown = sorted(set(self._modes) - {*_MODES[:-1], "LEAF"})
        if unknown:
            raise node.error(f"the mode 'BRANCH_{unknown[0]}'", expected="a comparison, or LEAF")
        self._places = {key: i for i, key in enumerate(zip(self._trees, self._numbers, strict=True))}
        leaf_trees = node.required_attr(f"{kind}_treeids")
        self._pairs: dict[int, list[tuple[int, float]]] = {}
        self.targets = self._list(f"{kind}_ids", len(leaf_trees))
        self.weights = self._floats(f"{kind}_weights", len(leaf_trees))
        numbers = self._list(f"{kind}_nodeids", len(leaf_trees))
        for tree, number, target, weight in zip(leaf_trees, numbers, self.targets, self.weights, strict=True):
            self._pairs.setdefault(self._place(tree, number), []).append((target, weight))
        roots: dict[int, int] = {}
        for index, tree in enumerate(self._trees):
            roots.setdefault(tree, index)
        self.trees = [_build(node, root, self._children, self._make) for root in roots.values()]

    def _list(self, name: str, count: int) -> Sequence[Any]:
        values = self._node.required_attr(name)
        if len(values) != count:
            raise self._node.error(f"{name} has {len(values)} entries", expected=f"{count}")
        return tuple(values)

    def _floats(self, name: str, count: int) -> Sequence[float]:
        tensor = self._node.attr(f"{name}_as_tensor")
        if tensor is None:
            return self._list(name, count)
        if tensor.size != count:
            raise self._node.error(f"{name}_as_tensor has {tensor.size} entries", expected=f"{count}")
        return tuple(tensor.reshape(-1).tolist())

    def _place(self, tree: int, number: int) -> int:
        if (tree, number) not in self._places:
            raise self._node.error(f"tree {tree} has no node {number}", expected="a node that is there")
        return self._places[tree, number]

    def _children(self, index: int) -> tuple[int, int] | None:
        if self._modes[index] == "LEAF":
            return None
        tree = self._trees[index]
        return self._place(tree, self._false[index]), self._place(tree, self._true[index])

    def _make(self, index: int, *children: Tree) -> Tree:
        if not children:
            return Leaf(tuple(self._pairs.get(index, ())))
        feature, value, missing = self._features[index], self._values[index], bool(self._missing[index])
        return self._splitter.split(self._modes[index], feature, value, missing, *children)

    def base(self, targets: int) -> Sequence[float]:
        """What is added to the scores."""
        tensor = self._node.attr("base_values_as_tensor")
        values = self._node.attr("base_values", ()) if tensor is None else tensor.reshape(-1).tolist()
        if len(values) not in (0, 1, targets):
            raise self._node.error(f"{len(values)} base values for {targets} scores", expected="none, or one for each")
        return tuple(values)


def _named(node: Node, kind: str) -> tuple[_NamedTrees, Atom]:
    """The trees, and the rows in the type they are compared in: float64 where input or thresholds are."""
    thresholds = node.attr("nodes_values_as_tensor")
    wide = node.type(0).dtype == "float64" or (thresholds is not None and thresholds.dtype == np.float64)
    dtype = "float64" if wide else "float32"
    return _NamedTrees(node, kind, DTYPES[dtype][0]), feature_rows(node, dtype)


@converter("TreeEnsembleRegressor", domain=DOMAIN)
def convert_tree_ensemble_regressor(node: Node) -> Atom:
    named, x = _named(node, "target")
    targets = node.attr("n_targets", 1)
    _check_targets(node, named.targets, targets)
    aggregate = node.attr("aggregate_function", "SUM")
    scores = _ensemble(node, x, named.trees, targets, aggregate, named.base(targets))
    return post_transform(node, node.cast(scores, "float32"), transform_kind(node))


@converter("TreeEnsembleClassifier", domain=DOMAIN)
def convert_tree_ensemble_classifier(node: Node) -> Any:
    """Labels and scores. With two labels, and weights for one class alone, that one's score decides on both."""
    labels, kind = class_labels(node, "classlabels_int64s"), transform_kind(node)
    named, x = _named(node, "class")
    classes, used = max(len(labels), 1), set(named.targets)
    _check_targets(node, named.targets, classes)
    base = named.base(classes)
    threshold = 0.5 if min(named.weights, default=0) >= 0 else 0.0
    if classes > 2 or (classes == 2 and len(used) > 1):
        scores = node.cast(_ensemble(node, x, named.trees, classes, "SUM", base), "float32")
        return [best_labels(node, scores, labels), post_transform(node, scores, kind)]
    if classes == 2 and used == {1}:
        scores = node.cast(_ensemble(node, x, named.trees, 2, "SUM", base), "float32")
        assert isinstance(scores.type, TensorType)
        rows = scores.type.shape[0]
        second = node.call("strided_slice", scores, begin=(0, 1), end=(rows, 2), strides=(1, 1))
        return [threshold_labels(node, second, threshold, labels), post_transform(node, scores, kind)]
    score = node.cast(_ensemble(node, x, named.trees, 1, "SUM", base[:1]), "float32")
    if classes == 1:
        return [threshold_labels(node, score, 0.0, labels), post_transform(node, score, kind)]
    opposite = "complement" if threshold else "negative"
    return [threshold_labels(node, score, threshold, labels), two_scores(node, score, kind, opposite)]


def _check_targets(node: Node, targets: Sequence[int], count: int) -> None:
    wrong = [t for t in targets if not 0 <= t < count]
    if wrong:
        raise node.error(f"a leaf is for target {wrong[0]} of {count}", expected=f"0 to {count - 1}")


class _PlainTrees:
    """Trees whose nodes and leaves have places in two lists: TreeEnsemble."""

    def __init__(self, node: Node, dtype: np.dtype) -> None:
        self._node = node
        splitter = Splitter(dtype)
        modes = node.required_attr("nodes_modes").reshape(-1).tolist()
        splits = node.required_attr("nodes_splits").reshape(-1).tolist()
        features, count = node.required_attr("nodes_featureids"), len(modes)
        true, false = node.required_attr("nodes_truenodeids"), node.required_attr("nodes_falsenodeids")
        true_leaf, false_leaf = node.required_attr("nodes_trueleafs"), node.required_attr("nodes_falseleafs")
        missing = node.attr("nodes_missing_value_tracks_true") or [0] * count
        self.targets = node.required_attr("leaf_targetids")
        weights = node.required_attr("leaf_weights").reshape(-1).tolist()
        members = self._members(modes)
        lists = (splits, features, true, false, true_leaf, false_leaf, missing)
        if any(len(entries) != count for entries in lists) or len(weights) != len(self.targets):
            raise node.error("the lists of nodes or leaves differ in length", expected="an entry for each")

        def place(index: int, is_leaf: int) -> int:
            """Leaves come after the nodes."""
            if not 0 <= index < (len(weights) if is_leaf else count):
                raise node.error(f"there is no {'leaf' if is_leaf else 'node'} {index}", expected="one that is there")
            return index + count if is_leaf else index

        def children(index: int) -> tuple[int, int] | None:
            if index >= count:
                return None
            return place(false[index], false_leaf[index]), place(true[index], true_leaf[index])

        def make(index: int, *below: Tree) -> Tree:
            if index >= count:
                return Leaf(((self.targets[index - count], weights[index - count]),))
            if below[0] is below[1]:
                return below[0]  # a tree that is one leaf
            if _MODES[modes[index]] == "MEMBER":
                return splitter.member(members[index], features[index], bool(missing[index]), *below)
            return splitter.split(_MODES[modes[index]], features[index], splits[index], bool(missing[index]), *below)

        self.trees = [_build(node, root, children, make) for root in node.required_attr("tree_roots")]

    def _members(self, modes: Sequence[int]) -> Mapping[int, list[float]]:
        """Sets of values: each ends with NaN, in the order of the nodes that ask for them."""
        wrong = [m for m in modes if not 0 <= m < len(_MODES)]
        if wrong:
            raise self._node.error(f"a node has the mode {wrong[0]}", expected=f"0 to {len(_MODES) - 1}")
        asking = [i for i, m in enumerate(modes) if _MODES[m] == "MEMBER"]
        values = self._node.attr("membership_values")
        found: list[list[float]] = [[]]
        for value in () if values is None else values.reshape(-1).tolist():
            if value == value:
                found[-1].append(value)
            else:
                found.append([])
        if len(found) - 1 != len(asking):
            raise self._node.error(f"{len(found) - 1} sets for {len(asking)} nodes", expected="one each, ended by NaN")
        return dict(zip(asking, found, strict=False))


@converter("TreeEnsemble", domain=DOMAIN)
def convert_tree_ensemble(node: Node) -> Atom:
    dtype = node.type(0).dtype
    wide = "float64" if dtype == "float64" else "float32"
    plain, targets = _PlainTrees(node, DTYPES[wide][0]), node.attr("n_targets", 1)
    _check_targets(node, plain.targets, targets)
    aggregate, transform = node.attr("aggregate_function", 1), node.attr("post_transform", 0)
    if not 0 <= aggregate < len(_AGGREGATES) or not 0 <= transform < len(_TRANSFORMS):
        raise node.error(f"aggregate_function {aggregate}, post_transform {transform}", expected="known numbers")
    scores = _ensemble(node, feature_rows(node, wide), plain.trees, targets, _AGGREGATES[aggregate])
    return node.cast(post_transform(node, scores, _TRANSFORMS[transform]), dtype)
