"""What several commands have in common: options, progress, sizes and tables."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

Progress = Callable[[str, int, int], None]

_Command = TypeVar("_Command", bound=Callable[..., Any])

#: A number of which Python makes an integer: there is a limit to digits.
_NUMBER = re.compile(r"[0-9]{1,100}")

_STAGES = {"import": "reading the model", "kernels": "compiling kernels", "link": "linking"}

level_option = click.option(
    "-O", "level", type=click.IntRange(0, 3), default=3, show_default=True, help="Optimisation: -O0 to -O3."
)
dim_option = click.option(
    "--dim", "dims", multiple=True, metavar="NAME=VALUE", help="Value of a symbolic dimension. May be repeated."
)
bound_option = click.option(
    "--bound",
    "bounds",
    multiple=True,
    metavar="NAME=VALUE",
    help="Greatest value of a symbolic dimension: memory is sized for it, greater ones are refused. May be repeated.",
)
target_option = click.option(
    "--target", default="host", show_default=True, metavar="NAME", help="What to compile for: see 'onnxc targets'."
)
jobs_option = click.option(
    "--jobs", type=click.IntRange(1), metavar="N", help="Processes that compile kernels. Default: one a processor."
)
profile_option = click.option(
    "--profile", is_flag=True, help="Measure what each kernel takes: 'onnxc run --profile' prints it."
)
cache_option = click.option(
    "--no-cache", is_flag=True, help="Compile everything anew, and keep nothing. See ONNXC_CACHE_DIR in the README."
)
winograd_option = click.option(
    "--no-winograd", is_flag=True, help="Sum up 3x3 convolutions directly: slower, and a little more exact."
)


def _load_libraries(context: click.Context, parameter: click.Parameter, paths: tuple[Path, ...]) -> None:
    if paths:
        from ..op.custom import load_library

        for path in paths:
            load_library(path)


op_library_option = click.option(
    "--op-library",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    expose_value=False,
    callback=_load_libraries,
    help="Python file that registers operators of your own: see examples/custom_operator. May be repeated.",
)
print_option = click.option(
    "--print-ir-after",
    "print_after",
    multiple=True,
    metavar="PASS",
    help="Print Relay after a pass, or 'all', on standard error. May be repeated.",
)


def verbosity_options(command: _Command) -> _Command:
    """-v and -q."""
    command = click.option("-q", "--quiet", is_flag=True, help="Print errors only.")(command)
    return click.option("-v", "--verbose", is_flag=True, help="Print more: how long each stage took.")(command)


def parse_dims(texts: Iterable[str], option: str = "--dim") -> dict[str, int]:
    """Values of dimensions from ``NAME=VALUE``.

    Raises
    ------
    CompileError
        A text is something else, or a name comes twice.
    """
    from ..diagnostics import CompileError

    dims: dict[str, int] = {}
    for text in texts:
        name, separator, value = text.rpartition("=")
        if not separator or not name.strip() or not _NUMBER.fullmatch(value.strip()) or int(value) < 1:
            raise CompileError(f"{option} {text}", expected="NAME=VALUE with a whole number from 1 up, such as batch=1")
        if dims.setdefault(name.strip(), int(value)) != int(value):
            raise CompileError(f"{option} gives {name.strip()} the values {dims[name.strip()]} and {int(value)}")
    return dims


def read_source(path: Path) -> Path | bytes:
    """A model's path; or its bytes, where it comes through a pipe: from standard input, which is called ``-``."""
    if str(path) == "-":
        return sys.stdin.buffer.read()
    try:
        return path.read_bytes() if path.is_fifo() else path
    except OSError:
        return path  # who reads the model says why


def write_error(text: str) -> None:
    """Print to standard error."""
    click.echo(text, err=True)


@contextmanager
def progress(verbose: bool = False, quiet: bool = False) -> Iterator[Progress | None]:
    """What tells the user how far the work is: a bar on a terminal, nothing where the output goes elsewhere."""
    timer = _Timer() if verbose else None
    if quiet or not sys.stderr.isatty():
        yield timer
    else:
        with _bar() as show:
            yield show if timer is None else _both(timer, show)
    if timer is not None:
        timer.finish()


class _Timer:
    """Measures the stages, and prints how long each took."""

    def __init__(self) -> None:
        self._stage, self._start = "", time.perf_counter()
        self._lines: list[str] = []

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage != self._stage:
            self._end()
            self._stage = stage

    def _end(self) -> None:
        now = time.perf_counter()
        if self._stage:
            self._lines.append(f"{_STAGES.get(self._stage, self._stage)}: {now - self._start:.2f} s")
        self._start = now

    def finish(self) -> None:
        self._end()
        for line in self._lines:
            write_error(line)


def _both(first: Progress, second: Progress) -> Progress:
    def tell(stage: str, done: int, total: int) -> None:
        first(stage, done, total)
        second(stage, done, total)

    return tell


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def show(stage: str, done: int, total: int) -> None:
            bar.update(task, description=_STAGES.get(stage, stage), completed=done, total=total)

        yield show


def size_text(size: int | str) -> str:
    """Bytes for people."""
    if isinstance(size, str):
        return f"{size} bytes"
    value, unit = float(size), "bytes"
    for larger in ("KB", "MB", "GB"):
        if value < 1000:
            break
        value, unit = value / 1024, larger
    return f"{size} bytes" if unit == "bytes" else f"{value:.3g} {unit}" if value < 100 else f"{value:.0f} {unit}"


def table(rows: Sequence[Sequence[object]], indent: str = "  ") -> str:
    """Rows as aligned columns."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return "\n".join(
        indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in texts
    )
