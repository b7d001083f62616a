"""A part of a cache replaced, at a place that each sample of the batch has for itself (ONNX TensorScatter)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.run_time import may_equal
from ..relay.types import Type
from .base import REQUIRED, FusionKind, Op, check_dtype, register, same_dtype, tensors
from .gather import INDEX_TYPES


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    cache, update, *places = tensors("tensor_scatter", args, (2, 3))
    same_dtype("tensor_scatter", [cache, update])
    if not 0 < attrs.axis < cache.rank:
        raise CompileError(
            f"tensor_scatter along axis {attrs.axis} of {cache.shape}", expected=f"an axis from 1 to {cache.rank - 1}"
        )
    others = [axis for axis in range(cache.rank) if axis != attrs.axis]
    if update.rank != cache.rank or not all(may_equal(update.shape[axis], cache.shape[axis]) for axis in others):
        raise CompileError(
            f"tensor_scatter of {update.shape} into {cache.shape}", expected=f"shapes that differ on axis {attrs.axis}"
        )
    size, room = update.shape[attrs.axis], cache.shape[attrs.axis]
    if isinstance(size, int) and isinstance(room, int) and size > room:
        raise CompileError(f"tensor_scatter of {size} elements into {room}", expected="no more than there is room for")
    for place in places:
        check_dtype("tensor_scatter: indices", place.dtype, INDEX_TYPES)
        if place.rank != 1 or not may_equal(place.shape[0], cache.shape[0]):
            raise CompileError(f"tensor_scatter with indices {place.shape}", expected=f"{cache.shape[:1]}")
    return cache


def _offsets(attrs: Attrs, room: int, places: np.ndarray) -> np.ndarray:
    """For each sample and place of the cache, which element of the update belongs there, if there is one."""
    offset = np.arange(room)[None] - places.astype(np.int64)[:, None]
    return offset % room if attrs.circular else offset


def _reference(attrs: Attrs, cache: np.ndarray, update: np.ndarray, places: np.ndarray | None = None) -> np.ndarray:
    room, size = cache.shape[attrs.axis], update.shape[attrs.axis]
    places = np.zeros(cache.shape[0], np.int64) if places is None else places
    result = cache.copy()
    for sample, offset in enumerate(_offsets(attrs, room, places)):
        inside = (offset >= 0) & (offset < size)
        lead = (slice(None),) * (attrs.axis - 1)
        kept, taken = (*lead, inside), (*lead, offset[inside])
        result[sample][kept] = update[sample][taken]
    return result


def _compute(T: Any, attrs: Attrs, cache: Any, update: Any, places: Any = None) -> Any:
    axis = attrs.axis
    room, size = T.index(T.shape(cache)[axis]), T.index(T.shape(update)[axis])

    def element(*index: Any) -> Any:
        offset = index[axis]
        if places is not None:
            place = T.cast(places(index[0]), "int32")
            if attrs.circular:
                place = T.floor_mod(place, room)
                offset = T.select(offset >= place, offset - place, offset - place + room)
            else:
                offset = offset - place
        inside = T.all(offset >= 0, offset < size)
        return T.if_then_else(inside, update(*index[:axis], offset, *index[axis + 1 :]), cache(*index))

    return T.compute(T.shape(cache), element, "tensor_scatter")


register(
    Op(
        "tensor_scatter",
        FusionKind.INJECTIVE,
        _relation,
        _reference,
        _compute,
        # circular: behind the end of the cache comes its beginning
        attributes={"axis": REQUIRED, "circular": False},
    )
)
