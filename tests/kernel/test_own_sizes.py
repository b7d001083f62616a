"""Kernels of the same shape are one, whatever their sizes are in the model."""

from __future__ import annotations

import pytest

from onnxc import targets
from onnxc.kernel.compile_all import compile_kernels
from onnxc.kernel.own_sizes import own_sizes
from onnxc.kernel.primitive import function_symbols
from onnxc.relay.dimension import Dim, Dimension, evaluate, maximum
from onnxc.relay.expr import Attrs, Binding, Call, Function, Var
from onnxc.relay.printer import canonical_text
from onnxc.relay.types import TensorType

HOST = targets.find("x86-64-v3")
H, N, W = (Dim.symbol(name) for name in "HNW")


def relu(*shape: Dimension) -> Function:
    type_ = TensorType(shape, "float32")
    x, y = Var("x", type_), Var("y", type_)
    return Function((x,), (Binding(y, Call("nn.relu", (x,))),), y, Attrs(primitive=True))


@pytest.mark.parametrize(
    ("dims", "expected", "values"),
    [
        ((N, 8, H, W), "(n0, 8, n1, n2)", [N, H, W]),
        ((1, 8, (H + 31) // 32, (W + 31) // 32), "(1, 8, n0, n1)", [(H + 31) // 32, (W + 31) // 32]),
        ((N, (H - 1) // 2 + 1), "(n0, n1)", [N, (H + 1) // 2]),
        ((N, (H - 3) // 2 + 1), "(n0, n1 - 1)", [N, (H + 1) // 2]),
        # What is known of the least value of an expression stays known.
        ((N, maximum(H, 1)), "(n0, n1 + 1)", [N, maximum(H, 1) - 1]),
        ((8, Dim.symbol("at__") + 1), "(8, n0__ + 1)", [Dim.symbol("at__")]),
        # Sizes that have something to do with each other: quotients of one number, products, and what stays as it is.
        (((H + 1) // 2, (H + 3) // 4, (H + 11) // 4), "(n0, ((n0 + 1) // 2), ((n0 + 1) // 2) + 2)", [(H + 1) // 2]),
        ((N * H * W, 8), "(n0, 8)", [N * H * W]),
        ((N * H * W, 8, H * W), "(n0*n1*n2, 8, n0*n2)", [H, N, W]),
        ((N * H, H), "(n0*n1, n0)", [H, N]),
        ((H // 2, H // 3), "((n0 // 2), (n0 // 3))", [H]),
        ((H, (H + 1) // 2), "(n0, ((n0 + 1) // 2))", [H]),
        (((H + 1) // 2 * N, 4), "(n0, 4)", [(H + 1) // 2 * N]),
    ],
    ids=str,
)
def test_sizes(dims: tuple[Dimension, ...], expected: str, values: list[Dimension]) -> None:
    function = relu(*dims)
    own, sizes = own_sizes(function)
    assert str(_shape(own)) == expected
    assert function_symbols(own) == sorted(sizes)
    assert list(sizes.values()) == values
    for number in (0, 1, 2, 7, 30):
        model = {"N": number + 1, "H": number, "W": 3 * number, "at__": -number}
        mine = {name: evaluate(value, model) for name, value in sizes.items()}
        assert [evaluate(d, model) for d in dims] == [evaluate(d, mine) for d in _shape(own)]
        assert all(value >= 0 for name, value in mine.items() if not name.endswith("__"))


def _shape(function: Function) -> tuple[Dimension, ...]:
    type_ = function.params[0].type
    assert isinstance(type_, TensorType)
    return type_.shape


def test_depth_does_not_matter() -> None:
    texts = {canonical_text(own_sizes(relu(1, 8, H // n, W // n))[0]) for n in (1, 2, 8)}
    texts.add(canonical_text(own_sizes(relu(1, 8, Dim.symbol("height"), Dim.symbol("width")))[0]))
    assert len(texts) == 1


def test_kernels_of_one_shape_have_one_name() -> None:
    functions = {f"kernel{n}": relu(1, 8, H // n) for n in (2, 4)} | {"other": relu(1, 9, H // 4)}
    kernels = compile_kernels(functions, HOST)
    assert [kernel.symbol for kernel in kernels.values()] == ["kernel2", "kernel2", "other"]
    assert [kernel.sizes for kernel in kernels.values()] == [(H // 2,), (H // 4,), (H // 4,)]
    assert [str(kernel.inputs[0].shape[2]) for kernel in kernels.values()] == ["(H // 2)", "(H // 4)", "(H // 4)"]
