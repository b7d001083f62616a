"""Knobs: defaults, records, and that every choice computes the same."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from onnxc import targets
from onnxc.kernel.knobs import Knobs, Option
from onnxc.targets.cpu.schedules.generic import PIXELS
from tests.kernel.attention_cases import ATTENTION_CASES
from tests.kernel.cases import CASES, Case
from tests.kernel.conv_cases import CONV_CASES
from tests.kernel.integer_cases import INTEGER_CASES
from tests.kernel.native import Graph, check, combinations, compile_module, link
from tests.kernel.operator_cases import OPERATOR_CASES
from tests.kernel.type_cases import TYPE_CASES


def _ask(knobs: Knobs) -> None:
    """What a schedule may ask: the options of the second depend on the first, the third is asked for 4 alone."""
    tile = knobs.choose("rule.tile", (1, 2, 4), 2)
    knobs.choose("rule.part", [(tile, n) for n in range(tile)], (tile, 0))
    if tile == 4:
        knobs.choose("rule.order", ("in", "out"), "in")


@pytest.mark.parametrize(
    ("record", "choices"),
    [
        ({}, {"rule.tile": 2, "rule.part": (2, 0)}),
        ({"rule.tile": 4}, {"rule.tile": 4, "rule.part": (4, 0), "rule.order": "in"}),
        (
            {"rule.tile": 4, "rule.part": [4, 3], "rule.order": "out"},  # a tuple as JSON has it
            {"rule.tile": 4, "rule.part": (4, 3), "rule.order": "out"},
        ),
        ({"rule.part": (2, 1), "rule.order": "out"}, {"rule.tile": 2, "rule.part": (2, 1)}),
        ({"rule.tile": 3, "rule.part": (4, 3)}, {"rule.tile": 2, "rule.part": (2, 0)}),  # no option any more
        ({"rule.tile": True, "rule.part": "x", "gone": 1}, {"rule.tile": 2, "rule.part": (2, 0)}),
    ],
)
def test_records_choose_where_they_can(record: dict[str, Any], choices: dict[str, Option]) -> None:
    knobs = Knobs(record)
    _ask(knobs)
    assert knobs.choices == choices
    again = Knobs(knobs.choices)
    _ask(again)
    assert again.choices == choices


def test_the_space_is_what_was_asked_for() -> None:
    knobs = Knobs(decide=lambda name, options, default: options[-1])
    _ask(knobs)
    assert [(d.name, d.options, d.chosen, d.default) for d in knobs.decisions] == [
        ("rule.tile", (1, 2, 4), 4, 2),
        ("rule.part", ((4, 0), (4, 1), (4, 2), (4, 3)), (4, 3), (4, 0)),
        ("rule.order", ("in", "out"), "out", "in"),
    ]
    assert not knobs.by_default


def test_a_refused_record_gives_way_to_defaults() -> None:
    from dataclasses import dataclass

    from onnxc.kernel.lower import lower
    from onnxc.kernel.schedule import schedule
    from onnxc.kernel.tvm_api import s_tir
    from onnxc.target import Target

    def rule(lowered: Any, target: Target, knobs: Knobs) -> Any:
        if knobs.choose("rule.tile", (1, 2), 1) == 2:
            sch = s_tir.Schedule(lowered.func)
            sch.compute_inline(sch.get_child_blocks(sch.get_sblock("root"))[-1])  # an output: refused
        return lowered.func

    @dataclass(frozen=True)
    class _OneRule(Target):
        def schedule_rules(self) -> Sequence[Any]:
            return [rule]

    graph = Graph()
    module = graph.module([graph("nn.relu", graph.input(4))])
    lowered = lower(module.main)
    host = targets.find("host")
    target = _OneRule(host.name, host.family, host.triple, host.cpu, host.toolchain)
    knobs = Knobs({"rule.tile": 2})
    assert schedule(lowered, target, knobs).same_as(lowered.func)
    assert knobs.choices == {"rule.tile": 1}


def test_poolings_have_a_knob() -> None:
    case = next(c for c in OPERATOR_CASES if c.name == "pools_of_blocks")
    graph, asked = Graph(), []

    def first(name: str, options: Sequence[Option], default: Option) -> Option:
        asked.append((name, tuple(options), default))
        return default

    target = targets.find("x86-64-v3")
    compile_module(graph.module(case.build(graph)), target, knobs=lambda: Knobs(decide=first), without=case.without)
    assert {(options, default) for name, options, default in asked if name == "generic.pixels"} == {(PIXELS, 2)}


#: Those with rules of their own have more choices.
_TRIALS = [
    (case, seed)
    for case in (*CASES, *CONV_CASES, *INTEGER_CASES, *ATTENTION_CASES, *OPERATOR_CASES, *TYPE_CASES)
    for seed in ((0, 1) if set(case.rules) - {"rows"} else (0,))
]


@pytest.mark.parametrize(("case", "seed"), _TRIALS, ids=[f"{case.name}-{seed}" for case, seed in _TRIALS])
def test_every_choice_computes_the_same(case: Case, seed: int, tmp_path: Path) -> None:
    """Choices at random, the same in each run."""
    chance = random.Random(f"{case.name} {seed}")
    graph = Graph()
    module = graph.module(case.build(graph))
    decide = lambda name, options, default: chance.choice(options)  # noqa: E731
    kernels = compile_module(module, targets.find("x86-64-v3"), knobs=lambda: Knobs(decide=decide))
    assert {k.name: k.refused for k in kernels if k.refused} == {}
    library = link(kernels, tmp_path)
    for dims in combinations(case.sizes):
        for kernel in kernels:
            check(library, kernel, dims)
