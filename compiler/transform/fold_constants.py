"""Calls of constants -> constants, evaluated with the operators' references."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .. import op as relay_op
from ..diagnostics import CompileError
from ..relay.dimension import Dim
from ..relay.expr import Atom, Constant, Module
from ..relay.types import TensorType, TupleType, Type, type_of_array
from .base import Pass, PassContext
from .rewrite import Site, rewrite

#: A result of more elements than its arguments is folded up to this size: more would rather be computed than stored.
GROWTH_BYTES = 1 << 20

#: Left alone by the first run, for the patterns of quantised models: the dequantised weight is four times its size.
QUANTISED = frozenset(["qnn.dequantize"])


def fold(site: Site, keep: frozenset[str] = frozenset()) -> Atom | None:
    """The value of a call whose arguments are all constants."""
    arrays = [a.array for a in site.args if isinstance(a, Constant)]
    if len(arrays) != len(site.args) or site.op in keep or site.op.startswith("random"):
        return None
    if relay_op.get(site.op).library:
        return None
    if _has_dimension(tuple(site.attrs.values())) or not _worth_storing(site.type, arrays):
        return None
    try:
        with np.errstate(all="ignore"):
            value = relay_op.get(site.op).reference(site.attrs, *arrays)
    except (ArithmeticError, LookupError, ValueError, CompileError):
        return None  # the operator has no value for these: leave it to run time, where it may never be reached
    if isinstance(site.type, TupleType):
        return site.tuple([_constant(v, t) for v, t in zip(value, site.type.fields, strict=True)])
    return _constant(value, site.type)


def fold_shape(site: Site) -> Atom | None:
    """The shape of a tensor of static shape."""
    shape = site.args[0].type.shape[site.attrs.start : site.attrs.end]  # type: ignore[union-attr]
    return None if _has_dimension(shape) else Constant(np.array(shape, np.int64))


def _constant(value: Any, type_: Type) -> Constant:
    array = np.asarray(value)
    assert type_of_array(array) == type_, f"the reference gives {type_of_array(array)}, not {type_}"
    return Constant(array)


def _has_dimension(value: Any) -> bool:
    return isinstance(value, Dim) or (isinstance(value, tuple) and any(map(_has_dimension, value)))


def _worth_storing(type_: Type, arguments: list[np.ndarray]) -> bool:
    fields = type_.fields if isinstance(type_, TupleType) else (type_,)
    if not all(isinstance(f, TensorType) and f.is_static for f in fields):
        return False
    size = sum(f.size for f in fields if isinstance(f, TensorType))
    stored = sum(f.byte_size for f in fields if isinstance(f, TensorType))
    assert isinstance(size, int) and isinstance(stored, int)
    return size <= sum(a.size for a in arguments) or stored <= GROWTH_BYTES


def _run(module: Module, context: PassContext, keep: frozenset[str]) -> Module:
    return rewrite(module, {"*": [partial(fold, keep=keep)], "shape_of": [fold_shape]})


fold_constants = Pass("fold_constants", 1, partial(_run, keep=QUANTISED))
fold_all_constants = Pass("fold_all_constants", 1, partial(_run, keep=frozenset()))
