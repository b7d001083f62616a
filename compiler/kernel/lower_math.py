"""Elementary functions as straight-line arithmetic, after vectorisation.

LLVM turns a vector expf into scalar calls of libm, which are slow and which a microcontroller may not have. Here
calls on float32 (scalars and vectors alike) become polynomials. This is done last, since a polynomial uses its argument
several times, which schedules would copy. Errors are stated against float64, and are measured by
tests/kernel/test_lower_math.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from .tvm_api import Call, structural_map, tirx

_LOG2E = 1.4426950408889634
_LN2_HIGH = 0.693359375  # 9 bits: its product with an exponent is exact
_LN2_LOW = -2.12194440054690583e-4


class _Vector:
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

    def is_nan(self, x: Any) -> Any:
        """By the bits: TVM simplifies ``x != x`` away."""
        bits = tirx.reinterpret(self.type("int32"), x) & self.const(0x7FFFFFFF, "int32")
        return bits > self.const(0x7F800000, "int32")

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


def _exp(v: _Vector, x: Any) -> Any:
    """e**x: 2 ULP where the result is normal; below -87.3 zero, above 88.72 infinity; NaN stays NaN.

    x = n ln 2 + r with |r| <= ln 2 / 2; e**r by a polynomial of degree 7 (the coefficients of Cephes' expf); 2**n is
    put together in the exponent bits, in two halves since n reaches 128.
    """
    clamped = v.let(tirx.max(tirx.min(x, v.const(88.8)), v.const(-88.0)))
    n = v.let(tirx.floor(clamped * v.const(_LOG2E) + v.const(0.5)))
    r = v.let(clamped - n * v.const(_LN2_HIGH) - n * v.const(_LN2_LOW))
    coefficients = [1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 0.5]
    value = v.let(v.polynomial(r, coefficients) * (r * r) + r + v.const(1.0))
    exponent = v.let(n.astype(v.type("int32")), "int32")
    half = v.let(exponent >> v.const(1, "int32"), "int32")

    def power_of_two(e: Any) -> Any:
        bits = (e + v.const(127, "int32")) << v.const(23, "int32")
        return tirx.reinterpret(v.type("float32"), bits)

    result = v.let(value * power_of_two(half) * power_of_two(exponent - half))
    result = tirx.Select(x > v.const(88.7228394), v.const(math.inf), result)
    result = tirx.Select(x < v.const(-87.3365478), v.const(0.0), result)
    return v.let(tirx.Select(v.is_nan(x), x, result))


def _tanh(v: _Vector, x: Any) -> Any:
    """tanh x: 3 ULP. An odd polynomial below 0.625 (Cephes' tanhf), else 1 - 2 / (e**2x + 1)."""
    magnitude = v.let(tirx.max(x, v.const(0.0) - x))
    square = v.let(x * x)
    coefficients = [-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1]
    small = v.let(v.polynomial(square, coefficients) * square * x + x)
    large = v.let(v.const(1.0) - v.const(2.0) / (_exp(v, v.let(magnitude + magnitude)) + v.const(1.0)))
    signed = v.let(tirx.Select(x < v.const(0.0), v.const(0.0) - large, large))
    result = tirx.Select(magnitude < v.const(0.625), small, signed)
    return v.let(tirx.Select(v.is_nan(x), x, result))


def _erf(v: _Vector, x: Any) -> Any:
    """erf x: absolute error below 2e-7 (relative below 1e-6 near 0).

    Below 1 a polynomial in x**2 (Cephes' erff); above, Abramowitz and Stegun 7.1.26:
    erf x = 1 - (a1 t + ... + a5 t**5) e**-x**2 with t = 1 / (1 + p x).
    """
    magnitude = v.let(tirx.max(x, v.const(0.0) - x))
    square = v.let(x * x)
    coefficients = [
        7.853861353153693e-5, -8.010193625184903e-4, 5.188327685732524e-3, -2.685381193529856e-2,
        1.128358514861418e-1, -3.761262582423300e-1, 1.128379165726710e0,
    ]  # fmt: skip
    small = v.let(v.polynomial(square, coefficients) * x)
    t = v.let(v.const(1.0) / (v.const(1.0) + v.const(0.3275911) * magnitude))
    tail = v.polynomial(t, [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592])
    large = v.let(v.const(1.0) - tail * t * _exp(v, v.let(v.const(0.0) - square)))
    signed = v.let(tirx.Select(x < v.const(0.0), v.const(0.0) - large, large))
    result = tirx.Select(magnitude < v.const(1.0), small, signed)
    return v.let(tirx.Select(v.is_nan(x), x, result))


_FUNCTIONS: dict[str, Callable[[_Vector, Any], Any]] = {
    "tirx.exp": _exp,
    "tirx.tanh": _tanh,
    "tirx.erf": _erf,
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


def _libm(call: Any) -> Any:
    """The function of C's math library of the same name."""
    name, dtype = call.op.name.removeprefix("tirx."), str(call.ty)
    return tirx.call_pure_extern(dtype, f"{name}f" if dtype == "float32" else name, *call.args)


def _lower(function: Callable[[_Vector, Any], Any], call: Any) -> Any:
    kind, _, lanes = str(call.ty).partition("x")
    if kind != "float32":
        name = call.op.name.removeprefix("tirx.")
        scalar = "float64" if kind == "float64" else kind
        assert scalar == "float64" and not lanes, f"{name} of {call.ty}: computes widen to float32"
        return tirx.call_pure_extern(kind, name, *call.args)
    vector = _Vector(int(lanes or 1))
    return vector.finish(function(vector, vector.let(call.args[0])))
