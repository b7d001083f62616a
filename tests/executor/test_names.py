"""Identifiers, strings and expressions of C."""

from __future__ import annotations

import pytest

from onnxc.executor.names import c_comment, c_dimension, c_string, identifier, identifiers
from onnxc.relay.dimension import Dim, maximum

N, M = Dim.symbol("N"), Dim.symbol("M")


@pytest.mark.parametrize(
    ("name", "want"),
    [("x", "x"), ("conv/1:0", "conv_1_0"), ("0", "n0"), ("", "x"), ("int", "int_"), ("日本", "x"), ("a b", "a_b")],
)
def test_identifier(name: str, want: str) -> None:
    assert identifier(name) == want


def test_identifiers_are_different() -> None:
    assert identifiers(["a.b", "a/b", "a_b", "a_b_1"]) == ["a_b", "a_b_1", "a_b_2", "a_b_1_1"]


def test_strings_are_escaped() -> None:
    assert c_string('a"\\\n?é') == '"a\\042\\134\\012\\077\\303\\251"'


def test_comments_cannot_end() -> None:
    assert "*/" not in c_comment("evil */ code")


def test_dimensions() -> None:
    symbols = {"N": "dim_N", "M": "dim_M"}
    assert c_dimension(7, symbols) == "7"
    assert c_dimension(N, symbols) == "dim_N"
    assert c_dimension((N + 1) // 2, symbols) == "onnxc_floor_div((dim_N + INT64_C(1)), INT64_C(2))"
    assert c_dimension(maximum(N, M), symbols) == "onnxc_max(dim_M, dim_N)"
