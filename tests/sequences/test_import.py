"""What the importer makes of sequences: nothing where they are known, operators of the run elsewhere, good errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

import onnxc
from onnxc.frontend.importer import import_model
from onnxc.relay.expr import Call, Module, all_bindings
from onnxc.runtime_stub.errors import RunError
from onnxc.transform.pipeline import PassContext, run_pipeline
from tests.sequences.test_loader import parse

_KNOWN = """(float[N, 4] x, float[2, 4] y) => (int64 n, float[A, 4] all, float[B, 2, 4] both, float[2, 4] z, bool b) {
    empty = SequenceEmpty()
    one = SequenceInsert(empty, x)
    first = Constant<value_int = 0>()
    two = SequenceInsert(one, y, first)
    three = SequenceInsert(two, y)
    last = Constant<value_int = -1>()
    n = SequenceLength(three)
    all = ConcatFromSequence<axis = 0>(three)
    ys = SequenceErase(three, n1)
    n1 = Constant<value_int = 1>()
    both = ConcatFromSequence<axis = 0, new_axis = 1>(ys)
    pieces = SplitToSequence<axis = 0, keepdims = 1>(y)
    mapped = SequenceMap(pieces) <body = twice (float[1, 4] p) => (float[1, 4] q) { q = Add(p, p) }>
    z0 = ConcatFromSequence<axis = 0>(mapped)
    some = Optional(z0)
    b = OptionalHasElement(some)
    z = OptionalGetElement(some)
}"""


def operators(module: Module) -> list[str]:
    calls = [binding.value for f in module.functions.values() for binding in all_bindings(f)]
    return [call.op for call in calls if isinstance(call, Call) and isinstance(call.op, str)]


def test_known_sequences_leave_nothing() -> None:
    for level in (0, 3):
        module = run_pipeline(import_model(parse(_KNOWN)), PassContext(None, level))
        assert not [name for name in operators(module) if name.startswith(("sequence.", "optional."))]


def test_known_sequences_need_no_heap(tmp_path: Path) -> None:
    text = _KNOWN.replace("float[N, 4] x", "float[3, 4] x")
    onnxc.compile(parse(text), "cortex-m4", emit="c", output=tmp_path / "c", jobs=1)
    assert not list((tmp_path / "c").glob("onnxc_[hs]*.c"))


def test_targets_without_a_system(tmp_path: Path) -> None:
    text = "(seq(float[2]) s, int64 i) => (float[2] y) { y = SequenceAt(s, i) }"
    with pytest.raises(
        onnxc.CompileError, match="it has sequences or optional values, and the target cortex-m4 has no"
    ):
        onnxc.compile(parse(text), "cortex-m4", emit="c", output=tmp_path / "c", jobs=1)


def test_a_branch_that_cannot_be() -> None:
    """It ends the run where it is taken, whatever the other one gives."""
    text = """(bool b, float[3] x) => (seq(float[3]) y) {
        y = If(b) <
            then_branch = good () => (seq(float[3]) p) { p = SequenceConstruct(x) },
            else_branch = bad () => (seq(float[3]) q) { e = SequenceEmpty() q = SequenceErase(e) }
        >
    }"""
    x = np.ones(3, np.float32)
    with onnxc.compile(parse(text), jobs=1) as model:
        assert len(model(np.array(True), x)["y"]) == 1
        with pytest.raises(RunError):
            model(np.array(False), x)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "(float[2] x, int64[2] y) => (seq(float[2]) s) { s = SequenceConstruct(x, y) }",
            "a sequence of .*float32.*int64",
        ),
        (
            "(seq(float[2]) s, int64[2] y) => (seq(float[2]) t) { t = SequenceInsert(s, y) }",
            "int64.* goes into a sequence of float32",
        ),
        (
            "(float[2] x) => (float[2] y) { s = SequenceConstruct(x) i = Constant<value_int = 1>() "
            "y = SequenceAt(s, i) }",
            "position 1 of a sequence of 1 elements.*\n.*from -1 to 0",
        ),
        ("(float[2] x) => (int64 n) { n = SequenceLength(x) }", "input 0 is .*\n.*a sequence of tensors"),
        ("(seq(float[2]) x) => (float[2] n) { n = Exp(x) }", "Exp.*Sequence"),
        ("(float[2] x) => (float[2] y) { s = SequenceEmpty() y = ConcatFromSequence<axis = 0>(s) }", "is empty"),
        ("(seq(float[]) s) => (float[N] y) { y = ConcatFromSequence<axis = 0>(s) }", "not even the rank is known"),
        (
            "(seq(float[2]) s, float i) => (float[2] y) { y = SequenceAt(s, i) }",
            "a position of .*\n.*one int32 or int64",
        ),
        (
            "(float[2, 3] x) => (seq(float[N]) s) { z = Constant<value_int = 0>() s = SplitToSequence(x, z) }",
            "pieces of 0",
        ),
        ("(float[2] x) => (seq(float[2]) s) { s = Exp(x) }", "computed as .*, but declared as a sequence"),
        (
            "(seq(float[2]) s) => (seq(float[2]) t) { t = SequenceMap(s) <body = b (float[2] p, float[2] q) "
            "=> (float[2] r) { r = Add(p, q) }> }",
            "SequenceMap",
        ),
    ],
)
def test_errors(text: str, message: str) -> None:
    with pytest.raises(onnxc.CompileError, match=message):
        onnxc.compile(parse(text), jobs=1)


def test_sequences_of_maps_are_refused() -> None:
    number = onnx.helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, [])
    element = onnx.helper.make_map_type_proto(onnx.TensorProto.INT64, number)
    value = onnx.helper.make_value_info("s", onnx.helper.make_sequence_type_proto(element))
    model = parse("(seq(float[2]) s) => (seq(float[2]) t) { t = Identity(s) }")
    model.graph.input[0].CopyFrom(value)
    with pytest.raises(onnxc.CompileError, match="a sequence or an optional of the type map_type"):
        onnxc.compile(model, jobs=1)
