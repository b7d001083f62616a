"""Values for tests by ONNX's names of types: ``tensor(float)``, ``seq(tensor(int8))``, ``map(int64, string)``."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import ml_dtypes
import numpy as np
import onnx
from onnx import helper

#: What a case's input may be: an array, a sequence (list), a map (dict), or None for an optional that holds nothing.
Value = Any


@cache
def element_number(type_: str) -> int:
    """ONNX's number of the element type in a type's name."""
    inner = re.sub(r"^(seq|optional|tensor)\(|\)$", "", type_)
    return element_number(inner) if "(" in inner else int(getattr(onnx.TensorProto, inner.upper()))


@cache
def element_dtype(type_: str) -> np.dtype:
    """numpy's element type of a type's name."""
    return np.dtype(helper.tensor_dtype_to_np_dtype(element_number(type_)))


@cache
def short_name(type_: str) -> str:
    """A type's name without what is the same for all: ``float``, ``seq(float)``."""
    return re.sub(r"tensor\(([a-z0-9]+)\)", r"\1", type_)


@cache
def _numbers() -> dict[int, str]:
    enum = onnx.TensorProto.DataType
    return {number: f"tensor({name.lower()})" for name, number in enum.items()}


def type_name(value: Value) -> str:
    """ONNX's name of a value's type; an optional that holds nothing has none."""
    if isinstance(value, list):
        return f"seq({type_name(value[0])})"
    if isinstance(value, dict):
        key, entry = next(iter(value.items()))
        names = {int: "int64", str: "string", float: "float"}
        return f"map({names[type(key)]}, {names.get(type(entry), 'double')})"
    return _name_of(np.asarray(value).dtype)


@cache
def _name_of(dtype: np.dtype) -> str:
    return "tensor(string)" if dtype.kind in "OUT" else _numbers()[int(helper.np_dtype_to_tensor_dtype(dtype))]


def type_proto(type_: str, value: Value) -> onnx.TypeProto:
    """The type of a graph's input for a value of a named type."""
    if type_.startswith("seq("):
        inner = value[0] if isinstance(value, list) and value else None
        open_ = isinstance(value, list) and len({np.shape(part) for part in value}) > 1
        return helper.make_sequence_type_proto(type_proto(type_[4:-1], None if open_ else inner))
    if type_.startswith("optional("):
        return helper.make_optional_type_proto(type_proto(type_[9:-1], value))
    if type_.startswith("map("):
        key, entry = re.sub(r"^map\(|\)$", "", type_).split(", ")
        numbers = [int(getattr(onnx.TensorProto, name.upper())) for name in (key, entry)]
        return helper.make_map_type_proto(numbers[0], helper.make_tensor_type_proto(numbers[1], None))
    return helper.make_tensor_type_proto(element_number(type_), None if value is None else np.shape(value))


def retype(value: Value, type_: str) -> Value:
    """A value like another one, of another type: not 0 where that is not 0, and in the type's range.

    Fractions that are to become integers are enlarged first. Text is the number's.
    """
    if type_.startswith("map("):
        return _sample_map(type_)
    if type_.startswith("optional("):
        return retype(value, type_[9:-1])
    if type_.startswith("seq("):
        parts = value if isinstance(value, list) else [value, value]
        return [retype(part, type_[4:-1]) for part in parts]
    if isinstance(value, list):
        value = value[0]
    if isinstance(value, dict) or value is None:
        value = np.arange(1, 5, dtype=np.float32)
    return _cast(np.asarray(value), element_dtype(type_))


def _cast(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if array.dtype == dtype:
        return array
    if array.dtype.kind in "OU":
        lengths = [sum(str(text).encode()) % 7 for text in array.reshape(-1)]
        array = np.array(lengths, np.int64).reshape(array.shape)
    if dtype.kind in "OU":
        numbers = np.asarray(array.astype(np.complex128) if array.dtype.kind == "c" else array.astype(np.float64))
        return np.array([f"{n:g}" for n in np.real(numbers).reshape(-1)], object).reshape(array.shape)
    if array.dtype.kind == "c":
        array = array.real
    if dtype == np.bool_:
        wide = array.astype(np.float64)
        return np.asarray(wide > wide.mean() if wide.size and wide.all() else wide != 0)
    if array.dtype.kind in "biu" and dtype.kind in "biu":
        information = np.iinfo(dtype)
        return np.clip(array.astype(np.float64), information.min, information.max).astype(dtype)
    wide = array.astype(np.float64)
    if _is_integer(dtype):
        limits = ml_dtypes.iinfo(dtype)
        if wide.size and np.any(wide != np.round(wide)):
            wide = wide * (3 if np.abs(wide).max() <= 4 else 1)
            wide = np.copysign(np.ceil(np.abs(wide)), wide)
        wide = np.nan_to_num(wide, nan=1, posinf=5, neginf=-5)
        if limits.min == 0:
            wide = np.abs(wide)
        return np.clip(wide, float(limits.min), min(float(limits.max), 2.0**53)).astype(np.int64).astype(dtype)
    with np.errstate(all="ignore"):
        if dtype.kind == "c":
            return np.asarray(wide + 1j * wide[..., ::-1] if wide.ndim else wide + 1j).astype(dtype)
        if "e8m0" in dtype.name:
            return np.abs(wide).astype(np.float32).astype(dtype)
        return wide.astype(np.float32).astype(dtype) if dtype.kind == "V" else wide.astype(dtype)


def _is_integer(dtype: np.dtype) -> bool:
    return dtype.kind in "iu" or dtype.name in ("int4", "uint4", "int2", "uint2")


def _sample_map(type_: str) -> dict[Any, Any]:
    key, entry = re.sub(r"^map\(|\)$", "", type_).split(", ")
    keys: list[Any] = [3, 1, 7] if key == "int64" else ["c", "a", "é"]
    kinds: dict[str, list[Any]] = {"string": ["2.5", "-1", "40"], "int64": [5, -6, 7]}
    return dict(zip(keys, kinds.get(entry, [0.5, 2.25, -3.0]), strict=True))
