"""Relay's text: every module prints, reads back as the same module, and then prints the same."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnxc.diagnostics import NOWHERE, CompileError, Location
from onnxc.relay.dimension import Dim, maximum, minimum
from onnxc.relay.expr import (
    Atom,
    Attrs,
    Binding,
    Call,
    Constant,
    Function,
    GlobalVar,
    If,
    Module,
    Tuple,
    TupleGetItem,
    Var,
    While,
)
from onnxc.relay.parser import load_text, parse_module
from onnxc.relay.printer import module_text, save_text
from onnxc.relay.structural import structural_equal
from onnxc.relay.types import (
    DTYPES,
    FuncType,
    MapType,
    OpenTensorType,
    OptionalType,
    SequenceType,
    TensorType,
    TupleType,
    Type,
)

N, M = Dim.symbol("N"), Dim.symbol("M")
VECTOR = TensorType((4,), "float32")

WEIRD_NAMES = [
    "conv/1:0",
    "0",
    "",
    "a b",
    "é",
    "数据",
    '{"layer": [1, "x"]}',
    "back\\slash",
    "new\nline",
    "%x",
    "@",
    "x.1",
]


def round_trip(module: Module) -> Module:
    """Print and parse; the text and the structure stay."""
    first = module_text(module)
    parsed = parse_module(first.text, first.data)
    second = module_text(parsed)
    assert second.text == first.text
    assert second.data.keys() == first.data.keys()
    assert parsed.name == module.name
    assert list(parsed.functions) == list(module.functions)
    for name, function in module.functions.items():
        assert structural_equal(function, parsed.functions[name]), name
    return parsed


def unary(value: Any, params: tuple[Var, ...], type_: Type = VECTOR, location: Location = NOWHERE) -> Module:
    """A module that binds one value."""
    var = Var("y", type_, location)
    return Module({"main": Function(params, (Binding(var, value),), var)})


def call_with(**attrs: Any) -> Module:
    x = Var("x", VECTOR)
    return unary(Call("anything", (x,), Attrs(attrs)), (x,))


def constant_module(array: np.ndarray, name: str = "") -> Module:
    x = Var("x", VECTOR)
    return unary(Call("anything", (x, Constant(array, name))), (x,))


def only_constant(module: Module) -> Constant:
    (binding,) = module.main.bindings
    assert isinstance(binding.value, Call)
    constant = binding.value.args[1]
    assert isinstance(constant, Constant)
    return constant


def test_names_may_be_anything() -> None:
    params = tuple(Var(name, VECTOR) for name in WEIRD_NAMES)
    var = Var("conv/1:0", VECTOR)
    binding = Binding(var, Call("anything", params))
    module = Module({"main": Function(params, (binding,), var)}, 'a "model"')
    parsed = round_trip(module)
    assert [p.name for p in parsed.main.params] == [name or "v" for name in WEIRD_NAMES]


def test_names_that_are_taken_get_numbers() -> None:
    params = tuple(Var(name, VECTOR) for name in ("x", "x", "x.1", "x"))
    parsed = round_trip(Module({"main": Function(params, (), params[2])}))
    assert [p.name for p in parsed.main.params] == ["x", "x.1", "x.1.1", "x.2"]
    assert parsed.main.result is parsed.main.params[2]


def test_broken_unicode_of_a_model_survives() -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    param = Var(name, VECTOR)
    module = Module({"main": Function((param,), (), param)})
    assert round_trip(module).main.params[0].name == name
    module_text(module).text.encode()


@pytest.mark.parametrize(
    "value",
    [
        *(0, -7, 2**70, True, False, None, "", 'say "hi"\n', "True", "inf"),
        *(0.0, -0.0, 1.0, 1e-5, 0.1, 1e300, -2.5, math.inf, -math.inf, math.nan),
        *((), (1,), (1, 2.0, "x", None, True), ((1, 2), (), ((3,),)), (N,), (N, M + 1)),
        *(N, -N, 2 * N - 3, N * M, N // 2, (N + 1) % 3, maximum(N, M), minimum(N, 4 * M) + 1, (N // M) * 2),
    ],
    ids=repr,
)
def test_attributes(value: Any) -> None:
    parsed = round_trip(call_with(value=value, other=1))
    (binding,) = parsed.main.bindings
    assert isinstance(binding.value, Call)
    found = binding.value.attrs["value"]
    assert type(found) is type(value)
    assert found == value or (isinstance(value, float) and math.isnan(value) and math.isnan(found))
    assert math.copysign(1, found) == math.copysign(1, value) if isinstance(value, float) else True


def test_numpy_scalars_become_plain_attributes() -> None:
    parsed = round_trip(call_with(axis=np.int64(3), alpha=np.float32(0.5), flag=np.bool_(True)))
    (binding,) = parsed.main.bindings
    assert isinstance(binding.value, Call)
    assert dict(binding.value.attrs) == {"axis": 3, "alpha": 0.5, "flag": True}


@pytest.mark.parametrize("dtype", DTYPES)
def test_small_constants_of_every_type_stand_in_the_text(dtype: str) -> None:
    if dtype == "string":
        array = np.array([["a", 'b"'], ["", "é\n"]], dtype=object)
    else:
        array = np.array([[0, 1], [1, 0]]).astype(DTYPES[dtype][0])
    text = module_text(constant_module(array))
    assert not text.data
    found = only_constant(round_trip(constant_module(array))).array
    assert found.dtype == array.dtype and found.shape == array.shape
    assert np.array_equal(found, array) or found.tobytes() == array.tobytes()  # float8_e8m0fnu has no 0, but NaN


@pytest.mark.parametrize(
    "array",
    [
        np.array([0.1, 1e-45, 3.4e38, -0.0, math.inf, -math.inf, math.nan], np.float32),
        np.array([0.1, 5e-324, 1.7e308, 1 / 3], np.float64),
        np.array([0.1, 65504, 6e-8], np.float16),
        np.array([1 + 2j, complex(-0.0, math.inf)], np.complex64),
        np.array([-(2**63), 2**63 - 1], np.int64),
        np.array([2**64 - 1], np.uint64),
        np.array(2.5, np.float32),
        np.zeros((0,), np.float32),
        np.zeros((2, 0, 3), np.int8),
        np.array([0.1, 3.0], DTYPES["bfloat16"][0]),
    ],
    ids=str,
)
def test_small_constants_are_exact(array: np.ndarray) -> None:
    found = only_constant(round_trip(constant_module(array, "values"))).array
    assert found.dtype == array.dtype and found.shape == array.shape and found.tobytes() == array.tobytes()


def test_a_nan_with_a_payload_goes_to_the_side_file() -> None:
    array = np.array([0x7FC00001], np.uint32).view(np.float32)
    assert module_text(constant_module(array)).data
    assert only_constant(round_trip(constant_module(array))).array.tobytes() == array.tobytes()


def test_large_constants_stand_by_digest() -> None:
    shared = Constant(np.arange(100, dtype=np.float32), "w")
    other = Constant(np.arange(100, dtype=np.float32) + 1, "w")
    x = Var("x", VECTOR)
    module = unary(Call("anything", (x, shared, other, shared)), (x,))
    text = module_text(module)
    assert text.text.count("\n@w") == 2 and "@w.1: Tensor[(100,), float32] sha256:" in text.text
    (binding,) = round_trip(module).main.bindings
    assert isinstance(binding.value, Call)
    assert binding.value.args[1] is binding.value.args[3]


def test_save_and_load(tmp_path: Path) -> None:
    arrays = [
        np.arange(50, dtype=np.float32).reshape(5, 10),
        np.arange(40).astype(DTYPES["bfloat16"][0]),
        np.array([f"s{i}" for i in range(30)], dtype=object),
        (np.arange(20) % 7).astype(DTYPES["int4"][0]),
        np.arange(60, dtype=np.uint8).reshape(3, 20),
    ]
    x = Var("x", VECTOR)
    module = unary(Call("anything", (x, *(Constant(a, f"file/{i}") for i, a in enumerate(arrays)))), (x,))
    path = tmp_path / "model.relay"
    save_text(module, path)
    loaded = load_text(path)
    assert module_text(loaded).text == path.read_text(encoding="utf-8")
    (binding,) = loaded.main.bindings
    assert isinstance(binding.value, Call)
    for constant, array in zip(binding.value.args[1:], arrays, strict=True):
        assert isinstance(constant, Constant)
        assert constant.array.dtype == array.dtype and np.array_equal(constant.array, array)


def test_missing_and_wrong_data(tmp_path: Path) -> None:
    path = tmp_path / "model.relay"
    save_text(constant_module(np.arange(50, dtype=np.float32), "w"), path)
    text = path.read_text(encoding="utf-8")
    with pytest.raises(CompileError, match="the data of 'w' is missing"):
        parse_module(text)
    digest = next(iter(module_text(constant_module(np.arange(50, dtype=np.float32))).data))
    with pytest.raises(CompileError, match="is not what the digest says"):
        parse_module(text, {digest: np.zeros(50, np.float32)})
    (tmp_path / "model.relay.npz").unlink()
    with pytest.raises(CompileError, match=r"model\.relay.*missing"):
        load_text(path)
    with pytest.raises(CompileError, match="cannot be read"):
        load_text(tmp_path / "absent.relay")


@pytest.mark.parametrize(
    "type_",
    [
        TensorType((), "bool"),
        TensorType((N, 2 * M, N // 2 + 1), "float8_e4m3fn"),
        TensorType((maximum(N, M), minimum(N, 7)), "string"),
        TupleType(()),
        TupleType((VECTOR,)),
        TupleType((TupleType((VECTOR, VECTOR)), SequenceType(OpenTensorType("float32", (3, None))))),
        OptionalType(OpenTensorType("string", ())),
        SequenceType(OpenTensorType("bool", exists=False)),
        OptionalType(SequenceType(OpenTensorType("int64"))),
        MapType("string", TensorType((), "float32")),
        FuncType((VECTOR, TupleType(())), VECTOR),
    ],
    ids=str,
)
def test_types(type_: Type) -> None:
    param = Var("x", type_)
    assert round_trip(Module({"main": Function((param,), (), param)})).main.params[0].type == type_


def test_locations() -> None:
    x = Var("x", VECTOR, Location("model", tensor="x"))
    y = Var("input", VECTOR, Location(tensor="input"))
    location = Location("model", 'node "1"', "com.microsoft:Gelu", "t")
    parsed = round_trip(unary(Call("anything", (x, y), location=location), (x, y), location=location))
    assert parsed.main.params[0].location == Location("model", tensor="x")
    assert parsed.main.params[1].location == Location(tensor="input")
    (binding,) = parsed.main.bindings
    assert isinstance(binding.value, Call)
    assert binding.value.location == location == binding.var.location
    elsewhere = Location("other", "n")
    (binding,) = round_trip(unary(Call("anything", (x,), location=elsewhere), (x,))).main.bindings
    assert isinstance(binding.value, Call) and binding.value.location == elsewhere


def test_all_expressions() -> None:
    bool_ = TensorType((), "bool")
    x, c = Var("x", VECTOR), Var("c", bool_)
    pair = TupleType((VECTOR, bool_))
    t, first = Var("t", pair), Var("first", VECTOR)
    inner = Var("inner", VECTOR)
    then = Function((), (Binding(inner, Call("exp", (first,), location=Location("model", "n"))),), inner)
    other = Function((), (), Constant(np.zeros(4, np.float32), "zeros"), Attrs(unlikely=True))
    chosen, loop = Var("chosen", VECTOR), Var("loop", TupleType((VECTOR, bool_)))
    s, go = Var("s", VECTOR), Var("go", bool_)
    s2, go2, state = Var("s", VECTOR), Var("go", bool_), Var("state", TupleType((VECTOR, bool_)))
    condition = Function((s, go), (), go)
    body = Function((s2, go2), (Binding(state, Tuple((s2, go2))),), state)
    called, alias, empty, fixed = (
        Var("called", VECTOR),
        Var("alias", VECTOR),
        Var("empty", TupleType(())),
        Var("k", VECTOR),
    )
    main = Function(
        (x, c),
        (
            Binding(t, Tuple((x, c))),
            Binding(first, TupleGetItem(t, 0)),
            Binding(chosen, If(c, then, other, Location("model", "if"))),
            Binding(loop, While(condition, body, (chosen, c))),
            Binding(called, Call(GlobalVar("weird name"), (x,))),
            Binding(alias, called),
            Binding(empty, Tuple(())),
            Binding(fixed, Constant(np.ones(4, np.float32))),
        ),
        alias,
        Attrs(outputs=("y", "z/0")),
    )
    p = Var("p0", VECTOR)
    primitive = Function((p,), (), p, Attrs(primitive=True))
    round_trip(Module({"main": main, "weird name": primitive}))


def test_a_type_may_be_left_out_where_it_can_be_inferred() -> None:
    text = """
    fn @twice(%x: Tensor[(2,), float32]) { let %y: Tensor[(2,), float32] = exp(%x)
      %y }
    fn @main(%x: Tensor[(2,), float32]) {
      let %a = @twice(%x)
      let %t = (%a, %x)
      let %b = %t[1]
      %b
    }
    """
    module = parse_module(text)
    assert [str(b.var.type) for b in module.main.bindings] == [
        "Tensor[(2,), float32]",
        "(Tensor[(2,), float32], Tensor[(2,), float32])",
        "Tensor[(2,), float32]",
    ]


def atoms(module: Module) -> list[Atom]:
    return [a for b in module.main.bindings if isinstance(b.value, Call) for a in b.value.args]


def test_a_constant_keeps_its_name() -> None:
    parsed = round_trip(constant_module(np.ones(3, np.float32), "layer/bias:0"))
    assert only_constant(parsed).name == "layer/bias:0"
    assert len(atoms(parsed)) == 2
