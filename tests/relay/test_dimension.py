"""Dimensions: canonical form, bounds, text."""

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from onnxc.diagnostics import CompileError
from onnxc.relay.dimension import (
    Dim,
    bounds,
    common_factor,
    evaluate,
    lower_bound,
    maximum,
    minimum,
)
from onnxc.relay.dimension_parser import parse_dimension

N, M = Dim.symbol("N"), Dim.symbol("M")

#: Operations on dimensions, and what they are on integers.
OPERATIONS = {
    "+": (lambda a, b: a + b, lambda a, b: a + b),
    "-": (lambda a, b: a - b, lambda a, b: a - b),
    "*": (lambda a, b: a * b, lambda a, b: a * b),
    "//": (lambda a, b: a // b, lambda a, b: a // b),
    "%": (lambda a, b: a % b, lambda a, b: a % b),
    "max": (maximum, max),
    "min": (minimum, min),
}

leaves = st.one_of(st.sampled_from(["N", "M"]), st.integers(-5, 9))
trees = st.recursive(leaves, lambda inner: st.tuples(st.sampled_from(list(OPERATIONS)), inner, inner), max_leaves=6)


def build(tree, which, values):
    """The dimension (which = 0) or the integer (1) that a tree of operations stands for."""
    if isinstance(tree, tuple):
        return OPERATIONS[tree[0]][which](*(build(side, which, values) for side in tree[1:]))
    return values.get(tree, tree)


@settings(max_examples=300, deadline=None)
@given(trees, st.integers(1, 9), st.integers(1, 9))
def test_arithmetic_agrees_with_integers(tree, n, m):
    try:
        dim = build(tree, 0, {"N": N, "M": M})
        expected = build(tree, 1, {"N": n, "M": m})
    except (ZeroDivisionError, CompileError):
        assume(False)
    assert evaluate(dim, {"N": n, "M": m}) == expected
    low, high = bounds(dim)
    assert low <= expected <= high
    assert parse_dimension(str(dim)) == dim


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (((N - 1) // 2 + 1 - 1) // 2 + 1, (N + 3) // 4),
        (N + (-N) % 256, 256 * ((N + 255) // 256)),
        (N - minimum(N, 2), maximum(N - 2, 0)),
        (maximum(0, 256 - N) + N, maximum(256, N)),
        (maximum(2 * N, 6), 2 * maximum(N, 3)),
        (5 * N // 4, N + N // 4),
        ((2 * N + 1) // 4, N // 2),
        (maximum(N + M, M), N + M),
        (minimum((maximum(256, N) + 255) // 256 + 4, maximum(1, N // 256)), maximum(1, N // 256)),
        (N % 4 // 4, 0),
        (M * N // M, N),
    ],
)
def test_equal_dimensions_have_one_form(left, right):
    assert left == right
    assert hash(left) == hash(right)
    assert str(left) == str(right)


@pytest.mark.parametrize(
    ("dim", "expected"),
    [
        (N - 1, -1),
        (N - N // 2, 0),
        (N * M - 4 * (N // 2) * (M // 2), 0),
        (maximum(N, 3) - 2, 1),
        (N % 4, 0),
        (N - M, float("-inf")),
    ],
)
def test_lower_bound(dim, expected):
    assert lower_bound(dim) == expected


def test_common_factor():
    assert common_factor([4 * N * M, 6 * N]) == 2 * N
    assert common_factor([0, 6]) == 6
    assert common_factor([0, 0]) == 1


@pytest.mark.parametrize(
    ("dim", "text"),
    [
        ((N + 3) // 4, "((N + 3) // 4)"),
        (N // 2 * M - 1, "(N // 2)*M - 1"),
        (N // (2 * M), "(N // (2*M))"),
        (maximum(N, M) + 1, "max(M, N) + 1"),
    ],
)
def test_text(dim, text):
    assert str(dim) == text


def test_division_by_zero():
    with pytest.raises(CompileError, match="division of a dimension by zero"):
        N // 0


def test_run_time_symbols_say_by_their_names_where_they_lie() -> None:
    found, start, n = parse_dimension("found_"), parse_dimension("start__"), parse_dimension("n")
    assert bounds(found) == (0, math.inf) and bounds(start) == (-math.inf, math.inf) and bounds(n) == (0, math.inf)
    assert maximum(found, 0) == found and maximum(start, 0) != start
    assert parse_dimension(str(found * start + 1)) == found * start + 1
    assert evaluate(n // found, {"n": 3, "found_": 0}) == 0  # nobody wants the quotient then
