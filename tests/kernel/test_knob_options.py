"""Every option of every knob computes the same, and compiler/autotune/README.md says which knobs there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path

import pytest

from onnxc import op as relay_op
from onnxc import targets
from onnxc.api import runs_here
from onnxc.kernel.compile import compile_kernel
from onnxc.kernel.knobs import Decision, Knobs, Option
from onnxc.op.custom import custom_of
from onnxc.relay.expr import Function
from tests.kernel.native import Compiled, Graph, check, compile_module, link
from tests.kernel.typical import TYPICAL

ROOT = Path(__file__).resolve().parents[2]
TARGET = targets.find("x86-64-v3")
#: So that kernels in C are those of this target.
FLAGS = ("-mavx2", "-mfma")
#: Winograd's filtering rounds more than direct sums.
TOLERANCE = {"conv_winograd": 1e-4}


@cache
def table() -> dict[str, tuple[set[str], str]]:
    """Of each schedule rule or operator: its knobs, and why other things are no knobs."""
    text = (ROOT / "compiler" / "autotune" / "README.md").read_text()
    lines = text.partition("| schedule or operator |")[2].partition("\n\n")[0].splitlines()[2:]
    found = {}
    for line in lines:
        names, knobs, why = (cell.strip() for cell in line.strip("|").split("|"))
        for name in re.findall("`([^`]+)`", names):
            assert name not in found, f"{name} has two lines"
            found[name] = (set(re.findall("`([^`]+)`", knobs)), why)
    return found


def kernels_of(name: str) -> list[Function]:
    """The typical kernels of a rule or an operator."""
    graph = Graph()
    compiled = compile_module(graph.module(TYPICAL[name](graph)), TARGET)
    return [c.function for c in compiled if name in (c.rule, *(c.kernel.operators if c.rule == "source" else ()))]


def decide(function: Function, symbol: str, record: dict[str, Option]) -> tuple[Compiled, tuple[Decision, ...]]:
    """The kernel with these choices, the others by default."""
    knobs = Knobs(record)
    kernel = compile_kernel(function, symbol, TARGET, knobs)
    assert knobs.choices.items() >= record.items(), f"{record} was refused for {knobs.choices}"
    return Compiled(f"{symbol} {record}", function, kernel, "", ()), knobs.decisions


def every_option(function: Function, prefix: str) -> Iterator[tuple[Compiled, tuple[Decision, ...]]]:
    """A kernel for each option of each knob, the others by default; so for knobs that come up only then."""
    seen: set[str] = set()
    records: list[dict[str, Option]] = [{}]
    for number in count():
        if not records:
            return
        record = records.pop()
        compiled, decisions = decide(function, f"{prefix}_{number}", record)
        yield compiled, decisions
        for decision in decisions:
            if decision.name not in seen:
                seen.add(decision.name)
                others = [option for option in decision.options if option != decision.chosen]
                records += [{**record, decision.name: option} for option in others]


@pytest.mark.parametrize("name", TYPICAL)
def test_every_option_computes_the_same(name: str, tmp_path: Path) -> None:
    if not runs_here(TARGET):
        pytest.skip(f"this machine is no {TARGET.name}")
    functions = kernels_of(name)
    assert functions, f"no kernel is one of {name}"
    tried = [pair for number, f in enumerate(functions) for pair in every_option(f, f"kernel{number}")]
    library = link([compiled for compiled, _ in tried], tmp_path, FLAGS)
    for compiled, _ in tried:
        check(library, compiled, {"N": 19}, TOLERANCE.get(name, 1e-5))
    asked = {d.name for _, decisions in tried for d in decisions if len(d.options) > 1}
    assert asked, f"{name} has no knob with more than one option"
    assert asked == table()[name][0]


def rules() -> set[str]:
    every = [rule for target in ("x86-64-v3", "cortex-m4") for rule in targets.find(target).schedule_rules()]
    return {rule.__module__.rpartition(".")[2] for rule in every}


def test_every_schedule_has_knobs_or_a_reason() -> None:
    sources = [name for name in relay_op.names() if custom_of(name) is None and relay_op.get(name).source is not None]
    listed = {name: (knobs, why) for name, (knobs, why) in table().items()}
    assert set(listed) == {*rules(), *sources}
    without = {name for name, (knobs, _) in listed.items() if not knobs}
    assert all(listed[name][1] for name in without), "a reason"
    assert set(TYPICAL) == set(listed) - without
    assert {name for name in sources if relay_op.get(name).has_knobs} == {*sources} - without
