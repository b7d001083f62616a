"""Elementary functions as straight-line arithmetic, after vectorisation.

LLVM turns a vector expf into scalar calls of libm, which are slow and which a microcontroller may not have. Here
calls on float32 (scalars and vectors alike) become polynomials. This is done last, since a polynomial uses its argument
several times, which schedules would copy. Errors are stated against float64, and are measured by
tests/kernel/test_lower_math.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from .tvm_api import Call, structural_map, tirx, tvm

_LOG2E = 1.4426950408889634
_LN2_HIGH = 0.693359375  # 9 bits: its product with an exponent is exact
_LN2_LOW = -2.12194440054690583e-4
_ROUND = 12582912.0  # 1.5 * 2**23: a float of this size has no fraction


class Vector:
    """Arithmetic on float32 values of some number of lanes, with every intermediate value bound once."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        self._bindings: list[tuple[Any, Any]] = []

    def type(self, base: str) -> str:
        return base if self.lanes == 1 else f"{base}x{self.lanes}"

    def let(self, value: Any, base: str = "float32") -> Any:
        var = tirx.Var(f"m{len(self._bindings)}", self.type(base))
        self._bindings.append((var, value))
        return var

    def const(self, value: float, base: str = "float32") -> Any:
        scalar = tirx.const(value, base)
        return scalar if self.lanes == 1 else tirx.Broadcast(scalar, self.lanes)

    def clamp(self, x: Any, low: float, high: float) -> Any:
        """x within bounds; NaN stays NaN (of TVM's min and max it would become a bound)."""
        above = self.let(tirx.Select(x < self.const(low), self.const(low), x))
        return self.let(tirx.Select(above > self.const(high), self.const(high), above))

    def polynomial(self, x: Any, coefficients: list[float]) -> Any:
        """Horner's scheme, highest power first."""
        result = self.const(coefficients[0])
        for coefficient in coefficients[1:]:
            result = self.let(result * x + self.const(coefficient))
        return result

    def finish(self, result: Any) -> Any:
        for var, value in reversed(self._bindings):
            result = tirx.Let(var, value, result)
        return result


def _exp(v: Vector, x: Any) -> Any:
    """e**x: 1.2 ULP; below -86.98 zero, above 88.72 infinity; NaN stays NaN.

    x = n ln 2 + r with |r| <= ln 2 / 2; 2 e**r by a polynomial of degree 6 (minimax of the relative error, 3e-9);
    2**(n-1) is put together in the exponent bits. Adding 1.5 * 2**23 rounds to an integer, which is in the last bits
    of the sum then: two operations instead of floor and conversion. At the ends the arithmetic itself gives what is
    right, 0 (exponent bits 0) and infinity (a product out of range): nothing is selected. 17 operations.
    """
    clamped = v.clamp(x, -87.5, 89.0)
    shifted = v.let(clamped * v.const(_LOG2E) + v.const(_ROUND))
    n = v.let(shifted - v.const(_ROUND))
    r = v.let(clamped - n * v.const(_LN2_HIGH) - n * v.const(_LN2_LOW))
    coefficients = [1.38145986e-3, 8.36871688e-3, 4.1668388e-2, 1.66665206e-1, 4.99999934e-1, 1.0, 1.0]
    value = v.polynomial(r, [2 * c for c in coefficients])
    bits = v.let(tirx.reinterpret(v.type("int32"), shifted) << v.const(23, "int32"), "int32")
    return v.let(value * tirx.reinterpret(v.type("float32"), bits + v.const(126 << 23, "int32")))


def _saturating(v: Vector, x: Any, limit: float, above: list[float], below: list[float]) -> Any:
    """x P(x**2) / Q(x**2) within the limits, 1 and -1 beyond them; the coefficients are minimax of the relative error.

    What x lies beyond a limit is added at last, so that the result is exactly 1 there although the quotient is rounded.
    """
    bounded = v.clamp(x, -limit, limit)
    square = v.let(bounded * bounded)
    quotient = v.let(v.polynomial(square, above) * bounded / v.polynomial(square, below))
    return v.clamp(v.let(quotient + (x - bounded)), -1.0, 1.0)


def _tanh(v: Vector, x: Any) -> Any:
    """tanh x: 6 ULP. One division and no exponential, at the cost of 2 ULP: half the time of Cephes' two branches."""
    above = [1.3354655e-08, 2.06090763e-05, 3.49558769e-03, 1.33810252e-01, 9.99999979e-01]
    below = [7.77655529e-07, 3.28563416e-04, 2.58769804e-02, 4.67143408e-01, 1.0]
    return _saturating(v, x, 9.0, above, below)


def _erf(v: Vector, x: Any) -> Any:
    """erf x: 6 ULP."""
    above = [
        2.10028301e-08, -1.98672652e-06, 1.36519857e-04, 3.3970442e-03, 4.95698348e-02, 1.92223948e-01, 1.12837912,
    ]  # fmt: skip
    below = [8.88606355e-04, 1.37140889e-02, 1.11832506e-01, 5.0368607e-01, 1.0]
    return _saturating(v, x, 3.83, above, below)


def _halves(v: Vector, x: Any) -> tuple[Any, Any]:
    """e**|x| / 2 and e**-|x| / 2, by the root of e**|x|: it is in range wherever the result is."""
    root = _exp(v, v.let(tirx.Select(x < v.const(0.0), -x, x) * v.const(0.5)))
    return v.let(root * v.const(0.5) * root), v.let(v.const(0.5) / (root * root))


def _cosh(v: Vector, x: Any) -> Any:
    """cosh x: 4 ULP. TVM's own rule is applied in some places only."""
    grows, shrinks = _halves(v, x)
    return v.let(grows + shrinks)


