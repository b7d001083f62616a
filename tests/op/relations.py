"""Asks operators for the types of their results."""

from __future__ import annotations

from typing import Any

import pytest

from onnxc import op
from onnxc.diagnostics import CompileError
from onnxc.relay.dimension import Dimension
from onnxc.relay.types import TensorType, Type, tensor_fields


def tensor(*shape: Dimension, dtype: str = "float32") -> TensorType:
    return TensorType(shape, dtype)


def infer(name: str, *args: TensorType, **attrs: Any) -> Type:
    """The type of an operator's result."""
    return op.infer_type(name, op.complete_attrs(op.get(name), attrs), args)


def infer_tensor(name: str, *args: TensorType, **attrs: Any) -> TensorType:
    """The same, of an operator that gives a tensor."""
    result = infer(name, *args, **attrs)
    assert isinstance(result, TensorType)
    return result


def shape_of(name: str, *args: TensorType, **attrs: Any) -> tuple[Dimension, ...]:
    """The shape of its first result."""
    return tensor_fields(infer(name, *args, **attrs))[0].shape


def error_of(name: str, *args: TensorType, **attrs: Any) -> str:
    """What it says of arguments that do not fit."""
    with pytest.raises(CompileError) as caught:
        infer(name, *args, **attrs)
    return str(caught.value)
