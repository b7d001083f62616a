"""Options of the whole test suite."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

# The same examples in every run, and no failures because a machine is busy.
settings.register_profile("onnxc", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("onnxc")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-goldens", action="store_true", help="write what the compiler gives now into the golden text cases"
    )


@pytest.fixture
def update_goldens(request: pytest.FixtureRequest) -> bool:
    """Whether golden cases are to be rewritten instead of compared."""
    return bool(request.config.getoption("--update-goldens"))