def _sinh(v: Vector, x: Any) -> Any:
    """sinh x: 4 ULP; between -1 and 1, where exponentials cancel each other, by its series."""
    grows, shrinks = _halves(v, x)
    size = v.let(grows - shrinks)
    far = v.let(tirx.Select(x < v.const(0.0), -size, size))
    square = v.let(x * x)
    series = v.polynomial(square, [1 / 39916800, 1 / 362880, 1 / 5040, 1 / 120, 1 / 6])
    near = v.let(x + x * square * series)
    return v.let(tirx.Select(square < v.const(1.0), near, far))


def _log(v: Vector, x: Any) -> Any:
    """Natural logarithm: 1 ULP; of 0 minus infinity, of less NaN; NaN stays NaN.

    x = 2**n (1 + r) with 1 + r between the roots of 1/2 and 2; log(1 + r) = r - r**2 / 2 + r**3 P(r), after Cephes.
    Subnormal numbers are multiplied by 2**23 first.
    """
    tiny = v.const(float.fromhex("0x1p-126"))
    normal = v.let(tirx.Select(x < tiny, x * v.const(2.0**23), x))
    offset = 0x3F3504F3  # the bits of the root of 1/2
    bits = v.let(tirx.reinterpret(v.type("int32"), normal) - v.const(offset, "int32"), "int32")
    mantissa = v.let((bits & v.const(0x7FFFFF, "int32")) + v.const(offset, "int32"), "int32")
    exponent = v.let((bits >> v.const(23, "int32")).astype(v.type("float32")))
    n = v.let(tirx.Select(x < tiny, exponent - v.const(23.0), exponent))
    r = v.let(tirx.reinterpret(v.type("float32"), mantissa) - v.const(1.0))
    square = v.let(r * r)
    coefficients = [
        7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
        2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
    ]  # fmt: skip
    cubic = v.let(v.polynomial(r, coefficients) * r * square)
    small = v.let(cubic + n * v.const(_LN2_LOW) - v.const(0.5) * square)
    value = v.let(r + small + n * v.const(_LN2_HIGH))
    infinity = float("inf")
    value = v.let(tirx.Select(x < v.const(infinity), value, x))  # also NaN
    value = v.let(tirx.Select(x > v.const(0.0), value, v.const(-infinity)))
    # NaN is neither below nor above: what is not at least 0 is made so by 0 times infinity.
    return v.let(tirx.Select(x >= v.const(0.0), value, (x - x) * v.const(infinity)))


def _log1p(v: Vector, x: Any) -> Any:
    """log(1 + x): 3 ULP; of -1 minus infinity, of less NaN.

    What rounding 1 + x loses is added again, divided by the derivative's reciprocal.
    """
    above = v.let(x + v.const(1.0))
    lost = v.let((x - (above - v.const(1.0))) / above)
    # At -1 and infinity the quotient is NaN.
    inside = v.let(tirx.Select(above > v.const(0.0), lost, v.const(0.0)))
    kept = v.let(tirx.Select(above < v.const(float("inf")), inside, v.const(0.0)))
    return v.let(_log(v, above) + kept)


_FUNCTIONS: dict[str, Callable[[Vector, Any], Any]] = {
    "tirx.exp": _exp,
    "tirx.tanh": _tanh,
    "tirx.erf": _erf,
    "tirx.cosh": _cosh,
    "tirx.sinh": _sinh,
    "tirx.log": _log,
    "tirx.log1p": _log1p,
}


def lower_math(func: Any) -> Any:
    """A function without calls of these functions, for LLVM. (C keeps the calls of libm.)"""

    def lower(call: Any) -> Any:
        function = _FUNCTIONS.get(str(getattr(call.op, "name", "")))
        return call if function is None else _lower(function, call)

    return func.with_body(structural_map(func.body, (Call, lower)))


@cache
def register_math() -> None:
    """Make LowerIntrin use these functions where it makes calls of them itself."""
    for name, function in _FUNCTIONS.items():
        tirx.register_intrin_lowering(name, target="llvm", f=partial(_lower, function), level=200)
    tirx.register_intrin_lowering("tirx.fabs", target="c", f=_libm, level=200)  # the one for which TVM has no rule
    # TVM makes scalar loops of it; LLVM has it for vectors.
    for name in ("tirx.nearbyint", "tirx.log1p"):
        tvm.ir.register_op_attr(name, "TVectorizable", True, level=20)


def _libm(call: Any) -> Any:
    """The function of C's math library of the same name."""
    name, dtype = call.op.name.removeprefix("tirx."), str(call.ty)
    return tirx.call_pure_extern(dtype, f"{name}f" if dtype == "float32" else name, *call.args)


def _lower(function: Callable[[Vector, Any], Any], call: Any) -> Any:
    kind, _, lanes = str(call.ty).partition("x")
    if kind != "float32":
        name = call.op.name.removeprefix("tirx.")
        scalar = "float64" if kind == "float64" else kind
        assert scalar == "float64", f"{name} of {call.ty}: computes widen to float32"
        if not lanes:
            return tirx.call_pure_extern(kind, name, *call.args)
        # libm has no vectors: one call for each element.
        vector = tirx.Var("elements", str(call.ty))
        elements = [tirx.Shuffle([vector], [lane]) for lane in range(int(lanes))]
        calls = [tirx.call_pure_extern(kind, name, element) for element in elements]
        return tirx.Let(vector, call.args[0], tirx.Shuffle(calls, list(range(int(lanes)))))
    vector = Vector(int(lanes or 1))
    return vector.finish(function(vector, vector.let(call.args[0])))
