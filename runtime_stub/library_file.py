"""Looks at a library file before the system's loader does, which crashes on truncated ones and explains little."""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import BinaryIO, NamedTuple

from .errors import LoadError

_FORMATS = {
    b"\x7fELF": "ELF",
    b"MZ": "Windows",
    b"\xcf\xfa\xed\xfe": "Mach-O",
    b"\xca\xfe\xba\xbe": "Mach-O",
    b"!<arch>\n": "static library",
}
_MACHINES = {3: "x86", 40: "arm", 62: "x86-64", 183: "aarch64", 243: "RISC-V"}
_SHARED_LIBRARY, _SEGMENT_LOAD, _SEGMENT_DYNAMIC = 3, 1, 2


def check_library_file(path: Path) -> None:
    """Raise unless the file looks like a whole shared library of this system and machine.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    LoadError
        With what was found and what was expected.
    """
    if not path.exists():
        raise LoadError(f"{path}: there is no such file")
    if not path.is_file():
        raise LoadError(f"{path}: found a directory or a device, expected a shared library")
    try:
        with path.open("rb") as file:
            _check_format(path, file)
    except OSError as error:
        if isinstance(error, LoadError):
            raise
        raise LoadError(f"{path}: cannot be read: {error.strerror or error}") from error


def _check_format(path: Path, file: BinaryIO) -> None:
    expected = {"win32": "Windows", "darwin": "Mach-O"}.get(sys.platform, "ELF")
    start = file.read(8)
    found = next((name for magic, name in _FORMATS.items() if start.startswith(magic)), None)
    if found != expected:
        what = f"a file of kind '{found}'" if found else "something that is no library"
        raise LoadError(f"{path}: found {what}, expected a shared library in format {expected}")
    if expected == "ELF":
        _check_elf(path, file)


class _ElfHeader(NamedTuple):
    """What an ELF file begins with, as far as it matters here."""

    bits: int
    order: str
    kind: int
    machine: int
    segments_offset: int
    segment_size: int
    num_segments: int

    def __str__(self) -> str:
        machine = _MACHINES.get(self.machine, f"machine {self.machine}")
        return f"{machine}, {self.bits} bits, {'little' if self.order == '<' else 'big'}-endian"


def _read_elf_header(file: BinaryIO) -> _ElfHeader | None:
    file.seek(0)
    header = file.read(64)
    if len(header) < 52 or header[:4] != b"\x7fELF" or header[4] not in (1, 2) or header[5] not in (1, 2):
        return None
    bits, order = 32 * header[4], "<>"[header[5] - 1]
    if bits == 64 and len(header) < 64:
        return None
    kind, machine = struct.unpack_from(order + "HH", header, 16)
    (segments_offset,) = struct.unpack_from(order + ("I" if bits == 32 else "Q"), header, 28 if bits == 32 else 32)
    segment_size, num_segments = struct.unpack_from(order + "HH", header, 42 if bits == 32 else 54)
    return _ElfHeader(bits, order, kind, machine, segments_offset, segment_size, num_segments)


def _check_elf(path: Path, file: BinaryIO) -> None:
    header = _read_elf_header(file)
    if header is None:
        raise LoadError(f"{path}: the file is truncated or damaged: it ends within its header")
    ours = _own_header()
    if ours is not None and (header.bits, header.order, header.machine) != (ours.bits, ours.order, ours.machine):
        raise LoadError(f"{path}: the library is for {header}; this Python runs on {ours}")
    if header.kind != _SHARED_LIBRARY:
        raise LoadError(f"{path}: found an object file or a program, expected a shared library")

    size = file.seek(0, 2)
    whole = header.segment_size >= (32 if header.bits == 32 else 56)
    kinds = []
    for index in range(header.num_segments if whole else 0):
        file.seek(min(header.segments_offset + index * header.segment_size, size))
        segment = file.read(header.segment_size)
        if len(segment) < header.segment_size:
            whole = False
            break
        # p_type, then p_offset and p_filesz
        (kind,) = struct.unpack_from(header.order + "I", segment, 0)
        word = "I" if header.bits == 32 else "Q"
        (offset,) = struct.unpack_from(header.order + word, segment, 4 if header.bits == 32 else 8)
        (length,) = struct.unpack_from(header.order + word, segment, 16 if header.bits == 32 else 32)
        kinds.append(kind)
        whole = whole and offset + length <= size
    if not whole or _SEGMENT_LOAD not in kinds or _SEGMENT_DYNAMIC not in kinds:
        raise LoadError(f"{path}: the file is truncated or damaged: it has {size} bytes, and its header tells of more")


def _own_header() -> _ElfHeader | None:
    """The header of the running program; None where the system does not show it."""
    try:
        with open("/proc/self/exe", "rb") as file:
            return _read_elf_header(file)
    except OSError:
        return None
