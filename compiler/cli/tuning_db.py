"""``onnxc tuning-db``: look into tuning databases, and bring trials from one to another."""

from __future__ import annotations

from pathlib import Path

import click

from .shared import table

_FILE = click.Path(path_type=Path)


@click.group("tuning-db", short_help="Show, export and import what was tuned.")
def tuning_db_group() -> None:
    """Show, export and import the trials in databases that 'onnxc tune' makes."""


@tuning_db_group.command("show")
@click.argument("database", type=_FILE)
def show_command(database: Path) -> None:
    """Show which kernels DATABASE knows, with how many trials, and the times by default and of what is chosen."""
    from ..autotune.database import load_trials
    from ..autotune.records import verdict

    trials, titles = load_trials(database)
    rows: list[tuple[str, ...]] = [("kernel", "processor", "trials", "failed", "default", "best", "digest")]
    for key, cpu in sorted({(t.workload, t.cpu) for t in trials}, key=lambda pair: (titles[pair[0]][0], pair)):
        own = [t for t in trials if (t.workload, t.cpu) == (key, cpu)]
        found = verdict(own, cpu)
        shown = ["-", "-"] if found is None else [f"{v * 1e6:.2f} us" for v in (found.default, found.best)]
        rows.append((titles[key][0], cpu, str(len(own)), str(sum(bool(t.error) for t in own)), *shown, key[:12]))
    click.echo(table(rows))


@tuning_db_group.command("export")
@click.argument("database", type=_FILE)
@click.argument("output", type=_FILE)
@click.option("--best", is_flag=True, help="Only the defaults and the best of each kernel, without features.")
def export_command(database: Path, output: Path, best: bool) -> None:
    """Write the trials of DATABASE to OUTPUT as JSON, one trial a line."""
    from ..artifact.staging import check_file, staged
    from ..autotune.database import is_database, load_trials, write_lines
    from ..autotune.records import condensed
    from ..diagnostics import CompileError

    if output.is_file() and is_database(output):
        raise CompileError(f"the output '{output}' is a database", expected="a file for JSON, such as trials.jsonl")
    check_file(output, "OUTPUT", database)
    trials, titles = load_trials(database)
    with staged(output.parent) as stage:
        count = write_lines(condensed(trials) if best else trials, titles, stage / output.name, texts=not best)
    click.echo(f"{output}: {count} trials")


@tuning_db_group.command("import")
@click.argument("database", type=_FILE)
@click.argument("sources", nargs=-1, required=True, type=_FILE)
def import_command(database: Path, sources: tuple[Path, ...]) -> None:
    """Add the trials of SOURCES (databases, or exports of some) to DATABASE, which is made if there is none."""
    from ..autotune.database import Database, load_trials

    loaded = [load_trials(source) for source in sources]
    target = Database(database, create=True)
    added = sum(target.add(trials, titles) for trials, titles in loaded)
    click.echo(f"{database}: {added} new trials")
