"""Symbols of ELF objects: what they are called, and how to call them something else."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_SHT_SYMTAB = 2
_STB_LOCAL = 0
_SHN_UNDEF = 0


@dataclass(frozen=True)
class _Section:
    """A section's header: where it stands itself, and its fields."""

    place: int
    kind: int
    offset: int
    size: int
    link: int


class _Object:
    """The tables of an object."""

    def __init__(self, data: bytes) -> None:
        assert data[:4] == b"\x7fELF" and data[5] == 1, "not a little-endian ELF object"
        self._data, self.wide = data, data[4] == 2

    def sections(self) -> Iterator[_Section]:
        (start,) = struct.unpack_from("<Q" if self.wide else "<I", self._data, 40 if self.wide else 32)
        entry_size, count = struct.unpack_from("<HH", self._data, 58 if self.wide else 46)
        number = 0
        while number < max(count, 1):
            section = self.section(start + number * entry_size)
            if count == 0:  # more than 65,279 of them: their number is the size of section 0
                count = section.size
            yield section
            number += 1

    def section(self, place: int) -> _Section:
        return _Section(place, *struct.unpack_from("<4xI16xQQI" if self.wide else "<4xI8xIII", self._data, place))

    def symbols(self, table: _Section) -> Iterator[tuple[int, int, int, int]]:
        """Place of each symbol, its name's place in the table of strings, its binding, and its section."""
        layout, entry_size = ("<IBxH16x", 24) if self.wide else ("<I8xBxH", 16)
        for place in range(table.offset, table.offset + table.size - entry_size + 1, entry_size):
            name, info, home = struct.unpack_from(layout, self._data, place)
            yield place, name, info >> 4, home

    def text(self, place: int) -> str:
        return self._data[place : self._data.index(b"\0", place)].decode()


def global_symbols(data: bytes) -> Iterator[tuple[str, bool]]:
    """Names of the symbols that an ELF object shares with others, and whether it defines them (else it needs them)."""
    found = _Object(data)
    sections = list(found.sections())
    for table in sections:
        if table.kind == _SHT_SYMTAB:
            strings = sections[table.link].offset
            for _, name, binding, home in found.symbols(table):
                if binding != _STB_LOCAL:
                    yield found.text(strings + name), home != _SHN_UNDEF


def rename_symbols(data: bytes, rename: Callable[[str], str]) -> bytes:
    """An ELF object whose symbols have other names.

    Only names change: code refers to symbols by their numbers. The new names stand in a new table at the end.

    Parameters
    ----------
    data : bytes
    rename : callable
        Gives the new name of each symbol; the old one for those that shall keep it.
    """
    found, result = _Object(data), bytearray(data)
    sections = list(found.sections())
    for table in sections:
        if table.kind != _SHT_SYMTAB:
            continue
        strings = sections[table.link]
        names = bytearray(data[strings.offset : strings.offset + strings.size])
        for place, name, _, _ in found.symbols(table):
            old = found.text(strings.offset + name)
            new = rename(old)
            if new != old:
                struct.pack_into("<I", result, place, len(names))
                names += new.encode() + b"\0"
        result += bytes(-len(result) % 8)
        if found.wide:
            struct.pack_into("<QQ", result, strings.place + 24, len(result), len(names))
        else:
            struct.pack_into("<II", result, strings.place + 16, len(result), len(names))
        result += names
    return bytes(result)
