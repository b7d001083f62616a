"""Small graphs of the less usual element types."""

from __future__ import annotations

from functools import partial

from onnxc.op.packed import PACKED
from onnxc.op.small_float import SMALL_FLOATS
from onnxc.relay.expr import Atom, Constant
from onnxc.relay.types import DTYPES
from tests.kernel.cases import Case
from tests.kernel.native import Graph


def scalar(value: float, dtype: str) -> Constant:
    return Constant(DTYPES[dtype][0].type(value).reshape(()))


def _arithmetic(g: Graph, dtype: str) -> list[Atom]:
    """Operators whose results have one right rounding, several in a kernel."""
    x, y = g.input("N", 37, dtype=dtype), g.input(37, dtype=dtype)
    product = g("multiply", g("add", x, y), scalar(1.7, dtype))
    return [
        g("subtract", product, x),
        g("maximum", g("negative", product), g("nn.relu", y)),
        g("where", g("less", x, y), x, scalar(0.3, dtype)),
        g("sqrt", g("abs", x)),
        g("max", x, axis=(1,), keepdims=False),
        g("isnan", x),
        g("equal", x, y),
        g("cast", g("cast", x, dtype="float32"), dtype="int32"),
        g("cast", g.input("N", 37, dtype="float64"), dtype=dtype),
        g("cast", g.input("N", 37, dtype="bool"), dtype=dtype),
        g("pad", x, before=(0, 1), after=(1, 0), value=1.5),
    ]


def _casts(g: Graph) -> list[Atom]:
    halves = ("float16", "bfloat16")
    made = [g("cast", g.input("N", 37), dtype=d) for d in (*SMALL_FLOATS, *PACKED)]
    return [
        *made,
        *(g("cast", g.input("N", 37, dtype=d), dtype="float32") for d in PACKED),
        *(g("cast", g("cast", g.input("N", 37, dtype="int8"), dtype=d), dtype="float32") for d in SMALL_FLOATS),
        *(g("cast", g("cast", g.input("N", 37), dtype=d), dtype=h) for d in SMALL_FLOATS for h in halves),
    ]


def _moves(g: Graph, dtype: str) -> list[Atom]:
    x = g.input("N", 3, 5, dtype=dtype)
    return [
        g("transpose", x, axes=(2, 0, 1)),
        g("concatenate", x, x, axis=1),
        g("pad", x, before=(0, 1, 0), after=(0, 0, 2), value=0),
        g("strided_slice", x, begin=(0, 1, 0), end=(1, 3, 5), strides=(1, 1, 2)),
        g("where", g.input("N", 3, 5, dtype="bool"), x, g.input(5, dtype=dtype)),
    ]


def _quantised(g: Graph) -> list[Atom]:
    x = g.input(6, 8)
    return [
        g("qnn.quantize", x, g("exp", g.input(6, 2)), axis=1, block_size=4, dtype="float8_e4m3fn"),
        g("qnn.quantize", x, scalar(0.3, "float32"), dtype="int4"),
        g(
            "qnn.dequantize",
            g("cast", x, dtype="float4_e2m1fn"),
            g("cast", g.input(3, 8), dtype="float8_e8m0fnu"),
            axis=0,
            block_size=2,
            dtype="float32",
        ),
    ]


TYPE_CASES = [
    Case("float16", lambda g: _arithmetic(g, "float16"), ("rows",), {"N": (1, 3)}),
    Case("bfloat16", lambda g: _arithmetic(g, "bfloat16"), ("rows",), {"N": (1, 3)}),
    Case("small_casts", _casts, (), {"N": (1, 3)}),
    *(
        Case(f"moves_{dtype}", partial(_moves, dtype=dtype), (), {"N": (1, 3)})
        for dtype in ("float16", "bfloat16", "float8_e5m2", "int4", "complex64", "complex128")
    ),
    Case("small_quantised", _quantised),
]
