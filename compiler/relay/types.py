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
    "float6_e2m3fn": (np.dtype(ml_dtypes.float6_e2m3fn), 8),  # in a byte of its own, also at the interface
    "float6_e3m2fn": (np.dtype(ml_dtypes.float6_e3m2fn), 8),
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
class OpenTensorType:
    """What is known of the tensors in sequences and optional values, each of which has a shape of its own.

    Attributes
    ----------
    dtype : str
    shape : tuple or None
        Integers, and None for dimensions that differ from tensor to tensor; None where ranks differ, too.
    exists : bool
        False: of what never holds a tensor (SequenceEmpty), so that any tensor's type may take the place.
    """

    dtype: str
    shape: tuple[int | None, ...] | None = None
    exists: bool = True

    def __post_init__(self) -> None:
        assert self.dtype in DTYPES, self.dtype
        assert self.exists or self.shape is None, self.shape

    def __str__(self) -> str:
        if self.shape is None:
            return f"Tensor[{'?' if self.exists else '!'}, {self.dtype}]"
        inner = ", ".join("?" if d is None else str(d) for d in self.shape) + ("," if len(self.shape) == 1 else "")
        return f"Tensor[({inner}), {self.dtype}]"


@dataclass(frozen=True)
class SequenceType:
    """Any number of tensors."""

    element: OpenTensorType

    def __str__(self) -> str:
        return f"Sequence[{self.element}]"


@dataclass(frozen=True)
class OptionalType:
    """A tensor or a sequence, or nothing."""

    element: OpenTensorType | SequenceType

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


def open_type(type_: TensorType | OpenTensorType) -> OpenTensorType:
    """What is known of a tensor whose symbols have no values where its type is used."""
    if isinstance(type_, OpenTensorType):
        return type_
    return OpenTensorType(type_.dtype, tuple(d if isinstance(d, int) else None for d in type_.shape))


def join_open(left: OpenTensorType, right: OpenTensorType) -> OpenTensorType | None:
    """What is known of a tensor of one of two types; None where they have different elements."""
    if left.dtype != right.dtype:
        return None
    if not left.exists or not right.exists:
        return left if left.exists else right
    if left.shape is None or right.shape is None or len(left.shape) != len(right.shape):
        return OpenTensorType(left.dtype)
    pairs = zip(left.shape, right.shape, strict=True)
    return OpenTensorType(left.dtype, tuple(a if a == b else None for a, b in pairs))


def join_types(left: Type, right: Type) -> Type | None:
    """The type of a value that is a sequence or an optional of one of two types; None where there is none.

    A tensor or a sequence beside an optional value becomes one.
    """
    if left == right:
        return left
    if isinstance(left, SequenceType) and isinstance(right, SequenceType):
        element = join_open(left.element, right.element)
        return None if element is None else SequenceType(element)
    if not isinstance(left, OptionalType) and not isinstance(right, OptionalType):
        return None
    first, second = (_optional_element(type_) for type_ in (left, right))
    if isinstance(first, OpenTensorType) and isinstance(second, OpenTensorType):
        joined = join_open(first, second)
        return None if joined is None else OptionalType(joined)
    if isinstance(first, SequenceType) and isinstance(second, SequenceType):
        inner = join_types(first, second)
        return OptionalType(inner) if isinstance(inner, SequenceType) else None
    return None


def _optional_element(type_: Type) -> Type | OpenTensorType:
    if isinstance(type_, OptionalType):
        return type_.element
    return open_type(type_) if isinstance(type_, TensorType) else type_


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
