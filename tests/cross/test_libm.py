"""The mathematics library of the example firmware, compiled for the host, against numpy in extended precision."""

from __future__ import annotations

import ctypes
import math
import re
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from onnxc import targets

from .qemu import FIRMWARE, compiler_for

SPECIAL = [
    0.0,
    -0.0,
    math.inf,
    -math.inf,
    math.nan,
    1,
    -1,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    1e-30,
    -1e-30,
    88,
    709,
    710,
    -745,
]
SPECIAL += [1e20, -1e20, 1e300, -1e300]

#: Function: its reference, where it is sampled, and the error allowed in units in the last place, of double and float.
UNARY: dict[str, tuple[Callable[..., np.ndarray], float, float, float, float]] = {
    "acos": (np.arccos, -1, 1, 4, 1),
    "acosh": (np.arccosh, 1, 50, 4, 1),
    "asin": (np.arcsin, -1, 1, 4, 1),
    "asinh": (np.arcsinh, -20, 20, 4, 1),
    "atan": (np.arctan, -20, 20, 4, 1),
    "atanh": (np.arctanh, -1, 1, 4, 1),
    "cosh": (np.cosh, -20, 20, 4, 1),
    "erf": (np.vectorize(math.erf, otypes=[np.longdouble]), -6, 6, 20, 4),
    "expm1": (np.expm1, -20, 20, 4, 4),
    "log1p": (np.log1p, -0.999, 50, 4, 4),
    "nearbyint": (np.rint, -20, 20, 0, 0),
    "rint": (np.rint, -20, 20, 0, 0),
    "sinh": (np.sinh, -20, 20, 4, 1),
    "tanh": (np.tanh, -20, 20, 4, 4),
}
BINARY: dict[str, tuple[Callable[..., np.ndarray], float, float, float]] = {
    "atan2": (np.arctan2, 20, 4, 1),
    "copysign": (np.copysign, 20, 0, 0),
    "pow": (np.power, 20, 1000, 1),
}


@cache
def library() -> ctypes.CDLL:
    """libm.c with every function under the name test_..., so that the host's own does not come first."""
    text = (FIRMWARE / "libm.c").read_text()
    names = sorted(set(re.findall(r"^(?:double|float) (\w+)\(", text, re.M)))
    renamed = "".join(
        f'#define {name} test_{name}\n__attribute__((visibility("default"))) {kind} test_{name}({kind}{other});\n'
        for name in names
        for kind in ["float" if name.endswith("f") and name != "erf" else "double"]
        for other in [", int *" if "frexp" in name else f", {kind}" if name.removesuffix("f") in BINARY else ""]
    )
    text = text.replace("#include <stdint.h>\n", f"#include <stdint.h>\n{renamed}")
    compiler = compiler_for(targets.find("host"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "libm.c").write_text(text)
        compiler.compile(folder, "libm.c", "libm.o")
        compiler.link_shared(folder, ["libm.o"], "test.so", soname="test.so", exports=("test_*",))
        return ctypes.CDLL(str(folder / "test.so"))


def call(name: str, dtype: type, *arguments: np.ndarray) -> np.ndarray:
    function = library()[f"test_{name}{'f' if dtype is np.float32 else ''}"]
    kind = ctypes.c_float if dtype is np.float32 else ctypes.c_double
    function.restype, function.argtypes = kind, [kind] * len(arguments)
    return np.array([function(*map(float, values)) for values in zip(*arguments, strict=True)], dtype)


def check(found: np.ndarray, exact: np.ndarray, allowed: float) -> None:
    """Within so many units in the last place; zeros with the same sign, infinities and NaNs the same."""
    with np.errstate(all="ignore"):
        expected = exact.astype(found.dtype)
        finite = np.isfinite(expected)
        assert np.array_equal(found[~finite], expected[~finite], equal_nan=True)
        assert np.isfinite(found[finite]).all()
        zero = expected == 0
        assert np.array_equal(np.signbit(found[zero]), np.signbit(expected[zero]))
        last = np.maximum(np.spacing(np.abs(expected)), np.finfo(found.dtype).tiny)
        errors = np.abs(found[finite] - exact[finite]) / last[finite]
    assert errors.max() <= max(allowed, 0.5) if allowed else errors.max() == 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", UNARY)
def test_unary(name: str, dtype: type) -> None:
    reference, low, high, allowed, allowed_float = UNARY[name]
    random = np.random.default_rng(0)
    near = 1.0 if name == "acosh" else 0.0
    x = np.concatenate([random.uniform(low, high, 3000), random.uniform(near, near + 0.01, 500), SPECIAL])
    with np.errstate(all="ignore"):
        x = x.astype(dtype)
        exact = reference(x.astype(np.longdouble))
    check(call(name, dtype, x), exact, allowed if dtype is np.float64 else allowed_float)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", BINARY)
def test_binary(name: str, dtype: type) -> None:
    reference, high, allowed, allowed_float = BINARY[name]
    random = np.random.default_rng(0)
    first, second = (grid.ravel() for grid in np.meshgrid(SPECIAL, SPECIAL))
    x = np.concatenate([first, random.uniform(0 if name == "pow" else -high, high, 3000)])
    y = np.concatenate([second, random.uniform(-high, high, 3000)])
    with np.errstate(all="ignore"):
        x, y = x.astype(dtype), y.astype(dtype)
        exact = reference(x.astype(np.longdouble), y.astype(np.longdouble))
    check(call(name, dtype, x, y), exact, allowed if dtype is np.float64 else allowed_float)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_frexp(dtype: type) -> None:
    function = library()["test_frexpf" if dtype is np.float32 else "test_frexp"]
    kind = ctypes.c_float if dtype is np.float32 else ctypes.c_double
    function.restype, function.argtypes = kind, [kind, ctypes.POINTER(ctypes.c_int)]
    exponent = ctypes.c_int()
    with np.errstate(all="ignore"):
        values: np.ndarray = np.array([*SPECIAL, 1e-310, -5e-324], dtype)
    for value in values:
        fraction, expected = np.frexp(value)
        found = dtype(function(float(value), ctypes.byref(exponent)))
        np.testing.assert_array_equal([found], [fraction])
        assert not np.isfinite(value) or exponent.value == expected
