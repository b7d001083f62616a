"""Object files of the runtime, which is the same for every model, kept from one compilation to the next.

A folder of the user's, with a file for each digest of all that goes into it. Any number of processes may use it at the
same time; where it cannot be written, everything is compiled anew.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path


def cache_folder() -> Path | None:
    """``$ONNXC_CACHE_DIR``, or a folder in the user's cache; None where there is none (the variable is empty)."""
    if "ONNXC_CACHE_DIR" in os.environ:
        text = os.environ["ONNXC_CACHE_DIR"]
        return Path(text).absolute() if text else None
    try:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:  # no home
        return None
    return Path(base).absolute() / "onnxc" / "objects"


def cached(facts: Iterable[str], output: Path, make: Callable[[], None]) -> None:
    """Take a file from the cache, or make it and keep a copy.

    Parameters
    ----------
    facts : iterable of str
        All that the file depends on.
    output : Path
        Where it is wanted.
    make : callable
        Makes it there.
    """
    folder = cache_folder()
    if folder is None:
        make()
        return
    entry = folder / f"{sha256(repr(list(facts)).encode()).hexdigest()}.o"
    try:
        shutil.copyfile(entry, output)
        return
    except OSError:
        make()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=folder)
    except OSError:
        return
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(output.read_bytes())
        os.replace(name, entry)  # whole, whoever else writes it
    except OSError:
        Path(name).unlink(missing_ok=True)
