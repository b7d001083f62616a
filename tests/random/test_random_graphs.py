"""Random graphs, compiled for this machine, against the reference evaluator; and those that were wrong once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.random.cases import CASES
from tests.random.check import check
from tests.random.coverage import OMITTED, declared, standard
from tests.random.model import RandomModel, random_model


@st.composite
def models(draw: st.DrawFn, size: int = 8) -> RandomModel:
    """Models of about so many nodes."""

    def choose(options: Sequence[Any]) -> Any:
        return options[draw(st.integers(0, len(options) - 1))]

    return random_model(choose, size)


# Shrinking would compile for minutes: tests/random/search.py cuts what it finds down by itself.
_SETTINGS = settings(max_examples=20, phases=[Phase.generate], suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("part", range(4))
def test_random_graph(part: int) -> None:
    """In parts, so that processes can share them."""

    @seed(part)
    @_SETTINGS
    @given(models())
    def run(model: RandomModel) -> None:
        check(model, level=3 if part else 1)

    run()


@pytest.mark.parametrize("name", CASES)
def test_found_before(name: str) -> None:
    check(CASES[name].model(), level=3)


def test_every_operator_is_accounted_for() -> None:
    """What the standard has is generated, or left out for a reason."""
    assert standard() - declared() - set(OMITTED) == set()
    assert declared() <= standard()
    assert not declared() & set(OMITTED)
