"""The machine that the compiler itself runs on, as its operating system describes it."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20}


@dataclass(frozen=True)
class Machine:
    """What a host target is made from.

    Attributes
    ----------
    system, architecture : str
        As `platform.system` and `platform.machine` say.
    processor : mapping
        Fields of the first processor in Linux's /proc/cpuinfo.
    l1_bytes, l2_bytes, l3_bytes : int
        Data caches of the first processor; 0 where unknown.
    """

    system: str
    architecture: str
    processor: Mapping[str, str] = field(default_factory=dict)
    l1_bytes: int = 0
    l2_bytes: int = 0
    l3_bytes: int = 0

    def flags(self) -> frozenset[str]:
        """Features of the processor, by Linux's names."""
        return frozenset((self.processor.get("flags") or self.processor.get("Features") or "").split())

    def number(self, key: str) -> int:
        """A field that is a number, decimal or hexadecimal; -1 where it is missing."""
        text = self.processor.get(key, "")
        return int(text, 0) if re.fullmatch(r"0x[0-9a-fA-F]+|\d+", text) else -1


def this_machine() -> Machine:
    """The machine of this process."""
    system, architecture = platform.system(), platform.machine()
    if sys.maxsize < 1 << 32 and architecture in ("x86_64", "aarch64"):
        architecture += " (32-bit process)"  # the processor may well be a target; the process could not load its code
    if system != "Linux":
        return Machine(system, architecture)
    caches = Path("/sys/devices/system/cpu/cpu0/cache")
    return Machine(
        system,
        architecture,
        parse_cpuinfo(_read(Path("/proc/cpuinfo"))),
        l1_bytes=_cache_bytes(caches, level=1),
        l2_bytes=_cache_bytes(caches, level=2),
        l3_bytes=_cache_bytes(caches, level=3),
    )


def parse_cpuinfo(text: str) -> dict[str, str]:
    """Fields of the first processor in the text of /proc/cpuinfo."""
    first = text.strip().split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _cache_bytes(folder: Path, level: int) -> int:
    for index in sorted(folder.glob("index*")):
        if _read(index / "level") == str(level) and _read(index / "type") in ("Data", "Unified"):
            size = re.fullmatch(r"(\d+)([KM]?)", _read(index / "size"))
            return int(size.group(1)) * _UNITS[size.group(2)] if size else 0
    return 0


def _read(path: Path) -> str:
    """Contents of a file of the kernel's; empty where it does not exist (containers hide some)."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
