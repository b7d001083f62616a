"""Values of a random graph, in all its runs, and random data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from onnx import TensorProto, TypeProto, helper

from tests.random.evaluation import FLOATS, INTEGERS, dtype_of

#: Element types that no operator computes with: casts, quantisation and moves only.
SMALL_FLOATS = (
    TensorProto.FLOAT8E4M3FN,
    TensorProto.FLOAT8E4M3FNUZ,
    TensorProto.FLOAT8E5M2,
    TensorProto.FLOAT8E5M2FNUZ,
    TensorProto.FLOAT4E2M1,
)
SMALL_INTEGERS = (TensorProto.INT4, TensorProto.UINT4, TensorProto.INT2, TensorProto.UINT2)
COMPLEX = (TensorProto.COMPLEX64, TensorProto.COMPLEX128)
STRING, BOOL = TensorProto.STRING, TensorProto.BOOL
FLOAT, DOUBLE, INT32, INT64, UINT8, INT8 = (
    TensorProto.FLOAT,
    TensorProto.DOUBLE,
    TensorProto.INT32,
    TensorProto.INT64,
    TensorProto.UINT8,
    TensorProto.INT8,
)
NUMBERS = FLOATS + INTEGERS
ANY = (*NUMBERS, BOOL, STRING)

WORDS = (
    "",
    "a",
    "B",
    "ab ",
    "the",
    "The",
    " two words",
    "ä€",
    "x,y,,z",
    "10",
    "a-b-c",
    "straße",
    "long enough to be kept",
)


@dataclass(frozen=True, eq=False)
class Value:
    """What a name stands for: its type, and in each run an array, a list of arrays, or None."""

    name: str
    type: TypeProto
    runs: tuple[Any, ...]

    @cached_property
    def kind(self) -> str:
        """``tensor``, ``sequence``, ``optional`` or ``map``."""
        return str(self.type.WhichOneof("value")).removesuffix("_type")

    @property
    def element(self) -> int:
        """The type of a tensor's elements; 0 for what is no tensor."""
        return self.type.tensor_type.elem_type if self.kind == "tensor" else 0

    @property
    def dtype(self) -> np.dtype[Any]:
        return dtype_of(self.element)

    @cached_property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of a tensor, in each run."""
        return tuple(run.shape for run in self.runs)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a tensor, in the first run."""
        return self.shapes[0]

    @property
    def rank(self) -> int:
        return len(self.shapes[0])

    @property
    def largest(self) -> int:
        """Most elements of a tensor in any run."""
        return max(run.size for run in self.runs)

    def fixed(self, axis: int) -> bool:
        """Whether a dimension is the same in all runs."""
        return len({shape[axis] for shape in self.shapes}) == 1

    def least(self, axis: int) -> int:
        """A dimension's least size in any run."""
        return min(shape[axis] for shape in self.shapes)

    @property
    def all_fixed(self) -> bool:
        return len(set(self.shapes)) == 1

    def range(self) -> tuple[float, float]:
        """Least and greatest number of a tensor in any run; zeros where there is none."""
        arrays = [run.astype(np.float64) for run in self.runs if run.size]
        if not arrays:
            return 0.0, 0.0
        return min(float(a.min()) for a in arrays), max(float(a.max()) for a in arrays)


def tensor_type(element: int) -> TypeProto:
    return helper.make_tensor_type_proto(element, None)


def random_array(random: np.random.Generator, element: int, shape: tuple[int, ...], style: int = 0) -> np.ndarray:
    """Random data of a type: small numbers for style 0, others, such as many that are equal, for 1 and 2."""
    dtype = dtype_of(element)
    if element == STRING:
        return np.asarray(np.array(WORDS, object)[random.integers(0, len(WORDS), shape)], object).reshape(shape)
    if element == BOOL:
        return np.asarray(random.integers(0, 2, shape)).astype(bool)
    if element in INTEGERS:
        info = np.iinfo(dtype)
        low, high = ((-4, 5), (-40, 40), (int(info.min), int(info.max)))[style]
        return np.asarray(random.integers(max(low, info.min), min(high, info.max), shape, dtype, endpoint=True))
    if element in SMALL_INTEGERS:
        limits: dict[int, tuple[int, int]] = {TensorProto.INT4: (-8, 8), TensorProto.UINT4: (0, 16)}
        low, high = {**limits, TensorProto.INT2: (-2, 2)}.get(element, (0, 4))
        return np.asarray(random.integers(low, high, shape)).astype(dtype)
    data = np.asarray(random.standard_normal(shape)) * 1.5
    if style == 1:
        data = np.round(data * 2) / 2
    elif style == 2:
        data = np.asarray(random.integers(-3, 4, shape)).astype(np.float64)
    if element in COMPLEX:
        data = data + 1j * random.standard_normal(shape)
    return np.asarray(data).astype(dtype)
