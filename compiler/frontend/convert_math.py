"""ONNX arithmetic: functions of one tensor, and of several with broadcasting."""

from __future__ import annotations

from functools import reduce
from typing import Any

from ..op.base import FLOATS
from ..relay.expr import Atom, Constant
from ..relay.types import TensorType
from .registry import Node, converter

#: ONNX operators of one tensor that are one Relay operator.
_UNARY = {
    "Abs": "abs",
    "Acos": "acos",
    "Acosh": "acosh",
    "Asin": "asin",
    "Asinh": "asinh",
    "Atan": "atan",
    "Atanh": "atanh",
    "Ceil": "ceil",
    "Cos": "cos",
    "Cosh": "cosh",
    "Erf": "erf",
    "Exp": "exp",
    "Floor": "floor",
    "Log": "log",
    "Neg": "negative",
    "Reciprocal": "reciprocal",
    "Round": "round",
    "Sign": "sign",
    "Sin": "sin",
    "Sinh": "sinh",
    "Sqrt": "sqrt",
    "Tan": "tan",
}


@converter(*_UNARY)
def convert_unary(node: Node) -> Any:
    x, dtype = node.input(0), node.type(0).dtype
    if node.proto.op_type == "Erf" and dtype not in FLOATS:  # ONNX has it for integers too
        return node.cast(node.call("erf", node.cast(x, "float32")), dtype)
    return node.call(_UNARY[node.proto.op_type], x)


@converter("Identity")
def convert_identity(node: Node) -> Any:
    return node.input(0)


_BINARY = {"Add": "add", "Sub": "subtract", "Mul": "multiply", "Div": "divide"}


@converter(*_BINARY)
def convert_binary(node: Node) -> Any:
    return node.call(_BINARY[node.proto.op_type], *broadcast_inputs(node))


def broadcast_inputs(node: Node) -> tuple[Atom, Atom]:
    """The two inputs, ready for numpy's broadcasting.

    Up to opset 6 the attribute `axis` says where the second one's dimensions begin in the first one's.
    """
    left, right = node.input(0), node.input(1)
    axis = node.attr("axis")
    if node.opset < 7 and axis is not None and node.attr("broadcast", 0):
        shape, rank = node.type(1).shape, node.type(0).rank
        trailing = rank - axis % max(rank, 1) - len(shape)
        if trailing < 0:
            raise node.error(f"axis {axis}, with inputs of rank {rank} and {len(shape)}", expected="a fitting axis")
        right = node.reshape(right, (*shape, *[1] * trailing))
    return left, right


@converter("Mod")
def convert_mod(node: Node) -> Any:
    truncates = node.attr("fmod", 0)
    return node.call("truncate_mod" if truncates else "floor_mod", node.input(0), node.input(1))


@converter("Pow")
def convert_pow(node: Node) -> Any:
    """The result has the base's type; integers to a power of floats are computed in floats."""
    base, exponent = broadcast_inputs(node)
    dtype, other = node.type(0).dtype, node.type(1).dtype
    if isinstance(exponent, Constant) and exponent.array.size == 1 and exponent.array.ndim <= node.type(0).rank:
        simple = _constant_power(node, base, float(exponent.array.reshape(())))
        if simple is not None:
            return simple
    if dtype not in FLOATS and other in FLOATS:
        wide = "float64" if other == "float64" or dtype == "int64" else "float32"
        return node.cast(node.call("power", node.cast(base, wide), node.cast(exponent, wide)), dtype)
    return node.call("power", base, node.cast(exponent, dtype))


def _constant_power(node: Node, base: Atom, exponent: float) -> Atom | None:
    """Powers that need no libm; None for others."""
    if exponent == 1:
        return base
    if exponent in (2, 3):
        square = node.call("multiply", base, base)
        return square if exponent == 2 else node.call("multiply", square, base)
    if exponent == 0.5 and node.type(0).dtype in FLOATS:
        return node.call("sqrt", base)
    return None


_VARIADIC = {"Max": "maximum", "Min": "minimum", "Sum": "add", "Mean": "add"}


@converter(*_VARIADIC)
def convert_variadic(node: Node) -> Any:
    op = _VARIADIC[node.proto.op_type]
    inputs = [node.input(i) for i in range(len(node.inputs))]
    if not inputs:
        raise node.error("there are no inputs", expected="one or more")
    result = reduce(lambda left, right: node.call(op, left, right), inputs)
    if node.proto.op_type == "Mean" and len(inputs) > 1:
        return node.call("multiply", result, node.constant(1 / len(inputs), node.type(0).dtype))
    return result


@converter("Cast", "CastLike")
def convert_cast(node: Node) -> Any:
    dtype = node.type(1).dtype if node.proto.op_type == "CastLike" else node.dtype_attr("to")
    attrs = {"saturate": bool(node.attr("saturate", 1)), "rounding": node.attr("round_mode", "up")}
    return to_dtype(node, node.input(0), dtype, **attrs)


def to_dtype(node: Node, x: Atom, dtype: str, **attrs: Any) -> Atom:
    """A tensor as another element type, strings among them."""
    assert isinstance(x.type, TensorType)
    source = x.type.dtype
    if source == dtype:
        return x
    if source == "string":
        wide = dtype if dtype in ("float64", "uint64") else "int64" if "int" in dtype else "float32"
        x = node.call("string.parse", x, dtype=wide)
        return x if dtype == wide else node.call("cast", x, dtype=dtype, **attrs)
    if dtype == "string":
        if "int" in source:
            kind = "uint64" if source == "uint64" else "int64"
        else:
            kind = source if source in ("float16", "float64", "bool") else "float32"
        return node.call("string.format", node.cast(x, kind))
    return node.call("cast", x, dtype=dtype, **attrs)


@converter("BitCast")
def convert_bitcast(node: Node) -> Any:
    return node.call("reinterpret", node.input(0), dtype=node.dtype_attr("to"))
