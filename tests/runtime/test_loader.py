"""Calling compiled models from Python: arguments, arrays, results, shapes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from onnxc.runtime_stub.call_path import DATA_OFFSET, _as_maps, _maps_text, make_call_path
from onnxc.runtime_stub.loader import InputError, Model, RunError, load
from tests.runtime.rows_model import Library, X, check_rows, contexts, rows_inputs


def ask_for_addresses(model: Model) -> None:
    """Call the model as where arrays do not tell where their data is."""
    assert model._library is not None
    model._execute, model._pick = make_call_path(model._library, model._arguments, None)


# ------------------------------------------------------------------------------------------------ what a model tells


def test_describes_itself(library: Library) -> None:
    model = load(library("rows"), threads=1)
    assert (model.name, model.target, len(model.hash)) == ("rows", "test-target", 64)
    assert model.symbols == ("N", "M")
    assert [tensor.shape for tensor in model.inputs] == [("N", 4), ("N", "M")]
    assert [(tensor.name, tensor.dtype, tensor.shape) for tensor in model.outputs] == [
        ("sum", np.float32, ("N", 4)),
        ("tail", np.float32, ("N", None)),
        ("count", np.int64, ()),
    ]
    assert repr(model) == (
        "<onnxc model 'rows' for test-target: (left.1: float32 (N, 4), right: float32 (N, M)) -> "
        "(sum: float32 (N, 4), tail: float32 (N, ?), count: int64 ())>"
    )


# ------------------------------------------------------------------------------------------------ arguments


def test_ways_to_call(rows: Model) -> None:
    left, right = rows_inputs(3, 5)
    check_rows(left, right, rows(left, right))
    check_rows(left, right, rows(left, right=right))
    check_rows(left, right, rows({"right": right, "left.1": left}))
    check_rows(left, right, rows(**{"left.1": left, "right": right}))
    check_rows(left, right, rows.run({"left.1": left, "right": right}))


NAMES = "expected 'left.1', 'right'"
KINDS = "expected a numpy array or one with __dlpack__"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model, a: model(a), f": no array for input 'right'; {NAMES}"),
        (lambda model, a: model(), f": no array for input 'left.1', 'right'; {NAMES}"),
        (lambda model, a: model({}), f": no array for input 'left.1', 'right'; {NAMES}"),
        (lambda model, a: model(a, a, a), ": found 3 inputs, expected 2: 'left.1', 'right'"),
        (lambda model, a: model(a, rigth=a), f": there is no input 'rigth'; {NAMES}"),
        (lambda model, a: model(a, a, right=a), ": input 'right' is given twice, by its place and by name"),
        (lambda model, a: model({"right": a}, right=a), ": inputs in a mapping and by keyword; expected one way"),
        (lambda model, a: model.run([a, a]), ": found inputs as list, expected a mapping of names to arrays"),
        (lambda model, a: model(a, None), f", input 'right': found NoneType, {KINDS}"),
        (lambda model, a: model(a, [[1.0]]), f", input 'right': found list, {KINDS}"),
    ],
)
def test_wrong_arguments(rows: Model, call: Callable, message: str) -> None:
    with pytest.raises(InputError) as error:
        call(rows, np.ones((1, 4), np.float32))
    assert str(error.value) == f"model 'rows'{message}"
    assert isinstance(error.value, ValueError)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (X.astype(np.float64), "found element type float64, expected float32"),
        (X.astype(np.int32), "found element type int32, expected float32"),
        (X.view("V4"), "found element type void32, expected float32"),
        (X.astype(object), "found element type object, expected float32"),
        (X.astype("U1"), "found element type str32, expected float32"),
        (X[0], "found shape (3,), expected (2, 3)"),
        (X.T, "found shape (3, 2), expected (2, 3): dimension 0 is 3, not 2"),
        (X[:, :0], "found shape (2, 0), expected (2, 3): dimension 1 is 0, not 3"),
        (np.float32(1), "found shape (), expected (2, 3)"),
    ],
)
def test_wrong_arrays(doubling: Model, array: np.ndarray, message: str) -> None:
    with pytest.raises(InputError) as error:
        doubling(array)
    assert str(error.value) == f"model 'doubling', input 'x': {message}"


@pytest.mark.parametrize(
    ("left", "right", "message"),
    [
        (
            (2, 4),
            (3, 5),
            "model 'rows', input 'right': found shape (3, 5), expected (N, M): dimension 0 is 3, but input 'left.1' "
            "makes N 2",
        ),
        (
            (1, 4),
            (1, 1),
            "model 'rows': it cannot run with inputs of shape 'left.1' (1, 4), 'right' (1, 1): a tensor in it would "
            "have more elements than it can count, or a dimension less than nothing",
        ),
    ],
)
def test_wrong_symbols(rows: Model, left: tuple[int, ...], right: tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError) as error:
        rows(np.ones(left, np.float32), np.ones(right, np.float32))
    assert str(error.value) == message


def test_shapes_that_the_model_refuses(rows: Model) -> None:
    huge = np.broadcast_to(np.float32(0), (1, 2**31))  # a single element in memory
    with pytest.raises(InputError, match="dimension 1 is 2147483648; M must be at most 2147483647"):
        rows._arguments.bind(((1, 4), huge.shape))
    with pytest.raises(InputError, match="more elements than it can count"):
        rows(np.zeros((1, 4), np.float32), np.zeros((1, 1000001), np.float32))


def test_failing_kernel(library: Library) -> None:
    model = load(library("doubling", "-DFIXTURE_STATUS=ONNXC_ERROR_KERNEL"), threads=1)
    for _ in range(2):
        with pytest.raises(RunError, match=r"^model 'doubling': a kernel failed \(status 9\)$"):
            model(X)


# ------------------------------------------------------------------------------------------------ arrays


def swapped(array: np.ndarray) -> np.ndarray:
    return array.astype(array.dtype.newbyteorder())


def misaligned(array: np.ndarray) -> np.ndarray:
    memory = np.zeros(array.nbytes + 1, np.uint8)
    result = memory[1:].view(array.dtype).reshape(array.shape)
    result[...] = array
    assert not result.flags.aligned
    return result


def read_only(array: np.ndarray) -> np.ndarray:
    result = array.copy()
    result.flags.writeable = False
    return result


@pytest.mark.parametrize(
    "array",
    [
        pytest.param(X, id="plain"),
        pytest.param(np.asfortranarray(X), id="columns first"),
        pytest.param(np.repeat(X, 2, axis=1)[:, ::2], id="steps"),
        pytest.param(X[::-1, ::-1], id="backwards"),
        pytest.param(np.broadcast_to(np.float32(7), (2, 3)), id="broadcast"),
        pytest.param(swapped(X), id="swapped"),
        pytest.param(misaligned(X), id="misaligned"),
        pytest.param(swapped(misaligned(X)), id="swapped and misaligned"),
        pytest.param(read_only(X), id="read-only"),
        pytest.param(X.view(np.matrix), id="subclass"),
    ],
)
def test_memory_layouts(doubling: Model, array: np.ndarray) -> None:
    before = array.copy()
    result = doubling(array)["y"]
    assert type(result) is np.ndarray and result.dtype == np.float32
    np.testing.assert_array_equal(result, 2 * np.asarray(array))
    np.testing.assert_array_equal(array, before)


class Foreign:
    """An array of another library."""

    def __init__(self, array: np.ndarray, refusal: str = "") -> None:
        self.array, self.refusal = array, refusal

    def __dlpack__(self, **arguments: Any) -> object:
        if self.refusal:
            raise BufferError(self.refusal)
        return self.array.__dlpack__(**arguments)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()


def test_dlpack(doubling: Model) -> None:
    np.testing.assert_array_equal(doubling(Foreign(X))["y"], 2 * X)
    np.testing.assert_array_equal(doubling(Foreign(X[::-1]))["y"], 2 * X[::-1])
    with pytest.raises(InputError, match="input 'x': found element type float64, expected float32"):
        doubling(Foreign(X.astype(np.float64)))
    with pytest.raises(InputError, match="input 'x': numpy cannot read this Foreign: it is on a GPU"):
        doubling(Foreign(X, "it is on a GPU"))
    with pytest.raises(InputError, match="input 'x': numpy cannot read this Foreign: "):
        doubling(Foreign(np.array(["text"])))


def test_dlpack_is_read_in_place(doubling: Model) -> None:
    prepared = doubling._arguments.prepare(Foreign(X), doubling.inputs[0])
    assert np.shares_memory(prepared, X)


def test_results_are_new_arrays(doubling: Model) -> None:
    first, second = doubling(X)["y"], doubling(X + 1)["y"]
    np.testing.assert_array_equal(first, 2 * X)
    np.testing.assert_array_equal(second, 2 * X + 2)
    assert first.flags.owndata and first.flags.writeable


@pytest.mark.parametrize("keys", [(7, -1), ("a'", "\n", "\udc80"), (5,), tuple(range(101))], ids=len)
def test_rows_as_maps(keys: tuple[int | str, ...]) -> None:
    rows = np.arange(3 * len(keys), dtype=np.float32).reshape(3, -1)
    names = {"as_maps": _as_maps, "out0": SimpleNamespace(keys=keys), "y0": rows}
    assert eval(_maps_text(0, keys), names) == [dict(zip(keys, row, strict=True)) for row in rows.tolist()]


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="elsewhere an object's id is not its address")
def test_arrays_tell_where_their_data_is() -> None:
    assert object.__basicsize__ == DATA_OFFSET


@pytest.mark.parametrize("asked", [False, True], ids=["", "addresses asked for"])
@pytest.mark.parametrize("with_ml_dtypes", [True, False])
def test_element_types(library: Library, with_ml_dtypes: bool, asked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    if not with_ml_dtypes:
        monkeypatch.setitem(__import__("sys").modules, "ml_dtypes", None)
    model = load(library("types"), threads=1)
    if asked:
        ask_for_addresses(model)
    feeds, raw = {}, {}
    for tensor in model.inputs:
        extension = not hasattr(np, tensor.name) and tensor.name != "bool"
        dtype = np.dtype(getattr(ml_dtypes, tensor.name) if extension else tensor.name)
        plain = np.dtype("int8" if tensor.name in ("int4", "int2") else f"u{min(dtype.itemsize, 8)}")
        numbers = [-1.0, 1.0, -2.0] if tensor.name.startswith("int") else [0.5, 1.0, 2.0]
        feeds[tensor.name] = np.array(numbers).astype(dtype)
        raw[tensor.name] = feeds[tensor.name].view(plain) if extension else feeds[tensor.name]
        assert tensor.dtype == (dtype if with_ml_dtypes or not extension else plain)
        assert tensor.element_type == tensor.name
    for values in (feeds, raw):
        outputs = model(values)
        for tensor in model.inputs:
            result = outputs["out_" + tensor.name]
            assert result.dtype == tensor.dtype
            np.testing.assert_array_equal(result.view(feeds[tensor.name].dtype), feeds[tensor.name])
    stored = {n: a.view(f"V{a.itemsize}") if hasattr(ml_dtypes, n) else a for n, a in feeds.items()}
    for name, result in model(stored).items():
        given = feeds[name.removeprefix("out_")]
        np.testing.assert_array_equal(result.view(given.dtype), given, name)
    assert model({**feeds, "uint8": feeds["float8_e5m2"]})["out_uint8"].tobytes() == feeds["float8_e5m2"].tobytes()
    with pytest.raises(InputError, match="input 'bfloat16': found element type float16, expected bfloat16"):
        model({**feeds, "bfloat16": feeds["float16"]})
    with pytest.raises(InputError, match="input 'bool': found element type uint8, expected bool"):
        model({**feeds, "bool": feeds["uint8"]})


# ------------------------------------------------------------------------------------------------ the caller's outputs


def test_given_outputs(rows: Model) -> None:
    left, right = rows_inputs(3, 5)
    total, count = np.empty((3, 4), np.float32), np.empty((), np.int64)
    outputs = rows.run({"left.1": left, "right": right}, {"count": count, "sum": total})
    assert outputs["sum"] is total and outputs["count"] is count
    check_rows(left, right, outputs)


DENSE = "the array must be dense in row-major order, aligned and writable"


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("sums", np.empty((3, 4), np.float32), "there is no output 'sums'; expected 'sum', 'tail', 'count'"),
        ("sum", [1.0], "found list, expected a numpy array"),
        ("sum", np.empty((3, 4)), "found float64 (3, 4), expected float32 (3, 4)"),
        ("sum", np.empty((4, 3), np.float32), "found float32 (4, 3), expected float32 (3, 4)"),
        ("sum", np.empty((4, 3), np.float32).T, DENSE),
        ("sum", misaligned(np.empty((3, 4), np.float32)), DENSE),
        ("sum", read_only(np.empty((3, 4), np.float32)), DENSE),
    ],
)
def test_wrong_outputs(rows: Model, name: str, array: np.ndarray, message: str) -> None:
    left, right = rows_inputs(3, 5)
    with pytest.raises(InputError) as error:
        rows.run({"left.1": left, "right": right}, {name: array})
    assert str(error.value).endswith(f": {message}")


def test_outputs_may_not_overlap(rows: Model) -> None:
    left, right = rows_inputs(3, 6)
    feeds = {"left.1": left, "right": right}
    with pytest.raises(InputError, match="output 'sum': the array shares memory with an input"):
        rows.run(feeds, {"sum": left})
    memory = np.empty(20, np.float32)
    with pytest.raises(InputError, match="output 'tail': the array shares memory with another output"):
        rows.run(feeds, {"sum": memory[:12].reshape(3, 4), "tail": memory[8:].reshape(3, 4)})


# ------------------------------------------------------------------------------------------------ shapes and memory


def test_dynamic_shapes(rows: Model) -> None:
    for n, m in [(1, 2), (7, 3), (1000, 5), (2, 64), (7, 3), (1, 1000000 // 1)]:
        left, right = rows_inputs(n, m)
        check_rows(left, right, rows(left, right))


def test_addresses_asked_for(rows: Model) -> None:
    ask_for_addresses(rows)
    for n, m in [(1, 2), (7, 3), (1, 2)]:
        left, right = rows_inputs(n, m)
        check_rows(left, right, rows(left, right))


def test_many_shapes(rows: Model) -> None:
    """More than the loader remembers."""
    for m in range(2, 600):
        assert rows(np.ones((1, 4), np.float32), np.ones((1, m), np.float32))["sum"][0, 0] == m + 1


def test_plans_and_arenas_are_kept(library: Library) -> None:
    model = load(library("rows"), threads=1)
    left, right = rows_inputs(50, 3)
    model(left, right)
    (context,) = contexts(model)
    arena = context._arena
    model(*rows_inputs(20, 3))
    model(left, right)
    assert contexts(model) == [context] and context._arena is arena
    assert len(model._arguments.plans) == 2
