"""``onnxc opt``: a model, or Relay text, through passes to Relay text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .shared import (
    dim_option,
    level_option,
    op_library_option,
    parse_dims,
    print_option,
    read_source,
    target_option,
    write_error,
)

if TYPE_CHECKING:
    from ..relay.expr import Module


@click.command("opt", short_help="Run passes on a model or on Relay text.")
@click.argument("source", metavar="MODEL|FILE.relay", type=click.Path(path_type=Path))
@click.option("--passes", metavar="A,B,C", help="Run these, in this order. Default: those of the level.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="File for the text, with constants beside it as .npz."
)
@level_option
@op_library_option
@target_option
@dim_option
@print_option
def opt_command(
    source: Path,
    passes: str | None,
    output: Path | None,
    level: int,
    target: str,
    dims: tuple[str, ...],
    print_after: tuple[str, ...],
) -> None:
    """Run passes on SOURCE, and print what comes out as Relay text.

    SOURCE is an ONNX file, or Relay text where its name ends in .relay.
    """
    given = parse_dims(dims)
    from ..artifact.staging import check_file, staged
    from ..frontend.importer import import_model
    from ..relay.printer import print_module, save_text
    from ..targets import find
    from ..transform.pipeline import PIPELINE, PassContext, find_passes, run_pipeline

    if output is not None:
        check_file(output, source=None if source.suffix == ".relay" else source)
    context = PassContext(find(target), level)
    steps = PIPELINE
    if passes is not None:  # what was asked for runs at every level
        names = [name.strip() for name in passes.split(",") if name.strip()]
        steps = tuple(replace(step, level=0) for step in find_passes(names))
    module = _read_text(source, given) if source.suffix == ".relay" else import_model(read_source(source), given)
    module = run_pipeline(module, context, print_after, write_error, steps)
    if output is None:
        click.echo(print_module(module), nl=False)
        return
    with staged(output.parent) as stage:
        save_text(module, stage / output.name)


def _read_text(source: Path, dims: dict[str, int]) -> Module:
    from ..diagnostics import CompileError
    from ..op import infer_call
    from ..relay.parser import load_text
    from ..relay.verifier import VerificationError, verify
    from ..transform.pipeline import infer_call_type

    if dims:
        raise CompileError("--dim is for ONNX models", remedy="change the dimensions in the text")
    module = load_text(source, infer=infer_call)
    try:
        verify(module, infer_call_type)
    except VerificationError as error:  # after a pass it would be our fault; here it is the text's
        raise CompileError(f"'{source}' is no module: {error}", expected="a well-formed module") from error
    return module
