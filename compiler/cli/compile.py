"""``onnxc compile``: a model to an artifact, or to a text that shows what became of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .shared import (
    bound_option,
    cache_option,
    dim_option,
    jobs_option,
    level_option,
    op_library_option,
    parse_dims,
    print_option,
    profile_option,
    progress,
    read_source,
    size_text,
    target_option,
    verbosity_options,
    winograd_option,
    write_error,
)

if TYPE_CHECKING:
    from ..driver import Options
    from ..target import Target

_LIBRARIES = ("so", "a", "c", "obj")
_TEXTS = {"relay": ".relay", "tir": ".tir", "llvm": ".ll", "asm": ".s"}


@click.command("compile", short_help="Compile a model.")
@click.argument("model", type=click.Path(path_type=Path))
@target_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="A folder, or a file that ends in .so or .a. Default: in the current folder, by the model's name.",
)
@click.option(
    "--emit",
    type=click.Choice([*_LIBRARIES, *_TEXTS]),
    help="Shared library (so), static library (a), C99 source (c), object files (obj); or a text: Relay after all "
    "passes, scheduled kernels (tir), their LLVM IR or assembly. Default: by the output's extension; so, or c for "
    "microcontrollers.",
)
@level_option
@op_library_option
@dim_option
@bound_option
@click.option("--name", help="Name of the model in C. Default: the file's.")
@click.option("--cc", metavar="COMMAND", help="C compiler. Default: found by itself.")
@click.option("--external-weights", is_flag=True, help="Keep the weights in a file beside the library.")
@winograd_option
@jobs_option
@profile_option
@cache_option
@click.option(
    "--tuning-db",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What 'onnxc tune' found out, or an export of it.",
)
@click.option("--untuned", is_flag=True, help="Use no tuning records, not even those that come with onnxc.")
@print_option
@verbosity_options
def compile_command(
    model: Path,
    target: str,
    output: Path | None,
    emit: str | None,
    level: int,
    dims: tuple[str, ...],
    bounds: tuple[str, ...],
    name: str | None,
    cc: str | None,
    external_weights: bool,
    no_winograd: bool,
    jobs: int | None,
    profile: bool,
    no_cache: bool,
    tuning_db: Path | None,
    untuned: bool,
    print_after: tuple[str, ...],
    verbose: bool,
    quiet: bool,
) -> None:
    """Compile MODEL, an ONNX file, or - for standard input.

    A library comes with a header, the runtime's header and a manifest.
    """
    given, limits = parse_dims(dims), parse_dims(bounds, "--bound")
    from ..api import default_jobs
    from ..driver import Options, build
    from ..targets import find

    found = find(target)
    emit = emit or _emit(found, output)
    start = time.perf_counter()
    with progress(verbose, quiet) as tell:
        options = Options(
            level=level,
            dims=given,
            bounds=limits,
            jobs=jobs or default_jobs(),
            winograd=not no_winograd,
            profile=profile,
            cache=not no_cache,
            tuning_db=tuning_db,
            tuned=not untuned,
            print_after=print_after,
            emit=write_error,
            progress=tell,
        )
        if emit in _TEXTS:
            _write_text(model, found, emit, output, options, name)
            return
        source = read_source(model)
        artifact = build(source, found, emit, output, options, name=name, cc=cc, external_weights=external_weights)
    if not quiet:
        click.echo(_summary(artifact.path, artifact.facts, time.perf_counter() - start))
        _warn_of_size(found, artifact.facts)


def _emit(target: Target, output: Path | None) -> str:
    """What to make when the user does not say."""
    by_extension = {".so": "so", ".a": "a", **{extension: form for form, extension in _TEXTS.items()}}
    if output is not None and output.suffix in by_extension and not output.is_dir():
        return by_extension[output.suffix]
    return "so" if target.hosted else "c"


def _write_text(
    model: Path, target: Target, form: str, output: Path | None, options: Options, name: str | None
) -> None:
    from ..driver import optimize, show
    from ..relay.printer import save_text

    if output is None:
        click.echo(show(read_source(model), target, form, options, name), nl=False)
        return
    from ..artifact.staging import check_file, staged

    check_file(output, source=model)
    source = read_source(model)
    with staged(output.parent) as stage:
        if form == "relay":  # with its constants beside it
            save_text(optimize(source, target, options, name), stage / output.name)
        else:
            (stage / output.name).write_text(show(source, target, form, options, name), encoding="utf-8")


def _summary(path: Path, facts: dict[str, Any], seconds: float) -> str:
    size = facts["files"][path.name]["bytes"] if path.is_file() else sum(f["bytes"] for f in facts["files"].values())
    memory, kernels = facts["memory"], facts["kernels"]
    return (
        f"{path}: {size_text(size)} for {facts['target']['name']}, in {seconds:.1f} s\n"
        f"  {kernels} kernel{'s' * (kernels != 1)}, weights {size_text(memory['weights_bytes'])}, "
        f"arena {size_text(memory['arena_bytes'])}"
    )


def _warn_of_size(target: Target, facts: dict[str, Any]) -> None:
    memory = facts["memory"]
    for what, kind, needed, typical in (
        ("arena", "RAM", memory["arena_bytes"], target.ram_bytes),
        ("weights", "flash", memory["weights_bytes"], target.flash_bytes),
    ):
        if typical is not None and isinstance(needed, int) and needed > typical:
            write_error(
                f"warning: the {what} ({size_text(needed)}) exceeds the {size_text(typical)} of {kind} "
                f"of a typical {target.name}"
            )
