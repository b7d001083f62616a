"""Elements picked by index tensors (ONNX Gather, GatherElements, GatherND).

Negative indices count from the end. Indices out of range, which ONNX forbids, are moved to the nearest valid one:
whatever the indices hold, nothing outside the tensor is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import REQUIRED, FusionKind, Op, check_dtype, check_index_source, normalize_axis, register, tensors

INDEX_TYPES = ("int32", "int64")


def valid_index(T: Any, index: Any, size: Any) -> Any:
    """An int32 index within a size that is at least 1, out of the value of an index tensor."""
    size = T.cast(T.index(size), T.dtype(index))
    zero = T.const(0, T.dtype(index))
    wrapped = T.select(index < zero, index + size, index)
    return T.cast(T.maximum(T.minimum(wrapped, size - T.const(1, T.dtype(index))), zero), "int32")


def valid_indices(indices: np.ndarray, size: int) -> np.ndarray:
    """The same for numpy; an object array must hold integers."""
    numbers = np.array(indices, np.int64)
    return np.clip(np.where(numbers < 0, numbers + size, numbers), 0, max(size - 1, 0))


def _inside(T: Any, index: Any, extent: Any, size: Any) -> Any:
    """An index that runs up to `extent`, kept below `size` where nothing says that this is not less."""
    static = isinstance(extent, int) and isinstance(size, int)
    return index if static or T.equal(extent, size) else T.minimum(index, size - 1)


def _take_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, indices = tensors("take", args, 2)
    check_dtype("take: indices", indices.dtype, INDEX_TYPES)
    axis = normalize_axis("take", attrs.axis, x.rank)
    result = TensorType((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)
    check_index_source("take", [x.shape[axis]], result.size)
    return result


def _take_reference(attrs: Attrs, x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    return np.take(x, valid_indices(indices, x.shape[attrs.axis]), attrs.axis)


def _take_compute(T: Any, attrs: Attrs, x: Any, indices: Any) -> Any:
    shape, picked = T.shape(x), T.shape(indices)
    axis, rank = attrs.axis % len(shape), len(picked)

    def element(*index: Any) -> Any:
        place = valid_index(T, indices(*index[axis : axis + rank]), shape[axis])
        return x(*index[:axis], place, *index[axis + rank :])

    return T.compute([*shape[:axis], *picked, *shape[axis + 1 :]], element, "take")


register(
    Op(
        "take",
        FusionKind.INJECTIVE,
        _take_relation,
        _take_reference,
        _take_compute,
        attributes={"axis": REQUIRED},
        shape_value=True,
    )
)


def _elements_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, indices = tensors("gather_elements", args, 2)
    check_dtype("gather_elements: indices", indices.dtype, INDEX_TYPES)
    axis = normalize_axis("gather_elements", attrs.axis, x.rank)
    fits = x.rank == indices.rank and not any(
        isinstance(old, int) and isinstance(new, int) and new > old
        for place, (old, new) in enumerate(zip(x.shape, indices.shape, strict=True))
        if place != axis
    )
    if not fits:
        raise CompileError(
            f"gather_elements of {x.shape} with indices {indices.shape}",
            expected=f"equal ranks, and no greater dimension except on axis {axis}",
        )
    result = TensorType(indices.shape, x.dtype)
    check_index_source("gather_elements", x.shape, result.size)
    return result


def _elements_reference(attrs: Attrs, x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    axis = attrs.axis % x.ndim
    position: list[np.ndarray] = list(np.indices(indices.shape, sparse=True))
    position[axis] = valid_indices(indices, x.shape[axis])
    return x[tuple(position)]


def _elements_compute(T: Any, attrs: Attrs, x: Any, indices: Any) -> Any:
    shape, extent = T.shape(x), T.shape(indices)
    axis = attrs.axis % len(shape)

    def element(*index: Any) -> Any:
        position = [_inside(T, i, e, s) for i, e, s in zip(index, extent, shape, strict=True)]
        position[axis] = valid_index(T, indices(*index), shape[axis])
        return x(*position)

    return T.compute(extent, element, "gather_elements")


register(
    Op(
        "gather_elements",
        FusionKind.INJECTIVE,
        _elements_relation,
        _elements_reference,
        _elements_compute,
        attributes={"axis": REQUIRED},
        shape_value=True,
    )
)


def _nd_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, indices = tensors("gather_nd", args, 2)
    check_dtype("gather_nd: indices", indices.dtype, INDEX_TYPES)
    batch = attrs.batch_dims
    depth = indices.shape[-1] if indices.rank else 0
    if not isinstance(depth, int) or not 0 <= batch < indices.rank or not batch + depth <= x.rank:
        raise CompileError(
            f"gather_nd of {x.shape} with indices {indices.shape} and {batch} batch dimensions",
            expected="a last dimension of indices, known by now, of at most the data's rank less batch dimensions",
        )
    if any(
        isinstance(a, int) and isinstance(b, int) and a < b
        for a, b in zip(x.shape, indices.shape[:batch], strict=False)
    ):
        raise CompileError(
            f"gather_nd of {x.shape} with indices {indices.shape}", expected=f"{batch} equal dimensions in front"
        )
    result = TensorType((*indices.shape[:-1], *x.shape[batch + depth :]), x.dtype)
    check_index_source("gather_nd", x.shape[batch : batch + depth], result.size)
    return result


def _nd_reference(attrs: Attrs, x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    batch, depth = attrs.batch_dims, indices.shape[-1]
    shape = indices.shape[:-1]
    position = list(np.indices(shape, sparse=True))[:batch]
    position += [valid_indices(indices[..., k], x.shape[batch + k]) for k in range(depth)]
    if not position:
        return np.broadcast_to(x, (*shape, *x.shape)).copy()
    return x[tuple(np.broadcast_to(p, shape) for p in position)]


def _nd_compute(T: Any, attrs: Attrs, x: Any, indices: Any) -> Any:
    shape, picked = T.shape(x), T.shape(indices)
    batch, depth, rank = attrs.batch_dims, picked[-1], len(picked) - 1

    def element(*index: Any) -> Any:
        position = [_inside(T, index[k], picked[k], shape[k]) for k in range(batch)]
        position += [valid_index(T, indices(*index[:rank], k), shape[batch + k]) for k in range(depth)]
        return x(*position, *index[rank:])

    return T.compute([*picked[:-1], *shape[batch + depth :]], element, "gather_nd")


register(
    Op(
        "gather_nd",
        FusionKind.INJECTIVE,
        _nd_relation,
        _nd_reference,
        _nd_compute,
        attributes={"batch_dims": 0},
        shape_value=True,
    )
)
