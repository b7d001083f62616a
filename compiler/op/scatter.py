"""A copy of a tensor with elements replaced or combined at indices (ONNX ScatterElements, ScatterND).

Updates are done one after the other, so that of several for one element the last one wins. Negative indices count
from the end; updates whose indices are out of range, which ONNX forbids, are moved to the nearest valid place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import Dimension, product
from ..relay.expr import Attrs
from ..relay.run_time import may_equal_shapes
from ..relay.types import TensorType, Type
from .accumulate import widen
from .base import (
    NUMBERS,
    CSource,
    FusionKind,
    Op,
    check_dtype,
    check_index_source,
    normalize_axis,
    register,
    same_dtype,
    tensors,
)
from .c_source import PROLOGUE, Scalar, dimension_text, parameters, storage_type, strides
from .gather import INDEX_TYPES, valid_indices

#: Reduction -> (numpy function that works in place, C expression of the old value a and the update b; W is a type whose
#: sums do not overflow, NAN a test whether a is not a number).
_REDUCTIONS: dict[str, tuple[Any, str]] = {
    "none": (None, ""),
    "add": (np.add, "(W)a + (W)b"),
    "mul": (np.multiply, "(W)a * (W)b"),
    "max": (np.maximum, "a > bNAN ? a : b"),
    "min": (np.minimum, "a < bNAN ? a : b"),
}


def _check(name: str, attrs: Attrs, args: Sequence[Type]) -> tuple[TensorType, TensorType, TensorType]:
    x, indices, updates = tensors(name, args, 3)
    same_dtype(name, [x, updates])
    check_dtype(f"{name}: indices", indices.dtype, INDEX_TYPES)
    if attrs.reduction not in _REDUCTIONS:
        raise CompileError(
            f"{name} with the reduction '{attrs.reduction}'", expected=f"one of: {', '.join(_REDUCTIONS)}"
        )
    if attrs.reduction != "none":
        check_dtype(f"{name} with the reduction '{attrs.reduction}'", x.dtype, (*NUMBERS, "bool"))
    return x, indices, updates


def _update(attrs: Attrs, x: np.ndarray, position: Any, updates: np.ndarray) -> np.ndarray:
    """Do the updates in order; position indexes x, one place for each update."""
    function = _REDUCTIONS[attrs.reduction][0]
    result = widen(x).copy() if function else x.copy()
    flat = np.ravel_multi_index(position, x.shape, mode="clip").reshape(-1) if x.size and updates.size else []
    if function is None:
        for place, value in zip(flat, updates.reshape(-1), strict=False):
            result.reshape(-1)[place] = value
    elif len(flat):
        function.at(result.reshape(-1), flat, widen(updates).reshape(-1))
    return result.astype(x.dtype)


def _statement(attrs: Attrs, scalar: Scalar | None, target: str, update: str) -> str:
    if scalar is None:
        return f"{target} = {update};"
    nan = " || a != a" if scalar.arithmetic in ("float", "double") else ""
    expression = _REDUCTIONS[attrs.reduction][1].replace("W", scalar.wrapping).replace("NAN", nan)
    return (
        f"{{ {scalar.arithmetic} a = {scalar.load(target)}, b = {scalar.load(update)}; "
        f"{target} = {scalar.store(expression)}; }}"
    )


def _valid_index(size: Dimension) -> str:
    """A statement that moves `index` (int64_t) into a size."""
    text = dimension_text(size)
    return f"index = index < 0 ? (index < -{text} ? 0 : index + {text}) : index < {text} ? index : {text} - 1;"


def _kernel(
    symbol: str,
    attrs: Attrs,
    args: Sequence[TensorType],
    result: TensorType,
    body: Callable[[Callable[[str, str], str]], str],
) -> CSource:
    """A kernel that copies, then runs `body`, which gets a function that writes the statement of one update."""
    x, indices, updates = args
    scalar = Scalar(x.dtype, symbol) if attrs.reduction != "none" else None
    names = parameters({"data": x, "indices": indices, "updates": updates}, {"out": result}, attrs)
    text = body(lambda target, update: _statement(attrs, scalar, target, update))
    copy = f"memcpy(out, data, sizeof({storage_type(x.dtype)}) * (size_t)({dimension_text(x.size)}));"
    guard = f"if ({dimension_text(x.size)} == 0 || {dimension_text(updates.size)} == 0) return 0;"
    return CSource(
        f"{PROLOGUE}{scalar.helpers if scalar else ''}"
        f"int32_t {symbol}({names}) {{\n  {copy}\n  {guard}\n{text}\n  return 0;\n}}\n"
    )


def _elements_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, indices, updates = _check("scatter_elements", attrs, args)
    axis = normalize_axis("scatter_elements", attrs.axis, x.rank)
    fits = x.rank == indices.rank and not any(
        isinstance(old, int) and isinstance(new, int) and new > old
        for place, (old, new) in enumerate(zip(x.shape, indices.shape, strict=True))
        if place != axis
    )
    if not fits or not may_equal_shapes(indices.shape, updates.shape):
        raise CompileError(
            f"scatter_elements into {x.shape} with indices {indices.shape} and updates {updates.shape}",
            expected=f"indices and updates of one shape, no greater than the data except on axis {axis}",
        )
    check_index_source("scatter_elements", x.shape, updates.size)
    return x


def _elements_reference(attrs: Attrs, x: np.ndarray, indices: np.ndarray, updates: np.ndarray) -> np.ndarray:
    axis = attrs.axis % x.ndim
    position = list(np.broadcast_arrays(*np.indices(indices.shape, sparse=True)))
    position[axis] = valid_indices(indices, x.shape[axis])
    return _update(attrs, x, tuple(position), updates)


def _elements_source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    x, indices, _ = args
    axis = attrs.axis % x.rank
    steps = strides(x.shape)

    def body(update: Callable[[str, str], str]) -> str:
        lines = ["  int64_t at = 0;"]
        for place, dim in enumerate(indices.shape):
            lines.append(
                f"{'  ' * (place + 1)}for (int32_t i{place} = 0; i{place} < {dimension_text(dim)}; ++i{place})"
            )
        pad = "  " * (x.rank + 1)
        lines[-1] += " {"
        lines.append(f"{pad}int64_t index = indices[at], target = 0;")
        lines.append(f"{pad}{_valid_index(x.shape[axis])}")
        for place, step in enumerate(steps):
            own = "index" if place == axis else _bounded(place, indices.shape[place], x.shape[place])
            lines.append(f"{pad}target += (int64_t){own} * {dimension_text(step)};")
        lines.append(f"{pad}{update('out[target]', 'updates[at]')}")
        lines.append(f"{pad}++at;")
        lines.append(f"{'  ' * x.rank}}}")
        return "\n".join(lines)

    return _kernel(symbol, attrs, args, results[0], body)


def _bounded(place: int, extent: Dimension, size: Dimension) -> str:
    """Loop variable i<place>, kept below the size where its extent is not known to be at most that."""
    if extent == size or (isinstance(extent, int) and isinstance(size, int)):
        return f"i{place}"
    text = dimension_text(size)
    return f"(i{place} < {text} ? i{place} : {text} - 1)"


register(
    Op(
        "scatter_elements",
        FusionKind.OPAQUE,
        _elements_relation,
        _elements_reference,
        source=_elements_source,
        attributes={"axis": 0, "reduction": "none"},
    )
)


def _nd_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    x, indices, updates = _check("scatter_nd", attrs, args)
    depth = indices.shape[-1] if indices.rank else -1
    if not isinstance(depth, int) or not 0 <= depth <= x.rank:
        raise CompileError(
            f"scatter_nd into {x.shape} with indices {indices.shape}",
            expected="a last dimension of indices, known by now, of at most the data's rank",
        )
    wanted = (*indices.shape[:-1], *x.shape[depth:])
    if not may_equal_shapes(updates.shape, wanted):
        raise CompileError(f"scatter_nd with updates of shape {updates.shape}", expected=str(wanted))
    check_index_source("scatter_nd", x.shape[:depth], updates.size)
    return x


def _nd_reference(attrs: Attrs, x: np.ndarray, indices: np.ndarray, updates: np.ndarray) -> np.ndarray:
    depth, outer = indices.shape[-1], indices.shape[:-1]
    inner = x.shape[depth:]
    position = [
        np.broadcast_to(valid_indices(indices[..., k], x.shape[k]).reshape(*outer, *[1] * len(inner)), updates.shape)
        for k in range(depth)
    ]
    position += list(np.broadcast_arrays(*np.indices(updates.shape, sparse=True)))[len(outer) :] if inner else []
    return _update(attrs, x, tuple(position), updates)


def _nd_source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    x, indices, _ = args
    depth = indices.shape[-1]
    assert isinstance(depth, int)
    count, inner = dimension_text(product(indices.shape[:-1])), dimension_text(product(x.shape[depth:]))

    def body(update: Callable[[str, str], str]) -> str:
        lines = [f"  for (int32_t i = 0; i < {count}; ++i) {{", "    int64_t index, target = 0;"]
        for place in range(depth):
            lines.append(f"    index = indices[(int64_t)i * {depth} + {place}];")
            lines.append(f"    {_valid_index(x.shape[place])}")
            lines.append(f"    target += index * {dimension_text(strides(x.shape)[place])};")
        lines.append(f"    for (int32_t j = 0; j < {inner}; ++j)")
        lines.append(f"      {update('out[target + j]', f'updates[(int64_t)i * {inner} + j]')}")
        lines.append("  }")
        if depth == 0:
            lines[1] = "    int64_t target = 0; (void)indices;"
        return "\n".join(lines)

    return _kernel(symbol, attrs, args, results[0], body)


register(
    Op(
        "scatter_nd",
        FusionKind.OPAQUE,
        _nd_relation,
        _nd_reference,
        source=_nd_source,
        attributes={"reduction": "none"},
    )
)
