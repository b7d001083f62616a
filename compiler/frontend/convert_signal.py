"""ONNX operators on signals: Fourier transforms, spectrograms, mel filters."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..op.accumulate import wide_dtype
from ..op.base import normalize_axis
from ..op.fourier_transform import GREATEST_FACTOR
from ..op.mel_weights import mel_weights
from ..relay.dimension import Dimension, product
from ..relay.expr import Atom, shape_of
from ..relay.types import TensorType
from .registry import Node, converter
from .run_time_axes import RunTimeAxes, is_known

#: Transforms of at most so many elements are one matrix product; longer ones are two of their factors.
DIRECT_LENGTH = 64


@converter("DFT")
def convert_dft(node: Node) -> Atom:
    rank = node.type(0).rank
    if node.opset >= 20 and node.has_input(2) and not is_known(node, 2):
        return _dft_along_run_time_axis(node, rank)
    if node.opset >= 20:
        axis = int(node.static_array(2).reshape(-1)[0]) if node.has_input(2) else -2
    else:
        axis = node.attr("axis", 1)
    axis = normalize_axis("DFT", axis, rank)
    if axis == rank - 1:
        raise node.error(f"axis {axis} of a tensor of rank {rank}", expected="another axis than the last")
    inverse, onesided = bool(node.attr("inverse", 0)), bool(node.attr("onesided", 0))
    length = _dft_length(node, node.type(0).shape[axis], inverse and onesided)
    return _Signal(node, node.input(0)).transformed(axis, length, inverse, onesided)


def _dft_length(node: Node, size: Dimension, mirrored: bool) -> Dimension:
    """How many elements a DFT has, of an axis with `size` of them."""
    if node.has_input(1):
        (length,) = node.shape_value(1)
    else:
        length = 2 * (size - 1) if mirrored else size
    return _checked_length(node, length)


def _checked_length(node: Node, length: Dimension) -> Dimension:
    if isinstance(length, int):
        if length < 1:
            raise node.error(f"a Fourier transform of {length} elements", expected="at least 1")
        return length
    (size,) = node.builder.as_sizes([length], node.proto.output[0], node.location)
    return size


def _dft_along_run_time_axis(node: Node, rank: int) -> Atom:
    """The axis becomes the second of four: what is before it, itself, what is behind it, the parts of the numbers."""
    x, shape, dtype = node.input(0), node.type(0).shape, node.type(0).dtype
    inverse, onesided = bool(node.attr("inverse", 0)), bool(node.attr("onesided", 0))
    axes = RunTimeAxes.read(node, 2, rank)
    # The last axis holds the parts.
    begin, end = (rank - 1,), (rank,)
    last = node.call("strided_slice", axes.mask, begin=begin, end=end, strides=(1,))
    mask = node.call("assume", axes.mask, node.call("equal", last, node.constant([0], "int64")), value=True)
    axes = replace(axes, mask=mask)
    before, size, behind = axes.around(x)
    length = _dft_length(node, size, inverse and onesided)
    split = node.call("checked_reshape", x, shape=(before, size, behind // shape[-1], shape[-1]))
    wide = wide_dtype(dtype)
    attrs: dict[str, Any] = {"length": length, "inverse": inverse, "onesided": onesided}
    result = node.cast(node.call("fourier_transform", node.cast(split, wide), **attrs), dtype)
    _, elements, _, parts = shape_of(result)
    if not node.has_input(1) and not onesided:
        return node.call("checked_reshape", result, shape=(*shape[:-1], parts))
    count = node.call("full", shape=(1,), value=elements, dtype="int64")
    sizes = node.call("where", node.cast(mask, "bool"), count, node.call("shape_of", x))
    read = node.builder.read_dimensions(
        node.call("strided_slice", sizes, begin=(0,), end=begin, strides=(1,)), location=node.location
    )
    assert read is not None
    return node.call("checked_reshape", result, shape=(*read.reshape(-1), parts))


@converter("STFT")
def convert_stft(node: Node) -> Atom:
    signal = node.type(0)
    data = node.input(0)
    # ONNX's text wants a last dimension of 1; its reference evaluator and ONNX Runtime take (batch, length), too.
    if signal.rank == 2:
        signal = TensorType((*signal.shape, 1), signal.dtype)
        data = node.reshape(data, signal.shape)
    if signal.rank != 3:
        raise node.error(f"a signal of shape {signal.shape}", expected="(batch, length, 1), or 2 for complex numbers")
    (step,) = node.shape_value(1)
    if node.has_input(3):
        (length,) = node.shape_value(3)
    else:
        length = node.type(2).shape[0] if node.has_input(2) else signal.shape[1]
    length = _checked_length(node, length)
    if isinstance(step, int) and step < 1:
        raise node.error(f"frame_step is {step}", expected="a number of at least 1")
    name = node.proto.output[0]
    if not isinstance(step, int):  # the run checks that it is not 0, nor the number of frames negative
        (above,) = node.builder.as_sizes([step - 1], name, node.location)
        step = above + 1
    count = (signal.shape[1] - length) // step + 1
    if not isinstance(step, int) or not isinstance(length, int):
        (count,) = node.builder.as_sizes([count], name, node.location)
    frames = node.call("sliding_window", data, axis=1, size=length, stride=step, count=count)
    if node.has_input(2):
        window = node.input(2)
        if isinstance(length, int) and node.type(2).shape != (length,):
            raise node.error(f"a window of shape {node.type(2).shape}", expected=f"({length},), as frame_length says")
        frames = node.call("multiply", frames, node.call("checked_reshape", window, shape=(length, 1)))
    onesided = bool(node.attr("onesided", 1)) and signal.shape[2] == 1
    return _Signal(node, frames).transformed(2, length, False, onesided)


#: Windows as a sum of cosines of 0, 1 and 2 turns.
_WINDOWS = {
    "BlackmanWindow": (0.42, -0.5, 0.08),
    "HammingWindow": (25 / 46, -21 / 46, 0.0),
    "HannWindow": (0.5, -0.5, 0.0),
}


@converter(*_WINDOWS)
def convert_window(node: Node) -> Atom:
    """The schema's function computes in float32: too coarse for doubles, and for numbers cut off to integers."""
    dtype = node.dtype_attr("output_datatype", "float32")
    wide = "float32" if dtype in ("float16", "bfloat16", "float32") else "float64"
    (size,) = node.shape_value(0)
    places = node.cast(node.call("arange", count=size, dtype="int64"), wide)
    length = node.cast(node.reshape(node.input(0), ()), wide)
    if not node.attr("periodic", 1):
        length = node.call("subtract", length, node.constant(1, wide))
    angle = node.call("divide", node.call("multiply", places, node.constant(2 * math.pi, wide)), length)
    constant, once, twice = _WINDOWS[node.proto.op_type]
    result = node.call("multiply", node.call("cos", angle), node.constant(once, wide))
    if twice:
        double = node.call("cos", node.call("add", angle, angle))
        result = node.call("add", result, node.call("multiply", double, node.constant(twice, wide)))
    return node.cast(node.call("add", result, node.constant(constant, wide)), dtype)


