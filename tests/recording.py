"""Which operators the models of passing tests have: `pytest --record-operators FILE`.

The file is one of the sources of the table of support: see tests/support.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest

from tests.operators import Use, read_uses, uses_of, write_uses


class Recorder:
    """A pytest plugin that looks at every model that is imported."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._current: set[Use] = set()
        self._found: set[Use] = set()
        from onnxc.frontend import importer

        original = importer.import_model

        def recording(source: Any, *arguments: Any, **options: Any) -> Any:
            module = original(source, *arguments, **options)
            if isinstance(source, onnx.ModelProto):  # models that are refused are not of interest
                self._current |= uses_of(source)
            return module

        importer.import_model = recording  # before the tests and the driver take it from there

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self._current = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self._found |= self._current

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Add what was found: one run need not have all tests."""
        known = set(read_uses(self._path)) if self._path.exists() else set()
        write_uses(self._path, known | self._found)
