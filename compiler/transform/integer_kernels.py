"""Dequantise, compute, quantise -> operators on 8-bit integers.

A convolution of (q - z) s with (p - y) t is s t times one of q - z with p - y, and z goes into the bias: what is left
is `qnn.conv`, which adds up products of bytes, and a multiplication behind it. Where a quantisation follows, both are
one `qnn.requantize`, and a Relu or clip between them is a bound of its result. Operators that only move or compare
elements work on the bytes themselves.

Activations become uint8: instructions multiply unsigned bytes with signed ones. A quantisation to int8 is one to uint8
with a zero point that is greater by 128, and a flipped sign bit, which vanishes where it meets a dequantisation.

Runs before constants are folded, since afterwards nothing is left of the weights' dequantisation. What it leaves alone
is computed in floats (quantized_scales).
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ..op.qnn_conv import BYTES, fold_zero_point
from ..relay.expr import Atom, Constant, Module
from ..relay.types import TensorType
from .base import Pass, PassContext
from .integer_products import (
    Parameters,
    as_unsigned,
    element_type,
    integer_conv,
    integer_matmul,
    is_dense,
    known_value,
    signed_bytes,
)
from .rewrite import Rules, Site, rewrite, scalar_value

#: Operators that give elements of their first argument, by position or by order, and their other attributes unchanged.
_MOVES = ("reshape", "transpose", "strided_slice", "nn.max_pool", "resize_nearest", "max", "min")


def _parameters(site: Site) -> Parameters | None:
    """Those of a (de)quantisation of bytes by constants; None for others."""
    values = [scalar_value(a) if a.type.size == 1 else None for a in site.args[1:] if isinstance(a.type, TensorType)]
    scale, zero_point = values[0], values[1] if len(values) == 2 else 0
    if scale is None or zero_point is None or site.attrs.block_size or float(scale) <= 0:
        return None
    return Parameters(float(scale), int(zero_point))


def _bytes(site: Site, atom: Atom) -> tuple[Atom, Parameters] | None:
    """The bytes that a value is the dequantised form of, and their parameters."""
    found = site.definition(atom, "qnn.dequantize")
    if found is None or found.attrs.dtype != "float32" or element_type(found.args[0]) not in BYTES:
        return None
    parameters = _parameters(found)
    return None if parameters is None else (found.args[0], parameters)


# Unsigned activations


def _flip(site: Site, unsigned: Atom) -> Atom:
    """Bytes as int8 out of uint8 ones that are greater by 128."""
    return site.emit("reinterpret", site.emit("bitwise_xor", unsigned, Constant(np.array(128, np.uint8))), dtype="int8")


def _flipped(site: Site, atom: Atom) -> Atom | None:
    """What `_flip` has been applied to."""
    bits = site.definition(atom, "reinterpret")
    flip = site.definition(bits.args[0], "bitwise_xor") if bits is not None else None
    return flip.args[0] if flip is not None and scalar_value(flip.args[1]) == 128 else None


def _result(site: Site) -> Parameters | None:
    """Parameters of a quantisation to bytes, for a result of uint8: see `_given`."""
    found = _parameters(site)
    if found is None or site.attrs.dtype not in BYTES or site.attrs.precision != "float32":
        return None
    if element_type(site.args[0]) != "float32":
        return None
    return found if site.attrs.dtype == "uint8" else Parameters(found.scale, found.zero_point + 128)


def _given(site: Site, unsigned: Atom) -> Atom:
    """A result of uint8 as the quantisation gives it."""
    return unsigned if site.attrs.dtype == "uint8" else _flip(site, unsigned)


def _quantize_unsigned(site: Site) -> Atom | None:
    """quantize to int8 -> to uint8, sign flipped."""
    found = _result(site)
    if site.attrs.dtype != "int8" or found is None:
        return None
    zero = Constant(np.array(found.zero_point, np.uint8))
    return _given(site, site.emit("qnn.quantize", *site.args[:2], zero, **{**site.attrs, "dtype": "uint8"}))


def _dequantize_flipped(site: Site) -> Atom | None:
    source, found = _flipped(site, site.args[0]), _parameters(site)
    if source is None or found is None:
        return None
    zero = Constant(np.array(found.zero_point + 128, np.uint8))
    return site.emit("qnn.dequantize", source, site.args[1], zero, **site.attrs)


# Operators that move bytes


def _move(site: Site) -> Atom | None:
    """move(dequantize(q)) -> dequantize(move(q)), and likewise for flipped signs."""
    source = _flipped(site, site.args[0])
    if source is not None:
        moved = site.emit(site.op, source, *site.args[1:], **site.attrs)
        return _flip(site, moved)
    found = site.definition(site.args[0], "qnn.dequantize")
    if found is None or _bytes(site, site.args[0]) is None:
        return None
    moved = site.emit(site.op, found.args[0], *site.args[1:], **site.attrs)
    return site.emit("qnn.dequantize", moved, *found.args[1:], **{**found.attrs, "axis": 0})


def _quantize_again(site: Site) -> Atom | None:
    """quantize(dequantize(q)) with the same parameters -> q."""
    found = _bytes(site, site.args[0])
    if found is None:
        return None
    source, parameters = found
    if source.type == site.type and parameters == _parameters(site):
        return source
    unsigned = element_type(source) == "uint8"
    return _given(site, source) if unsigned and parameters == _result(site) else None


def _quantize_concatenation(site: Site) -> Atom | None:
    """quantize(concatenate(dequantised)) -> concatenate(quantised)."""
    whole, found = site.definition(site.args[0], "concatenate"), _result(site)
    if whole is None or found is None or any(_bytes(site, a) is None for a in whole.args):
        return None
    zero = Constant(np.array(found.zero_point, np.uint8))
    attrs = {**site.attrs, "dtype": "uint8"}
    parts = [site.emit("qnn.quantize", part, site.args[1], zero, **attrs) for part in whole.args]
    return _given(site, site.emit("concatenate", *parts, **whole.attrs))


# Sums of products


def _weights(site: Site, atom: Atom, axis: int = 0) -> tuple[np.ndarray, np.ndarray] | None:
    """Constant weights less their zero points, as int8, and their scales, for output channels on an axis."""
    found = site.definition(atom, "qnn.dequantize")
    if found is None or found.attrs.block_size or found.attrs.dtype != "float32":
        return None
    values, scale, *zero = [known_value(site, a) for a in found.args]
    if values is None or scale is None or values.dtype.name not in BYTES:
        return None
    if any(p is None or (p.size != 1 and found.attrs.axis != axis) for p in (scale, *zero)):
        return None
    points = 0 if not zero or zero[0] is None else zero[0].astype(np.int32)
    integers = signed_bytes(values, points, axis)
    return None if integers is None else (integers, np.asarray(scale, np.float32).reshape(-1))


def _bias_sums(site: Site, bias: Atom, unit: np.ndarray) -> np.ndarray | None:
    """A bias as a number of units; None where it is not known, or not a whole number."""
    found = site.definition(bias, "qnn.dequantize")
    if found is not None:
        values, scale, *zero = [known_value(site, a) for a in found.args]
        if values is None or scale is None or any(z is None or z.any() for z in zero):
            return None
        # The quantiser has computed the product of the scales itself, perhaps with another rounding.
        return values.astype(np.int64) if np.allclose(scale.reshape(-1), unit, rtol=1e-5, atol=0) else None
    value = known_value(site, bias)
    if value is None:
        return None
    exact = value.astype(np.float64) / unit
    rounded = np.rint(exact)
    whole = np.all(np.abs(exact - rounded) <= 1e-6 * np.maximum(np.abs(rounded), 1)) and np.all(np.abs(rounded) < 2**31)
    return rounded.astype(np.int64) if whole else None


def _conv(site: Site) -> Atom | None:
    """conv(dequantize(q), dequantize(p)[, b]) -> float(qnn.conv(q, p, b)) * (s t)."""
    if site.attrs.out_dtype is not None:
        return integer_conv(site)
    data, weights = _bytes(site, site.args[0]), _weights(site, site.args[1])
    if data is None or weights is None:
        return None
    source, parameters = as_unsigned(site, *data)
    integers, scales = weights
    unit = (np.float32(parameters.scale) * scales).astype(np.float32)
    channels = len(integers)
    bias = np.zeros(channels, np.int64)
    float_bias: Atom | None = None
    if len(site.args) == 3:
        known = _bias_sums(site, site.args[2], unit)
        if known is None:
            float_bias = site.args[2]
        else:
            bias = known
    folded = fold_zero_point(bias, integers, parameters.zero_point)
    attrs = {name: site.attrs[name] for name in ("strides", "padding", "dilations", "groups")}
    name = site.args[1].name
    sums = site.emit(
        "qnn.conv", source, Constant(integers, name), Constant(folded), **attrs, zero_point=parameters.zero_point
    )
    spatial = (1,) * (integers.ndim - 2)
    spread = np.broadcast_to(unit, (channels,)).reshape(-1, *spatial)
    result = _scaled(site, sums, np.ascontiguousarray(spread))
    if float_bias is None:
        return result
    return site.emit("add", result, site.emit("reshape", float_bias, shape=(channels, *spatial)))


def _matmul(site: Site) -> Atom | None:
    """matmul(dequantize(q), dequantize(p)) -> float(dense(q, p)) * (s t)."""
    if site.attrs.out_dtype is not None:
        return integer_matmul(site)
    transposed = site.attrs.transpose_b
    data, weights = _bytes(site, site.args[0]), _weights(site, site.args[1], axis=0 if transposed else 1)
    if data is None or weights is None or not is_dense(site, weights[0]):
        return None
    source, parameters = as_unsigned(site, *data)
    integers, scales = weights
    if not transposed:
        integers = np.ascontiguousarray(integers.T)
    folded = fold_zero_point(np.zeros(len(integers), np.int64), integers, parameters.zero_point)
    sums = site.emit("nn.dense", source, Constant(integers), Constant(folded), out_dtype="int32")
    unit = (np.float32(parameters.scale) * scales).astype(np.float32)
    return _scaled(site, sums, np.ascontiguousarray(np.broadcast_to(unit, (len(integers),))))


def _dense_bias(site: Site) -> Atom | None:
    """float(dense(q, p, b)) * (s t) + c -> float(dense(q, p, b + c / (s t))) * (s t), where that is a whole number."""
    for product, addend in (site.args, site.args[::-1]):
        scaled = site.definition(product, "multiply")
        cast = site.definition(scaled.args[0], "cast") if scaled is not None else None
        sums = site.definition(cast.args[0], "nn.dense") if cast is not None else None
        if scaled is None or sums is None or len(sums.args) != 3 or site.uses(product) != 1:
            continue
        unit, known, columns = scaled.args[1], sums.args[2], sums.tensor.shape[-1]
        if not isinstance(unit, Constant) or not isinstance(known, Constant) or site.type != scaled.type:
            continue
        bias = _bias_sums(site, addend, unit.array)
        if bias is None or bias.shape != (columns,):
            continue
        merged = Constant((known.array.astype(np.int64) + bias).astype(np.int32))
        return _scaled(site, site.emit("nn.dense", *sums.args[:2], merged, **sums.attrs), unit.array)
    return None


def _scaled(site: Site, sums: Atom, unit: np.ndarray) -> Atom:
    return site.emit("multiply", site.emit("cast", sums, dtype="float32"), Constant(unit))


# What follows: requantisation


def _bounded(site: Site) -> tuple[Atom, float, float]:
    """What is quantised, less a Relu or clip around it, and the bounds that these are."""
    value, low, high = site.args[0], -np.inf, np.inf
    while True:
        bound = site.definition(value, "nn.relu", "clip")
        if bound is None or site.uses(value) != 1:
            return value, low, high
        floor, ceiling = (0.0, np.inf) if bound.op == "nn.relu" else (bound.attrs.low, bound.attrs.high)
        low, high = max(low, -np.inf if floor is None else floor), min(high, np.inf if ceiling is None else ceiling)
        value = bound.args[0]


def _integer_bounds(found: Parameters, low: float, high: float) -> dict[str, int]:
    """Bounds of the uint8 result: rounding is monotone, so that clipping before it and behind it is the same."""
    scale = np.float32(found.scale)
    bounds = [np.clip(np.rint(np.float32(b) / scale) + found.zero_point, 0, 255) for b in (low, high)]
    return {"low": int(bounds[0]), "high": int(bounds[1])}


def _requantize(site: Site) -> Atom | None:
    """quantize(float(sums) * c, s) -> requantize(sums, c / s): one rounding, as integer kernels do it."""
    found = _result(site)
    if found is None:
        return None
    value, low, high = _bounded(site)
    product = site.definition(value, "multiply")
    if product is None or site.uses(value) != 1 or low > high:
        return None
    sums, factor = site.definition(product.args[0], "cast"), product.args[1]
    if sums is None or not isinstance(factor, Constant) or element_type(sums.args[0]) != "int32":
        return None
    if site.definition(sums.args[0], "qnn.conv", "nn.dense") is None:
        return None
    multiplier = Constant((factor.array / np.float32(found.scale)).astype(np.float32))
    bounds = _integer_bounds(found, low, high)
    result = site.emit("qnn.requantize", sums.args[0], multiplier, dtype="uint8", zero_point=found.zero_point, **bounds)
    return _given(site, result)


def _add(site: Site) -> Atom | None:
    """quantize(dequantize(a) + dequantize(b)) -> qnn.add."""
    found = _result(site)
    if found is None:
        return None
    value, low, high = _bounded(site)
    total = site.definition(value, "add")
    if total is None or site.uses(value) != 1 or low > high:
        return None
    operands = [_bytes(site, a) for a in total.args]
    if any(o is None for o in operands):
        return None
    (a, of_a), (b, of_b) = (o for o in operands if o is not None)
    factors = [float(np.float32(p.scale) / np.float32(found.scale)) for p in (of_a, of_b)]
    offset = found.zero_point - factors[0] * of_a.zero_point - factors[1] * of_b.zero_point
    result = site.emit(
        "qnn.add",
        a,
        b,
        factor_a=factors[0],
        factor_b=factors[1],
        offset=float(np.float32(offset)),
        dtype="uint8",
        **_integer_bounds(found, low, high),
    )
    return _given(site, result)


_RULES: Rules = {
    "add": [_dense_bias],
    "nn.conv": [_conv],
    "nn.matmul": [_matmul],
    "qnn.quantize": [_quantize_again, _requantize, _add, _quantize_concatenation, _quantize_unsigned],
    "qnn.dequantize": [_dequantize_flipped],
    **{op: [_move] for op in _MOVES},
}


def _run(rules: Rules, module: Module, context: PassContext) -> Module:
    target = context.target
    return rewrite(module, rules) if target is None or target.multiplies_bytes else module


integer_kernels = Pass("integer_kernels", 2, partial(_run, _RULES))
