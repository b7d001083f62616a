"""The pipeline end to end: model in, artifact out."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import onnx

from .artifact.compiled import Compiled
from .artifact.listing import listing
from .artifact.package import Artifact, layout, package
from .artifact.staging import check_not_source, check_writable
from .artifact.toolchain import find_compiler
from .autotune.cost_model import CostModel, NoModel, RankingModel
from .autotune.database import Database
from .autotune.laboratory import ExecutorLaboratory, open_executor
from .autotune.records import Records
from .autotune.tuner import Progress, Result, TuneOptions, Tuner
from .autotune.whole_model import WholeModel
from .autotune.workload import extract, sizes_to_measure, workload_key
from .diagnostics import NOWHERE, CompileError, Location, RunTimeValueError, located
from .executor.builder import build_program
from .executor.names import C_TYPES, identifiers, model_identifier
from .executor.program import Program
from .frontend.importer import import_model
from .kernel.compile_all import compile_kernels as compile_all
from .kernel.kernel import Kernel
from .kernel.knobs import Option
from .op.custom import custom_of
from .relay.dimension import Dim
from .relay.expr import Call, Function, Module, all_bindings
from .relay.types import OptionalType, SequenceType, TensorType, TupleType, Type
from .store import Store, user_store
from .target import Target
from .transform.pipeline import PassContext, run_pipeline

#: Schedules for kernels as C, whatever the processor: a C compiler's own vectoriser does better than our vector types.
C_SCHEDULES = "onnxc.targets.microcontroller.schedules"


@dataclass(frozen=True)
class Options:
    """How to compile.

    Attributes
    ----------
    level : int
        Optimisation, 0 to 3.
    dims : mapping
        Values for symbolic dimensions.
    bounds : mapping
        The greatest values of symbolic dimensions: the model has memory for them, and refuses others.
    jobs : int
        Processes that compile kernels.
    winograd : bool
        Allow Winograd's filtering, which is faster and a little less exact: see transform/winograd.py.
    profile : bool
        Make a model whose steps can be timed.
    cache : bool
        Take from the user's store what was compiled before, and keep what is compiled now.
    tuning_db : Path or None
        Trials of kernels: see `autotune.records`. Asked before what ships with the package.
    tuned : bool
        Use records at all; False: every kernel's defaults.
    print_after : sequence of str
        Names of passes after which the module is printed; ``all`` for every one.
    emit : callable
        Takes what is printed.
    progress : callable or None
        ``(stage, done, total)``, called as the work goes on.
    """

    level: int = 3
    dims: Mapping[str, int] = field(default_factory=dict)
    jobs: int = 1
    winograd: bool = True
    profile: bool = False
    cache: bool = True
    tuning_db: Path | None = None
    tuned: bool = True
    bounds: Mapping[str, int] = field(default_factory=dict)
    print_after: Sequence[str] = ()
    emit: Callable[[str], None] = print
    progress: Callable[[str, int, int], None] | None = None

    def store(self) -> Store | None:
        return user_store() if self.cache else None

    def records(self) -> Records:
        """What is known about the kernels' knobs."""
        if not self.tuned:
            return Records(shipped=False)
        return Records([] if self.tuning_db is None else [self.tuning_db])

    def report(self, stage: str, done: int = 0, total: int = 1) -> None:
        if self.progress is not None:
            self.progress(stage, done, total)


def build(
    source: str | Path | bytes | onnx.ModelProto,
    target: Target,
    emit: str,
    output: Path | None,
    options: Options,
    *,
    name: str | None = None,
    cc: str | None = None,
    external_weights: bool = False,
) -> Artifact:
    """ONNX model -> artifact on disk. Parameters as for `compile_model` and `artifact.package.package`.

    Raises
    ------
    CompileError
        The model or an option is wrong, there is no C compiler, or the output cannot be written.
    """
    # What can be known to be wrong before the long work is found out before it.
    check_writable(layout("model", emit, output).folder)
    if emit == "c":
        target = replace(target, kernel_format="c", schedules=C_SCHEDULES)
    else:
        find_compiler(target, cc)
    compiled = compile_model(source, target, options, name)
    options.report("link")
    if isinstance(source, Path):
        check_not_source(layout(compiled.name, emit, output).main, source)
    return package(compiled, emit, output, cc, external_weights=external_weights, store=options.store())


