"""Products of 8-bit integers in int32 (ConvInteger, MatMulInteger) -> operators that multiply bytes.

ONNX subtracts zero points first; where they follow from the data (DynamicQuantizeLinear) only the run knows them. A
product of q - z with p, which is constant, is one of the bytes q less z times the sums of p. Weights that do not fit
int8, as asymmetrically quantised ones to uint8, are p' + c with one number c for each output channel: that is one more
product, of c with the sums of q - z over each window.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from .. import op as relay_op
from ..op.qnn_conv import BYTES, fold_zero_point
from ..op.quantize import integer_range
from ..relay.expr import Atom, Constant
from ..relay.types import TensorType
from .rewrite import Site


@dataclass(frozen=True)
class Parameters:
    """Scale and zero point of a quantisation by one number each."""

    scale: float
    zero_point: int


def element_type(atom: Atom) -> str:
    return atom.type.dtype if isinstance(atom.type, TensorType) else ""


def as_unsigned(site: Site, atom: Atom, parameters: Parameters) -> tuple[Atom, Parameters]:
    """Bytes as uint8, and their parameters."""
    if element_type(atom) == "uint8":
        return atom, parameters
    bits = site.emit("reinterpret", atom, dtype="uint8")
    shifted = site.emit("bitwise_xor", bits, Constant(np.array(128, np.uint8)))
    return shifted, Parameters(parameters.scale, parameters.zero_point + 128)


def signed_bytes(values: np.ndarray, zero_points: np.ndarray | int, axis: int) -> np.ndarray | None:
    """Integers less their zero points (one, or one for each index of an axis) as int8; None where they don't fit."""
    points = np.asarray(zero_points, np.int32)
    if points.size != 1:
        points = points.reshape([-1 if a == axis else 1 for a in range(values.ndim)])
    integers = values.astype(np.int32) - points.reshape(points.shape if points.size != 1 else ())
    low, high = integer_range("int8")
    if integers.size and not low <= integers.min() <= integers.max() <= high:
        return None
    return integers.astype(np.int8)


def known_value(site: Site, atom: Atom) -> np.ndarray | None:
    """The value of a constant, or of the arithmetic on constants that converters leave behind."""
    if isinstance(atom, Constant):
        return atom.array
    found = site.definition(atom, "cast", "multiply", "reshape", "subtract", "transpose")
    values = [] if found is None else [known_value(found, a) for a in found.args]
    if found is None or any(v is None for v in values):
        return None
    return np.asarray(relay_op.get(found.op).reference(found.attrs, *values))


def is_dense(site: Site, weights: np.ndarray) -> bool:
    """One matrix of weights for rows that lie one behind the other."""
    left = site.args[0].type
    return weights.ndim == 2 and not site.attrs.transpose_a and isinstance(left, TensorType) and left.rank >= 2


@dataclass(frozen=True)
class _Integers:
    """Operands of a product in int32.

    Attributes
    ----------
    data : Atom
        Bytes as the model has them.
    point : Atom or None
        Their zero point, of one element; None for 0.
    weights : numpy.ndarray
        int8, output channels first.
    rest : numpy.ndarray or None
        int32; what has been subtracted from the weights of each output channel; None for nothing.
    """

    data: Atom
    point: Atom | None
    weights: np.ndarray
    rest: np.ndarray | None


def _integers(site: Site, axis: int) -> _Integers | None:
    """Those of a product of q - z with constants, which have output channels on an axis."""
    weights, centred = known_value(site, site.args[1]), site.definition(site.args[0], "subtract")
    data, point = site.args[0], None
    if centred is not None:
        parts = [site.definition(a, "cast") for a in centred.args]
        point = centred.args[1] if parts[1] is None else parts[1].args[0]
        data = data if parts[0] is None else parts[0].args[0]
    if weights is None or weights.size == 0 or element_type(data) not in BYTES or site.attrs.out_dtype != "int32":
        return None
    if point is not None and (not isinstance(point.type, TensorType) or point.type.size != 1):
        return None
    weights = np.ascontiguousarray(np.moveaxis(weights.astype(np.int32), axis, 0))
    integers = signed_bytes(weights, 0, 0)
    if integers is not None:
        return _Integers(data, point, integers, None)
    low, high = integer_range("int8")
    rows = weights.reshape(len(weights), -1)
    rest = np.where((rows.min(1) < low) | (rows.max(1) > high), rows.min(1) - low, 0).astype(np.int32)
    integers = signed_bytes(weights, rest, 0)
    return None if integers is None else _Integers(data, point, integers, rest)


