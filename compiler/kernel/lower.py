"""Primitive Relay function -> PrimFunc, through the computes of its operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .. import op as relay_op
from ..diagnostics import CompileError
from ..op.custom import custom_of
from ..relay.expr import Atom, Call, Constant, Function, Tuple, TupleGetItem, Var
from ..relay.types import TensorType, tensor_fields, type_symbols
from .knobs import Knobs
from .primitive import find_anchor, function_symbols
from .tvm_api import HALO, HALO_VALUE, INPLACE, TensorExpressions, placeholder, te, tirx, tvm_dtype


@dataclass(frozen=True)
class Lowered:
    """A PrimFunc and what schedules want to know about it.

    Attributes
    ----------
    func : tirx.PrimFunc
        Parameters: buffers of the inputs, then of the outputs; variables of symbols that are in no shape of these.
    variables : dict
        TVM's variables of the symbols.
    anchor : Call or None
        The heaviest call of the function (a convolution, a matrix product), if it has one.
    """

    func: Any
    variables: dict[str, Any]
    anchor: Call | None
    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]


def lower(function: Function, knobs: Knobs | None = None) -> Lowered:
    """Write a primitive function as one PrimFunc, not yet scheduled; computes may have knobs too."""
    variables = {name: tirx.Var(name, "int32") for name in function_symbols(function)}
    T = TensorExpressions(variables, Knobs() if knobs is None else knobs)
    scope: dict[Var, Any] = {}
    inputs = []
    for index, param in enumerate(function.params):
        assert isinstance(param.type, TensorType), param
        tensor = placeholder([T.dim(d) for d in param.type.shape], param.type.dtype, f"in{index}")
        inputs.append(tensor)
        scope[param] = tensor

    def atom(value: Atom) -> Any:
        return _constant(T, value) if isinstance(value, Constant) else scope[value]

    bordered = bool(function.attrs.get("halo"))
    for binding in function.bindings[:-1] if bordered else function.bindings:
        value = binding.value
        if isinstance(value, Call):
            assert isinstance(value.op, str)
            compute = relay_op.get(value.op).compute
            assert compute is not None, value.op
            custom = custom_of(value.op)
            T.argument_types = [a.type for a in value.args if isinstance(a.type, TensorType)]
            T.result_types = tensor_fields(binding.var.type)
            try:
                scope[binding.var] = compute(T, value.attrs, *map(atom, value.args))
            except Exception as error:
                if custom is None or isinstance(error, CompileError):
                    raise
                raise CompileError(
                    f"the compute of {value.op} failed: {type(error).__name__}: {error}",
                    value.location,
                    expected=f"tensor expressions; see {custom.library}",
                ) from error
        elif isinstance(value, Tuple):
            scope[binding.var] = tuple(map(atom, value.fields))
        elif isinstance(value, TupleGetItem):
            scope[binding.var] = scope[value.tuple][value.index]
        else:
            assert isinstance(value, (Var, Constant)), value
            scope[binding.var] = atom(value)
    # A border is no part of what is computed: the middle is written where it lies in the larger buffer.
    pad = function.bindings[-1].value
    result = atom(pad.args[0] if bordered and isinstance(pad, Call) else function.result)
    results = list(result) if isinstance(result, (tuple, list)) else [result]
    results = [_own_output(T, r, [*inputs, *results[:i]]) for i, r in enumerate(results)]
    types = tuple(p.type for p in function.params if isinstance(p.type, TensorType))
    outputs = tensor_fields(function.result.type)
    shaped = set().union(*map(type_symbols, (*types, *outputs)))
    others = [variable for name, variable in variables.items() if name not in shaped]  # they stand in attributes alone
    func = te.create_prim_func([*inputs, *results, *others])
    place = function.attrs.get("inplace")
    if place is not None:
        func = func.with_attr(INPLACE, [place, len(inputs)])
    if bordered and isinstance(pad, Call):
        func = func.with_attr(HALO, [len(inputs), *pad.attrs.before, *pad.attrs.after, int(place is None)])
        func = func.with_attr(HALO_VALUE, T.const(pad.attrs.value, tvm_dtype(outputs[0].dtype)))
    return Lowered(func, variables, find_anchor(function), types, outputs)


def _constant(T: TensorExpressions, constant: Constant) -> Any:
    array = constant.array
    assert array.size == 1, "constants other than scalars are parameters of a primitive function"
    dtype = constant.type.dtype
    value = array.reshape(-1)[0]
    if tvm_dtype(dtype) == dtype:
        value = value.item() if array.dtype.kind in "biuf" else float(value)
    return T.compute(array.shape, lambda *i: T.const(value, dtype), "constant")


def _own_output(T: TensorExpressions, tensor: Any, taken: list[Any]) -> Any:
    """An output needs a buffer of its own: copy where it is an input or the same as an earlier output."""
    if any(tensor.same_as(other) for other in taken):
        return T.compute(T.shape(tensor), lambda *i: tensor(*i), "copy")
    return tensor
