"""Types of Relay values."""

from __future__ import annotations

from dataclasses import dataclass

import ml_dtypes
import numpy as np

from .dimension import Dim, Dimension, is_static, product, substitute, symbols

#: Every ONNX element type: name -> (numpy dtype, size in bits). Names are those of ONNX where numpy has them too.
DTYPES: dict[str, tuple[np.dtype, int]] = {
    "float16": (np.dtype(np.float16), 16),
    "bfloat16": (np.dtype(ml_dtypes.bfloat16), 16),
    "float32": (np.dtype(np.float32), 32),
    "float64": (np.dtype(np.float64), 64),
    "float8_e4m3fn": (np.dtype(ml_dtypes.float8_e4m3fn), 8),
    "float8_e4m3fnuz": (np.dtype(ml_dtypes.float8_e4m3fnuz), 8),
    "float8_e5m2": (np.dtype(ml_dtypes.float8_e5m2), 8),
    "float8_e5m2fnuz": (np.dtype(ml_dtypes.float8_e5m2fnuz), 8),
    "float8_e8m0fnu": (np.dtype(ml_dtypes.float8_e8m0fnu), 8),
    "float4_e2m1fn": (np.dtype(ml_dtypes.float4_e2m1fn), 4),
    "int4": (np.dtype(ml_dtypes.int4), 4),
    "uint4": (np.dtype(ml_dtypes.uint4), 4),
    "int2": (np.dtype(ml_dtypes.int2), 2),
    "uint2": (np.dtype(ml_dtypes.uint2), 2),
    "int8": (np.dtype(np.int8), 8),
    "uint8": (np.dtype(np.uint8), 8),
    "int16": (np.dtype(np.int16), 16),
    "uint16": (np.dtype(np.uint16), 16),
    "int32": (np.dtype(np.int32), 32),
    "uint32": (np.dtype(np.uint32), 32),
    "int64": (np.dtype(np.int64), 64),
    "uint64": (np.dtype(np.uint64), 64),
    "bool": (np.dtype(np.bool_), 8),
    "complex64": (np.dtype(np.complex64), 64),
    "complex128": (np.dtype(np.complex128), 128),
    "string": (np.dtype(object), 128),  # in C a pointer and a length: onnxc_string
}


@dataclass(frozen=True)
class TensorType:
    """A tensor: its shape (integers or symbolic dimensions) and the name of its element type."""

    shape: tuple[Dimension, ...]
    dtype: str

    def __post_init__(self) -> None:
        assert self.dtype in DTYPES, self.dtype
        object.__setattr__(self, "shape", tuple(d if isinstance(d, Dim) else int(d) for d in self.shape))

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> Dimension:
        """Number of elements."""
        return product(self.shape)

    @property
    def byte_size(self) -> Dimension:
        """Bytes of the tensor in dense row-major form; sub-byte elements take a byte each in memory."""
        return self.size * max(1, DTYPES[self.dtype][1] // 8)

    @property
    def is_static(self) -> bool:
        return is_static(self.shape)

    @property
    def numpy_dtype(self) -> np.dtype:
        return DTYPES[self.dtype][0]

    def __str__(self) -> str:
        inner = ", ".join(map(str, self.shape)) + ("," if len(self.shape) == 1 else "")
        return f"Tensor[({inner}), {self.dtype}]"


@dataclass(frozen=True)
class TupleType:
    fields: tuple[Type, ...]

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.fields))}{',' if len(self.fields) == 1 else ''})"


@dataclass(frozen=True)
class SequenceType:
    element: Type

    def __str__(self) -> str:
        return f"Sequence[{self.element}]"


@dataclass(frozen=True)
class OptionalType:
    element: Type

    def __str__(self) -> str:
        return f"Optional[{self.element}]"


@dataclass(frozen=True)
class MapType:
    key: str
    value: Type

    def __str__(self) -> str:
        return f"Map[{self.key}, {self.value}]"


@dataclass(frozen=True)
class FuncType:
    params: tuple[Type, ...]
    result: Type

    def __str__(self) -> str:
        return f"fn({', '.join(map(str, self.params))}) -> {self.result}"


Type = TensorType | TupleType | SequenceType | OptionalType | MapType | FuncType


def dtype_name(dtype: np.dtype) -> str:
    """Relay's name of a numpy element type."""
    dtype = np.dtype(dtype)
    if dtype.kind in "OUS":
        return "string"
    name = dtype.name
    assert name in DTYPES, name
    return name


def in_memory(array: np.ndarray) -> np.ndarray:
    """An array as it lies in memory: of an integer of less than a byte the byte has the value, not just the bits."""
    name = dtype_name(array.dtype)
    small = DTYPES[name][1] < 8 and "int" in name
    return array.astype(np.uint8 if name.startswith("u") else np.int8) if small else array


def type_of_array(array: np.ndarray) -> TensorType:
    return TensorType(array.shape, dtype_name(array.dtype))


def type_symbols(type_: Type) -> set[str]:
    """Symbols that occur in a type's dimensions."""
    if isinstance(type_, TensorType):
        return set().union(*(symbols(d) for d in type_.shape))
    if isinstance(type_, TupleType):
        return set().union(*(type_symbols(f) for f in type_.fields))
    return set()


def substitute_type(type_: Type, values: dict[str, Dimension]) -> Type:
    """Replace symbols in a type's dimensions."""
    if isinstance(type_, TensorType):
        return TensorType(tuple(substitute(d, values) for d in type_.shape), type_.dtype)
    if isinstance(type_, TupleType):
        return TupleType(tuple(substitute_type(f, values) for f in type_.fields))
    return type_


def tensor_fields(type_: Type) -> tuple[TensorType, ...]:
    """The tensors of a tensor type or of a flat tuple of tensors."""
    if isinstance(type_, TensorType):
        return (type_,)
    assert isinstance(type_, TupleType), type_
    fields = []
    for field in type_.fields:
        assert isinstance(field, TensorType), type_
        fields.append(field)
    return tuple(fields)
