"""What an operator is, and the registry of all of them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any

from ..diagnostics import CompileError
from ..relay.dimension import Dimension, lower_bound, maximum
from ..relay.expr import Attrs
from ..relay.run_time import require
from ..relay.types import TensorType, TupleType, Type

#: Groups of element types.
FLOATS = ("float16", "bfloat16", "float32", "float64")
SIGNED_INTEGERS = ("int8", "int16", "int32", "int64")
UNSIGNED_INTEGERS = ("uint8", "uint16", "uint32", "uint64")
INTEGERS = SIGNED_INTEGERS + UNSIGNED_INTEGERS
NUMBERS = FLOATS + INTEGERS

#: Marks an attribute without default.
REQUIRED: Any = type("Required", (), {"__repr__": lambda self: "REQUIRED"})()


class FusionKind(IntEnum):
    """How an operator may be fused, after Relay (Roesch et al. 2018, section 4.3). A greater kind is harder to fuse."""

    ELEMENTWISE = 0  # output element i reads input elements i
    BROADCAST = 1  # output element reads one element of each input, in order, some axes repeated
    INJECTIVE = 2  # output element reads at most one element of each input, any index map
    REDUCTION = 3  # many inputs to one output: injective producers fuse in
    ANCHOR = 4  # heavy (convolution, matrix product): elementwise and broadcast consumers fuse in
    OPAQUE = 5  # a kernel of its own


@dataclass(frozen=True)
class CSource:
    """A kernel written in C99, for what tensor expressions cannot say (sorting, recurrences).

    Attributes
    ----------
    text : str
        The definition of ``int32_t SYMBOL(const in*..., out*..., [uint8_t *workspace,] int32_t dims...)`` in
        that order (dimensions: the symbols of the types, sorted by name), plus static helpers it needs. Returns 0.
    workspace : Dimension
        Bytes of 64-byte-aligned scratch memory that the caller must give; 0: the parameter is left out.
    tasks : Dimension or tuple of Dimension, optional
        The kernel may be split over threads: it takes two more parameters, ``int32_t begin, int32_t end``, and does
        the iterations begin <= i < end out of so many. A tuple: of each phase; further phases are C functions on the
        same parameters, named as `kernel.kernel.phase_symbol` says, which run one after the other.
    rounds : Dimension, optional
        All phases run so many times, in turns, and take ``int32_t round`` before begin and end.
    """

    text: str
    workspace: Dimension = 0
    tasks: Dimension | tuple[Dimension, ...] | None = None
    rounds: Dimension | None = None


@dataclass(frozen=True)
class Op:
    """A Relay operator.

    Attributes
    ----------
    name : str
        Relay's name, such as ``nn.conv2d``.
    kind : FusionKind
    relation : callable
        ``(attrs, argument types) -> type``; raises CompileError where the arguments do not fit.
    reference : callable
        ``(attrs, *numpy arrays) -> array or tuple of arrays``: the meaning of the operator.
    compute : callable, optional
        ``(T, attrs, *te.Tensor) -> te.Tensor or tuple of them`` with T a `kernel.tvm_api.TensorExpressions`.
    source : callable, optional
        ``(symbol, attrs, argument types, result types) -> CSource``, instead of compute.
    has_knobs : bool
        The source may be written in more than one way: it takes the kernel's `kernel.knobs.Knobs` as a last argument,
        and asks them, as computes ask ``T.knobs``.
    attributes : mapping
        Attribute names with defaults (`REQUIRED` where there is none).
    shape_value : bool
        The reference also works on object arrays of dimensions, so that shapes can be computed at compile time.
    view : bool
        The result is the first argument's memory under another shape.
    contiguous : callable, optional
        ``(attrs, argument types) -> bool``: whether, for these, the arguments one after the other in memory are the
        result, or the results one after the other are the argument. No kernel is needed then.
    index_maps : bool
        The kernel reads its arguments through any index map (slices, transposes, reshapes), which so cost nothing.
    makes_text : bool
        Its C source takes ``onnxc_text *text`` behind the other pointers, for the bytes of strings that it makes.
    library : str
        What its C source calls: the name of a folder of runtime_stub whose C is then linked; empty: nothing. Calls of
        such an operator are not folded.
    arithmetic : callable, optional
        ``(attrs, argument types) -> Dimension``: a rough count of the operations, for deciding on threads; without it
        it is guessed from the results' sizes.
    multiply_adds : callable, optional
        ``(attrs, argument types, result types) -> Dimension``: how many multiplications with an addition it takes, for
        operators that consist of them.
    step : bool
        The executor does it by itself (see executor/builder.py): it has no kernel, and is never fused.
    """

    name: str
    kind: FusionKind
    relation: Callable[[Attrs, Sequence[Type]], Type]
    reference: Callable[..., Any]
    compute: Callable[..., Any] | None = None
    source: Callable[..., CSource] | None = None
    has_knobs: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)
    shape_value: bool = False
    view: bool = False
    contiguous: Callable[[Attrs, Sequence[Type]], bool] | None = None
    index_maps: bool = False
    makes_text: bool = False
    library: str = ""
    arithmetic: Callable[[Attrs, Sequence[TensorType]], Dimension] | None = None
    multiply_adds: Callable[[Attrs, Sequence[TensorType], Sequence[TensorType]], Dimension] | None = None
    step: bool = False


_registry: dict[str, Op] = {}


def register(op: Op) -> Op:
    """Add an operator to the registry."""
    assert op.name not in _registry, f"operator {op.name} is registered twice"
    _registry[op.name] = op
    return op


def unregister(name: str) -> None:
    """Take an operator out of the registry."""
    del _registry[name]


@cache
def _load_all() -> None:
    import onnxc.op as package

    for info in pkgutil.iter_modules([str(Path(str(package.__file__)).parent)]):
        importlib.import_module(f"onnxc.op.{info.name}")
    importlib.import_module("onnxc.op.custom").load_libraries_of_environment()


def get(name: str) -> Op:
    """The operator of a name; CompileError where there is none."""
    _load_all()
    if name not in _registry:
        raise CompileError(f"there is no Relay operator '{name}'", remedy="see compiler/op for those that exist")
    return _registry[name]


def names() -> list[str]:
    """Names of all operators."""
    _load_all()
    return sorted(_registry)


def complete_attrs(op: Op, attrs: Mapping[str, Any]) -> Attrs:
    """Attributes with defaults filled in; CompileError on an unknown or a missing one."""
    for name in attrs:
        if name not in op.attributes:
            known = ", ".join(op.attributes) or "none"
            raise CompileError(f"{op.name} has no attribute '{name}'", expected=f"one of: {known}")
    full = Attrs({**op.attributes, **attrs})
    for name, value in full.items():
        if value is REQUIRED:
            raise CompileError(f"{op.name} needs the attribute '{name}'")
    return full


def infer_type(name: str, attrs: Attrs, args: Sequence[Type]) -> Type:
    """Type of a call.

    Raises
    ------
    CompileError
        The arguments or attributes do not fit, or no tensor has the dimensions that follow.
    """
    found = get(name).relation(attrs, args)
    for part in found.fields if isinstance(found, TupleType) else (found,):
        if isinstance(part, TensorType) and any(isinstance(d, int) and not 0 <= d < 1 << 31 for d in part.shape):
            raise CompileError(f"a result of shape {part.shape}", expected="dimensions from 0 to 2147483647")
    return found


def infer_call(name: str, attrs: Mapping[str, Any], args: Sequence[Type]) -> tuple[Attrs, Type]:
    """Complete attributes and type of a call with attributes as they were given."""
    full = complete_attrs(get(name), attrs)
    return full, infer_type(name, full, args)


def tensors(name: str, args: Sequence[Type], count: int | tuple[int, int]) -> list[TensorType]:
    """Check that the arguments are tensors, as many as wanted; give them."""
    low, high = (count, count) if isinstance(count, int) else count
    if not low <= len(args) <= high:
        wanted = str(low) if low == high else f"{low} to {high}"
        raise CompileError(f"{name} got {len(args)} arguments", expected=f"{wanted} arguments")
    result = []
    for index, arg in enumerate(args):
        if not isinstance(arg, TensorType):
            raise CompileError(f"{name}: argument {index} is {arg}", expected="a tensor")
        result.append(arg)
    return result


def same_dtype(name: str, args: Sequence[TensorType]) -> str:
    """The one element type of all arguments; CompileError where they differ."""
    kinds = list(dict.fromkeys(a.dtype for a in args))
    if len(kinds) != 1:
        raise CompileError(
            f"{name}: the arguments have the element types {', '.join(a.dtype for a in args)}",
            expected="one element type for all",
            remedy="insert Cast nodes, or export the model again",
        )
    return kinds[0]


def check_dtype(name: str, dtype: str, allowed: Sequence[str]) -> None:
    """Check an element type against those that an operator has a meaning for."""
    if dtype not in allowed:
        raise CompileError(f"{name} of {dtype}", expected=f"one of: {', '.join(allowed)}")


def normalize_axis(name: str, axis: int, rank: int) -> int:
    """An axis counted from the front; CompileError where it is out of range."""
    if not -rank <= axis < rank:
        raise CompileError(f"{name}: axis {axis} of a tensor of rank {rank}", expected=f"-{rank} to {rank - 1}")
    return axis % rank if rank else 0


def check_index_source(name: str, picked: Sequence[Dimension], size: Dimension) -> None:
    """There must be elements to pick where a result has any: what only the run knows it checks.

    Parameters
    ----------
    picked : sequence of dimensions
        Along which elements are picked at places that may lie outside.
    size : Dimension
        Number of the result's elements.
    """
    if size == 0:
        return
    for dim in picked:
        if dim == 0:
            raise CompileError(f"{name} picks from a tensor without elements", expected="a dimension of 1 or more")
        if lower_bound(dim) < 1:
            require("at most", 1, dim, 1 if lower_bound(size) >= 1 else size)


def outermost(attrs: Attrs, args: Sequence[Type]) -> bool:
    """Is the attribute `axis` the outermost one of the first argument, but for axes of size 1?"""
    (x, *_) = args
    assert isinstance(x, TensorType)
    return all(dim == 1 for dim in x.shape[: attrs.axis % x.rank])


def broadcast_shape(name: str, *shapes: Sequence[Dimension]) -> tuple[Dimension, ...]:
    """Shape after ONNX's multidirectional broadcasting (numpy's rule).

    Where two symbolic dimensions differ, one may be 1 at run time: the result is their maximum.
    """
    rank = max((len(s) for s in shapes), default=0)
    result: list[Dimension] = []
    for axis in range(rank):
        dim: Dimension = 1
        for shape in shapes:
            position = axis - rank + len(shape)
            other: Dimension = shape[position] if position >= 0 else 1
            if dim == 1 or dim == other:
                dim = other
            elif other == 1:
                continue
            elif isinstance(dim, int) and isinstance(other, int):
                raise CompileError(
                    f"{name}: shapes {' and '.join(str(tuple(s)) for s in shapes)} do not broadcast",
                    expected="equal dimensions, or 1, from the last axis on",
                )
            elif isinstance(dim, int):
                continue  # the other one must turn out as 1 or the same
            elif isinstance(other, int):
                dim = other
            else:
                dim = maximum(dim, other)
        result.append(dim)
        for shape in shapes:
            position = axis - rank + len(shape)
            if position >= 0 and shape[position] not in (1, dim):
                require("broadcast", shape[position], dim)
    return tuple(result)


def broadcast_dims(T: Any, tensors: Sequence[Any]) -> list[Any]:
    """Shape of TE tensors broadcast together: `broadcast_shape`, for computes."""
    return broadcast_extents(T, [T.shape(t) for t in tensors])


def broadcast_extents(T: Any, shapes: Sequence[Sequence[Any]]) -> list[Any]:
    """Shape of the shapes of TE tensors broadcast together."""
    result: list[Any] = []
    for axis in range(-max((len(s) for s in shapes), default=0), 0):
        dims = [s[axis] for s in shapes if len(s) >= -axis]
        static = [d for d in dims if isinstance(d, int) and d != 1]
        distinct: list[Any] = []
        for dim in dims:
            if not isinstance(dim, int) and not any(T.equal(dim, d) for d in distinct):
                distinct.append(dim)
        if static or not distinct:
            result.append(static[0] if static else 1)
            continue
        extent = distinct[0]
        for dim in distinct[1:]:
            extent = T.maximum(extent, dim)
        result.append(extent)
    return result


def broadcast_at(T: Any, tensor: Any, indices: Sequence[Any], shape: Sequence[Any]) -> Any:
    """Element of a TE tensor that lies at `indices` of the `shape` it is broadcast to."""
    dims = T.shape(tensor)
    skipped = len(shape) - len(dims)
    at = []
    for dim, index, extent in zip(dims, indices[skipped:], shape[skipped:], strict=True):
        if isinstance(dim, int):
            at.append(0 if dim == 1 else index)
        elif T.equal(dim, extent):
            at.append(index)
        else:  # symbolic: it may turn out as 1 at run time
            at.append(T.select(dim == 1, 0, index))
    return tensor(*at)