def show(
    source: str | Path | bytes | onnx.ModelProto, target: Target, form: str, options: Options, name: str | None = None
) -> str:
    """ONNX model -> text for people: see `artifact.listing`."""
    module = optimize(source, target, options, name)
    choose = partial(options.records().choices, target=target)
    return listing(module, target, form, choose, lambda done, total: options.report("kernels", done, total))


def optimize(
    source: str | Path | bytes | onnx.ModelProto, target: Target | None, options: Options, name: str | None = None
) -> Module:
    """Import a model and run the passes."""
    options.report("import")
    module = import_model(source, options.dims, name)
    context = PassContext(target, options.level, {"winograd.enabled": options.winograd})
    return run_pipeline(module, context, options.print_after, options.emit)


def compile_model(
    source: str | Path | bytes | onnx.ModelProto, target: Target, options: Options, name: str | None = None
) -> Compiled:
    """ONNX model -> program and kernels.

    Raises
    ------
    CompileError
        The model is broken, or uses what is not supported.
    """
    module = optimize(source, target, options, name)
    return compile_module(module, target, options, partial(options.records().choices, target=target))


def compile_module(
    module: Module, target: Target, options: Options, choose: Callable[[Function], Mapping[str, Option]]
) -> Compiled:
    """Optimised module -> program and kernels; `choose` says what to choose for a primitive function's knobs."""
    check_types(module)
    options = replace(options, dims=by_symbol(module, options.dims), bounds=by_symbol(module, options.bounds))
    symbols = model_symbols(module.main)
    with located(Location(model=module.name)):
        bounds = bounds_of(symbols, options)
        kernels = compile_kernels(module, target, options, choose)
        alignment = 64 if target.hosted else 16
        program = build_program(module, kernels, symbols, alignment, bounds, heap=target.hosted)
    if not target.hosted:
        _check_needs_no_system(program, module.name, target)
    facts = {
        "level": options.level,
        "dims": dict(sorted(options.dims.items())),
        "bounds": bounds,
        "profile": options.profile,
    }
    model_hash = hash_model(module, target, options)
    distinct = {kernel.symbol: kernel for kernel in kernels.values()}
    return Compiled(module, program, tuple(distinct.values()), target, model_hash, options.profile, facts)


def _check_needs_no_system(program: Program, model: str, target: Target) -> None:
    """Refuse a model that takes memory from the system during its run."""
    reason = f"and the target {target.name} has no system to take memory from"
    remedy = "compile for a target with an operating system"
    known = "sizes that are known, or bounded, before the run"
    initializers = "make inputs that decide about sizes initializers, give bounds for symbolic dimensions (--bound)"
    if program.makes_text:
        found, expected = "its runs make strings", "strings that are inputs or constants"
        raise CompileError(f"model '{model}': {found}, {reason}", expected=expected, remedy=remedy)
    if program.blocks:
        found = f"{program.blocks} buffers have sizes that only the run knows"
        message = f"model '{model}': {found}, {reason}"
        raise RunTimeValueError(message, NOWHERE, inputs=(), expected=known, remedy=f"{initializers}, or {remedy}")
    if program.needs_heap or program.has_values:
        message = f"model '{model}': it has sequences or optional values, {reason}"
        raise CompileError(message, expected=known, remedy=f"{initializers}, or {remedy}")


