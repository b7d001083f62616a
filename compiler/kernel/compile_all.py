"""Primitive functions -> kernels, all of a model's: from the store, and what is not there in several processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from ..diagnostics import CompileError
from ..op.custom import custom_of
from ..processes import die_with_parent, interrupts_held
from ..relay.expr import Function
from ..relay.printer import canonical_text
from ..store import Store
from ..target import Target
from .code_store import code_name, decode_code, encode_code
from .compile import compile_code, named_kernel
from .kernel import Kernel, KernelCode
from .knobs import Knobs, Option
from .own_sizes import own_sizes
from .primitive import operators

#: From so many kernels on, worker processes save more than they cost: they import TVM, all at the same time, which
#: takes 1.3 s; a kernel takes 0.05 to 0.3 s. Fewer where this process would have to import TVM as well.
PARALLEL_KERNELS = 16
PARALLEL_KERNELS_WITHOUT_TVM = 4


def compile_kernels(
    functions: Mapping[str, Function],
    target: Target,
    *,
    store: Store | None = None,
    jobs: int = 1,
    choose: Callable[[Function], Mapping[str, Option]] = lambda function: {},
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Kernel]:
    """Compile primitive functions.

    Parameters
    ----------
    functions : mapping
        Symbols of the kernels, and what they shall compute.
    target : Target
    store : Store, optional
        Has the code of kernels that were compiled before, and gets that of the others.
    jobs : int
        Processes that may work at the same time.
    choose : callable
        What a tuning record chooses for a function's knobs; see `knobs.Knobs`.
    progress : callable
        Told how many of how many kernels are done.

    Returns
    -------
    dict
        Symbol -> kernel, in the order of the functions, whatever was in the store and who compiled the rest. Functions
        that differ only in what their sizes are called share one kernel's code, and the name of the first of them.

    Raises
    ------
    CompileError
        A kernel cannot be compiled, or a process that compiles ended before its time.
    """
    own = {symbol: own_sizes(function) for symbol, function in functions.items()}
    chosen = {symbol: choose(function) for symbol, function in functions.items()}
    first: dict[tuple[str, tuple[tuple[str, Option], ...]], str] = {}
    shared = {
        symbol: first.setdefault((canonical_text(function), tuple(sorted(chosen[symbol].items()))), symbol)
        for symbol, (function, _) in own.items()
    }
    distinct = {symbol: own[symbol][0] for symbol in first.values()}
    names = {s: code_name(f, target, chosen[s]) if store else None for s, f in distinct.items()}
    codes: dict[str, KernelCode] = {}
    for symbol, name in names.items():
        data = store.get(name) if store and name else None
        code = decode_code(data) if data else None
        if code is not None:
            codes[symbol] = code
    progress(len(codes), len(distinct))
    missing = {symbol: function for symbol, function in distinct.items() if symbol not in codes}
    for symbol, code in _compile(missing, chosen, target, jobs):
        codes[symbol] = code
        name = names[symbol]
        if store and name:
            store.put(name, encode_code(code))
        progress(len(codes), len(distinct))
    return {s: named_kernel(f, codes[shared[s]], shared[s], *own[s]) for s, f in functions.items()}


def _compile(
    functions: Mapping[str, Function], chosen: Mapping[str, Mapping[str, Option]], target: Target, jobs: int
) -> Iterator[tuple[str, KernelCode]]:
    """Symbols and code, one after the other."""
    enough = PARALLEL_KERNELS if "tvm" in sys.modules else PARALLEL_KERNELS_WITHOUT_TVM
    if jobs == 1 or len(functions) < enough or any(map(_is_known_here_only, functions.values())):
        for symbol, function in functions.items():
            yield symbol, compile_code(function, target, Knobs(chosen[symbol]))
        return
    with kernel_workers(min(jobs, len(functions))) as workers:
        futures = {s: workers.submit(compile_code, f, target, Knobs(chosen[s])) for s, f in functions.items()}
        for symbol, future in futures.items():  # in order, so that of several errors it is always the first
            try:
                yield symbol, future.result()
            except BrokenProcessPool as error:
                raise CompileError(
                    "a process that compiles kernels ended before its time",
                    expected="enough memory: some 500 MB for each process",
                    remedy="fewer processes: --jobs 1",
                ) from error


def _is_known_here_only(function: Function) -> bool:
    """Does it call an operator that this program has registered? Workers load libraries, but not the program."""
    customs = [custom_of(name) for name in operators(function)]
    return any(custom is not None and not custom.library for custom in customs)


@contextmanager
def kernel_workers(count: int) -> Iterator[Executor]:
    """Processes that can compile kernels; they end with the block, at once where it ends with an error.

    Of loky, since the standard library's either copy a process whose threads may hold locks (fork), or run the main
    program of the user once more in every worker (forkserver, spawn): a script that calls `onnxc.compile` outside of
    ``if __name__ == "__main__"`` would begin again.
    """
    from loky import ProcessPoolExecutor

    workers = ProcessPoolExecutor(count, initializer=die_with_parent, initargs=(os.getpid(),))
    try:
        with interrupts_held():
            workers.submit(int)  # the first task starts them all
        yield workers
    except BaseException:
        workers.shutdown(wait=True, kill_workers=True)
        raise
    workers.shutdown(wait=False)
