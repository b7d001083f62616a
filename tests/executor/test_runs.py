"""Small models through the loader, with an arena full of NaN, against ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onnxc
from onnxc.runtime_stub import abi
from onnxc.runtime_stub.call_path import make_call_path
from onnxc.runtime_stub.context import Context
from onnxc.runtime_stub.errors import InputError
from onnxc.runtime_stub.library import Library
from tests.executor.models import MODELS, SmallModel
from tests.executor.run_time_models import RUN_TIME_MODELS


@pytest.fixture(autouse=True)
def garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill every arena with NaN before it is used."""
    grow = Context.grow

    def grow_full_of_garbage(self: Any, size: int) -> None:
        grow(self, size)
        if self._arena is not None:
            self._arena.fill(0xFF)

    monkeypatch.setattr(Context, "grow", grow_full_of_garbage)


@pytest.mark.parametrize("level", [0, 3])
@pytest.mark.parametrize("model", [*MODELS, *RUN_TIME_MODELS], ids=lambda model: model.name)
def test_model(model: SmallModel, level: int) -> None:
    with onnxc.compile(model.proto(), level=level, jobs=1) as compiled:
        for inputs in model.runs():
            for name, want in model.expected(inputs).items():
                got = compiled.run(inputs)[name]
                assert got.dtype == want.dtype and got.shape == want.shape
                np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("model", RUN_TIME_MODELS, ids=lambda model: model.name)
def test_where_arrays_do_not_tell_where_their_data_is(model: SmallModel) -> None:
    with onnxc.compile(model.proto(), level=0, jobs=1) as compiled:
        assert compiled._library is not None
        compiled._execute, compiled._pick = make_call_path(compiled._library, compiled._arguments, None)
        for inputs in model.runs():
            for name, want in model.expected(inputs).items():
                np.testing.assert_allclose(compiled.run(inputs)[name], want, rtol=1e-4, atol=1e-5, err_msg=name)


def by_name(name: str) -> SmallModel:
    return next(model for model in MODELS if model.name == name)


def test_inner_tensors_too_large() -> None:
    """The inputs and outputs would fit; the products of all with all do not."""
    text = """(float[N, 1] x) => (float y) {
        row = Constant<value_ints = [1, -1]>()
        a = Reshape(x, row)
        s = Add(x, a)
        e = Softmax(s)
        y = ReduceMax<axes = [0, 1], keepdims = 0>(e)
    }"""
    with onnxc.compile(SmallModel("outer", text).proto(), jobs=1) as compiled:
        assert compiled.run({"x": np.zeros((9, 1), np.float32)})["y"] == np.float32(1 / 9)
        with pytest.raises(InputError, match="more elements than it can count"):
            compiled.run({"x": np.zeros((40_000, 1), np.float32)})


@pytest.mark.parametrize("values", [(2**31 - 1, 2**31 - 1), (1, 2**31 - 1), (2**31 - 1, 1), (30_000, 30_000)])
def test_sizes_beyond_all_arithmetic(values: tuple[int, int], tmp_path: Path) -> None:
    path = onnxc.compile(by_name("attention").proto(), output=tmp_path, jobs=1)
    assert isinstance(path, Path)
    library = Library(path, 1, None)
    assert library.model.arena_size(abi.ffi.new("int64_t[]", values)) == abi.SIZE_MAX


def test_windows_larger_than_the_image() -> None:
    text = "(float[1, 1, H] x) => (float[1, 1, K] y) { y = MaxPool<kernel_shape = [3]>(x) }"
    with onnxc.compile(SmallModel("window", text).proto(), jobs=1) as compiled:
        assert compiled.run({"x": np.zeros((1, 1, 2), np.float32)})["y"].shape == (1, 1, 0)
        with pytest.raises(InputError, match="a dimension less than nothing"):
            compiled.run({"x": np.zeros((1, 1, 1), np.float32)})