def tune(
    source: str | Path | bytes | onnx.ModelProto,
    target: Target,
    options: Options,
    search: TuneOptions,
    database: Path,
    *,
    sizes: Mapping[str, int] | None = None,
    executor: str | None = None,
    cost_model: bool = True,
    tell: Callable[[Progress], None] = lambda progress: None,
    name: str | None = None,
    cc: str | None = None,
) -> Result:
    """Search for the best choices for a model's kernels: see `autotune.tuner`.

    Parameters
    ----------
    source, target, options, name, cc
        As for `build`; `options.jobs` is how many candidates are built at a time.
    search : TuneOptions
    database : Path
        Keeps all trials; made if there is none.
    sizes : mapping, optional
        Values of symbolic dimensions while kernels are measured; the kernels stay good for all.
    executor : str, optional
        Address of a Dask scheduler, whose workers build and measure.
    cost_model : bool
        Let a model choose what to measure; it needs XGBoost.
    tell : callable
        Is called with the progress after each trial.

    Raises
    ------
    CompileError
        The model or an option is wrong, or something that the search needs is missing.
    """
    if target.kernel_format != "object" or not target.hosted:
        raise CompileError(
            f"kernels for target {target.name} cannot be tuned", expected="a target with an operating system"
        )
    compiler = find_compiler(target, cc)
    model: CostModel = RankingModel(search.seed, options.jobs) if cost_model else NoModel()
    if database.exists():
        Database(database)  # an error now, if it is something else
    module = optimize(source, target, options, name)
    check_types(module)
    measured = sizes_to_measure(module.main, by_symbol(module, sizes or {}))
    workloads = extract(module, target, measured)
    with open_executor(executor, options.jobs) as (workers, count):
        models = partial(build_models, module, target, options, cc, measured)
        laboratory = ExecutorLaboratory(workers, count, target, compiler, models)
        trials = Database(database, create=True)  # not before there is something to keep
        return Tuner(workloads, laboratory, trials, model, search, tell).run()


def build_models(
    module: Module,
    target: Target,
    options: Options,
    cc: str | None,
    sizes: Mapping[str, int],
    variants: Sequence[Mapping[str, Mapping[str, Option]]],
) -> WholeModel:
    """Build a model whose steps can be timed, once for each mapping of `Workload.key` to choices."""
    options = replace(options, profile=True)

    def choose(function: Function, variant: Mapping[str, Mapping[str, Option]]) -> Mapping[str, Option]:
        return variant.get(workload_key(function, target), {})

    libraries, workloads = [], {}
    with tempfile.TemporaryDirectory(prefix="onnxc-tune-") as folder:
        path = Path(folder) / "model.so"
        for variant in variants:
            compiled = compile_module(module, target, options, partial(choose, variant=variant))
            package(compiled, "so", path, cc, external_weights=True, store=options.store())
            libraries.append(path.read_bytes())
            for function, kernel in zip(_primitives(module).values(), compiled.kernels, strict=True):
                workloads[kernel.symbol] = workload_key(function, target)
        weights = path.with_suffix(".weights")
        return WholeModel(tuple(libraries), weights.read_bytes() if weights.exists() else b"", workloads, sizes)


def check_types(module: Module) -> None:
    """Every tensor must have an element type that exists in C, and be small enough for the kernels' 32-bit indices.

    Raises
    ------
    CompileError
        The first that does not, with the node that computes it.
    """
    for function in module.functions.values():
        values = [(binding.var, getattr(binding.value, "location", NOWHERE)) for binding in all_bindings(function)]
        for var, location in [*((param, param.location) for param in function.params), *values]:
            with located(location), located(Location(model=module.name, tensor=var.name)):
                _check_type(var.type)


def _check_type(type_: Type) -> None:
    if isinstance(type_, TupleType):
        for field_type in type_.fields:
            _check_type(field_type)
        return
    if isinstance(type_, (SequenceType, OptionalType)):
        return
    if not isinstance(type_, TensorType):
        raise CompileError(f"a value of type {type_}", expected="a tensor", remedy="convert it outside the model")
    if type_.dtype not in C_TYPES:
        raise CompileError(
            f"a tensor of {type_.dtype}", expected="real numbers or booleans", remedy="convert it outside the model"
        )
    if isinstance(type_.size, int) and type_.size >= 1 << 31:
        raise CompileError(f"a tensor of {type_.size} elements, {type_.shape}", expected="less than 2147483648")


