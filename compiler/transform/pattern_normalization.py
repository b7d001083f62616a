"""Normalisations that a model spells out -> single operators: LayerNorm, RMSNorm, Softmax."""

from __future__ import annotations

import numpy as np

from ..op.base import FLOATS
from ..relay.expr import Atom, Constant, shape_of
from .rewrite import Rules, Site, scalar_value


def _reduced_axes(site: Site | None) -> tuple[int, ...] | None:
    """The axes of a reduction that keeps them with one element; None for any other."""
    return tuple(site.attrs.axis) if site is not None and site.attrs.keepdims else None


def _trailing(axes: tuple[int, ...] | None, rank: int) -> bool:
    return axes is not None and axes == tuple(range(rank - len(axes), rank))


def _mean_of_squares(site: Site, atom: Atom) -> tuple[Atom, tuple[int, ...]] | None:
    """x and the axes, where an atom is the mean of x * x over trailing axes."""
    mean = site.definition(atom, "mean")
    axes = _reduced_axes(mean)
    if mean is None or axes is None:
        return None
    square = site.definition(mean.args[0], "multiply", "power")
    if square is None or not _trailing(axes, len(shape_of(mean.args[0]))):
        return None
    x, other = square.args
    if square.op == "multiply":
        return (x, axes) if x is other else None
    return (x, axes) if scalar_value(other) == 2 else None


def _deviation(site: Site, atom: Atom) -> tuple[Atom, tuple[int, ...], float] | None:
    """x, the axes and epsilon, where an atom is the square root of epsilon + the mean of x * x."""
    root = site.definition(atom, "sqrt")
    total = site.definition(root.args[0], "add") if root else None
    if total is None:
        return None
    for mean, epsilon in (total.args, total.args[::-1]):
        value, found = scalar_value(epsilon), _mean_of_squares(site, mean)
        if value is not None and found is not None:
            return (*found, float(value))
    return None


def _centred(site: Site, atom: Atom, axes: tuple[int, ...]) -> Atom | None:
    """x, where an atom is x less its mean over the axes."""
    difference = site.definition(atom, "subtract")
    if difference is None:
        return None
    x, subtracted = difference.args
    mean = site.definition(subtracted, "mean")
    return x if mean is not None and mean.args[0] is x and _reduced_axes(mean) == axes else None


def _normalized(site: Site, data: Atom, root: Atom) -> Atom | None:
    """The normalisation of data by a deviation."""
    found = _deviation(site, root)
    if found is None or found[0] is not data:
        return None
    _, axes, epsilon = found
    shape = tuple(d for d in site.tensor.shape[axes[0] :] if isinstance(d, int))
    if len(shape) != len(axes) or site.tensor.dtype not in FLOATS:
        return None
    ones = Constant(np.ones(shape, site.tensor.numpy_dtype))
    centred = _centred(site, data, axes)
    op, x = ("nn.layer_norm", centred) if centred is not None else ("nn.rms_norm", data)
    return site.emit_as(op, x, ones, axis=axes[0], epsilon=epsilon)


def _quotient(site: Site) -> Atom | None:
    data, root = site.args
    return _normalized(site, data, root)


def _product(site: Site) -> Atom | None:
    """A product with the reciprocal of a deviation, or one that scales a normalisation."""
    for data, other in (site.args, site.args[::-1]):
        inverse = site.definition(other, "reciprocal", "divide")
        if inverse is not None and (inverse.op == "reciprocal" or scalar_value(inverse.args[0]) == 1):
            found = _normalized(site, data, inverse.args[-1])
            if found is not None:
                return found
        norm = site.definition(data, "nn.layer_norm", "nn.rms_norm")
        if norm is None or site.uses(data) != 1 or not _fits(norm, other):
            continue
        if len(norm.args) == 2 and scalar_value(norm.args[1]) == 1:
            return site.emit_as(norm.op, norm.args[0], other, **norm.attrs)
    return None


def _sum(site: Site) -> Atom | None:
    """A sum that shifts a layer normalisation."""
    for data, other in (site.args, site.args[::-1]):
        norm = site.definition(data, "nn.layer_norm")
        if norm is not None and site.uses(data) == 1 and len(norm.args) == 2 and _fits(norm, other):
            return site.emit_as(norm.op, *norm.args, other, **norm.attrs)
    return None


def _fits(norm: Site, parameter: Atom) -> bool:
    """Whether a value may be scale or bias: a constant of one element for each place in the normalised axes."""
    axis = norm.attrs.axis % norm.tensor.rank
    return isinstance(parameter, Constant) and parameter.array.shape == norm.tensor.shape[axis:]


def _softmax(site: Site) -> Atom | None:
    """exp(x), or exp(x - max(x)), by its sum along one axis."""
    powers, total = site.args
    exponential, axes = site.definition(powers, "exp"), _reduced_axes(site.definition(total, "sum"))
    if exponential is None or axes is None or len(axes) != 1:
        return None
    summed = site.definition(total, "sum")
    if summed is None or summed.args[0] is not powers:
        return None
    x = exponential.args[0]
    shifted = site.definition(x, "subtract")
    if shifted is not None:
        greatest = site.definition(shifted.args[1], "max")
        if greatest is not None and greatest.args[0] is shifted.args[0] and _reduced_axes(greatest) == axes:
            x = shifted.args[0]
    return site.emit_as("nn.softmax", x, axis=axes[0])


RULES: Rules = {"divide": [_quotient, _softmax], "multiply": [_product], "add": [_sum]}
