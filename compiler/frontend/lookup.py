"""Tables of keys and values that converters look elements up in."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op.ml_lookup import sort_key
from ..relay.expr import Atom
from ..relay.types import TensorType, dtype_name
from .registry import Node


def lookup(node: Node, x: Atom, keys: np.ndarray, values: np.ndarray, default: Any, strict: bool = False) -> Atom:
    """The values that belong to a tensor's elements; of equal keys the last one counts."""
    assert isinstance(x.type, TensorType)
    if len(keys) != len(values) or not len(keys):
        raise node.error(f"{len(keys)} keys and {len(values)} values", expected="a value for each key, at least one")
    if dtype_name(keys.dtype) != x.type.dtype:
        raise node.error(f"the keys are {dtype_name(keys.dtype)}, the input is {x.type}", expected="the same type")
    last = {sort_key(key) if key == key else "nan": place for place, key in enumerate(keys.tolist())}
    order = sorted(last.values(), key=lambda place: sort_key(keys[place]))
    tables = [node.constant(array, dtype_name(array.dtype)) for array in (keys[order], values[order])]
    other = np.empty(1, values.dtype)
    other[0] = default
    return node.call("ml.lookup", x, *tables, node.constant(other, dtype_name(values.dtype)), strict=strict)
