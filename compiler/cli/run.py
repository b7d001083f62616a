"""``onnxc run``: a model or an artifact on arrays from files, or on random ones."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .shared import cache_option, dim_option, level_option, parse_dims, progress, read_source, table, verbosity_options

if TYPE_CHECKING:
    import numpy as np

    from ..runtime_stub.loader import Model

#: Outputs of at most so many elements are printed, others summed up.
_SHOWN_ELEMENTS = 10

#: Runs that a profile is taken of, when the user does not say.
_PROFILE_RUNS = 10

_ELF = b"\x7fELF"


@click.command("run", short_help="Run a model or an artifact.")
@click.argument("source", metavar="MODEL|ARTIFACT", type=click.Path(path_type=Path))
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="FILE.npz|NAME=FILE.npy",
    help="Values of inputs; the others are random. May be repeated. Tensors of a sequence are NAME[0], NAME[1], ...",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE.npz",
    help="File for all outputs; its folder is made, if need be.",
)
@dim_option
@click.option("--repeat", type=click.IntRange(1), metavar="N", help="Run N times and print the latency.")
@click.option("--threads", type=click.IntRange(1, 1 << 20), help="Threads of a run. Default: one a processor.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of random inputs.")
@level_option
@click.option(
    "--profile", is_flag=True, help="Print what each kernel takes. An artifact must be compiled with --profile, too."
)
@cache_option
@verbosity_options
def run_command(
    source: Path,
    inputs: tuple[str, ...],
    output: Path | None,
    dims: tuple[str, ...],
    repeat: int | None,
    threads: int | None,
    seed: int,
    level: int,
    profile: bool,
    no_cache: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    """Run an ONNX file (it is compiled for this machine first), a shared library, or a folder with one.

    Random inputs are normally distributed where they are floats, of all values where they are 8-bit integers, and 0 or
    1 where they are larger integers, which are often indices. Dimensions that the model leaves open are 1, or what
    --dim says.
    """
    given = parse_dims(dims)
    from ..artifact.random_arrays import random_arrays
    from ..artifact.staging import check_file
    from .arrays import read_arrays, write_arrays

    if output is not None:
        check_file(output, source=source)
    library = _library(source)
    if library is None:
        from .. import api

        with progress(verbose, quiet) as tell:
            model = api.compile(
                read_source(source),
                level=level,
                dims=given,
                threads=threads,
                profile=profile,
                cache=not no_cache,
                progress=tell,
            )
        given = {}  # the model has them now
    else:
        from ..runtime_stub.loader import load

        model = load(library, threads)
    if profile:
        model.profile()  # an error now, if it cannot tell
    feeds = read_arrays(inputs, model.inputs)
    feeds.update(random_arrays([t for t in model.inputs if t.name not in feeds], _dims(model, feeds, given), seed))
    outputs = model(feeds)
    if not quiet:
        click.echo(_describe(outputs))
    if output is not None:
        write_arrays(output, outputs)
    if repeat is not None:
        click.echo(_measure(model, feeds, repeat))
    if profile:
        from .profile import measure_kernels, profile_text

        click.echo(profile_text(measure_kernels(model, feeds, repeat or _PROFILE_RUNS)))


def _library(source: Path) -> Path | None:
    """The shared library that a path means; None where it is a model."""
    from ..diagnostics import CompileError

    if source.is_dir():
        libraries = sorted(source.glob("*.so"))
        if len(libraries) != 1:
            raise CompileError(
                f"the folder '{source}' has {len(libraries) or 'no'} shared libraries",
                expected="an ONNX file, a shared library, or a folder with one",
                remedy="compile with --emit=so, or name the library",
            )
        return libraries[0]
    if source.suffix == ".so":
        return source
    if not source.is_file():  # a pipe could not be read again
        return None
    try:
        with source.open("rb") as file:
            return source if file.read(4) == _ELF else None
    except OSError:
        return None  # who reads the model says why


def _dims(model: Model, feeds: Mapping[str, Any], given: Mapping[str, int]) -> dict[str, int]:
    """Values of all symbols: from the arrays that are there, from the user, else 1."""
    from ..diagnostics import CompileError

    found: dict[str, int] = dict.fromkeys(model.symbols, 1)
    unknown = [name for name in given if name not in found]
    if unknown:
        raise CompileError(
            f"the artifact has no open dimension named {', '.join(unknown)}",
            expected=f"one of: {', '.join(found) or 'none, all are fixed'}",
        )
    found.update(given)
    for tensor in model.inputs:
        shape = getattr(feeds.get(tensor.name), "shape", ())
        found.update({d: n for d, n in zip(tensor.shape, shape, strict=False) if isinstance(d, str)})
    return found


def _describe(outputs: Mapping[str, Any]) -> str:
    from .arrays import flatten

    nothing = {f"{name}[none]" for name, value in outputs.items() if value is None}
    nothing |= {f"{name}[empty]" for name, value in outputs.items() if isinstance(value, list) and not value}
    rows = [
        (name, "", "", "") if name in nothing else (name, array.dtype.name, str(array.shape), _values(array))
        for name, array in flatten(outputs).items()
    ]
    return table(rows, indent="")


def _values(array: np.ndarray) -> str:
    import numpy as np

    if array.size <= _SHOWN_ELEMENTS:
        return np.array2string(array.reshape(-1), precision=6, separator=" ", max_line_width=10_000)
    numbers = array.astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    if finite.size == 0:
        return "no finite values"
    text = f"min {finite.min():.6g}, mean {finite.mean():.6g}, max {finite.max():.6g}"
    return text if finite.size == numbers.size else f"{text}, {numbers.size - finite.size} not finite"


def _measure(model: Model, feeds: Mapping[str, Any], repeat: int) -> str:
    """Latency of runs one after the other; the first ones, which warm the caches up, do not count."""
    arrays = [feeds[tensor.name] for tensor in model.inputs]
    for _ in range(min(repeat, 10)):
        model(*arrays)
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        model(*arrays)
        times.append(1e3 * (time.perf_counter() - start))
    low, middle, high = min(times), statistics.median(times), max(times)
    return f"latency of {repeat} run{'s' * (repeat != 1)}: min {low:.4g} ms, median {middle:.4g} ms, max {high:.4g} ms"
