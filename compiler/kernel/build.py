"""Scheduled PrimFunc -> object code or C, with a plain C signature and no symbol of TVM in it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..diagnostics import CompileError
from ..relay.dimension import Dim, Dimension, maximum, minimum
from ..target import Target
from .c_text import clean_source, prepare
from .division import truncate_indices
from .halo import store_in_middle
from .hoist_lets import hoist_lets
from .kernel import KernelCode, phase_symbol
from .loop_guards import bound_loops
from .lower_dots import lower_dots
from .lower_math import lower_math, register_math
from .narrow_floats import lower_narrow_floats
from .prefetch import lower_prefetches
from .tvm_api import (
    EXACT_ARRAYS,
    INPLACE,
    TvmTarget,
    element_bytes,
    s_tir_transform,
    structural_map,
    structural_walk,
    tirx,
    tirx_transform,
    tvm,
    uses,
)
from .whole_tiles import split_tiles

#: Temporaries inside of loops stay on the stack: what schedules plan with, and how large one may be at most, with an
#: operating system and without.
STACK_BYTES = 1 << 16
MOST_STACK_BYTES = 1 << 17
BARE_STACK_BYTES = 256
#: And those outside of loops, where they are no larger than this.
LOCAL_BYTES = 256

_S, _T = s_tir_transform, tirx_transform


@cache
def tvm_target(target: Target) -> Any:
    """TVM's description of a target."""
    if target.kernel_format == "c":
        return TvmTarget("c")
    options: dict[str, Any] = {"kind": "llvm", "mtriple": target.triple, "mcpu": target.cpu}
    if target.features:
        options["mattr"] = list(target.features)
    if target.float_abi:
        options["mfloat-abi"] = target.float_abi
    return TvmTarget(options)


@cache
def _pass_list(target: Target) -> Any:
    # The order is TVM's own for CPUs, less what serves its packed calling convention, and less RewriteUnsafeSelect: of
    # a selection both sides may be evaluated, and a branch around a load would keep loops from being vectorised.
    return tvm.ir.transform.Sequential(
        [
            _S.CanonicalizeLoop(),
            _S.LowerInitBlock(),
            _S.PlanAndUpdateBufferAllocationLocation(),
            _S.ConvertBlocksToOpaque(),
            _prim_func_pass(_compact_inside_loops),
            _S.LowerMatchBuffer(),
            _S.StmtSimplify(),
            _S.LowerOpaqueBlock(),
            _prim_func_pass(store_in_middle),
            _T.FlattenBuffer(),
            _T.BF16ComputeLegalize(),
            _T.NarrowDataType(32),
            _S.LoopPartition(),
            _T.VectorizeLoop(target.kernel_format != "c"),
            _T.StorageRewrite(),
            _S.HoistIfThenElse(),
            _T.UnrollLoop(),
            _S.RenormalizeSplitPattern(),
            _T.StmtSimplify(),
            _T.RemoveNoOp(),
            _prim_func_pass(split_tiles),
            _T.ConvertSSA(),
            _T.StmtSimplify(),
            _prim_func_pass(bound_loops),
            _T.VectorizeLoop(target.kernel_format != "c"),
            # These look at indices, which the next pass hides.
            _prim_func_pass(partial(lower_dots, target=target)),
            _prim_func_pass(lower_prefetches),
            _T.CommonSubexprElim(),
            _T.FP8ComputeLegalize(),
        ]
    )


def _prim_func_pass(rewrite: Callable[[Any], Any]) -> Any:
    return tirx_transform.prim_func_pass(
        lambda func, module, context: rewrite(func), opt_level=0, name=getattr(rewrite, "__name__", "rewrite")
    )