@dataclass
class _Signal:
    """A tensor of real (last dimension 1) or complex numbers (2: real and imaginary part) to be transformed.

    A transform is a product with a matrix of cosines and sines, in which real and imaginary parts stand one behind the
    other. A long one is taken apart (Cooley and Tukey): with n = n1 n2 it is n2 transforms of n1 elements, factors, and
    n1 transforms of n2 elements.
    """

    node: Node
    value: Atom

    def transformed(self, axis: int, length: Dimension, inverse: bool, onesided: bool) -> Atom:
        node, type_ = self.node, self.value.type
        assert isinstance(type_, TensorType)
        parts, found = type_.shape[-1], type_.shape[axis]
        if parts not in (1, 2):
            raise node.error(f"a signal of shape {type_.shape}", expected="a last dimension of 1 or 2")
        if onesided and parts != (2 if inverse else 1):
            kind = "an inverse" if inverse else "a"
            raise node.error(f"{kind} onesided transform of {type_.shape}", expected=f"a last dimension of {3 - parts}")
        assert isinstance(parts, int)
        wide = wide_dtype(type_.dtype)
        if not isinstance(length, int) or not isinstance(found, int) or _greatest_prime(length) > GREATEST_FACTOR:
            return node.cast(self._by_kernel(axis, length, inverse, onesided), type_.dtype)
        # The axis goes to the end, with the parts in front of it: (..., parts, size).
        order = [*(a for a in range(type_.rank) if a not in (axis, type_.rank - 1)), type_.rank - 1, axis]
        x = node.transpose(node.cast(self.value, wide), order)
        x = self._resized(x, length // 2 + 1 if inverse and onesided else length)
        lead = list(shape_of(x)[:-2])
        if inverse and onesided:
            matrix, results = _inverse_real_matrix(length), 1
            x = self._product(self._flat(x), matrix, wide)
        else:
            x = self._spectrum(self._flat(x), parts, length, inverse, wide)
            results = 2
        x = node.reshape(x, (*lead, results, length))
        if onesided and not inverse:
            kept = length // 2 + 1
            begin, end = (0,) * (len(lead) + 2), (*lead, results, kept)
            x = node.call("strided_slice", x, begin=begin, end=end, strides=(1,) * (len(lead) + 2))
        back = [order.index(a) for a in range(type_.rank)]
        return node.cast(node.transpose(x, back), type_.dtype)

    def _by_kernel(self, axis: int, length: Dimension, inverse: bool, onesided: bool) -> Atom:
        """By a kernel for all lengths; it needs no constants as large as the square of the length."""
        shape = shape_of(self.value)
        split = (product(shape[:axis]), shape[axis], product(shape[axis + 1 : -1]), shape[-1])
        x = self.node.cast(self.node.reshape(self.value, split), wide_dtype(self._dtype()))
        attrs: dict[str, Any] = {"length": length, "inverse": inverse, "onesided": onesided}
        result = self.node.call("fourier_transform", x, **attrs)
        _, elements, _, parts = shape_of(result)
        return self.node.reshape(result, (*shape[:axis], elements, *shape[axis + 1 : -1], parts))

    def _dtype(self) -> str:
        assert isinstance(self.value.type, TensorType)
        return self.value.type.dtype

    def _resized(self, x: Atom, size: int) -> Atom:
        """With so many elements: the first ones, or with zeros behind them."""
        shape = shape_of(x)
        found, rank = shape[-1], len(shape)
        assert isinstance(found, int)
        if found == size:
            return x
        if found > size:
            end = (*shape[:-1], size)
            return self.node.call("strided_slice", x, begin=(0,) * rank, end=end, strides=(1,) * rank)
        after = (*(0 for _ in shape[:-1]), size - found)
        return self.node.call("pad", x, before=(0,) * rank, after=after, value=0.0)

    def _flat(self, x: Atom) -> Atom:
        """(..., parts, size) as (..., parts * size)."""
        *lead, parts, size = shape_of(x)
        return self.node.reshape(x, (*lead, parts * size))

    def _product(self, x: Atom, matrix: np.ndarray, dtype: str) -> Atom:
        return self.node.call("nn.matmul", x, self.node.constant(matrix, dtype))

    def _spectrum(self, x: Atom, parts: int, length: int, inverse: bool, dtype: str) -> Atom:
        """The transform of (..., parts * length): (..., 2 * length), divided by the length where it is the inverse."""
        scale = 1 / length if inverse else 1.0
        first = _factor(length)
        if length <= DIRECT_LENGTH or first == 1:
            return self._product(x, _matrix(length, inverse, parts) * scale, dtype)
        node, second = self.node, length // first
        lead = list(shape_of(x)[:-1])
        rank = len(lead)
        # Element j = j1 n2 + j2; transforms over j1.
        x = node.reshape(x, (*lead, parts, first, second))
        x = node.transpose(x, [*range(rank), rank + 2, rank, rank + 1])
        x = self._spectrum(node.reshape(x, (*lead, second, parts * first)), parts, first, inverse, dtype)
        x = node.reshape(x, (*lead, second, 2, first))  # of sums over j1 / n1 where it is the inverse
        angles = np.outer(np.arange(second), np.arange(first)) * (2 * math.pi / length) * (1 if inverse else -1)
        cosines = node.constant(np.cos(angles)[:, None], dtype)
        sines = node.constant(np.sin(angles)[:, None], dtype)
        swapped = node.call("take", x, node.constant(np.array([1, 0])), axis=rank + 1)
        signs = node.constant(np.array([-1.0, 1.0])[:, None], dtype)
        turned = node.call("multiply", node.call("multiply", swapped, signs), sines)
        x = node.call("add", node.call("multiply", x, cosines), turned)
        # Transforms over j2; element k = k1 + n1 k2 of the result.
        x = node.transpose(x, [*range(rank), rank + 2, rank + 1, rank])
        x = self._spectrum(node.reshape(x, (*lead, first, 2 * second)), 2, second, inverse, dtype)
        x = node.transpose(node.reshape(x, (*lead, first, 2, second)), [*range(rank), rank + 1, rank + 2, rank])
        return node.reshape(x, (*lead, 2 * length))


def _factor(length: int) -> int:
    """The greatest divisor that is not above the square root."""
    return next(d for d in range(math.isqrt(length), 0, -1) if length % d == 0)


def _greatest_prime(length: int) -> int:
    """The greatest prime factor; 1 of 1."""
    factor = 1
    for candidate in range(2, math.isqrt(length) + 1):
        while length % candidate == 0:
            length, factor = length // candidate, candidate
    return max(length, factor)


def _matrix(length: int, inverse: bool, parts: int) -> np.ndarray:
    """What a transform multiplies (parts * length) with to give (2 * length); its sums are not divided."""
    # The product of indices modulo the length, so that angles stay small and exact.
    angles = np.outer(np.arange(length), np.arange(length)) % length * (2 * math.pi / length)
    cosines, sines = np.cos(angles), np.sin(angles) * (1 if inverse else -1)
    rows = [np.hstack([cosines, sines]), np.hstack([-sines, cosines])]
    return np.vstack(rows[:parts])


def _inverse_real_matrix(length: int) -> np.ndarray:
    """What the half of a spectrum, (2 * (length // 2 + 1)), is multiplied with to give the real signal."""
    half = np.arange(length // 2 + 1)
    angles = np.outer(half, np.arange(length)) % length * (2 * math.pi / length)
    # Each number stands for its conjugate, too, but for the first one, and the one in the middle.
    weights = np.where((half == 0) | (2 * half == length), 1.0, 2.0)[:, None] / length
    return np.vstack([weights * np.cos(angles), -weights * np.sin(angles)])


@converter("MelWeightMatrix")
def convert_mel_weight_matrix(node: Node) -> Atom:
    dtype = node.dtype_attr("output_datatype", "float32")
    (bins,), (length,) = node.shape_value(0), node.shape_value(1)
    if all(is_known(node, index) for index in range(5)):
        rate, low, high = (float(node.static_array(index).reshape(-1)[0]) for index in range(2, 5))
        assert isinstance(bins, int) and isinstance(length, int)
        if not (bins >= 1 and length >= 1 and rate > 0):
            raise node.error(f"{bins} bins of {length} elements at {rate} Hz", expected="numbers of at least 1")
        return node.constant(mel_weights(bins, length, rate, low, high), dtype)
    numbers = [node.cast(node.input(index), "float64") for index in range(2, 5)]
    return node.cast(node.call("mel_weights", *numbers, bins=bins, length=length), dtype)
