"""C that only some models need: folders of runtime_stub, which an operator asks for by name (`op.base.Op.library`)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it moves from importlib.abc to importlib.resources.abc in Python 3.11
    from importlib.abc import Traversable

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"', re.MULTILINE)


@dataclass(frozen=True)
class CLibrary:
    """A folder of C. Names are paths in it, with slashes.

    Attributes
    ----------
    sources : mapping
        What is compiled: the files that no other includes.
    included : mapping
        What each of them includes, directly or not.
    headers : mapping
        For the kernels that call the library.
    notices : mapping
        One text with the licences of what others wrote.
    """

    sources: Mapping[str, str]
    included: Mapping[str, Mapping[str, str]]
    headers: Mapping[str, str]
    notices: Mapping[str, str]


@cache
def c_library(name: str) -> CLibrary:
    """The library in a folder of runtime_stub."""
    texts = dict(_walk(files("onnxc.runtime_stub") / name))
    code = {path: text for path, text in texts.items() if path.endswith((".c", ".h"))}
    direct = {path: [*_direct(path, text, code)] for path, text in code.items()}
    inner = {other for others in direct.values() for other in others}
    sources = {path: text for path, text in code.items() if path.endswith(".c") and path not in inner}
    licences = {posixpath.dirname(path): text for path, text in texts.items() if posixpath.basename(path) == "LICENSE"}
    notice = "\n".join(f"{'=' * 100}\n{posixpath.basename(folder)}\n\n{text}" for folder, text in licences.items())
    return CLibrary(
        sources,
        {path: {other: code[other] for other in _reached(path, direct)} for path in sources},
        {path: text for path, text in code.items() if path.endswith(".h") and "/" not in path},
        {f"onnxc_{name}_licences.txt": notice} if licences else {},
    )


def _walk(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Paths and texts of all files, sorted."""
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry.read_text(encoding="utf-8")


def _direct(path: str, text: str, known: Mapping[str, str]) -> Iterator[str]:
    for name in _INCLUDE.findall(text):
        other = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
        if other in known:
            yield other


def _reached(path: str, direct: Mapping[str, list[str]]) -> list[str]:
    """All files that one includes, sorted."""
    found: set[str] = set()
    waiting = [path]
    while waiting:
        for other in direct[waiting.pop()]:
            if other not in found:
                found.add(other)
                waiting.append(other)
    return sorted(found)
