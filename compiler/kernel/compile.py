"""Primitive function -> kernel: lower, schedule, build."""

from __future__ import annotations

from .. import op as relay_op
from ..diagnostics import CompileError
from ..relay.expr import Call, Function
from ..relay.types import TensorType, tensor_fields
from ..target import Target
from .kernel import Kernel, Phase
from .knobs import Knobs


def compile_kernel(function: Function, symbol: str, target: Target, knobs: Knobs | None = None) -> Kernel:
    """Compile a primitive function.

    Parameters
    ----------
    function : Function
        Parameters and results are tensors; all operators have a compute, or it is one call with a C source.
    symbol : str
        Name of the C function; also the prefix of its further phases.
    target : Target
    knobs : Knobs, optional
        What a tuning record says; takes what was decided.

    Raises
    ------
    CompileError
        An operator has no kernel for the element types.
    """
    from .lower import arithmetic, function_symbols

    source = _source_call(function)
    if source is not None:
        return _source_kernel(function, source, symbol)
    # TVM loads only here, in the process that compiles.
    from .build import build
    from .lower import lower
    from .schedule import schedule

    knobs = Knobs() if knobs is None else knobs
    lowered = lower(function, knobs)
    built = build(schedule(lowered, target, knobs), lowered.variables, symbol, target, len(lowered.inputs))
    return Kernel(
        symbol,
        lowered.inputs,
        lowered.outputs,
        built.workspaces,
        tuple(function_symbols(function)),
        built.phases,
        built.object_code,
        built.source,
        arithmetic(function),
        function.attrs.get("inplace"),
    )


def kernel_listing(function: Function, symbol: str, target: Target, form: str, knobs: Knobs | None = None) -> str:
    """Text of a kernel for people.

    Parameters
    ----------
    function, symbol, target, knobs
        As in `compile_kernel`.
    form : str
        ``tir``: the scheduled loops in TVMScript; ``llvm``: LLVM's IR; ``asm``: assembly. A kernel that is written in C
        is shown as it is.
    """
    source = _source_call(function)
    if source is not None:
        return _source_kernel(function, source, symbol).source
    from .build import listing
    from .lower import lower
    from .schedule import schedule

    knobs = Knobs() if knobs is None else knobs
    lowered = lower(function, knobs)
    func = schedule(lowered, target, knobs)
    if form == "tir":
        return str(func.with_attr("global_symbol", symbol).script())
    return listing(func, lowered.variables, symbol, target, {"llvm": "ll", "asm": "s"}[form])


def _source_call(function: Function) -> Call | None:
    """The call of an operator written in C, which must be alone in its function."""
    for binding in function.bindings:
        value = binding.value
        if isinstance(value, Call) and isinstance(value.op, str):
            op = relay_op.get(value.op)
            if op.source is not None:
                assert len(function.bindings) == 1 and function.result is binding.var, function
                return value
            if op.compute is None:
                raise CompileError(f"the operator {value.op} has no kernel yet", value.location)
    return None


def _source_kernel(function: Function, call: Call, symbol: str) -> Kernel:
    from .lower import arithmetic, function_symbols

    assert isinstance(call.op, str)
    inputs = tuple(p.type for p in function.params if isinstance(p.type, TensorType))
    outputs = tensor_fields(function.result.type)
    write = relay_op.get(call.op).source
    assert write is not None
    arguments = [a.type for a in call.args if isinstance(a.type, TensorType)]
    assert len(arguments) == len(inputs), "a C kernel takes no constants inside its function"
    source = write(symbol, call.attrs, arguments, outputs)
    return Kernel(
        symbol,
        inputs,
        outputs,
        (source.workspace,) if source.workspace != 0 else (),
        tuple(function_symbols(function)),
        (Phase(symbol),),
        source=source.text,
        arithmetic=arithmetic(function),
    )
