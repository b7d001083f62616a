"""``onnxc tune``: search for faster kernels."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .shared import (
    dim_option,
    jobs_option,
    level_option,
    op_library_option,
    parse_dims,
    read_source,
    table,
    target_option,
    winograd_option,
    write_error,
)

if TYPE_CHECKING:
    from ..autotune.search import Search
    from ..autotune.tuner import Progress, Result

    Tell = Callable[[Progress], None]

#: Seconds between two lines of progress where there is no terminal.
_QUIET_SECONDS = 10.0


class _Duration(click.ParamType):
    """Seconds, or a number with s, m or h behind it."""

    name = "duration"
    _UNITS = {"s": 1, "m": 60, "h": 3600}  # noqa: RUF012

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        text = str(value).strip().lower()
        unit = self._UNITS.get(text[-1:], 0)
        try:
            seconds = float(text[:-1]) * unit if unit else float(text)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < float("inf"):
            self.fail(f"'{value}' is no duration such as 90, 20m or 1.5h", param, ctx)
        return seconds


@click.command("tune", short_help="Search for faster kernels.")
@click.argument("model", type=click.Path(path_type=Path))
@target_option
@click.option(
    "--tuning-db",
    type=click.Path(path_type=Path),
    default="onnxc-tuning.sqlite",
    show_default=True,
    metavar="FILE",
    help="Database that keeps all trials; 'onnxc compile --tuning-db FILE' uses it.",
)
@click.option(
    "--trials",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="Candidates to measure, those of earlier runs with the same tools among them.",
)
@click.option("--time-budget", type=_Duration(), help="How long this run may take, such as 90, 20m or 2h.")
@jobs_option
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all that is chosen at random.")
@click.option("--executor", metavar="ADDRESS", help="A Dask scheduler, such as tcp://scheduler:8786: its workers work.")
@click.option("--no-cost-model", is_flag=True, help="Search without XGBoost.")
@level_option
@op_library_option
@dim_option
@click.option(
    "--size",
    "sizes",
    multiple=True,
    metavar="NAME=VALUE",
    help="Value of a symbolic dimension while kernels are measured, which stay good for others. May be repeated. "
    "Default: 1 for batches, 64 for others.",
)
@winograd_option
@click.option("--cc", metavar="COMMAND", help="C compiler. Default: found by itself.")
@click.option("-q", "--quiet", is_flag=True, help="Print the result only.")
def tune_command(
    model: Path,
    target: str,
    tuning_db: Path,
    trials: int,
    time_budget: float | None,
    jobs: int | None,
    seed: int,
    executor: str | None,
    no_cost_model: bool,
    level: int,
    dims: tuple[str, ...],
    sizes: tuple[str, ...],
    no_winograd: bool,
    cc: str | None,
    quiet: bool,
) -> None:
    """Measure which choices make the kernels of MODEL, an ONNX file, fastest on this machine.

    Every trial is kept at once: Ctrl-C ends the search, and the same command goes on with it. Tune on an idle machine.
    """
    given, measured = parse_dims(dims), parse_dims(sizes, "--size")
    from ..api import default_jobs, runs_here
    from ..autotune.tuner import TuneOptions
    from ..diagnostics import CompileError
    from ..driver import Options, tune
    from ..targets import find

    found = find(target)
    if executor is None and not runs_here(found):
        raise CompileError(
            f"this machine cannot run what is compiled for {found.name}",
            expected="a target of this machine",
            remedy="tune there, or on a Dask cluster of such machines: --executor ADDRESS",
        )
    options = Options(level=level, dims=given, jobs=jobs or default_jobs(), winograd=not no_winograd)
    search = TuneOptions(trials, time_budget, seed)
    with _progress(quiet) as tell:
        result = tune(
            read_source(model), found, options, search, tuning_db,
            sizes=measured, executor=executor, cost_model=not no_cost_model, tell=tell, cc=cc,
        )  # fmt: skip
    click.echo(_summary(result))
    if result.doubt:
        write_error(f"the kernels were measured alone only, since the model could not be run: {result.doubt}")
    click.echo(f"{result.measured} measured in this run; use them: onnxc compile {model} --tuning-db {tuning_db}")
    if result.interrupted:
        raise KeyboardInterrupt("the same command goes on from here")


def _summary(result: Result) -> str:
    known = [s for s in result.searches if s.history and s.default_seconds < float("inf")]
    if not known:
        return "no kernel of this model can be tuned"
    rows: list[tuple[str, ...]] = [("kernel", "calls", "default", "best", "gain", "GFLOP/s", "of peak", "trials")]
    rows += [_row(s, result.peak) for s in sorted(known, key=lambda s: -s.workload.count * s.default_seconds)]
    default = sum(s.workload.count * s.gain.default for s in known)
    best = sum(s.workload.count * s.gain.best for s in known)
    total = f"all tuned kernels: {_time(default)} by default, {_time(best)} now ({default / best:.2f}x)"
    return f"{table(rows)}\n{total}"


def _row(search: Search, peak: float) -> tuple[str, ...]:
    gain = search.gain
    speed = search.operations / gain.best
    return (
        search.workload.title,
        str(search.workload.count),
        _time(gain.default),
        _time(gain.best),
        f"{gain.default / gain.best:.2f}x",
        f"{speed / 1e9:.1f}",
        f"{speed / peak:.0%}" if peak else "",
        str(len(search.seen)),
    )


def _time(seconds: float) -> str:
    if seconds == float("inf"):
        return "-"
    return f"{seconds * 1e3:.3f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.2f} us"


@contextmanager
def _progress(quiet: bool) -> Iterator[Tell]:
    """What shows the progress: a line that changes on a terminal, else a line from time to time."""
    from rich.console import Console

    console = Console(stderr=True)
    if quiet:
        yield lambda progress: None
    elif not console.is_terminal:
        yield _Lines()
    else:
        with console.status("measuring the defaults") as status:
            yield lambda progress: status.update(_text(progress))


class _Lines:
    """Prints the progress from time to time."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, progress: Progress) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _QUIET_SECONDS
            write_error(_text(progress))


def _text(progress: Progress) -> str:
    speed = f"{progress.speed / 1e9:.1f} GFLOP/s" + (f", {progress.share:.0%} of peak" if progress.share else "")
    minutes, seconds = divmod(round(progress.time_left), 60)
    return (
        f"{progress.kernel}: best {_time(progress.best)}, {speed} | {progress.trials}/{progress.of} trials | "
        f"kernels {_time(progress.default)} -> {_time(progress.model)} | {minutes}:{seconds:02} left"
    )
