"""ONNX operators on signals: Fourier transforms, spectrograms, mel filters."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..op.accumulate import wide_dtype
from ..op.base import normalize_axis
from ..relay.dimension import Dimension
from ..relay.expr import Atom
from ..relay.types import TensorType
from .registry import Node, converter, fix_remedy

#: Transforms of at most so many elements are one matrix product; longer ones are two of their factors.
DIRECT_LENGTH = 64


@converter("DFT")
def convert_dft(node: Node) -> Atom:
    rank = node.type(0).rank
    if node.opset >= 20:
        axis = int(node.static_array(2).reshape(-1)[0]) if node.has_input(2) else -2
    else:
        axis = node.attr("axis", 1)
    axis = normalize_axis("DFT", axis, rank)
    if axis == rank - 1:
        raise node.error(f"axis {axis} of a tensor of rank {rank}", expected="another axis than the last")
    inverse, onesided = bool(node.attr("inverse", 0)), bool(node.attr("onesided", 0))
    size = node.type(0).shape[axis]
    length: Dimension = 2 * (size - 1) if inverse and onesided else size
    if node.has_input(1):
        (length,) = node.shape_value(1)
    signal = _Signal(node, node.input(0))
    return signal.transformed(axis, _static_length(node, length), inverse, onesided)


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
    static = _static_length(node, length)
    if not isinstance(step, int) or step < 1:
        raise node.error(f"frame_step is {step}", expected="a number of at least 1")
    frames = node.call("sliding_window", data, axis=1, size=static, stride=step)
    if node.has_input(2):
        if node.type(2).shape != (static,):
            raise node.error(f"a window of shape {node.type(2).shape}", expected=f"({static},), as frame_length says")
        frames = node.call("multiply", frames, node.reshape(node.input(2), (static, 1)))
    onesided = bool(node.attr("onesided", 1)) and signal.shape[2] == 1
    return _Signal(node, frames).transformed(2, static, False, onesided)


def _static_length(node: Node, length: Dimension) -> int:
    if not isinstance(length, int):
        raise node.error(
            f"a Fourier transform of {length} elements", expected="a constant length", remedy=fix_remedy(length)
        )
    if length < 1:
        raise node.error(f"a Fourier transform of {length} elements", expected="at least 1")
    return length


@dataclass
class _Signal:
    """A tensor of real (last dimension 1) or complex numbers (2: real and imaginary part) to be transformed.

    A transform is a product with a matrix of cosines and sines, in which real and imaginary parts stand one behind the
    other. A long one is taken apart (Cooley and Tukey): with n = n1 n2 it is n2 transforms of n1 elements, factors, and
    n1 transforms of n2 elements.
    """

    node: Node
    value: Atom

    def transformed(self, axis: int, length: int, inverse: bool, onesided: bool) -> Atom:
        node, type_ = self.node, self.value.type
        assert isinstance(type_, TensorType)
        parts = type_.shape[-1]
        if parts not in (1, 2):
            raise node.error(f"a signal of shape {type_.shape}", expected="a last dimension of 1 or 2")
        if onesided and parts != (2 if inverse else 1):
            kind = "an inverse" if inverse else "a"
            raise node.error(f"{kind} onesided transform of {type_.shape}", expected=f"a last dimension of {3 - parts}")
        assert isinstance(parts, int)
        wide = wide_dtype(type_.dtype)
        # The axis goes to the end, with the parts in front of it: (..., parts, size).
        order = [*(a for a in range(type_.rank) if a not in (axis, type_.rank - 1)), type_.rank - 1, axis]
        x = node.transpose(node.cast(self.value, wide), order)
        x = self._resized(x, length // 2 + 1 if inverse and onesided else length)
        lead = list(_shape(x)[:-2])
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

    def _resized(self, x: Atom, size: int) -> Atom:
        """With so many elements: the first ones, or with zeros behind them."""
        shape = _shape(x)
        found, rank = shape[-1], len(shape)
        if found == size:
            return x
        if not isinstance(found, int):
            raise self.node.error(
                f"{size} elements out of {found}", expected="a constant length", remedy=fix_remedy(found)
            )
        if found > size:
            end = (*shape[:-1], size)
            return self.node.call("strided_slice", x, begin=(0,) * rank, end=end, strides=(1,) * rank)
        after = (*(0 for _ in shape[:-1]), size - found)
        return self.node.call("pad", x, before=(0,) * rank, after=after, value=0.0)

    def _flat(self, x: Atom) -> Atom:
        """(..., parts, size) as (..., parts * size)."""
        *lead, parts, size = _shape(x)
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
        lead = list(_shape(x)[:-1])
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


def _shape(atom: Atom) -> tuple[Dimension, ...]:
    assert isinstance(atom.type, TensorType)
    return atom.type.shape


def _factor(length: int) -> int:
    """The greatest divisor that is not above the square root."""
    return next(d for d in range(math.isqrt(length), 0, -1) if length % d == 0)


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
    bins, length, rate, low, high = (node.static_array(index).reshape(-1)[0] for index in range(5))
    if not (bins >= 1 and length >= 1 and rate > 0):
        raise node.error(f"{bins} bins of {length} elements at {rate} Hz", expected="numbers of at least 1")
    weights = mel_weights(int(bins), int(length), float(rate), float(low), float(high))
    return node.constant(weights, node.dtype_attr("output_datatype", "float32"))


def mel_weights(bins: int, length: int, rate: float, low: float, high: float) -> np.ndarray:
    """Triangles, equally spaced in mel, over the numbers of a one-sided spectrum: (length // 2 + 1, bins)."""

    def to_mel(hertz: float) -> float:
        return 2595 * math.log10(1 + hertz / 700)

    mel = np.arange(bins + 2) * ((to_mel(high) - to_mel(low)) / (bins + 2)) + to_mel(low)
    corners = ((length + 1) * (700 * (10 ** (mel / 2595) - 1)) // rate).astype(np.int64)
    spectrum = length // 2 + 1
    corners = np.clip(corners, 0, spectrum - 1)
    result = np.zeros((spectrum, bins))
    place = np.arange(spectrum)
    for index in range(bins):
        left, centre, right = (int(c) for c in corners[index : index + 3])
        if left == centre:
            result[centre, index] = 1
        else:
            rising = (place >= left) & (place <= centre)
            result[rising, index] = (place[rising] - left) / (centre - left)
        if right > centre:
            falling = (place >= centre) & (place < right)
            result[falling, index] = (right - place[falling]) / (right - centre)
    return result
