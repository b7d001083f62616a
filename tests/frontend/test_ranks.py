"""Values whose rank the run decides: branches of If that differ in rank, with what follows them."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import pytest

import onnxc

X = np.arange(6, dtype=np.float32).reshape(2, 3)

_IF = """(float[2, 3] x, bool c) => (float[A] y) {
    r = If(c) <
        then_branch = matrix () => (float[2, 3] a) { a = Neg(x) },
        else_branch = vector () => (float[6] b) { s = Constant<value_ints = [6]>() b = Reshape(x, s) }
    >
    %s
}"""


def parse(text: str) -> onnx.ModelProto:
    return onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> ranks {text}')


@pytest.mark.parametrize(
    "follows",
    [
        "d = Add(r, r)\n z = Constant<value_ints = [-1]>()\n y = Reshape(d, z)",
        "m = ReduceMax<keepdims = 0>(r)\n z = Constant<value_ints = [1]>()\n y = Reshape(m, z)",
        # A second one, of what the first one gives.
        """n = Not(c)
           q = If(n) < then_branch = t () => (float[A] f) { z = Constant<value_ints = [-1]>() f = Reshape(r, z) },
                       else_branch = e () => (float[1, 6] g) { w = Constant<value_ints = [1, 6]>() g = Reshape(r, w) } >
           l = Constant<value_ints = [-1]>()
           y = Reshape(q, l)""",
    ],
)
def test_what_follows_fits_both_branches(follows: str) -> None:
    with onnxc.compile(parse(_IF % follows), jobs=1, level=1) as model:
        for condition in (True, False):
            r = -X if condition else X.reshape(6)
            expected = {"d = ": (r + r).reshape(-1), "m = ": r.max().reshape(1), "n = ": r.reshape(-1)}[follows[:4]]
            np.testing.assert_array_equal(model(X, np.array(condition))["y"], expected)


def test_an_output_of_the_rank_that_the_run_decides() -> None:
    with onnxc.compile(parse(_IF % "y = Relu(r)"), jobs=1, level=1) as model:
        assert model.outputs[0].any_rank
        np.testing.assert_array_equal(model(X, np.array(True))["y"], np.maximum(-X, 0))
        np.testing.assert_array_equal(model(X, np.array(False))["y"], X.reshape(6))


def test_what_follows_fits_one_branch() -> None:
    """The other one ends the run."""
    with onnxc.compile(parse(_IF % "y = Add(r, x)\n t = Transpose<perm = [1, 0]>(r)"), jobs=1, level=1) as model:
        np.testing.assert_array_equal(model(X, np.array(True))["y"], X - X)
        with pytest.raises(onnxc.RunError, match="shape"):
            model(X, np.array(False))


def loop(count: str, condition: str = "co = Identity(c)") -> str:
    return f"""(float[2, 3] x, int64 n) => (float[A, B, C, D] y, float[R] rows) {{
        m = {count}
        one = Constant<value_int = 1>()
        go = Cast<to = 9>(one)
        y, rows = Loop(m, go, x) <body = inside (int64 i, bool c, float v) => (bool co, float w, float row) {{
            {condition}
            axis = Constant<value_ints = [0]>()
            w = Unsqueeze(v, axis)
            row = Cast<to = 1>(i)
        }}>
    }}"""


def test_loops_of_a_known_number_of_iterations_may_carry_values_of_changing_rank() -> None:
    feeds = {"x": X, "n": np.array(2)}
    with onnxc.compile(parse(loop("Constant<value_int = 2>()")), jobs=1, level=1) as model:
        results = model(feeds)
        np.testing.assert_array_equal(results["y"], X[None, None])
        np.testing.assert_array_equal(results["rows"], [0, 1])
    early = loop("Constant<value_int = 20>()", "two = Constant<value_int = 1>()\n co = Less(i, two)")
    with onnxc.compile(parse(early), jobs=1, level=1) as model:
        np.testing.assert_array_equal(model(feeds)["y"], X[None, None])
    with pytest.raises(onnxc.CompileError, match="a constant number of iterations"):
        onnxc.compile(parse(loop("Identity(n)")), jobs=1, level=1)


def test_flags_of_a_loop_that_differ_in_rank_only() -> None:
    """Exports of PaddlePaddle mix scalars and arrays of one element; both branches are taken here."""
    text = """(int64 n) => (int64 y) {
        go = Constant<value_int = 1>()
        on = Cast<to = 9>(go)
        zero = Constant<value_int = 0>()
        y = Loop(n, on, zero) <body = inside (int64 i, bool c, int64 v) => (bool co, int64 w) {
            two = Constant<value_int = 2>()
            one = Constant<value_int = 1>()
            r = Mod(i, two)
            odd = Equal(r, one)
            f = If(odd) <
                then_branch = scalar () => (int64 a) { a = Constant<value_int = 10>() },
                else_branch = vector () => (int64[1] b) { b = Constant<value_ints = [1]>() }
            >
            every = ReduceSum<keepdims = 0>(f)
            w = Add(v, every)
            co = Identity(c)
        }>
    }"""
    with onnxc.compile(parse(text), jobs=1, level=1) as model:
        assert model(np.array(5))["y"] == 1 + 10 + 1 + 10 + 1
