"""Kernels -> C text that declares them and calls them, on one thread or on many."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..kernel.kernel import Kernel, Phase
from ..relay.dimension import Dimension
from ..relay.dimension import symbols as dimension_symbols
from .names import C_TYPES, c_dimension, identifiers

#: A thread that takes part in a loop shall have at least this to do, in units of a multiply-add: 1.5 microseconds at 40
#: multiply-adds a nanosecond (Zen 4 does 58). A loop costs 0.3 microseconds while the threads are awake.
SHARE_WORK = 60_000

#: Another operation counts as much as so many multiply-adds: a nanosecond is enough for 8 on vectors in the cache.
OPERATION_WORK = 5


def parameters(kernel: Kernel) -> list[tuple[str, str]]:
    """(C type, name) of the parameters that all phases share."""
    result = []
    for index, type_ in enumerate(kernel.inputs):
        qualifier = "" if index == kernel.inplace else "const "
        result.append((f"{qualifier}{C_TYPES[type_.dtype]} *", f"in{index}"))
    if kernel.inplace is None:
        result += [(f"{C_TYPES[t.dtype]} *", f"out{i}") for i, t in enumerate(kernel.outputs)]
    result += [("void *", f"workspace{i}") for i in range(len(kernel.workspaces))]
    result += [("onnxc_text *", "text")] if kernel.makes_text else []
    names = identifiers(kernel.symbols)
    return result + [("int32_t ", f"dim_{n}") for n in names]


def is_parallel(kernel: Kernel, threads: bool) -> bool:
    """Does the kernel run on several threads?"""
    if not threads or all(p.tasks is None or p.tasks == 1 for p in kernel.phases):
        return False
    shares = worthwhile_shares(kernel)
    return not isinstance(shares, int) or shares >= 2


def worthwhile_shares(kernel: Kernel) -> Dimension:
    """In how many shares at most a parallel phase of a kernel is worth cutting."""
    work = kernel.multiply_adds + (kernel.arithmetic - kernel.multiply_adds) * OPERATION_WORK
    loops = max(1, sum(phase.tasks is not None for phase in kernel.phases))
    return work // (SHARE_WORK * loops * (1 if kernel.rounds is None else kernel.rounds))


def emit_kernel_declarations(kernels: Sequence[Kernel], threads: bool) -> str:
    """For each kernel a function call_SYMBOL, which runs all its phases.

    Parameters
    ----------
    threads : bool
        The target has threads.
    """
    return "\n".join(f"static onnxc_status call_{k.symbol}({_head(k, threads)});" for k in kernels) + "\n"


def emit_kernel_calls(kernels: Sequence[Kernel], threads: bool) -> str:
    """The definitions of the functions that `emit_kernel_declarations` declares, with the prototypes of the kernels."""
    return "\n".join(_kernel(kernel, threads) for kernel in kernels)


def _head(kernel: Kernel, threads: bool) -> str:
    shared = [f"{t}{n}" for t, n in parameters(kernel)]
    return ", ".join([*(["const onnxc_parallel *parallel"] if is_parallel(kernel, threads) else []), *shared]) or "void"


def _prototypes(kernel: Kernel) -> list[str]:
    if kernel.source:  # as the definition says, so that both agree to the letter
        found = re.findall(r"^(int32_t (\w+)\([^{;]*\)) *\{", kernel.source, re.MULTILINE)
        heads = {name: " ".join(head.split()) for head, name in found}
        return [f"{heads[p.symbol]};" for p in kernel.phases]
    return [f"int32_t {p.symbol}({_list(kernel, p)});" for p in kernel.phases]


def _list(kernel: Kernel, phase: Phase) -> str:
    items = [f"{t}{n}" for t, n in parameters(kernel)]
    items += [] if kernel.rounds is None else ["int32_t round"]
    if phase.tasks is not None:
        items += ["int32_t begin", "int32_t end"]
    return ", ".join(items) or "void"


def _pointer(kind: str, name: str) -> str:
    """An argument. Kernels that only move strings take them for pairs of words, which C has another type for."""
    if "onnxc_string" not in kind:
        return name
    return f"({'const ' if kind.startswith('const') else ''}void *){name}"


def _kernel(kernel: Kernel, threads: bool) -> str:
    lines = _prototypes(kernel)
    shared = parameters(kernel)
    parallel = is_parallel(kernel, threads)
    shares = worthwhile_shares(kernel)
    dims = {s: n for s, (_, n) in zip(kernel.symbols, shared[len(shared) - len(kernel.symbols) :], strict=True)}
    passed = {n: _pointer(t, n) for t, n in shared}
    if parallel:
        members = [*shared, *([] if kernel.rounds is None else [("int32_t ", "round")])]
        lines += [f"struct {kernel.symbol}_arguments {{", *(f"  {t}{n};" for t, n in members), "};"]
        for phase in kernel.phases:
            if phase.tasks is not None:
                arguments = ", ".join([_pointer(t, f"a->{n}") for t, n in members] + ["begin", "end"])
                lines += [
                    f"static onnxc_status task_{phase.symbol}(void *arguments, int32_t begin, int32_t end) {{",
                    f"  const struct {kernel.symbol}_arguments *a = arguments;",
                    f"  return {phase.symbol}({arguments});",
                    "}",
                ]
    lines.append(f"static onnxc_status call_{kernel.symbol}({_head(kernel, threads)}) {{")
    if parallel:
        values = ", ".join(n if n != "round" else "0" for _, n in members)
        lines.append(f"  struct {kernel.symbol}_arguments arguments = {{{values}}};")
    lines.append("  onnxc_status status = ONNXC_OK;")
    indent = "  "
    if kernel.rounds is not None:
        passed["round"] = "round"
        rounds = c_dimension(kernel.rounds, dims)
        if dimension_symbols(kernel.rounds):
            rounds = f"(int32_t)({rounds})"
        lines.append(f"  for (int32_t round = 0; round < {rounds}; ++round) {{")
        lines += ["    arguments.round = round;"] if parallel else []
        indent = "    "
    for phase in kernel.phases:
        if phase.tasks is None:
            run = f"{phase.symbol}({', '.join(passed.values())})"
        else:
            tasks = c_dimension(phase.tasks, dims)
            if dimension_symbols(phase.tasks):
                tasks = f"(int32_t)({tasks})"
            if parallel:
                most = c_dimension(shares, dims)
                run = f"onnxc_parallel_shares(parallel, task_{phase.symbol}, &arguments, {tasks}, {most})"
            else:
                run = f"{phase.symbol}({', '.join([*passed.values(), '0', tasks])})"
        lines += [f"{indent}status = {run};", f"{indent}if (status != ONNXC_OK) return status;"]
    lines += [*(["  }"] if kernel.rounds is not None else []), "  return status;", "}", ""]
    return "\n".join(lines)
