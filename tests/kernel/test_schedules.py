"""Every schedule rule on awkward shapes against the interpreter, for the processors that this machine can be."""

from __future__ import annotations

from pathlib import Path

import pytest

from onnxc import targets
from onnxc.api import runs_here
from onnxc.target import Target
from tests.kernel.attention_cases import ATTENTION_CASES
from tests.kernel.cases import CASES, Case, in_place
from tests.kernel.conv_cases import CONV_CASES
from tests.kernel.integer_cases import INTEGER_CASES
from tests.kernel.native import Graph, check, combinations, compile_module, link
from tests.kernel.open_cases import OPEN_CASES
from tests.kernel.operator_cases import OPERATOR_CASES
from tests.kernel.type_cases import TYPE_CASES

#: The kernels of the last one go out as C, which every machine's compiler understands.
_TARGETS = ("x86-64-v2", "x86-64-v3", "host", "cortex-m4")

#: Rules that cases need not name: what they apply to stands between all others.
_EVERYWHERE = ("generic", "source", "transpose")


@pytest.fixture(params=_TARGETS)
def target(request: pytest.FixtureRequest) -> Target:
    found = targets.find(request.param)
    if found.kernel_format != "c" and not runs_here(found):
        pytest.skip(f"this machine is no {found.name}")
    return found


_ALL_CASES = [*CASES, *CONV_CASES, *OPEN_CASES, *INTEGER_CASES, *OPERATOR_CASES, *TYPE_CASES, *ATTENTION_CASES]


@pytest.mark.parametrize("case", _ALL_CASES, ids=lambda case: case.name)
def test_kernels_compute_what_operators_mean(case: Case, target: Target, tmp_path: Path) -> None:
    graph = Graph()
    kernels = compile_module(graph.module(case.build(graph)), target, without=case.without)
    # A rule that TVM refuses is followed by the next, slower one: nobody would notice.
    assert {k.name: k.refused for k in kernels if k.refused} == {}
    rules = [(k.name, k.rule) for k in kernels]
    assert all(rule for _, rule in rules), rules
    if target.vector_bits:
        assert tuple(rule for _, rule in rules if rule not in _EVERYWHERE) == case.rules, rules
    library = link(kernels, tmp_path)
    for dims in combinations(case.sizes):
        for kernel in kernels:
            check(library, kernel, dims)


def test_kernels_overwrite_arguments() -> None:
    graph = Graph()
    kernels = compile_module(graph.module(in_place(graph)), targets.find("x86-64-v3"))
    assert [k.kernel.inplace for k in kernels if k.rule != "source"] == [0, 1, 0, 1, 2]
