"""Functions of each element, and of pairs of elements that are broadcast."""

from __future__ import annotations

import numpy as np

from tests.random.evaluation import FLOATS, INTEGERS, SIGNED, UNSIGNED
from tests.random.graph import Builder, need
from tests.random.registry import generator
from tests.random.values import BOOL, INT32, INT64, NUMBERS, STRING, Value

_FEW = FLOATS[:1] * 3 + FLOATS  # float32 most often


def partner(g: Builder, x: Value, types: tuple[int, ...] = ()) -> Value:
    """A tensor of the same type that can be broadcast with another: of its shape, or of some of its last dimensions."""
    types = types or (x.element,)
    kind = g.choose(("same", "same", "there", "part"))
    if kind == "there":
        found = [v for v in g.tensors() if v.element in types and broadcasts(x, v)]
        if found:
            return g.choose(found)  # type: ignore[no-any-return]
    if kind == "part":
        rank = g.choose(range(x.rank + 1))
        axes = range(x.rank - rank, x.rank)
        sizes = [x.shape[a] if x.fixed(a) and x.shape[a] and g.choose((True, False)) else 1 for a in axes]
        return g.fresh(g.choose(types), sizes)
    return g.same(x, types)


def broadcasts(*values: Value) -> bool:
    """Whether tensors can be broadcast, in every run, to something small."""
    try:
        shapes = [np.broadcast_shapes(*shapes) for shapes in zip(*(v.shapes for v in values), strict=True)]
    except ValueError:
        return False
    return all(np.prod(shape) <= 2000 for shape in shapes)


