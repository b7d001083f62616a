"""Attention on awkward shapes: see cases.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from onnxc.relay.dimension import Dim, Dimension
from onnxc.relay.expr import Atom, Constant
from tests.kernel.cases import Case, scalar
from tests.kernel.native import Graph


def attend(g: Graph, query: Atom, key: Atom, value: Atom, mask: Atom | None = None) -> Any:
    scores = g("multiply", g("nn.matmul", query, key, transpose_b=True), scalar(0.125))
    if mask is not None:
        scores = g("add", scores, mask)
    return g("nn.matmul", g("nn.softmax", scores, axis=-1), value)


def _masked(g: Graph) -> list[Atom]:
    query, key, value = (g.input("N", 2, "M", 16) for _ in range(3))
    return [attend(g, query, key, value, g.input("N", 1, 1, "M"))]


def _projected(g: Graph, length: Dimension | str, heads: int, depth: int) -> list[Atom]:
    """All three operands as slices of one matrix, and the heads beside each other again, as exporters write it."""
    symbolic = Dim.symbol(length) if isinstance(length, str) else length
    x = g.input(2, symbolic, 3, heads, depth)

    def operand(index: int) -> Any:
        begin, end = (0, 0, index, 0, 0), (2, symbolic, index + 1, heads, depth)
        part = g("strided_slice", x, begin=begin, end=end, strides=(1,) * 5)
        return g("transpose", g("reshape", part, shape=(2, symbolic, heads, depth)), axes=(0, 2, 1, 3))

    result = g("transpose", attend(g, operand(0), operand(1), operand(2)), axes=(0, 2, 1, 3))
    return [g("reshape", result, shape=(2, symbolic, heads * depth))]


def _empty_rows(g: Graph) -> list[Atom]:
    """Rows that are masked altogether, whose NaNs become zeros."""
    query, key, value = (g.input(1, 3, 7, 16) for _ in range(3))
    mask = np.where(np.arange(7)[:, None] % 3 == 1, -np.inf, np.zeros((7, 7))).astype(np.float32)
    scores = g("add", g("nn.matmul", query, key, transpose_b=True), Constant(mask.reshape(1, 1, 7, 7)))
    shares = g("nn.softmax", scores, axis=-1)
    safe = g("where", g("isnan", shares), scalar(0.0), shares)
    return [g("nn.relu", g("nn.matmul", safe, value))]


def _cross(g: Graph) -> list[Atom]:
    """More keys than queries, values that are wider than keys, an operator behind."""
    result = attend(g, g.input(1, 2, 5, 24), g.input(1, 2, "M", 24), g.input(1, 2, "M", 80), g.input("M"))
    return [g("multiply", g("transpose", result, axes=(0, 2, 1, 3)), g.weights(80))]


def _grouped(g: Graph, rows: int | str) -> list[Atom]:
    """Two heads of keys for six of queries, repeated as exporters write it; a width with a narrower last vector."""
    columns = Dim.symbol("M")
    query, key, value = g.input(2, 6, rows, 20), g.input(2, 2, "M", 20), g.input(2, 2, "M", 21)

    def repeated(x: Atom, size: int) -> Any:
        parted = g("reshape", x, shape=(2, 2, 1, columns, size))
        return g("reshape", g("broadcast_to", parted, shape=(2, 2, 3, columns, size)), shape=(2, 6, columns, size))

    return [attend(g, query, repeated(key, 20), repeated(value, 21), g.input(2, 1, rows, "M"))]


def _narrow(g: Graph) -> list[Atom]:
    """Heads that are narrower than a vector."""
    return [attend(g, g.input(1, 2, 9, 5), g.input(1, 2, 11, 5), g.input(1, 2, 11, 3))]


def _one_row(g: Graph) -> list[Atom]:
    """One query: its keys are not packed."""
    return [attend(g, g.input(2, 3, 1, 40), g.input(2, 3, "M", 40), g.input(2, 3, "M", 40), g.input(2, 1, 1, "M"))]


def _bounded(g: Graph, groups: int) -> list[Atom]:
    """Scores that tanh bounds, and one for each head that has no value."""
    columns = Dim.symbol("M")
    query, key, value = g.input(2, 2 * groups, "N", 24), g.input(2, 2, "M", 24), g.input(2, 2, "M", 24)

    def repeated(x: Atom) -> Any:
        parted = g("reshape", x, shape=(2, 2, 1, columns, 24))
        return g(
            "reshape",
            g("broadcast_to", parted, shape=(2, 2, groups, columns, 24)),
            shape=(2, 2 * groups, columns, 24),
        )

    rows = Dim.symbol("N")
    scores = g("multiply", g("nn.matmul", query, repeated(key), transpose_b=True), scalar(0.3))
    scores = g("multiply", g("tanh", g("divide", scores, scalar(2.5))), scalar(2.5))
    scores = g("add", scores, g.input(2, 1, "N", "M"))
    sink = g("reshape", g.input(2 * groups), shape=(1, 2 * groups, 1, 1))
    column = g("broadcast_to", sink, shape=(2, 2 * groups, rows, 1))
    shares = g("nn.softmax", g("concatenate", scores, column, axis=3), axis=3)
    shape = (2, 2 * groups, rows, columns)
    kept = g("strided_slice", shares, begin=(0,) * 4, end=shape, strides=(1,) * 4)
    return [g("nn.matmul", kept, repeated(value))]


def _single(g: Graph) -> list[Atom]:
    """Matrices in a stack: one head, of which the mask is one for each or for all."""
    key, value = g.input(3, "M", 24), g.input(3, "M", 40)
    first = attend(g, g.input(3, "N", 24), key, value, g.input(3, "N", "M"))
    return [first, g("nn.relu", attend(g, g.input(3, "N", 24), key, value, g.input("N", "M")))]


_RULE = ("attention",)
ATTENTION_CASES = [
    Case("attention", _masked, _RULE, {"N": (1, 2), "M": (1, 7, 17, 300)}),
    Case("attention_197", lambda g: _projected(g, 197, 3, 64), _RULE),
    Case("attention_symbolic", lambda g: _projected(g, "N", 2, 32), _RULE, {"N": (1, 2, 5, 16, 31, 63, 130)}),
    Case("attention_bounded", lambda g: _bounded(g, 3), _RULE, {"N": (1, 4, 5, 13), "M": (1, 17, 257)}),
    Case("attention_single", _single, _RULE * 2, {"N": (1, 6), "M": (1, 40, 130)}),
    Case("attention_empty_rows", _empty_rows, _RULE),
    Case("attention_grouped", lambda g: _grouped(g, "N"), _RULE, {"N": (1, 4, 5, 13), "M": (1, 17, 257)}),
    Case("attention_grouped_rows", lambda g: _grouped(g, 7), _RULE, {"M": (3, 130)}),
    Case("attention_narrow", _narrow, _RULE),
    Case("attention_one_row", _one_row, _RULE, {"M": (1, 16, 97, 257)}),
    Case("attention_cross", _cross, _RULE, {"M": (1, 16, 97, 257)}),
]
