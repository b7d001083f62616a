"""What no text can say, so that it takes a broken pass to make it: see cases/verify for the rest."""

from __future__ import annotations

from typing import Any

import pytest

from onnxc.relay.expr import Attrs, Binding, Call, Function, GlobalVar, Module, Tuple, Var
from onnxc.relay.types import TensorType
from onnxc.relay.verifier import VerificationError, verify
from onnxc.transform.pipeline import infer_call_type

VECTOR = TensorType((4,), "float32")


def check(main: Function, **others: Function) -> None:
    verify(Module({"main": main, **others}), infer_call_type, "a_pass")


def test_a_variable_is_bound_before_it_is_used() -> None:
    x, y, z = (Var(n, VECTOR) for n in "xyz")
    later = Function((x,), (Binding(z, Call("exp", (y,))), Binding(y, Call("exp", (x,)))), z)
    with pytest.raises(
        VerificationError, match=r"after pass 'a_pass': function @main, binding %z.*uses %y, but it is not"
    ):
        check(later)


def test_variables_are_told_apart_by_identity() -> None:
    x, other = Var("x", VECTOR), Var("x", VECTOR)
    with pytest.raises(VerificationError, match="another variable of this name"):
        check(Function((x,), (), other))


def test_a_variable_is_bound_once() -> None:
    x, y = Var("x", VECTOR), Var("y", VECTOR)
    twice = (Binding(y, Call("exp", (x,))), Binding(y, Call("exp", (x,))))
    with pytest.raises(VerificationError, match="%y is bound twice"):
        check(Function((x,), twice, y))


def test_arguments_are_atoms() -> None:
    x, y = Var("x", VECTOR), Var("y", VECTOR)
    nested: Any = Call("exp", (Call("exp", (x,)),))  # type: ignore[arg-type]
    with pytest.raises(VerificationError, match="neither variable nor constant"):
        check(Function((x,), (Binding(y, nested),), y))


def test_there_is_a_main() -> None:
    x = Var("x", VECTOR)
    with pytest.raises(VerificationError, match="has no main"):
        verify(Module({"other": Function((x,), (), x)}), infer_call_type)


def test_attributes_are_complete() -> None:
    x, y = Var("x", VECTOR), Var("y", TensorType((), "float32"))
    with pytest.raises(VerificationError, match="sum does not accept its arguments"):
        check(Function((x,), (Binding(y, Call("sum", (x,), Attrs(axis=(0,)))),), y))


def test_main_is_not_called() -> None:
    x, y = Var("x", VECTOR), Var("y", VECTOR)
    with pytest.raises(VerificationError, match="calls @main, which is no function to call"):
        check(Function((x,), (Binding(y, Call(GlobalVar("main"), (x,))),), y))


def test_a_good_module_passes() -> None:
    x, y, t = Var("x", VECTOR), Var("y", VECTOR), Var("t", VECTOR)
    p, q = Var("p", VECTOR), Var("q", VECTOR)
    primitive = Function((p,), (Binding(q, Call("exp", (p,))),), q, Attrs(primitive=True))
    bindings = (Binding(y, Call(GlobalVar("f"), (x,))), Binding(t, y))
    check(Function((x,), bindings, t), f=primitive)
    assert Tuple((y,)).fields == (y,)