@generator(
    *("Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Celu", "Cos", "Cosh", "Elu", "Erf", "Exp"),
    *("Floor", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Mish", "Neg", "Reciprocal", "Relu", "Round"),
    *("Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Swish", "Tan", "Tanh"),
    "ThresholdedRelu",
)
def unary(g: Builder, op: str) -> object:
    types = _FEW if op not in ("Abs", "Neg", "Sign", "Relu") or g.choose((True, False)) else INTEGERS
    x = g.pick(types)
    if op in ("Acos", "Asin", "Atanh", "Exp", "Sinh", "Cosh", "Tan"):
        (x,) = g.node(g.choose(("Sin", "Tanh")) if x.element == FLOATS[0] else "Tanh", [x])
        if op == "Atanh":
            (x,) = g.node("Mul", [x, np.array(0.5, x.dtype)])
    elif op in ("Log", "Sqrt", "Reciprocal", "Acosh"):
        (x,) = g.node("Abs", [x])
        (x,) = g.node("Add", [x, np.array({"Acosh": 1.0, "Sqrt": 0.0}.get(op, 0.5), x.dtype)])
    names = {
        **dict.fromkeys(("Celu", "Elu", "LeakyRelu", "ThresholdedRelu", "Swish"), ("alpha",)),
        "HardSigmoid": ("alpha", "beta"),
        "Selu": ("alpha", "gamma"),
        "Shrink": ("bias", "lambd"),
    }.get(op, ())
    attrs = {name: g.choose((0.5, 1.0, 1.25)) for name in names if g.choose((True, False))}
    if op == "Gelu" and g.choose((True, False)):
        attrs["approximate"] = g.choose(("tanh", "none"))
    return g.node(op, [x], **attrs)


@generator("Add", "Sub", "Mul", "Max", "Min", "Mean", "Sum")
def arithmetic(g: Builder, op: str) -> object:
    x = g.pick(_FEW if op in ("Mean", "Sum") or g.choose((True, False)) else NUMBERS)
    arguments = [x, partner(g, x)]
    if op in ("Max", "Min", "Mean", "Sum"):
        for _ in range(g.choose((0, 0, 1, 2))):
            arguments.append(partner(g, x))
        if g.chance(8):
            del arguments[1:]
    need(broadcasts(*arguments))
    return g.node(op, arguments if g.choose((True, False)) else arguments[::-1])


@generator("Div")
def division(g: Builder, op: str) -> object:
    x = g.pick(_FEW if g.choose((True, False)) else NUMBERS)
    return g.node(op, [x, divisor(g, x)])


def divisor(g: Builder, x: Value) -> Value:
    """A tensor without zeros, that can be broadcast with another."""
    y = partner(g, x)
    need(broadcasts(x, y))
    if y.element in FLOATS:
        (y,) = g.node("Abs", [y])
        return g.node("Add", [y, np.array(0.5, y.dtype)])[0]
    if y.element in SIGNED and g.choose((True, False)):
        # Odd numbers: neither 0, nor -1 unless x is not the least number, whose negative there is not.
        (y,) = g.node("Mul", [y, np.array(2, y.dtype)])
        (y,) = g.node("Add", [y, np.array(1, y.dtype)])
        need(not any((run == -1).any() for run in y.runs))
        return y
    return g.node("Max", [y, np.array(1, y.dtype)])[0]


@generator("Mod")
def modulo(g: Builder, op: str) -> object:
    x = g.pick((*_FEW, *INTEGERS))
    remainder = 1 if x.element in FLOATS else g.choose((0, 1))
    return g.node(op, [x, divisor(g, x)], fmod=remainder)


@generator("Pow")
def power(g: Builder, op: str) -> object:
    x = g.pick((*_FEW, *SIGNED[2:]))
    low, high = x.range()
    need(abs(low) <= 50 and abs(high) <= 50)
    exponent = g.choose(
        (np.array(2), np.array(3), np.array(2.0, np.float32), np.array(2.0), np.array(0, np.int32), np.array(1.0))
    )
    if x.element in FLOATS and g.choose((True, False)):
        (x,) = g.node("Abs", [x])
        (x,) = g.node("Add", [x, np.array(0.5, x.dtype)])
        y = partner(g, x)
        need(broadcasts(x, y) and max(map(abs, y.range())) < 5)
        return g.node(op, [x, y])
    return g.node(op, [x, exponent])


@generator("PRelu")
def slope(g: Builder, op: str) -> object:
    x = g.pick((*_FEW, *SIGNED[2:]))
    rank = g.choose(range(x.rank + 1))
    axes = range(x.rank - rank, x.rank)
    sizes = [x.shape[a] if x.fixed(a) and x.shape[a] and g.choose((True, False)) else 1 for a in axes]
    return g.node(op, [x, g.fresh(x.element, sizes)])


@generator("Clip")
def clip(g: Builder, op: str) -> object:
    x = g.pick(NUMBERS)
    low, high = np.array(1 if x.element in UNSIGNED else -1, x.dtype), np.array(2, x.dtype)
    bounds = [g.given(low) if g.choose((True, True, False)) else None, g.given(high) if g.chance(2) else None]
    return g.node(op, [x, *bounds])


@generator("And", "Or", "Xor")
def logic(g: Builder, op: str) -> object:
    x = g.pick((BOOL,))
    y = partner(g, x)
    need(broadcasts(x, y))
    return g.node(op, [x, y])


@generator("Not")
def negation(g: Builder, op: str) -> object:
    return g.node(op, [g.pick((BOOL,))])


@generator("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")
def comparison(g: Builder, op: str) -> object:
    x = g.pick((*NUMBERS, BOOL, STRING) if op == "Equal" else NUMBERS)
    y = partner(g, x)
    need(broadcasts(x, y))
    return g.node(op, [x, y])


@generator("IsNaN", "IsInf")
def special(g: Builder, op: str) -> object:
    """Infinity and NaN come out of a Where, and go no further."""
    x = g.pick(FLOATS[:3])
    place = g.like(x, BOOL)
    kinds = g.choose(((np.inf,), (-np.inf,), (np.nan,)))
    values = x.runs
    arrays = [np.where(b, np.array(kinds[0], x.dtype), run) for run, b in zip(values, place.runs, strict=True)]
    y = g.input(arrays)
    g.values.remove(y)
    if op == "IsNaN" or g.choose((True, False)):
        return g.node(op, [y])
    return g.node(op, [y], detect_negative=g.choose((0, 1)), detect_positive=g.choose((0, 1)))


@generator("Where")
def choice(g: Builder, op: str) -> object:
    x = g.pick((*NUMBERS, BOOL, STRING))
    y = partner(g, x)
    test = partner(g, x, (BOOL,))
    need(broadcasts(x, y, test))
    return g.node(op, [test, x, y])


@generator("BitwiseAnd", "BitwiseOr", "BitwiseXor")
def bitwise(g: Builder, op: str) -> object:
    x = g.pick(INTEGERS)
    y = partner(g, x)
    need(broadcasts(x, y))
    return g.node(op, [x, y])


@generator("BitwiseNot")
def complement(g: Builder, op: str) -> object:
    return g.node(op, [g.pick(INTEGERS)])


@generator("BitShift")
def shift(g: Builder, op: str) -> object:
    x = g.pick(UNSIGNED if g.opset < 28 else INTEGERS)
    y = partner(g, x)
    need(broadcasts(x, y))
    (y,) = g.node("Mod", [y, np.array(x.dtype.itemsize * 8, x.dtype)])
    need(y.range()[0] >= 0)
    return g.node(op, [x, y], direction=g.choose(("LEFT", "RIGHT")))


@generator("CumSum", "CumProd")
def running(g: Builder, op: str) -> object:
    x = g.pick((*_FEW[:5], INT32, INT64), rank=(1, 4))
    axis = np.array(g.signed(g.axis(x), x.rank), g.choose((np.int64, np.int32)))
    return g.node(op, [x, axis], exclusive=g.choose((0, 1)), reverse=g.choose((0, 1)))