@dataclass(frozen=True)
class _Unsigned:
    """Data as uint8; its zero point is the sum of a number and, where only the run knows it, a scalar in int32."""

    source: Atom
    fixed: int
    point: Atom | None


def _unsigned_data(site: Site, data: Atom, zero: Atom | None) -> _Unsigned:
    source, shift = as_unsigned(site, data, Parameters(1.0, 0))
    known = 0 if zero is None else known_value(site, zero)
    if known is not None:
        return _Unsigned(source, shift.zero_point + int(np.asarray(known).reshape(())), None)
    assert zero is not None
    return _Unsigned(source, shift.zero_point, site.emit("reshape", site.emit("cast", zero, dtype="int32"), shape=()))


def _completed(site: Site, sums: Atom, data: _Unsigned, found: _Integers, totals: Atom | None) -> Atom:
    """Sums of products less those of a zero point that the run knows, and with what the weights lack.

    Parameters
    ----------
    sums : Atom
        Of q with the weights, less what is known of the zero point.
    totals : Atom or None
        Sums of q over the windows, where the weights lack something; broadcasts to the product.
    """
    spatial = (1,) * (found.weights.ndim - 2)
    count = prod(found.weights.shape[1:])

    def channels(values: np.ndarray) -> Constant:
        return Constant(values.astype(np.int32).reshape(-1, *spatial))

    if data.point is not None:
        weights = channels(found.weights.reshape(len(found.weights), -1).sum(1, dtype=np.int32))
        sums = site.emit("subtract", sums, site.emit("multiply", weights, data.point))
    if totals is None or found.rest is None:
        return sums
    less = site.emit("subtract", totals, Constant(np.array(count * data.fixed, np.int32)))
    if data.point is not None:
        scaled = site.emit("multiply", data.point, Constant(np.array(count, np.int32)))
        less = site.emit("subtract", less, scaled)
    return site.emit("add", sums, site.emit("multiply", less, channels(found.rest)))


def _sums(site: Site, data: Atom, axis: int) -> Atom:
    return site.emit("sum", site.emit("cast", data, dtype="int32"), axis=(axis,), keepdims=True)


def integer_matmul(site: Site) -> Atom | None:
    """matmul(q - z, p - y) in int32 -> dense(q, p) and what `_completed` adds."""
    found = _integers(site, 0 if site.attrs.transpose_b else -1)
    if found is None or not is_dense(site, found.weights):
        return None
    data = _unsigned_data(site, found.data, found.point)
    folded = fold_zero_point(np.zeros(len(found.weights), np.int64), found.weights, data.fixed)
    sums = site.emit("nn.dense", data.source, Constant(found.weights), Constant(folded), out_dtype="int32")
    totals = None
    if found.rest is not None:
        totals = _sums(site, data.source, site.tensor.rank - 1)
    return _completed(site, sums, data, found, totals)


def integer_conv(site: Site) -> Atom | None:
    """conv(q - z, p - y) in int32 -> qnn.conv(q, p) and what `_completed` adds.

    Where the run decides what lies outside of the data, it is put there in a step of its own.
    """
    found = _integers(site, 0)
    if found is None or len(site.args) != 2 or (found.rest is not None and site.attrs.groups != 1):
        return None
    attrs = {name: site.attrs[name] for name in ("strides", "padding", "dilations", "groups")}
    half, raw = len(attrs["padding"]) // 2, found.data
    known = 0 if found.point is None else known_value(site, found.point)
    if any(attrs["padding"]) and (found.rest is not None or known is None):
        before, after = ((0, 0, *sizes) for sizes in (attrs["padding"][:half], attrs["padding"][half:]))
        outside = found.point if known is None else Constant(np.asarray(known).astype(element_type(raw)).reshape(()))
        assert outside is not None
        raw = site.emit("pad", raw, outside, before=before, after=after)
        attrs["padding"] = (0,) * (2 * half)
    data = _unsigned_data(site, raw, found.point)
    folded = fold_zero_point(np.zeros(len(found.weights), np.int64), found.weights, data.fixed)
    arguments = [data.source, Constant(found.weights), Constant(folded)]
    sums = site.emit("qnn.conv", *arguments, **attrs, zero_point=data.fixed)
    totals = None
    if found.rest is not None:
        totals = _sums(site, data.source, 1)
        if max(found.weights.shape[2:]) > 1 or max(attrs["strides"]) > 1:
            window = Constant(np.ones((1, 1, *found.weights.shape[2:]), np.int32))
            totals = site.emit("nn.conv", totals, window, **attrs, out_dtype="int32")
    return _completed(site, sums, data, found, totals)