def _compact_inside_loops(func: Any) -> Any:
    """Shrink buffers inside loops to what an iteration uses.

    Those outside are used whole, and with symbolic sizes TVM makes expressions of them that it cannot work with itself.
    """
    if func.attrs and EXACT_ARRAYS in func.attrs:
        return func
    realize = func.body
    whole = realize.block.alloc_buffers
    func = func.with_body(_with_buffers(realize, []))
    (func,) = _S.CompactBufferAllocation()(tvm.IRModule({"main": func})).functions.values()
    return func.with_body(_with_buffers(func.body, [*whole, *func.body.block.alloc_buffers]))


def _with_buffers(realize: Any, buffers: Sequence[Any]) -> Any:
    """The outermost block with other buffers."""
    block = realize.block
    head = (block.iter_vars, block.reads, block.writes, block.name_hint, block.body, block.init)
    changed = type(block)(*head, buffers, block.match_buffers, block.annotations)
    return type(realize)(realize.iter_values, realize.predicate, changed)


def build(func: Any, variables: dict[str, Any], symbol: str, target: Target, inputs: int) -> KernelCode:
    """Compile a scheduled PrimFunc.

    Parameters
    ----------
    func : tirx.PrimFunc
    variables : dict
        TVM's variables of the symbols: further parameters, in the order of their names.
    symbol : str
        Name of the C function; further phases are called as `phase_symbol` says.
    inputs : int
        How many of the function's parameters are inputs.
    """
    module, tasks, sizes = _lower(func, variables, symbol, target)
    if target.kernel_format == "c":
        source = clean_source(_generate(module, target).inspect_source(), _const_places(func, inputs))
        return KernelCode(tasks, sizes, source=source)
    return KernelCode(tasks, sizes, _object_code(_generate(module, target)))


def _object_code(module: Any) -> bytes:
    """An object file. In memory where the system can: LLVM ends the process where a disk is full."""
    if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):  # the latter is not mounted everywhere
        with open(os.memfd_create("kernel.o"), "rb") as memory:
            module.write_to_file(f"/proc/self/fd/{memory.fileno()}", "o")
            return memory.read()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernel.o"
        module.write_to_file(str(path), "o")
        return path.read_bytes()


def listing(func: Any, variables: dict[str, Any], symbol: str, target: Target, form: str) -> str:
    """LLVM's text of a scheduled PrimFunc: ``ll`` (its IR) or ``s`` (assembly). See `build`."""
    return str(_generate(_lower(func, variables, symbol, target)[0], target).inspect_source(form))


def _generate(module: Any, target: Target) -> Any:
    """TVM's code generator on lowered functions."""
    if target.kernel_format == "c":
        return tvm.get_global_func("target.build.c")(prepare(module), tvm_target(target))
    return tvm.get_global_func("target.build.llvm")(module, tvm_target(target))


def _lower(
    func: Any, variables: dict[str, Any], symbol: str, target: Target
) -> tuple[Any, tuple[Dimension | None, ...], tuple[Dimension, ...]]:
    """A module of raw functions, one for each phase; the tasks of the phases; the bytes of the workspaces."""
    register_math()
    llvm_target = tvm_target(target)
    as_c = target.kernel_format == "c"
    module = tvm.IRModule({symbol: func.with_attr("global_symbol", symbol)})
    module = _T.BindTarget(llvm_target.with_host(llvm_target))(module)
    func = _pass_list(target)(module)[symbol]
    workspaces, groups, bound = _split(func.body)
    functions, phase_tasks = {}, []
    for index, (statements, tasks) in enumerate(groups):
        name = phase_symbol(symbol, index)
        statements = truncate_indices(statements, list(variables.values()))
        functions[name] = _raw_function(
            func, variables, workspaces, statements, name, MOST_STACK_BYTES if target.hosted else BARE_STACK_BYTES
        )
        phase_tasks.append(None if tasks is None else to_dimension(tasks, bound))
    module = tvm.IRModule(functions)
    narrow = lower_narrow_floats if as_c else lambda function: lower_narrow_floats(lower_math(function))
    module = _map_functions(module, lambda function: hoist_lets(narrow(function)))
    # bfloat16 goes as its bits: LLVM's code generator in TVM crashes on the type itself.
    passes = [_T.BF16StorageLegalize(), _T.LowerTVMBuiltin(), _T.LowerIntrin()]
    module = tvm.ir.transform.Sequential(passes)(module)
    if not as_c:  # some functions are lowered to others
        module = _map_functions(module, hoist_lets)
    return module, tuple(phase_tasks), tuple(_buffer_bytes(w.buffer, bound) for w in workspaces)


