"""Loops whose carried values change their rank, as PaddlePaddle's exporter writes them; ONNX Runtime takes them."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import onnxc
from onnxc.diagnostics import CompileError
from onnxc.frontend.importer import import_model

_TEXT = """<ir_version: 8, opset_import: ["" : 17]>
m (float[N, 3] x, int64 n, bool go) => (float[A, 3] last, float[3] total, float[] count) {
  zero = Constant<value = float {0.0}>()
  start = Constant<value = float[3] {0.0, 0.0, 0.0}>()
  last, total, count = Loop(n, go, zero, start, zero) <body =
    b (int64 i, bool c, float[A, 3] unread, float[3] s, float k)
      => (bool c2, float[A, 3] row, float[3] s2, float k2) {
    c2 = Identity(c)
    f = Cast<to = 1>(i)
    row = Add(x, f)
    axes = Constant<value = int64[1] {0}>()
    sum = ReduceSum<keepdims = 0>(row, axes)
    s2 = Add(s, sum)
    one = Constant<value = float[1] {1.0}>()
    k2 = Add(k, one)
  }>
}"""


def test_rank_that_changes() -> None:
    """A value that the body does not read, and a scalar that it gives back as a list of one."""
    model = onnxc.compile(onnx.parser.parse_model(_TEXT), threads=1)
    x = np.random.default_rng(0).random((4, 3), np.float32)
    got = model(x=x, n=np.array(3), go=np.array(True))
    np.testing.assert_array_equal(got["last"], x + 2)
    np.testing.assert_allclose(got["total"], 3 * x.sum(0) + 12, rtol=1e-6)
    assert got["count"].shape == () and got["count"] == 3
    for n, go in ((0, True), (3, False)):  # there is no last iteration
        with pytest.raises(onnxc.RunError):
            model(x=x, n=np.array(n), go=np.array(go))


def test_rank_that_changes_and_is_read() -> None:
    model = onnx.parser.parse_model(_TEXT.replace("row = Add(x, f)", "more = Add(x, f) row = Add(more, unread)"))
    with pytest.raises(CompileError, match="value 0 that the loop carries is"):
        import_model(model)
