"""Some of the onnx package's own test cases on other families of targets, in QEMU: see tests.backend.update."""

from __future__ import annotations

import pytest

from onnxc import targets
from tests.backend.suite import TARGETS, cases, passing
from tests.backend.test_backend_suite import OLDER
from tests.cross.qemu import compiler_for, emulator

#: One of so many cases is run. All of them are by `python -m tests.backend.update --all --target NAME`.
SHARE = 100

CASES = [(target, name) for target in TARGETS[1:] for name in passing(target)[::SHARE]]


@pytest.mark.parametrize(("target", "name"), CASES)
@pytest.mark.filterwarnings("ignore")
def test_case(target: str, name: str) -> None:
    found = targets.find(target)
    compiler_for(found)
    if found.hosted:
        emulator(found)
    run = cases(target).get(name)
    if run is None and OLDER:
        pytest.skip("not in this version of onnx")
    assert run is not None
    run()