def _map_functions(module: Any, rewrite: Callable[[Any], Any]) -> Any:
    return tvm.IRModule({variable: rewrite(function) for variable, function in module.functions_items()})


def _split(body: Any) -> tuple[list[Any], list[tuple[list[Any], Any]], dict[str, Any]]:
    """Workspaces, the statements of each phase with its number of tasks, and the values of bound variables.

    An allocation at the top becomes a workspace, unless it is small and one phase uses it alone: then it is a local
    array.
    """
    allocations, declarations, bound = [], [], {}
    groups: list[tuple[list[Any], Any]] = []
    for statement in _flatten(body):
        if isinstance(statement, tirx.AllocBuffer):
            allocations.append(statement)
        elif isinstance(statement, (tirx.DeclBuffer, tirx.Bind)):
            declarations.append(statement)
            if isinstance(statement, tirx.Bind):
                bound[statement.var.name] = statement.value
        elif isinstance(statement, tirx.For) and statement.kind == tirx.ForKind.PARALLEL:
            groups.append(([statement], statement.extent))
        elif groups and groups[-1][1] is None:
            groups[-1][0].append(statement)
        else:
            groups.append(([statement], None))
    workspaces = []
    heads: list[list[Any]] = [[] for _ in groups]
    for allocation in allocations:
        size = _buffer_bytes(allocation.buffer, bound)
        # StorageRewrite lets later buffers share the memory of earlier ones, by declarations.
        sharing = [d for d in declarations if uses(d, allocation.buffer)]
        declarations = [d for d in declarations if d not in sharing]
        names = [allocation.buffer, *(d.buffer for d in sharing)]
        users = [i for i, g in enumerate(groups) if any(uses(s, n) for s in g[0] for n in names)]
        if len(users) == 1 and groups[users[0]][1] is None and isinstance(size, int) and size <= LOCAL_BYTES:
            heads[users[0]] += [allocation, *sharing]
        else:
            workspaces.append(allocation)
            for index in users:
                heads[index] += sharing
    phases = [
        ([*head, *declarations, *statements], tasks) for head, (statements, tasks) in zip(heads, groups, strict=True)
    ]
    return workspaces, phases, bound


def _flatten(statement: Any) -> list[Any]:
    if isinstance(statement, tirx.SeqStmt):
        return [inner for s in statement.seq for inner in _flatten(s)]
    return [statement]


def _buffer_bytes(buffer: Any, bound: Mapping[str, Any] = MappingProxyType({})) -> Dimension:
    size: Dimension = 1
    for extent in buffer.shape:
        size = size * to_dimension(extent, bound)
    return size * element_bytes(buffer)


def to_dimension(expr: Any, bound: Mapping[str, Any] = MappingProxyType({})) -> Dimension:
    """A dimension from a TVM integer expression, with bound variables replaced by their values."""
    if isinstance(expr, int):
        return expr
    if isinstance(expr, tirx.IntImm):
        return int(expr)
    if isinstance(expr, tirx.Var):
        return to_dimension(bound[expr.name], bound) if expr.name in bound else Dim.symbol(expr.name)
    if isinstance(expr, tirx.Cast):
        return to_dimension(expr.value, bound)
    two = {
        tirx.Add: lambda a, b: a + b,
        tirx.Sub: lambda a, b: a - b,
        tirx.Mul: lambda a, b: a * b,
        tirx.FloorDiv: lambda a, b: a // b,
        tirx.FloorMod: lambda a, b: a % b,
        tirx.Div: lambda a, b: a // b,
        tirx.Mod: lambda a, b: a % b,
        tirx.Max: maximum,
        tirx.Min: minimum,
        tirx.RShift: lambda a, b: a // 2**b,
        tirx.LShift: lambda a, b: a * 2**b,
    }.get(type(expr))
    if two is not None:
        return two(to_dimension(expr.a, bound), to_dimension(expr.b, bound))
    raise AssertionError(f"no dimension: {expr}")


