"""The onnx package's own test cases, through the whole compiler and the loader: those in passing.txt."""

from __future__ import annotations

import onnx
import pytest

from tests.backend.suite import cases, listed_version, passing, version_of

#: An older onnx than the list was made with does not have all its cases.
OLDER = version_of(onnx.__version__) < listed_version()


@pytest.mark.parametrize("name", passing())
@pytest.mark.filterwarnings("ignore")
def test_case(name: str) -> None:
    run = cases().get(name)
    if run is None and OLDER:
        pytest.skip(f"not in onnx {onnx.__version__}")
    assert run is not None, f"onnx {onnx.__version__} has no case {name}: see tests/README.md on newer versions of onnx"
    run()


def test_the_list_is_sorted_and_holds_more_than_1000_cases() -> None:
    names = passing()
    assert list(names) == sorted(set(names))
    assert len(names) > 1000
