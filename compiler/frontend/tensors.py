"""Tensors of a model -> arrays: data in the model itself, or in files beside it, which stay mapped into memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.external_data_helper
import onnx.numpy_helper

from ..diagnostics import CompileError, Location, located
from ..relay.types import DTYPES, dtype_name
from .registry import dense_array


class TensorReader:
    """Reads the tensors of a model.

    Parameters
    ----------
    model : Path or None
        The model's file, beside which external data lies; None: in the current folder.
    """

    def __init__(self, model: Path | None) -> None:
        self._folder = (Path.cwd() if model is None else model.parent).resolve()
        # Caches of downloads have links beside each other for the model and its data, and both files elsewhere.
        self._folders = {self._folder, self._folder if model is None else model.resolve().parent}

    def array(self, tensor: onnx.TensorProto | onnx.SparseTensorProto, name: str) -> np.ndarray:
        """The array of an initializer.

        Raises
        ------
        CompileError
            The tensor is broken, or its external data is missing, too short or not the model's.
        """
        with located(Location(tensor=name)):
            try:
                if any(dim < 0 for dim in tensor.dims):
                    raise ValueError("a dimension is negative")
                if isinstance(tensor, onnx.SparseTensorProto):
                    return dense_array(tensor)
                if onnx.external_data_helper.uses_external_data(tensor):
                    return self._external(tensor)
                return onnx.numpy_helper.to_array(tensor)
            except (CompileError, MemoryError):
                raise
            except Exception as error:  # to_array raises ValueError, TypeError, KeyError and more on broken tensors
                raise CompileError(
                    f"the initializer is broken: {error}",
                    expected=f"data for {_described(tensor)}",
                    remedy="export the model again",
                ) from error

    def with_data(self, node: onnx.NodeProto) -> onnx.NodeProto:
        """The node itself, or, where tensors in its attributes have external data, a copy that has it inside."""
        if not any(_is_external(attribute) for attribute in node.attribute):
            return node
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        for attribute in copy.attribute:
            if _is_external(attribute):
                attribute.t.CopyFrom(onnx.numpy_helper.from_array(self.array(attribute.t, attribute.name)))
        return copy

    def _external(self, tensor: onnx.TensorProto) -> np.ndarray:
        info = onnx.external_data_helper.ExternalDataInfo(tensor)
        path = (self._folder / info.location).resolve()
        if self._folders.isdisjoint(path.parents):
            raise CompileError(
                f"the external data '{info.location}' is outside the model's folder",
                expected="a file beside the model or below its folder",
            )
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))
        shape, bits = tuple(tensor.dims), DTYPES[dtype_name(dtype)][1]
        count = 1
        for dim in shape:
            count *= dim
        wanted, offset = (count * bits + 7) // 8, info.offset or 0
        try:
            if path.exists() and not path.is_file():
                raise CompileError(
                    f"the external data '{info.location}' is no file", remedy="put the file beside the model"
                )
            available = path.stat().st_size - offset
        except OSError as error:
            raise CompileError(
                f"the external data '{info.location}' cannot be read: {error.strerror}",
                remedy="put the file beside the model",
            ) from error
        if info.length is not None:
            available = min(available, info.length)
        if available < wanted:
            raise CompileError(
                f"the external data '{info.location}' has {max(available, 0)} bytes at the tensor's offset",
                expected=f"{wanted} bytes",
                remedy="copy the file again, and check its size",
            )
        if wanted == 0:
            return np.empty(shape, dtype)
        if bits < 8:  # packed
            with path.open("rb") as file:
                file.seek(offset)
                inside = onnx.TensorProto(data_type=tensor.data_type, dims=shape, raw_data=file.read(wanted))
            return onnx.numpy_helper.to_array(inside)
        return np.memmap(path, dtype, "r", offset, shape)


def _is_external(attribute: onnx.AttributeProto) -> bool:
    return attribute.HasField("t") and onnx.external_data_helper.uses_external_data(attribute.t)


def _described(tensor: onnx.TensorProto | onnx.SparseTensorProto) -> str:
    values = tensor.values if isinstance(tensor, onnx.SparseTensorProto) else tensor
    known = values.data_type in onnx.TensorProto.DataType.values()
    kind = onnx.TensorProto.DataType.Name(values.data_type).lower() if known else f"element type {values.data_type}"
    return f"{kind} of shape {tuple(tensor.dims)}"
