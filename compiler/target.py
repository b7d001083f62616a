"""What the compiler knows about the machine that an artifact is for. The instances stand in `onnxc.targets`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

#: Vectors of sums that hide the latency of multiply-adds: two are begun in each of 4 cycles.
SUMS = 7


@dataclass(frozen=True)
class Toolchain:
    """How C for a target is compiled and linked: see `artifact.toolchain`.

    The baseline is what every processor of the family runs. The runtime is compiled for it, since its check of the
    processor must not itself need what it looks for.

    Attributes
    ----------
    gcc_prefixes : tuple of str
        Prefixes of GNU compilers that make code for the target, such as ``aarch64-linux-gnu-``.
    package : str
        The Debian package with such a compiler.
    flags, baseline_flags : tuple of str
        Flags of gcc and clang for the target's processor and for the baseline.
    zig_target : str
        What ``zig cc -target`` takes.
    zig_cpu, zig_baseline_cpu : str
        What ``zig cc -mcpu=`` takes; it has names of its own.
    zig_headers : str
        Folder of the C library's headers within Zig's, for targets whose library Zig cannot build; else empty.
    """

    gcc_prefixes: tuple[str, ...]
    package: str
    flags: tuple[str, ...]
    baseline_flags: tuple[str, ...]
    zig_target: str
    zig_cpu: str
    zig_baseline_cpu: str
    zig_headers: str = ""


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
    float_abi : str
        LLVM's; empty: the triple's own.
    toolchain : Toolchain
    vector_bits, vector_registers : int
        Width and number of the SIMD registers; 0 without SIMD.
    multiplier_bits : int
        Width of a unit for multiply-adds, where that is less than a register's: narrower vectors are as fast then.
    l1_bytes, l2_bytes : int
        Data cache of one core; 0 where there is none.
    kernel_format : str
        ``object``: kernels through LLVM; ``c``: kernels as C, compiled by the toolchain.
    hosted : bool
        There is an operating system with libc and threads.
    required_cpu_features : tuple of str
        What the processor must report at load time, by LLVM's names; the runtime's machine check knows them.
    ram_bytes, flash_bytes : int or None
        Memory of a typical device, for warnings; None: not limited.
    schedules : str
        Module with the schedule rules, as ``RULES`` in order of preference: see kernel.schedule. A name, since such a
        module imports TVM.
    aliases : tuple of str
        Other names that users may know.
    """

    name: str
    family: str
    triple: str
    cpu: str
    toolchain: Toolchain
    features: tuple[str, ...] = ()
    float_abi: str = ""
    vector_bits: int = 0
    multiplier_bits: int = 0
    vector_registers: int = 0
    l1_bytes: int = 0
    l2_bytes: int = 0
    kernel_format: str = "object"
    hosted: bool = True
    required_cpu_features: tuple[str, ...] = ()
    ram_bytes: int | None = None
    flash_bytes: int | None = None
    schedules: str = ""
    aliases: tuple[str, ...] = ()
    description: str = ""

    def lanes(self, bits: int = 32) -> int:
        """Elements of a width that one vector register holds; 1 without SIMD."""
        return max(1, self.vector_bits // bits)

    @property
    def full_speed_lanes(self) -> int:
        """Floats of the narrowest vectors of which multiply-adds are as fast as of the widest."""
        return max(1, (self.multiplier_bits or self.vector_bits) // 32)

    @property
    def accumulators(self) -> int:
        """Vector registers left for sums: some hold weights, data and constants."""
        return max(4, self.vector_registers - 4)

    @property
    def multiplies_bytes(self) -> bool:
        """Are sums of products of bytes faster than those of floats?

        Where vectors have instructions for them (see `kernel.lower_dots`), and in scalar code.
        """
        if self.family == "arm":
            return "dotprod" in self.required_cpu_features
        return self.family == "x86" or self.kernel_format == "c"

    @property
    def dots_are_signed(self) -> bool:
        """Do the instructions for dot products of bytes take both of them as signed, and only so?"""
        return self.family == "arm" and self.multiplies_bytes and "i8mm" not in self.required_cpu_features

    def schedule_rules(self) -> Sequence[Callable[..., Any]]:
        """The schedule rules in order of preference; imports TVM."""
        rules: Sequence[Callable[..., Any]] = importlib.import_module(self.schedules).RULES
        return rules
