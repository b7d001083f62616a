"""Output that appears whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..diagnostics import CompileError


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A new folder to work in, whose files move to their place when the block ends without an error.

    A folder that did not exist appears at once. One that exists keeps its other files; files of the same names are
    replaced, each at once. Names that begin with a dot are left behind.

    Parameters
    ----------
    folder : Path
        Where the output shall be; made, with its parents, if need be.

    Yields
    ------
    Path
        A folder on the same file system.

    Raises
    ------
    CompileError
        The place cannot be written to.
    """
    folder = Path(os.path.abspath(folder))
    workshop = _make_workshop(folder)
    stage = workshop / "stage"
    try:
        stage.mkdir()  # with the permissions of any new folder, which the workshop does not have
        yield stage
        _publish(stage, folder)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def check_writable(folder: Path) -> None:
    """Raise CompileError where `staged` could not work: long before there is anything to write."""
    shutil.rmtree(_make_workshop(Path(os.path.abspath(folder))), ignore_errors=True)


def _make_workshop(folder: Path) -> Path:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        raise CompileError(f"the output '{folder}' cannot be made: '{existing}' is a file", expected="a folder")
    try:
        # In the nearest folder that exists: it is on the same file system, and parents appear with the output only.
        return Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=existing))
    except OSError as error:
        raise CompileError(
            f"the output '{folder}' cannot be made: {error.strerror}", expected="a writable folder"
        ) from error


def _publish(stage: Path, folder: Path) -> None:
    try:
        if not folder.exists():
            for hidden in stage.glob(".*"):
                shutil.rmtree(hidden) if hidden.is_dir() else hidden.unlink()
            folder.parent.mkdir(parents=True, exist_ok=True)
            os.rename(stage, folder)
            return
        for path in sorted(stage.rglob("*")):
            name = path.relative_to(stage)
            if any(part.startswith(".") for part in name.parts):
                continue
            if path.is_dir():
                (folder / name).mkdir(parents=True, exist_ok=True)
            else:
                os.replace(path, folder / name)
    except OSError as error:
        place = error.filename2 or error.filename
        raise CompileError(f"the output '{place}' cannot be written: {error.strerror}") from error
