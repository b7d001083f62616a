"""``onnxc targets``: what can be compiled for."""

from __future__ import annotations

import click

from .shared import table


@click.command("targets", short_help="List what models can be compiled for.")
def targets_command() -> None:
    """List the targets: names, other names for them, and what they are."""
    from ..diagnostics import CompileError
    from ..targets import HOST_NAMES, all_targets, host

    rows: list[tuple[str, str, str]] = []
    try:
        rows.append((HOST_NAMES[0], ", ".join(HOST_NAMES[1:]), host().description))
    except CompileError as error:
        rows.append((HOST_NAMES[0], ", ".join(HOST_NAMES[1:]), f"not here: {error.message}"))
    rows += [(target.name, ", ".join(target.aliases), target.description) for target in all_targets()]
    click.echo(table([("target", "also", ""), *rows], indent=""))