def _raw_function(
    func: Any, variables: dict[str, Any], workspaces: Sequence[Any], statements: list[Any], name: str, stack: int
) -> Any:
    """A function on raw pointers out of the statements of one phase."""
    symbols = list(variables.values())  # some of them follow the buffers
    buffers = [p for p in func.params if not any(p.same_as(s) for s in symbols)]
    pointers = [tirx.Var(f"{p.name}_ptr", tirx.buffer_data_pointer_type(p)) for p in buffers]
    memory = list(pointers)
    if func.attrs and INPLACE in func.attrs:  # one pointer for both, so that LLVM knows that they are the same
        source, result = (int(i) for i in func.attrs[INPLACE])
        memory[result] = pointers[source]
        pointers.pop(result)
    body: list[Any] = [tirx.DeclBuffer(p, data=q) for p, q in zip(buffers, memory, strict=True)]
    for index, workspace in enumerate(workspaces):
        pointer = tirx.Var(f"workspace{index}", tirx.buffer_data_pointer_type(workspace.buffer))
        pointers.append(pointer)
        body.append(tirx.DeclBuffer(workspace.buffer, data=pointer))
    parameters = [*pointers, *(variables[s] for s in sorted(variables))]
    zero = tirx.const(0, "int32")
    for statement in statements:
        if isinstance(statement, tirx.For) and statement.kind == tirx.ForKind.PARALLEL:
            begin, end = tirx.Var("begin", "int32"), tirx.Var("end", "int32")
            parameters += [begin, end]
            loop = statement
            statement = tirx.For(loop.loop_var, begin, end - begin, tirx.ForKind.SERIAL, loop.body)
        body.append(statement)
    body.append(tirx.Return(zero))
    sequence: Any = _on_stack(tirx.SeqStmt(body), stack)
    device = tirx.AttrStmt(zero, "device_type", tirx.const(1, "int32"), sequence)  # 1: kDLCPU
    raw = tirx.PrimFunc(
        parameters, tirx.AttrStmt(zero, "device_id", zero, device), ret_type=tvm.ir.PrimType("int32"), attrs=func.attrs
    )
    return raw.with_attr("calling_conv", 0).with_attr("global_symbol", name)


def _on_stack(body: Any, limit: int) -> Any:
    """Mark temporaries inside loops so that they stay on the stack: LowerTVMBuiltin would call TVM's allocator."""

    sizes: list[Dimension] = []  # an error inside of the mapping would come out as one of TVM's
    structural_walk(body, (tirx.AllocBuffer, lambda statement: sizes.append(_buffer_bytes(statement.buffer))))
    for size in sizes:
        if not isinstance(size, int) or size > limit:
            raise CompileError(f"the kernel wants {size} bytes of stack inside a loop", expected=f"at most {limit}")

    def mark(statement: Any) -> Any:
        annotations = {**dict(statement.annotations), "disable_lower_builtin": tirx.const(1, "int32")}
        return tirx.AllocBuffer(statement.buffer, annotations)

    return structural_map(body, (tirx.AllocBuffer, mark))


def _const_places(func: Any, inputs: int) -> frozenset[int]:
    """Parameters that are only read."""
    written = {int(func.attrs[INPLACE][0])} if func.attrs and INPLACE in func.attrs else set()
    return frozenset(range(inputs)) - written
