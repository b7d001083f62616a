"""Tensors without elements: whatever points to them is never read."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
import pytest

import onnxc
from tests.executor.empty_models import EMPTY_MODELS, EmptyModel
from tests.executor.test_sanitized import build, run


def out_of_reach(array: np.ndarray) -> np.ndarray:
    """An empty array whose pointer is to memory that nobody may read; others as they are."""
    return np.ndarray(array.shape, array.dtype, _PAGE) if array.size == 0 else array


_PAGE = mmap.mmap(-1, mmap.PAGESIZE, prot=0)


@pytest.mark.parametrize("level", [0, 3])
@pytest.mark.parametrize("model", EMPTY_MODELS, ids=lambda model: model.name)
def test_empty_inputs(model: EmptyModel, level: int) -> None:
    with onnxc.compile(model.proto(), level=level, jobs=1, threads=2) as compiled:
        for inputs in model.runs():
            got = compiled.run({name: out_of_reach(array) for name, array in inputs.items()})
            for name, want in model.expected(inputs).items():
                assert got[name].dtype == want.dtype and got[name].shape == want.shape, name
                np.testing.assert_allclose(got[name], want, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("model", EMPTY_MODELS, ids=lambda model: model.name)
def test_in_c(model: EmptyModel, tmp_path: Path) -> None:
    program = build(model.proto(), model.name, tmp_path)
    for inputs in model.runs():
        for got, (name, want) in zip(run(program, inputs), model.expected(inputs).items(), strict=True):
            assert got.dtype == want.dtype and got.shape == want.shape, name
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    "nodes",
    [
        "y = ArgMax<axis = 0, keepdims = 0>(x)",
        "z = Constant<value_int = -1>()\n y = Gather<axis = 0>(x, z)",
        'p = Constant<value_ints = [1, 0, 0, 0]>()\n y = Pad<mode = "edge">(x, p)',
        "s = Constant<value_ints = [2, 3]>()\n y = Resize(x, , , s)",
    ],
)
def test_what_needs_an_element_is_refused(nodes: str) -> None:
    """As numpy and ONNX Runtime refuse it."""
    kind = "int64" if "ArgMax" in nodes else "float"
    model = EmptyModel("refused", f"(float[N, 3] x) => ({kind}[A] y) {{ {nodes} }}")
    with onnxc.compile(model.proto(), level=0, jobs=1) as compiled:
        compiled(np.ones((2, 3), np.float32))
        with pytest.raises(onnxc.RunError, match="shape"):
            compiled(out_of_reach(np.zeros((0, 3), np.float32)))


def test_a_dimension_may_be_given_as_0() -> None:
    model = EmptyModel("fixed", "(float[N, 3] x, float[M, 3] z) => (float[A, 3] y) { y = Concat<axis = 0>(x, z) }")
    z = np.ones((2, 3), np.float32)
    with onnxc.compile(model.proto(), dims={"N": 0}, jobs=1) as compiled:
        np.testing.assert_array_equal(compiled(z[:0], z)["y"], z)


def test_parameters_of_another_size_than_the_data_are_refused() -> None:
    """A scale for each row: what the compiler does not know the run checks, before it reads beyond."""
    text = "(float[N, 3] x, float[M] scale) => (uint8[A, 3] y) { y = QuantizeLinear<axis = 0>(x, scale) }"
    x, scale = np.full((2, 3), 4, np.float32), np.array([1, 2], np.float32)
    with onnxc.compile(EmptyModel("scales", text).proto(), level=0, jobs=1) as compiled:
        np.testing.assert_array_equal(compiled(x, scale)["y"], [[4] * 3, [2] * 3])
        with pytest.raises(onnxc.RunError, match="shape"):
            compiled(x, scale[:1])
