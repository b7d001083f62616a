"""Output that appears whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..diagnostics import CompileError

#: How names in a stage begin that are not published.
SCRATCH = ".onnxc-"

#: What the disk says when it takes no more.
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)

#: Characters of the output's name in that of the folder beside it, which must not get longer than a name can be.
_NAME_CHARACTERS = 32


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A new folder to work in, whose files move to their place when the block ends without an error.

    A folder that did not exist appears at once. One that exists keeps its other files; files of the same names are
    replaced, each at once, so that who has one open or mapped keeps what it was. Of several processes that do so in one
    folder, one after the other does. Names that begin with `SCRATCH` are left behind.

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
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise CompileError(
                f"the output '{folder}' cannot be made: {error.strerror}",
                remedy="give the model a shorter name (--name)",
            ) from error
        if error.errno not in _DISK_ERRORS:
            raise
        raise CompileError(
            f"the output '{folder}' cannot be written: {error.strerror}", remedy="make room, or write elsewhere"
        ) from error
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def check_writable(folder: Path) -> None:
    """Raise CompileError where `staged` could not work: long before there is anything to write."""
    shutil.rmtree(_make_workshop(Path(os.path.abspath(folder))), ignore_errors=True)


def check_file(path: Path, option: str = "--output", source: Path | None = None) -> None:
    """Raise CompileError where a file cannot be written with `staged`, or would take the place of what it is made from.

    Parameters
    ----------
    path : Path
    option : str
        How the user has named it.
    source : Path, optional
        The file that the output is made from.
    """
    if path.is_dir():
        raise CompileError(f"{option} {path}: is a folder", expected="the name of a file")
    if path.exists() and not path.is_file():
        raise CompileError(f"{option} {path}: is no file, but a device or a pipe", expected="the name of a file")
    check_not_source(path, source)
    check_writable(path.parent)


def check_not_source(path: Path, source: Path | None) -> None:
    """Raise CompileError where an output would take the place of the file that it is made from."""
    if source is not None and path.is_file() and source.exists() and path.samefile(source):
        raise CompileError(f"the output '{path}' is the input", expected="another file")


def _make_workshop(folder: Path) -> Path:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        raise CompileError(f"the output '{folder}' cannot be made: '{existing}' is a file", expected="a folder")
    try:
        # In the nearest folder that exists: it is on the same file system, and parents appear with the output only.
        return Path(tempfile.mkdtemp(prefix=f".{folder.name[:_NAME_CHARACTERS]}.", dir=existing))
    except OSError as error:
        raise CompileError(
            f"the output '{folder}' cannot be made: {error.strerror}", expected="a writable folder"
        ) from error


def _publish(stage: Path, folder: Path) -> None:
    try:
        for scratch in stage.glob(f"{SCRATCH}*"):
            shutil.rmtree(scratch) if scratch.is_dir() and not scratch.is_symlink() else scratch.unlink()
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.rename(stage, folder)
                return
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # another process was faster
                    raise
        with _locked(folder):
            _replace_files(stage, folder)
    except OSError as error:
        place = error.filename2 or error.filename
        raise CompileError(f"the output '{place}' cannot be written: {error.strerror}") from error


def _replace_files(stage: Path, folder: Path) -> None:
    """Move all files to their places; what can be known to be in the way is found before the first is moved."""
    found = sorted(stage.rglob("*"))
    for path in found:
        place = folder / path.relative_to(stage)
        if place.exists() and place.is_dir() != path.is_dir():
            kind = ("a file", "a folder")
            raise CompileError(
                f"the output '{place}' cannot be written: it is {kind[place.is_dir()]}", expected=kind[path.is_dir()]
            )
    for path in found:
        place = folder / path.relative_to(stage)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            os.replace(path, place)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes from replacing files in a folder, where its file system can."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
