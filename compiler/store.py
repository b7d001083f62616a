"""What was compiled before, kept in a folder of the user's: bytes under the digest of all that they depend on.

Any number of processes may use a store at the same time: an entry appears whole or not at all, and every reader checks
it, so that a damaged one is as good as none. Where the folder cannot be written, nothing is kept. The entries that
were not used for the longest time go when there are too many bytes.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

#: Bytes that a store may take. Some 50,000 kernels.
LIMIT = 2 << 30

#: An entry's name begins with the name of its folder. Each folder has its share of the limit, so that making room takes
#: a look at one small folder only.
_FOLDERS = 256
_FOLDER_DIGITS = 2

_DIGEST_BYTES = 32


def digest_of(facts: Iterable[str | bytes]) -> str:
    """The name (hexadecimal) for what depends on these facts, in this order, and on nothing else."""
    state = sha256()
    for fact in facts:
        data = fact.encode("utf-8", "surrogatepass") if isinstance(fact, str) else fact
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
    return state.hexdigest()


def user_store() -> Store | None:
    """The store in ``$ONNXC_CACHE_DIR``, or in the user's cache; None where there is none (the variable is empty)."""
    named = os.environ.get("ONNXC_CACHE_DIR")
    if named is not None:
        return Store(Path(named).absolute()) if named else None
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        # As the XDG specification has it, a relative path counts as none.
        return Store((Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "onnxc")
    except RuntimeError:  # no home
        return None


class Store:
    """Entries in a folder, which is made when the first is put.

    Parameters
    ----------
    folder : Path
    limit : int
        Bytes that all entries together may take.
    """

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        self.folder, self._share = folder, limit // _FOLDERS

    def get(self, name: str) -> bytes | None:
        """The bytes under a name; None where there are none, or they are damaged."""
        path = self._path(name)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        content = data[_DIGEST_BYTES:]
        if sha256(content).digest() != data[:_DIGEST_BYTES]:
            return None
        with suppress(OSError):
            os.utime(path)  # it was used now
        return content

    def put(self, name: str, content: bytes) -> None:
        """Keep bytes under a name, if possible."""
        if _DIGEST_BYTES + len(content) > self._share:
            return
        path = self._path(name)
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.parent.mkdir(exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent)
        except OSError:
            return
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(sha256(content).digest())
                file.write(content)
            os.replace(temporary, path)
            self._make_room(path.parent)
        except BaseException as error:  # after Ctrl-C nothing is left, either
            Path(temporary).unlink(missing_ok=True)
            if not isinstance(error, OSError):
                raise

    def _path(self, name: str) -> Path:
        return self.folder / name[:_FOLDER_DIGITS] / name[_FOLDER_DIGITS:]

    def _make_room(self, folder: Path) -> None:
        """Remove what was not used for the longest time, beyond the folder's share."""
        found = []
        for entry in os.scandir(folder):
            try:
                status = entry.stat()
            except OSError:  # somebody else made room
                continue
            found.append((status.st_mtime_ns, status.st_size, entry.path))
        excess = sum(size for _, size, _ in found) - self._share
        for _, size, path in sorted(found):
            if excess <= 0:
                return
            Path(path).unlink(missing_ok=True)
            excess -= size
