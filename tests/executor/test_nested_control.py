"""Branches and loops inside each other, which use values from outside."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

import onnxc

DEPTH = 25


def deep_branches() -> onnx.ModelProto:
    """Branches in branches: the one at level k ends the descent; each level has values that deeper ones use."""
    result = helper.make_tensor_value_info

    def level(i: int, carried: str) -> list[onnx.NodeProto]:
        """Nodes that compute y<i>."""
        number = helper.make_tensor("number", onnx.TensorProto.INT64, [], [i])
        nodes = [
            helper.make_node("Constant", [], [f"n{i}"], value=number),
            helper.make_node("Equal", ["k", f"n{i}"], [f"c{i}"]),
            helper.make_node("Add", [carried, "x"], [f"a{i}"]),
            helper.make_node("Sin", [f"a{i}"], [f"s{i}"]),
        ]
        ends = [helper.make_node("Mul", [f"s{i}", f"a{i // 2}"], [f"t{i}"])]
        goes_on = [helper.make_node("Sub", [f"s{i}", "x"], [f"e{i}"])]
        other = f"e{i}"
        if i + 1 < DEPTH:
            goes_on, other = level(i + 1, f"s{i}"), f"y{i + 1}"
        then = helper.make_graph(ends, f"then{i}", [], [result(f"t{i}", onnx.TensorProto.FLOAT, ["n"])])
        rest = helper.make_graph(goes_on, f"else{i}", [], [result(other, onnx.TensorProto.FLOAT, ["n"])])
        return [*nodes, helper.make_node("If", [f"c{i}"], [f"y{i}"], then_branch=then, else_branch=rest)]

    inputs = [result("x", onnx.TensorProto.FLOAT, ["n"]), result("k", onnx.TensorProto.INT64, [])]
    graph = helper.make_graph(level(0, "x"), "deep", inputs, [result("y0", onnx.TensorProto.FLOAT, ["n"])])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


#: A loop in a branch in a loop. The inner one, which may end early, uses an input, a value from in front of the outer
#: loop, its counter, and its state; a branch in it uses both counters.
LOOPS = """
<ir_version: 9, opset_import: ["": 18]>
loops (float[n] x, int64 outer, int64 inner, int64 stop) => (float[n] y, float[m, n] rows) {
  yes = Constant<value: tensor = bool {1}>()
  scale = ReduceMax<keepdims: int = 0>(x)
  y, rows = Loop(outer, yes, x) <
    body = body (int64 i, bool c, float[n] state) => (bool next, float[n] new, float[n] row) {
    next = Identity(c)
    fi = Cast<to: int = 1>(i)
    shifted = Add(state, fi)
    deep = Less(i, stop)
    new = If(deep) <
      then_branch = then () => (float[n] t) {
        always = Constant<value: tensor = bool {1}>()
        inside, parts = Loop(inner, always, shifted) <
          body = within (int64 j, bool d, float[n] v) => (bool go, float[n] w, float[n] part) {
            limit = Constant<value: tensor = float {50.0}>()
            fj = Cast<to: int = 1>(j)
            p = Mul(v, scale)
            q = Add(p, fj)
            w = Add(q, x)
            part = Sub(w, shifted)
            most = ReduceMax<keepdims: int = 0>(w)
            small = Less(most, limit)
            odd = Less(j, i)
            go = If(small) <
              then_branch = a () => (bool g) { g = Identity(small) },
              else_branch = b () => (bool k) { k = Identity(odd) }
            >
          }
        >
        axes = Constant<value: tensor = int64[1] {0}>()
        total = ReduceSum<keepdims: int = 0>(parts, axes)
        t = Add(inside, total)
      },
      else_branch = other () => (float[n] e) {
        half = Constant<value: tensor = float {0.5}>()
        u = Mul(shifted, half)
        e = Add(u, scale)
      }
    >
    row = Sub(new, state)
  }>
}"""


def loops(x: np.ndarray, outer: int, inner: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """What LOOPS computes. ONNX Runtime does not know how wide no rows are, and goes wrong where a loop is empty."""
    state, rows = x, np.zeros((outer, x.size), np.float32)
    for i in range(outer):
        shifted = state + np.float32(i)
        if i < stop:
            v, total = shifted, np.zeros_like(x)
            for j in range(inner):
                v = v * x.max() + np.float32(j) + x
                total = total + (v - shifted)
                if not (v.max() < 50 or j < i):
                    break
            new = v + total
        else:
            new = shifted * np.float32(0.5) + x.max()
        rows[i] = new - state
        state = new
    return state, rows


def test_branches_25_deep() -> None:
    model = deep_branches()
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    with onnxc.compile(model, jobs=1) as compiled:
        for k in (-1, 0, 1, 12, DEPTH - 2, DEPTH - 1, DEPTH):
            for size in (1, 9):
                feeds = {"x": np.linspace(-2, 2, size, dtype=np.float32), "k": np.array(k)}
                (want,) = session.run(None, feeds)
                np.testing.assert_allclose(compiled.run(feeds)["y0"], want, rtol=1e-5, atol=1e-5, err_msg=f"level {k}")


#: Elements of x, iterations of the outer and of the inner loop, and where the outer one takes the other branch.
RUNS = ((3, 4, 3, 2), (5, 0, 2, 1), (1, 6, 0, 4), (2, 5, 5, 9), (4, 3, 4, 0), (3, 5, 60, 9))


@pytest.mark.parametrize("level", [0, 3])
def test_a_loop_in_a_branch_in_a_loop(level: int) -> None:
    with onnxc.compile(onnx.parser.parse_model(LOOPS), level=level, jobs=1) as compiled:
        for n, outer, inner, stop in RUNS:
            x = np.linspace(-1, 1, n, dtype=np.float32) + np.float32(0.3)
            y, rows = loops(x, outer, inner, stop)
            got = compiled(x=x, outer=np.array(outer), inner=np.array(inner), stop=np.array(stop))
            assert got["rows"].shape == rows.shape
            np.testing.assert_allclose(got["y"], y, rtol=1e-4, atol=1e-4)
            np.testing.assert_allclose(got["rows"], rows, rtol=1e-4, atol=1e-4)
