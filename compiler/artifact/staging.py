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

    A folder that exists keeps its other files; files of the same names are replaced, each at once. Names that begin
    with a dot are left behind.

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
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        raise CompileError(f"the output '{folder}' cannot be made: '{existing}' is a file", expected="a folder")
    try:
        # In the nearest folder that exists: there it is on the same file system, and parents come with the output only.
        stage = Path(tempfile.mkdtemp(prefix=".onnxc-", dir=existing))
    except OSError as error:
        reason = error.strerror
        raise CompileError(f"the output '{folder}' cannot be made: {reason}", expected="a writable folder") from error
    try:
        yield stage
        _publish(stage, folder)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _publish(stage: Path, folder: Path) -> None:
    try:
        for path in sorted(stage.rglob("*")):
            name = path.relative_to(stage)
            if any(part.startswith(".") for part in name.parts):
                continue
            if path.is_dir():
                (folder / name).mkdir(parents=True, exist_ok=True)
            else:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, folder / name)
    except OSError as error:
        raise CompileError(f"the output '{error.filename}' cannot be written: {error.strerror}") from error
