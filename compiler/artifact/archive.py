"""Object files -> a static library, the same bytes every time, without a program for it.

The format is System V's with GNU's long names, which every linker for ELF reads: an index of symbols, the table of long
names, and the members.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from itertools import accumulate

from ..diagnostics import CompileError
from ..kernel.elf import global_symbols

_MAGIC = b"!<arch>\n"
_HEADER_SIZE = 60


def write_archive(members: Mapping[str, bytes]) -> bytes:
    """A static library.

    Parameters
    ----------
    members : mapping of str to bytes
        Names and contents of ELF objects, little-endian.

    Raises
    ------
    CompileError
        It would reach 4 GiB.
    """
    table = bytearray()
    names = {}
    for name in members:
        if len(name) <= 15:
            names[name] = f"{name}/"
        else:
            names[name] = f"/{len(table)}"
            table += f"{name}/\n".encode()
    symbols = {name: list(defined_symbols(data)) for name, data in members.items()}
    index_names = b"".join(symbol.encode() + b"\0" for found in symbols.values() for symbol in found)
    count = sum(map(len, symbols.values()))
    index_size = 4 + 4 * count + len(index_names)

    start = len(_MAGIC) + _HEADER_SIZE + _even(index_size) + (_HEADER_SIZE + _even(len(table)) if table else 0)
    sizes = [_HEADER_SIZE + _even(len(data)) for data in members.values()]
    offsets = list(accumulate(sizes, initial=start))
    if offsets[-1] >= 1 << 32:
        raise CompileError(
            f"the static library would have {offsets[-1]} bytes",
            expected="less than 4 GiB",
            remedy="keep the weights in a file of their own (--external-weights)",
        )
    places = [offset for offset, found in zip(offsets, symbols.values(), strict=False) for _ in found]
    index = struct.pack(f">{count + 1}I", count, *places) + index_names

    parts = [_MAGIC, *_member("/", index, mode=0)]
    if table:
        parts += _member("//", bytes(table), mode=None)
    for name, data in members.items():
        parts += _member(names[name], data, mode=0o644)
    return b"".join(parts)


def _member(name: str, data: bytes, mode: int | None) -> Iterator[bytes]:
    """Header, contents and padding. Date and owners are zero, so that nothing depends on when and by whom."""
    zero, octal = ("", "") if mode is None else ("0", f"{mode:o}")
    yield f"{name:<16}{zero:<12}{zero:<6}{zero:<6}{octal:<8}{len(data):<10}`\n".encode()
    yield data
    if len(data) % 2:
        yield b"\n"


def _even(size: int) -> int:
    return size + size % 2


def defined_symbols(data: bytes) -> Iterator[str]:
    """Names of the symbols that an ELF object defines for others, in the order of its table."""
    return (name for name, defined in global_symbols(data) if defined)
