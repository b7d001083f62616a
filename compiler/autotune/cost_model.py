"""Which candidates are worth measuring: a model that ranks those of one kernel by their features.

Only the order within a kernel matters, so the model learns to rank (XGBoost, pairwise), with one group for each kernel
and machine; what it learns about loops on one kernel helps with the others, also with those of earlier runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..diagnostics import CompileError

Features = Mapping[str, float]

#: Groups with fewer candidates teach nothing.
_LEAST = 4

#: Trees and their depth: fitted anew after each round, in some 0.1 s for 2,000 trials.
_ROUNDS = 60
_SETTINGS: dict[str, Any] = {
    "objective": "rank:pairwise",
    "lambdarank_pair_method": "topk",
    "lambdarank_num_pair_per_sample": 8,
    "max_depth": 6,
    "eta": 0.2,
    "min_child_weight": 0.5,
    "subsample": 0.9,
    "verbosity": 0,
}


@dataclass(frozen=True)
class Sample:
    """A measured candidate: the group that it compares in, features, seconds (infinite for one that failed)."""

    group: str
    features: Features
    seconds: float


class CostModel(Protocol):
    """Ranks candidates."""

    def fit(self, samples: Sequence[Sample]) -> None:
        """Learn from all samples there are."""

    def rank(self, candidates: Sequence[Features]) -> list[float]:
        """A number for each candidate of one kernel, greater for those that are probably faster."""


class NoModel:
    """Knows nothing: proposals stay in the order in which evolution made them."""

    def fit(self, samples: Sequence[Sample]) -> None:
        pass

    def rank(self, candidates: Sequence[Features]) -> list[float]:
        return [-float(index) for index in range(len(candidates))]


class RankingModel:
    """XGBoost's ranking trees.

    Parameters
    ----------
    seed : int
    threads : int

    Raises
    ------
    CompileError
        XGBoost is not installed.
    """

    def __init__(self, seed: int, threads: int) -> None:
        try:
            import xgboost
        except ImportError as error:
            raise CompileError(
                "the tuner's cost model needs XGBoost, which is not installed",
                remedy="pip install onnxc[tune]; or search without a model: --no-cost-model",
            ) from error
        self._xgboost: Any = xgboost
        self._settings = {**_SETTINGS, "seed": seed, "nthread": threads}
        self._columns: dict[str, int] = {}
        self._trees: Any = None

    def fit(self, samples: Sequence[Sample]) -> None:
        groups: dict[str, list[Sample]] = {}
        for sample in samples:
            groups.setdefault(sample.group, []).append(sample)
        useful = [g for g in groups.values() if len(g) >= _LEAST and any(s.seconds < math.inf for s in g)]
        if not useful:
            return
        rows = [s.features for g in useful for s in g]
        names = sorted({name for row in rows for name in row})
        self._columns = {name: column for column, name in enumerate(names)}
        labels = [label for g in useful for label in _labels(g)]
        numbers = [index for index, g in enumerate(useful) for _ in g]
        data = self._xgboost.DMatrix(self._matrix(rows), label=np.array(labels), qid=np.array(numbers))
        self._trees = self._xgboost.train(self._settings, data, num_boost_round=_ROUNDS)

    def rank(self, candidates: Sequence[Features]) -> list[float]:
        if self._trees is None or not candidates:
            return NoModel().rank(candidates)
        predicted = self._trees.predict(self._xgboost.DMatrix(self._matrix(candidates)))
        return [float(value) for value in predicted]

    def _matrix(self, rows: Sequence[Features]) -> np.ndarray:
        matrix = np.full((len(rows), len(self._columns)), np.nan, np.float32)  # NaN: it has no such knob or loop
        for index, row in enumerate(rows):
            for name, value in row.items():
                column = self._columns.get(name)
                if column is not None:
                    matrix[index, column] = value
        return matrix


def _labels(group: Sequence[Sample]) -> list[float]:
    """How good each sample is beside the best of its group: 1 for the best, 0 for one that failed."""
    best = min(s.seconds for s in group)
    return [best / s.seconds for s in group]
