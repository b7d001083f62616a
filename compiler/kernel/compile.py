"""Primitive function -> kernel: lower, schedule, build; and give the code its name."""

from __future__ import annotations

from collections.abc import Mapping

from .. import op as relay_op
from ..diagnostics import CompileError, located
from ..relay.dimension import Dimension, substitute
from ..relay.expr import Call, Function
from ..relay.types import TensorType, tensor_fields
from ..target import Target
from .elf import rename_symbols
from .kernel import NAMELESS, Kernel, KernelCode, Phase, phase_symbol
from .knobs import Knobs
from .own_sizes import own_sizes
from .primitive import arithmetic, function_symbols, heaviest_location, moved_bytes, multiply_adds, operators


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
    own, sizes = own_sizes(function)
    return named_kernel(function, compile_code(own, target, knobs), symbol, own, sizes)


def compile_code(function: Function, target: Target, knobs: Knobs | None = None) -> KernelCode:
    """The code of a primitive function, without a name. See `compile_kernel`."""
    knobs = Knobs() if knobs is None else knobs
    with located(heaviest_location(function)):
        call = source_call(function)
        if call is not None:
            return _source_code(function, call, knobs)
        # TVM loads only here, in the process that compiles.
        from .build import build
        from .lower import lower
        from .schedule import schedule

        try:
            lowered = lower(function, knobs)
            return build(schedule(lowered, target, knobs), lowered.variables, NAMELESS, target, len(lowered.inputs))
        except ValueError as error:
            if "exceeds range of int" not in str(error):
                raise
            raise CompileError(
                "an attribute or a size is so large that positions in the tensors have more than 32 bits",
                expected="tensors, strides and windows of less than 2147483648 elements",
            ) from error


def named_kernel(
    function: Function, code: KernelCode, symbol: str, own: Function, sizes: Mapping[str, Dimension]
) -> Kernel:
    """The kernel of a primitive function: its code under a name.

    Parameters
    ----------
    own, sizes : Function and mapping
        What the code was made of, and what its symbols are in those of the function: see `own_sizes`.
    """
    symbols = function_symbols(own)
    return Kernel(
        symbol,
        tuple(p.type for p in function.params if isinstance(p.type, TensorType)),
        tensor_fields(function.result.type),
        tuple(substitute(size, sizes) for size in code.workspaces),
        tuple(symbols),
        tuple(sizes[name] for name in symbols),
        tuple(Phase(phase_symbol(symbol, index), tasks) for index, tasks in enumerate(code.tasks)),
        rename_symbols(code.object_code, lambda name: _named(name, symbol)) if code.object_code else b"",
        code.source.replace(NAMELESS, symbol),
        arithmetic(own),
        function.attrs.get("inplace"),
        operators(function),
        multiply_adds(own),
        moved_bytes(function),
        makes_text=any(relay_op.get(name).makes_text for name in operators(function)),
        rounds=code.rounds,
    )


def _named(name: str, symbol: str) -> str:
    return symbol + name.removeprefix(NAMELESS) if name.startswith(NAMELESS) else name


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
    knobs = Knobs() if knobs is None else knobs
    call = source_call(function)
    if call is not None:
        return _source_code(function, call, knobs).source.replace(NAMELESS, symbol)
    from .build import listing
    from .lower import lower
    from .schedule import schedule

    lowered = lower(function, knobs)
    func = schedule(lowered, target, knobs)
    if form == "tir":
        return str(func.with_attr("global_symbol", symbol).script())
    return listing(func, lowered.variables, symbol, target, {"llvm": "ll", "asm": "s"}[form])


def source_call(function: Function) -> Call | None:
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


def has_knobs(function: Function) -> bool:
    """May the kernel of a primitive function be written in more than one way?"""
    call = source_call(function)
    return call is None or relay_op.get(str(call.op)).has_knobs


def _source_code(function: Function, call: Call, knobs: Knobs) -> KernelCode:
    op = relay_op.get(str(call.op))
    assert op.source is not None
    arguments = [a.type for a in call.args if isinstance(a.type, TensorType)]
    assert len(arguments) == len(function.params), "a C kernel takes no constants inside its function"
    asked = (knobs,) if op.has_knobs else ()
    source = op.source(NAMELESS, call.attrs, arguments, tensor_fields(function.result.type), *asked)
    text = source.text
    if any(type_.dtype == "string" for type_ in (*arguments, *tensor_fields(function.result.type))):
        text = f'#include "onnxc_runtime.h"\n{text}'  # onnxc_string
    tasks = source.tasks if isinstance(source.tasks, tuple) else (source.tasks,)
    workspaces = (source.workspace,) if source.workspace != 0 else ()
    return KernelCode(tasks, workspaces, source=text, rounds=source.rounds)
