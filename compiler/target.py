"""What the compiler knows about the machine that an artifact is for. The instances stand in `onnxc.targets`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Toolchain:
    """How C for a target is compiled and linked.

    Attributes
    ----------
    gcc_prefixes : tuple of str
        Prefixes of GNU compilers that make code for the target, such as ``aarch64-linux-gnu-``; ``""`` is the native one.
    zig_target : str
        What ``zig cc -target`` takes; empty where zig cannot.
    zig_cpu : str
        What ``zig cc -mcpu=`` takes.
    flags : tuple of str
        Flags for gcc (``-march=...``, ``-mfpu=...``).
    package : str
        The Debian package to install when no compiler is found.
    """

    gcc_prefixes: tuple[str, ...]
    zig_target: str = ""
    zig_cpu: str = ""
    flags: tuple[str, ...] = ()
    package: str = "gcc"


@dataclass(frozen=True)
class Target:
    """A machine to compile for.

    Attributes
    ----------
    name : str
    family : str
        Folder in targets/: ``x86``, ``arm``, ``microcontroller``.
    triple, cpu : str
        LLVM's names.
    features : tuple of str
        LLVM's attributes, such as ``+avx2``.
    toolchain : Toolchain
    vector_bits, vector_registers : int
        Width and number of the SIMD registers; 0 without SIMD.
    l1_bytes, l2_bytes : int
        Data cache of one core; 0 where there is none.
    kernel_format : str
        ``object``: kernels through LLVM; ``c``: kernels as C, compiled by the toolchain.
    hosted : bool
        There is an operating system with libc and threads.
    required_cpu_features : tuple of str
        What the processor must report at load time.
    ram_bytes, flash_bytes : int or None
        Memory of a typical device, for warnings; None: not limited.
    schedules : tuple of callables
        Schedule rules in order of preference: see kernel.schedule.
    """

    name: str
    family: str
    triple: str
    cpu: str
    toolchain: Toolchain
    features: tuple[str, ...] = ()
    float_abi: str = ""
    vector_bits: int = 0
    vector_registers: int = 0
    l1_bytes: int = 0
    l2_bytes: int = 0
    kernel_format: str = "object"
    hosted: bool = True
    required_cpu_features: tuple[str, ...] = ()
    ram_bytes: int | None = None
    flash_bytes: int | None = None
    schedules: tuple[Callable[..., Any], ...] = ()
    aliases: tuple[str, ...] = ()
    description: str = ""

    def lanes(self, bits: int = 32) -> int:
        """Elements of a width that one vector register holds; 1 without SIMD."""
        return max(1, self.vector_bits // bits)
