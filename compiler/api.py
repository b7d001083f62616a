"""The Python interface of the compiler."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

from . import targets
from .diagnostics import CompileError
from .driver import Options, build
from .op.custom import load_library
from .runtime_stub.loader import Model, load
from .target import Target

if TYPE_CHECKING:
    import onnx

    Source = str | os.PathLike[str] | bytes | onnx.ModelProto


@overload
def compile(
    model: Source,
    target: str | Target = ...,
    *,
    output: None = ...,
    emit: str = ...,
    level: int = ...,
    dims: Mapping[str, int] | None = ...,
    bounds: Mapping[str, int] | None = ...,
    name: str | None = ...,
    cc: str | None = ...,
    winograd: bool = ...,
    jobs: int | None = ...,
    profile: bool = ...,
    cache: bool = ...,
    tuning_db: str | os.PathLike[str] | None = ...,
    tuned: bool = ...,
    op_libraries: Sequence[str | os.PathLike[str]] = ...,
    threads: int | None = ...,
    external_weights: bool = ...,
    progress: Callable[[str, int, int], None] | None = ...,
) -> Model: ...


@overload
def compile(
    model: Source,
    target: str | Target = ...,
    *,
    output: str | os.PathLike[str],
    emit: str = ...,
    level: int = ...,
    dims: Mapping[str, int] | None = ...,
    bounds: Mapping[str, int] | None = ...,
    name: str | None = ...,
    cc: str | None = ...,
    winograd: bool = ...,
    jobs: int | None = ...,
    profile: bool = ...,
    cache: bool = ...,
    tuning_db: str | os.PathLike[str] | None = ...,
    tuned: bool = ...,
    op_libraries: Sequence[str | os.PathLike[str]] = ...,
    threads: int | None = ...,
    external_weights: bool = ...,
    progress: Callable[[str, int, int], None] | None = ...,
) -> Path: ...


def compile(
    model: Source,
    target: str | Target = "host",
    *,
    output: str | os.PathLike[str] | None = None,
    emit: str = "so",
    level: int = 3,
    dims: Mapping[str, int] | None = None,
    bounds: Mapping[str, int] | None = None,
    name: str | None = None,
    cc: str | None = None,
    winograd: bool = True,
    jobs: int | None = None,
    profile: bool = False,
    cache: bool = True,
    tuning_db: str | os.PathLike[str] | None = None,
    tuned: bool = True,
    op_libraries: Sequence[str | os.PathLike[str]] = (),
    threads: int | None = None,
    external_weights: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> Model | Path:
    """Compile an ONNX model.

    Parameters
    ----------
    model : path, bytes or onnx.ModelProto
    target : str or Target
        What ``onnxc targets`` lists; ``host`` is this machine with all that its processor offers.
    output : path, optional
        A folder, or a file that ends in ``.so`` or ``.a``. Without it the model is loaded.
    emit : str
        ``so`` (shared library), ``a`` (static library), ``obj`` (object files) or ``c`` (C99 source).
    level : int
        Optimisation, 0 to 3.
    bounds : mapping of str to int, optional
        The greatest values of symbolic dimensions: the model has memory for them, and refuses others.
    dims : mapping of str to int, optional
        Values for symbolic dimensions of the inputs, by name. Others stay open until the model is called.
    name : str, optional
        Name of the model; that of the file or the graph by default.
    cc : str, optional
        The C compiler's command; found by itself otherwise.
    winograd : bool
        Allow Winograd's filtering for 3x3 convolutions: faster, and a little less exact.
    jobs : int, optional
        Processes that compile kernels; as many as there are processors by default.
    profile : bool
        Make a model that measures what each of its kernels takes: see `Model.profile`.
    cache : bool
        Take from the user's cache what was compiled before, and keep there what is compiled now.
    tuning_db : path, optional
        What ``onnxc tune`` has found out about this model's kernels, or an export of it.
    tuned : bool
        Use it, and what ships with onnxc; False: every kernel's defaults.
    op_libraries : sequence of path
        Python files that register operators of your own: see `onnxc.op.custom`.
    threads : int, optional
        Threads of the loaded model: see `load`.
    external_weights : bool
        Keep the weights in a file beside the library.
    progress : callable, optional
        ``(stage, done, total)``, called as the work goes on.

    Returns
    -------
    Model or Path
        The loaded model when there is no output; else the path of the library, or of the folder for ``c`` and ``obj``.

    Raises
    ------
    CompileError
        The model or an argument is wrong.
    """
    from .artifact.package import EMITS

    found = target if isinstance(target, Target) else targets.find(target)
    if emit not in EMITS:
        raise CompileError(f"unknown kind of artifact '{emit}'", expected=f"one of: {', '.join(EMITS)}")
    if level not in range(4):
        raise CompileError(f"unknown optimisation level {level!r}", expected="0, 1, 2 or 3")
    for library in op_libraries:
        load_library(library)
    options = Options(
        level=level,
        dims=dict(dims or {}),
        bounds=dict(bounds or {}),
        jobs=default_jobs() if jobs is None else jobs,
        winograd=winograd,
        profile=profile,
        cache=cache,
        tuning_db=None if tuning_db is None else Path(tuning_db),
        tuned=tuned,
        progress=progress,
    )
    source = Path(model) if isinstance(model, (str, os.PathLike)) else model
    if output is not None:
        place = Path(output)
        return build(source, found, emit, place, options, name=name, cc=cc, external_weights=external_weights).path
    if emit != "so" or not runs_here(found):
        what = f"target {found.name}" if emit == "so" else f"an artifact of kind '{emit}'"
        raise CompileError(f"{what} cannot be loaded here", expected="an output", remedy="give output='some/folder'")
    # The library stays mapped when its file is gone; nobody else needs the file.
    with tempfile.TemporaryDirectory(prefix="onnxc-", ignore_cleanup_errors=True) as folder:
        artifact = build(source, found, "so", Path(folder), options, name=name, cc=cc)
        return load(artifact.path, threads)


def runs_here(target: Target) -> bool:
    """Does this machine run what is compiled for a target?"""
    try:
        here = targets.host()
    except CompileError:
        return False
    return (
        target.hosted
        and target.triple == here.triple
        and set(target.required_cpu_features) <= set(here.required_cpu_features)
    )


def default_jobs() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
