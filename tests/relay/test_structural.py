"""Structural equality: names and locations do not matter, everything else does."""

from __future__ import annotations

import pytest

from onnxc import op as relay_op
from onnxc.relay.expr import Function
from onnxc.relay.parser import parse_module
from onnxc.relay.structural import structural_equal, structural_hash

BASE = """fn @main(%x: Tensor[(N, 2), float32], %y: Tensor[(N, 2), float32]) {
  let %a = add(%x, %y)
  let %b = sum(%a, axis=(1,), keepdims=True)
  let %c = add(%b, const float32 [1.0, 2.0])
  %c
}"""


def function(text: str) -> Function:
    return parse_module(text, infer=relay_op.infer_call).main


def test_names_and_locations_do_not_matter() -> None:
    renamed = (
        BASE.replace("%a", '%"some / name"')
        .replace("%x", "%b0")
        .replace("sum(", "sum(")
        .replace("keepdims=True)", 'keepdims=True)  # loc: "node" operator="ReduceSum"')
    )
    named = renamed.replace("const float32", "const @bias float32")
    assert structural_equal(function(BASE), function(named))
    assert structural_hash(function(BASE)) == structural_hash(function(named))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("add(%x, %y)", "add(%y, %x)"),
        ("add(%x, %y)", "subtract(%x, %y)"),
        ("N", "M"),
        ("keepdims=True", "keepdims=False"),
        ("[1.0, 2.0]", "[1.0, 2.5]"),
        ("  %c\n", "  %b\n"),
        ("float32", "float64"),
        (") {", ") primitive=True {"),
    ],
)
def test_everything_else_matters(old: str, new: str) -> None:
    assert old in BASE
    changed = function(BASE.replace(old, new))
    assert not structural_equal(function(BASE), changed)
    assert structural_hash(function(BASE)) != structural_hash(changed)


def test_attributes_are_compared_with_their_types() -> None:
    text = "fn @main(%x: Tensor[(2,), bool]) { let %y: Tensor[(2,), bool] = f(%x, a=VALUE) %y }"
    values = ("1", "1.0", "True")
    assert len({structural_hash(parse_module(text.replace("VALUE", v)).main) for v in values}) == 3
    nan = 'fn @main(%x: Tensor[(2,), bool]) { let %y: Tensor[(2,), bool] = f(%x, a=float("nan"), b=1) %y }'
    swapped = nan.replace('a=float("nan"), b=1', 'b=1, a=float("nan")')
    assert structural_equal(parse_module(nan).main, parse_module(swapped).main)


def test_the_order_of_independent_bindings_matters() -> None:
    first = "fn @main(%x: Tensor[(2,), float32]) { let %a = exp(%x) let %b = sqrt(%x) let %t = (%a, %b) %t }"
    second = "fn @main(%x: Tensor[(2,), float32]) { let %b = sqrt(%x) let %a = exp(%x) let %t = (%a, %b) %t }"
    assert not structural_equal(function(first), function(second))
