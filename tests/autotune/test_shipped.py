"""The records that ship with the package: are they still about kernels that models have?"""

from __future__ import annotations

from importlib.resources import files

import pytest

from onnxc import targets
from onnxc.autotune.database import Trial, read_lines
from onnxc.autotune.workload import extract
from onnxc.driver import Options, optimize
from tests.models.catalogue import all_cases

#: Models that were tuned, and how much of the records their kernels must meet.
_MODELS = ("resnet18", "resnet50", "mobilenetv2")
_LEAST = 0.8


def _shipped(name: str) -> list[Trial]:
    return read_lines((files("onnxc.autotune") / name).read_text(encoding="utf-8"), name)[0]


@pytest.mark.parametrize(("name", "target"), [("x86-64-v3.jsonl", "x86-64-v3"), ("znver4.jsonl", "x86-64-v4")])
def test_records_are_about_kernels_of_the_models(name: str, target: str) -> None:
    """A change of an operator's attributes or of a layout makes them useless without anybody noticing."""
    cases = [case for case in all_cases() if case.name in _MODELS and case.path.exists()]
    if len(cases) < len(_MODELS):
        pytest.skip("the models are not here")
    machine = targets.find(target)
    keys = {w.key for case in cases for w in extract(optimize(case.load(), machine, Options()), machine, {})}
    shipped = {trial.workload for trial in _shipped(name)}
    assert shipped
    assert len(shipped & keys) >= _LEAST * len(shipped)
