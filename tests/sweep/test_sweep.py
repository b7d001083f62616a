"""A sample of the sweep over all operators, versions and types: see tests.sweep.update for all of it."""

from __future__ import annotations

import pytest

from onnxc.backend import CompiledModel
from tests.backend.test_backend_suite import OLDER
from tests.sweep.cases import Key, candidates, keys, model_of
from tests.sweep.lists import read
from tests.sweep.running import run
from tests.sweep.update import groups

#: One of so many cases that pass is run; the cases of a version share models.
SHARE = 16

SAMPLE = groups(sorted(read("host"))[::SHARE])


@pytest.mark.skipif(OLDER, reason="made with a newer version of onnx")
@pytest.mark.parametrize("group", SAMPLE, ids=[f"{g[0].domain}-{g[0].version}-{len(g)}" for g in SAMPLE])
@pytest.mark.filterwarnings("ignore")
def test_sample(group: tuple[Key, ...]) -> None:
    outcomes = run(group, lambda model: CompiledModel(model, jobs=1))
    assert {str(key): found.message for key, found in outcomes.items() if not found.oracle} == {}


def test_every_version_and_type_has_a_case() -> None:
    """But for the few that no node can show: an input that may not be there, and gradients."""
    without = {(key.domain, key.operator) for key in keys()[::7] if next(candidates(key), None) is None}
    assert without <= {("", "DFT"), ("", "LayerNormalization"), ("ai.onnx.preview.training", "Gradient")}


def test_nodes_are_written_for_older_versions() -> None:
    """Axes that are an input today were an attribute."""
    key = next(key for key in keys() if (key.operator, key.version, key.type) == ("Squeeze", 11, "tensor(int8)"))
    model, feeds = model_of([("n_", next(candidates(key)))])
    (node,) = model.graph.node
    assert [attribute.name for attribute in node.attribute] == ["axes"] and len(node.input) == 1
    assert [value.dtype.name for value in feeds.values()] == ["int8"]
    assert model.opset_import[0].version == 11
