"""A laboratory without a compiler: times are a function of the choices."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from onnxc.autotune.measure import Times
from onnxc.autotune.search import Search
from onnxc.autotune.tasks import Candidate, Choices, Outcome, Proposal
from onnxc.autotune.workload import Workload, extract
from onnxc.kernel.knobs import Knobs
from onnxc.target import Target
from onnxc.transform.pipeline import PassContext, run_pipeline
from tests.kernel.native import Graph

Space = Callable[[Knobs], Mapping[str, Any]]
Cost = Callable[[Mapping[str, Any]], float]

TILES = tuple((r, c) for r in (1, 2, 4, 8, 16) for c in (1, 2, 4, 8, 16))
UNROLL = (1, 2, 4, 8, 16)


def space(knobs: Knobs) -> Mapping[str, Any]:
    """25 * 5 * (1 + 5) candidates: the third knob comes up for one option of the second alone."""
    knobs.choose("rule.tile", TILES, (1, 1))
    knobs.choose("rule.unroll", UNROLL, 1)
    if knobs.choose("rule.order", ("in", "out"), "in") == "out":
        knobs.choose("rule.panels", (1, 2, 3, 4, 5), 3)
    return knobs.choices


def cost(choices: Mapping[str, Any]) -> float:
    """Best: tile (8, 4), unroll 4, order out, panels 5; 6 times as fast as the defaults."""
    rows, columns = choices["rule.tile"]
    distance = abs(math.log2(rows / 8)) + abs(math.log2(columns / 4)) + abs(math.log2(choices["rule.unroll"] / 4))
    return 1e-3 * (1 + 0.7 * distance + 0.2 * (5 - choices.get("rule.panels", 0)))


class FakeLaboratory:
    """Describes and measures by functions; counts what it did.

    Parameters
    ----------
    run_one : callable
        Choices -> seconds, or an outcome.
    """

    def __init__(self, run_one: Callable[[Mapping[str, Any]], float | Outcome] = cost, space: Space = space) -> None:
        self.run_one, self.space = run_one, space
        self.tools: Mapping[str, str] = {"onnxc": "0", "tvm": "0", "cc": "0"}
        self.measured: list[tuple[str, Mapping[str, Any]]] = []
        self.models: list[Mapping[str, Choices]] = []

    def operations(self, workloads: Sequence[Workload]) -> list[int]:
        return [1_000_000 for _ in workloads]

    def describe(self, workload: Workload, proposals: Sequence[Proposal]) -> list[Candidate]:
        found = []
        for proposal in proposals:
            chance = random.Random(proposal.seed)
            decide = None if proposal.seed is None else lambda name, options, default, c=chance: c.choice(options)
            knobs = Knobs(proposal.choices, decide)  # type: ignore[arg-type]
            self.space(knobs)
            found.append(Candidate(knobs.decisions, features(knobs.choices)))
        return found

    def run(self, search: Search, candidates: Sequence[Candidate]) -> Iterator[tuple[Candidate, Outcome]]:
        for candidate in candidates:
            self.measured.append((search.workload.key, candidate.choices))
            result = self.run_one(candidate.choices)
            yield candidate, outcome(result) if isinstance(result, float) else result

    def run_models(self, variants: Sequence[Mapping[str, Choices]], seconds: float) -> list[list[dict[str, float]]]:
        """Each kernel takes in the model what it takes alone."""
        self.models += variants
        found = []
        for variant in variants:
            times = {}
            for key in {key for key, _ in self.measured}:
                (default,) = self.describe(None, [Proposal({})])  # type: ignore[arg-type]
                result = self.run_one(variant.get(key, default.choices))
                if isinstance(result, float):
                    times[key] = result
            found.append(times)
        return [found]

    def peak(self) -> float:
        return 1e11


def features(choices: Mapping[str, Any]) -> dict[str, float]:
    found = {"unroll": float(choices["rule.unroll"]), "panels": float(choices.get("rule.panels", 0))}
    return found | {f"tile.{i}": math.log2(part) for i, part in enumerate(choices["rule.tile"])}


def outcome(seconds: float, total: float = 1.0) -> Outcome:
    return Outcome(Times((seconds,), (seconds,), ((total, 10.0),), "a machine"))


def workloads(target: Target, *columns: int) -> list[Workload]:
    """Softmax kernels of different sizes; the first is called twice."""
    graph = Graph()
    results = [graph("nn.softmax", graph.input(3, n), axis=1) for n in columns]
    results.append(graph("nn.softmax", graph.input(3, columns[0]), axis=1))
    module = run_pipeline(graph.module(results), PassContext(target, 3))
    return extract(module, target, {})