def model_symbols(main: Function) -> list[str]:
    """Symbols of the model's inputs in order of first occurrence.

    Raises
    ------
    CompileError
        An input's dimension is an expression, not one symbol: run time could not solve for it.
    """
    found: dict[str, None] = {}
    for param in main.params:
        if isinstance(param.type, TensorType):
            for dim in param.type.shape:
                if isinstance(dim, Dim):
                    names = sorted(dim.symbols())
                    if len(names) != 1 or dim != Dim.symbol(names[0]):
                        raise CompileError(f"the input's dimension {dim} is an expression", param.location)
                    found[names[0]] = None
    return list(found)


def by_symbol(module: Module, values: Mapping[str, int]) -> dict[str, int]:
    """Values of dimensions by the names of their symbols, which the user may have given by those in the ONNX model.

    Raises
    ------
    CompileError
        The same dimension has two values.
    """
    symbols = dict(module.main.attrs.get("renamed_symbols", ()))
    found: dict[str, int] = {}
    for name, value in values.items():
        symbol = symbols.get(name, name)
        if found.setdefault(symbol, value) != value:
            raise CompileError(f"dimension {symbol}, also named '{name}', has the values {found[symbol]} and {value}")
    return found


def bounds_of(symbols: Sequence[str], options: Options) -> dict[str, int]:
    """The bounds of a model's symbols, in their order.

    Raises
    ------
    CompileError
        A bound is below 1, no symbol's, or below the value that the same dimension is given.
    """
    for name, most in options.bounds.items():
        if not 1 <= most < 1 << 31:
            raise CompileError(f"the bound of dimension {name} is {most}", expected="a number from 1 to 2147483647")
        if name in options.dims and options.dims[name] > most:
            raise CompileError(f"dimension {name} shall be {options.dims[name]}, and its bound {most}")
    unknown = sorted(set(options.bounds) - {*symbols, *options.dims})
    if unknown:
        raise CompileError(
            f"the inputs have no dimension named {', '.join(unknown)} that could have a bound",
            expected=f"one of: {', '.join(symbols) or 'none, all are static'}",
        )
    return {symbol: options.bounds[symbol] for symbol in symbols if symbol in options.bounds}


def compile_kernels(
    module: Module, target: Target, options: Options, choose: Callable[[Function], Mapping[str, Option]]
) -> dict[str, Kernel]:
    """Compile every primitive function; name -> kernel."""
    prefix = model_identifier(module.name)
    primitives = _primitives(module)
    symbols = (f"{prefix}_{s}" for s in identifiers(primitives))
    compiled = compile_all(
        dict(zip(symbols, primitives.values(), strict=True)),
        target,
        store=options.store(),
        jobs=options.jobs,
        choose=choose,
        progress=lambda done, total: options.report("kernels", done, total),
    )
    return dict(zip(primitives, compiled.values(), strict=True))


def _primitives(module: Module) -> dict[str, Function]:
    return {name: function for name, function in module.functions.items() if function.is_primitive}


def _operators(module: Module) -> set[str]:
    calls = [b.value for f in module.functions.values() for b in all_bindings(f) if isinstance(b.value, Call)]
    return {call.op for call in calls if isinstance(call.op, str)}


def hash_model(module: Module, target: Target, options: Options) -> str:
    """SHA-256 over the optimised module, its weights, target and options."""
    from .relay.printer import print_module

    text = print_module(module)
    facts: Any = {"module": text, "target": target.name, "cpu": target.cpu, "features": target.features}
    # Relay's text names the operators of users; what they compute stands in the libraries.
    libraries = sorted({c.digest for n in _operators(module) if (c := custom_of(n)) is not None})
    limits = [dict(options.bounds)] if options.bounds else []
    everything = json.dumps([facts, options.level, options.profile, *libraries, *limits], sort_keys=True, default=str)
    return hashlib.sha256(everything.encode()).hexdigest()
