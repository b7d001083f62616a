"""Workloads: the distinct kernels of a model that have knobs, and the names under which trials of them are kept."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from .. import op as relay_op
from ..diagnostics import CompileError
from ..kernel.compile import has_knobs
from ..relay.dimension import evaluate, symbols
from ..relay.expr import Call, Constant, Function, GlobalVar, Module, all_bindings
from ..relay.printer import canonical_text
from ..relay.types import TensorType, tensor_fields, type_symbols
from ..target import Target

#: What symbolic dimensions are while kernels are measured, unless the user says something else; batches are of one.
TYPICAL_SIZE = 64


@dataclass(frozen=True)
class Workload:
    """A kernel to be tuned.

    Attributes
    ----------
    function : Function
        The primitive function.
    target : Target
    count : int
        How often the model calls it.
    dims : mapping
        Values of its symbols while it is measured.
    weights : tuple of int
        The parameters that the model gives constants to.
    elsewhere : int
        Bytes that the model's other kernels read between two calls: their weights, and the largest of their results.
    """

    function: Function
    target: Target
    count: int = 1
    dims: Mapping[str, int] = ()  # type: ignore[assignment]
    weights: tuple[int, ...] = ()
    elsewhere: int = 0

    @cached_property
    def key(self) -> str:
        """The name of its trials in every database: see `workload_key`."""
        return workload_key(self.function, self.target)

    @cached_property
    def title(self) -> str:
        """What people see: operators and the result's shape."""
        return title(self.function)


def workload_key(function: Function, target: Target) -> str:
    """Digest (hexadecimal) of what a kernel computes and of the kind of machine that it is for.

    Neither names and locations of the model stand in it, nor what differs between processors of one kind (so that what
    was measured on one is a good guess for the other): the target's processor is a fact about a trial.
    """
    text = f"{target_kind(target)}\n{canonical_text(function)}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def target_kind(target: Target) -> str:
    """What a target has in common with those that the same schedules suit."""
    registers = f"{target.vector_registers} registers of {target.vector_bits} bits"
    return f"{target.triple}, {registers}, {target.kernel_format}, {target.schedules.removeprefix('onnxc.')}"


def title(function: Function) -> str:
    """Operators of a primitive function, the heaviest first, and the shape of its result."""
    names = [b.value.op for b in function.bindings if isinstance(b.value, Call) and isinstance(b.value.op, str)]
    heaviest = max(names, key=lambda name: relay_op.get(name).kind, default="")
    others = [n for n in names if n != heaviest and n not in ("reshape", "cast")]
    short = [n.removeprefix("nn.") for n in (heaviest, *others)]
    shown = "+".join(short[:4]) + ("+..." if len(short) > 4 else "")
    shapes = [shape for type_ in tensor_fields(function.result.type) for shape in ["x".join(map(str, type_.shape))]]
    kernel = _window(function, heaviest)
    return f"{shown} {kernel}{', '.join(shapes[:2])}"


def _window(function: Function, heaviest: str) -> str:
    """Of a convolution: the shape of its packed weights' window."""
    for binding in function.bindings:
        value = binding.value
        if isinstance(value, Call) and value.op == heaviest and "conv" in heaviest and len(value.args) > 1:
            weights = value.args[1].type
            if isinstance(weights, TensorType) and "blocked" in heaviest:
                strides = "/".join(sorted({str(s) for s in value.attrs.get("strides", ())}))
                return "x".join(map(str, weights.shape[2:-2])) + (f"/{strides}" if strides != "1" else "") + " "
    return ""


def extract(module: Module, target: Target, sizes: Mapping[str, int]) -> list[Workload]:
    """Distinct primitive functions of an optimised module which are called, and how often.

    Most functions written in C have no knobs. Calls inside of branches count as any other.

    Parameters
    ----------
    module : Module
    target : Target
    sizes : mapping
        Values of symbols while kernels are measured.

    Raises
    ------
    CompileError
        There is a value for something that is no symbol of the model's inputs.
    """
    sizes = sizes_to_measure(module.main, sizes)
    calls: defaultdict[str, list[Call]] = defaultdict(list)
    for binding in all_bindings(module.main):
        if isinstance(binding.value, Call) and isinstance(binding.value.op, GlobalVar):
            calls[binding.value.op.name].append(binding.value)
    moved = _weight_bytes(call for found in calls.values() for call in found)
    moved += max((_result_bytes(module.functions[name], sizes) for name in calls), default=0)
    merged: dict[str, Workload] = {}
    for name, function in module.functions.items():
        if not function.is_primitive or not calls[name] or not has_knobs(function):
            continue
        used = {s: sizes.get(s, TYPICAL_SIZE) for s in _symbols(function)}
        weights = tuple(i for i, arg in enumerate(calls[name][0].args) if isinstance(arg, Constant))
        elsewhere = moved - _weight_bytes(calls[name][:1])
        workload = Workload(function, target, len(calls[name]), used, weights, elsewhere)
        before = merged.get(workload.key)
        total = workload.count + (before.count if before is not None else 0)
        merged[workload.key] = replace(workload, count=total)
    return list(merged.values())


def _weight_bytes(calls: Iterable[Call]) -> int:
    """Bytes of the distinct constants that are arguments of calls."""
    arrays = {id(arg.array): arg.array.nbytes for call in calls for arg in call.args if isinstance(arg, Constant)}
    return sum(arrays.values())


def _result_bytes(function: Function, sizes: Mapping[str, int]) -> int:
    """Bytes of a kernel's largest result."""
    used = {s: sizes.get(s, TYPICAL_SIZE) for s in _symbols(function)}
    return max((evaluate(t.byte_size, used) for t in tensor_fields(function.result.type)), default=0)


def sizes_to_measure(main: Function, given: Mapping[str, int]) -> dict[str, int]:
    """Values for the symbols of a model's inputs: typical ones, where none are given.

    Raises
    ------
    CompileError
        A value is given for something else.
    """
    typical = _typical_sizes(main)
    unknown = sorted(set(given) - set(typical))
    if unknown:
        raise CompileError(
            f"--size: the inputs have no open dimension named {', '.join(unknown)}",
            expected=f"one of: {', '.join(typical) or 'none, all are static'}",
        )
    return {**typical, **given}


def _typical_sizes(main: Function) -> dict[str, int]:
    found: dict[str, int] = {}
    for param in main.params:
        if isinstance(param.type, TensorType):
            for axis, dim in enumerate(param.type.shape):
                for name in symbols(dim):
                    found.setdefault(name, 1 if axis == 0 and param.type.rank > 1 else TYPICAL_SIZE)
    return found


def _symbols(function: Function) -> Iterable[str]:
    found: set[str] = set()
    for var in [*function.params, *(b.var for b in function.bindings)]:
        found |= type_symbols(var.type)
    return sorted(found)
