"""Random decision trees as attributes of ONNX's tree operators."""

from __future__ import annotations

from typing import Any

import numpy as np

MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")


def random_trees(
    kind: str, *, trees: int, leaves: int, features: int, targets: int, modes: tuple[str, ...] = MODES, pairs: int = 1
) -> dict[str, Any]:
    """Attributes of TreeEnsembleClassifier (kind "class") or TreeEnsembleRegressor (kind "target").

    Thresholds are halves, so that inputs of halves meet them exactly; trees are of any form.
    """
    random = np.random.default_rng(trees * 1000 + leaves)
    found: dict[str, list[Any]] = {
        f"nodes_{name}": []
        for name in ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids")
    }
    found["nodes_missing_value_tracks_true"] = []
    ends: dict[str, list[Any]] = {f"{kind}_{name}": [] for name in ("treeids", "nodeids", "ids", "weights")}

    def node(tree: int, number: int, mode: str, true: int = 0, false: int = 0) -> None:
        values: list[Any] = [tree, number, random.integers(features), mode, random.integers(-4, 5) / 2, true, false]
        for (name, entries), value in zip(found.items(), [*values, random.integers(2)], strict=True):
            entries.append(value if name in ("nodes_modes", "nodes_values") else int(value))

    for tree in range(trees):
        open_, count = [0], 1
        while len(open_) < leaves:
            number = open_.pop(random.integers(len(open_)))
            node(tree, number, str(random.choice(modes)), count, count + 1)
            open_ += [count, count + 1]
            count += 2
        for number in open_:
            node(tree, number, "LEAF")
            for target in random.permutation(targets)[:pairs]:
                values = [tree, number, int(target), float(random.standard_normal())]
                for entries, value in zip(ends.values(), values, strict=True):
                    entries.append(value)
    order = sorted(
        range(len(found["nodes_treeids"])), key=lambda i: (found["nodes_treeids"][i], found["nodes_nodeids"][i])
    )
    return {**{name: [entries[i] for i in order] for name, entries in found.items()}, **ends}


def halves(rows: int, features: int) -> np.ndarray:
    """Multiples of a half, infinities and NaN among them."""
    random = np.random.default_rng(rows)
    x = (random.integers(-5, 6, (rows, features)) / 2).astype(np.float32)
    x[random.random(x.shape) < 0.05] = np.nan
    x[random.random(x.shape) < 0.02] = np.inf
    x[random.random(x.shape) < 0.02] = -np.inf
    return x
