"""Cortex-M cores on bare metal. Kernels go out as C, for the vendor's own toolchain to compile."""

from __future__ import annotations

from dataclasses import dataclass

from ...target import Target, Toolchain

_KIB, _MIB = 1 << 10, 1 << 20


@dataclass(frozen=True)
class _Core:
    """A Cortex-M core.

    The memory is a typical part's. `fpu` is gcc's name (auto: the core's own); without one, floats are computed in
    software and handed over in integer registers. `zig_fpu` is Zig's: it counts no FPU to the core by itself.
    """

    name: str
    triple: str
    ram_bytes: int
    flash_bytes: int
    description: str
    fpu: str = ""
    zig_fpu: str = ""
    vector_bits: int = 0
    vector_registers: int = 0
    l1_bytes: int = 0
    aliases: tuple[str, ...] = ()


_CORES = (
    _Core(
        "cortex-m0plus",
        "thumbv6m-none-eabi",
        32 * _KIB,
        256 * _KIB,
        "ARMv6-M without FPU: RP2040, STM32L0, nRF51 (Cortex-M0)",
        aliases=("cortex-m0", "cortex-m0+"),
    ),
    _Core("cortex-m3", "thumbv7m-none-eabi", 64 * _KIB, 512 * _KIB, "ARMv7-M without FPU: STM32F1/F2, LPC17"),
    _Core(
        "cortex-m4",
        "thumbv7em-none-eabihf",
        128 * _KIB,
        1 * _MIB,
        "ARMv7E-M with DSP and float32: STM32F4/L4, nRF52",
        fpu="fpv4-sp-d16",
        zig_fpu="+vfp4d16sp",
        aliases=("microcontroller", "cortex-m4f"),
    ),
    _Core(
        "cortex-m7",
        "thumbv7em-none-eabihf",
        512 * _KIB,
        2 * _MIB,
        "ARMv7E-M with DSP, float64 and caches: STM32F7/H7, i.MX RT",
        fpu="fpv5-d16",
        zig_fpu="+fp_armv8d16",
        l1_bytes=16 * _KIB,
    ),
    _Core(
        "cortex-m33",
        "thumbv8m.main-none-eabihf",
        256 * _KIB,
        1 * _MIB,
        "ARMv8-M with DSP and float32: STM32L5/U5, nRF53/nRF91, RP2350",
        fpu="fpv5-sp-d16",
        zig_fpu="+fp_armv8d16sp",
    ),
    _Core(
        "cortex-m55",
        "thumbv8.1m.main-none-eabihf",
        2 * _MIB,
        4 * _MIB,
        "ARMv8.1-M with Helium (MVE): Alif Ensemble, Renesas RA8",
        fpu="auto",
        zig_fpu="+mve_fp+fp_armv8d16",
        vector_bits=128,
        vector_registers=8,
        l1_bytes=16 * _KIB,
    ),
)


def _target(core: _Core) -> Target:
    floats: tuple[str, ...] = ("-mfloat-abi=hard" if core.fpu else "-mfloat-abi=soft",)
    if core.fpu not in ("", "auto"):
        floats += (f"-mfpu={core.fpu}",)
    # Nothing unwinds the stack of such a program, and the tables cost flash.
    flags = (f"-mcpu={core.name}", "-mthumb", *floats, "-fno-unwind-tables", "-fno-asynchronous-unwind-tables")
    zig_cpu = core.name.replace("-", "_") + core.zig_fpu
    return Target(
        name=core.name,
        family="microcontroller",
        triple=core.triple,
        cpu=core.name,
        float_abi="hard" if core.fpu else "soft",
        toolchain=Toolchain(
            gcc_prefixes=("arm-none-eabi-",),
            package="gcc-arm-none-eabi libnewlib-arm-none-eabi",
            flags=flags,
            baseline_flags=flags,
            zig_target=f"thumb-freestanding-{'eabihf' if core.fpu else 'eabi'}",
            zig_cpu=zig_cpu,
            zig_baseline_cpu=zig_cpu,
            zig_headers="arm-linux-musl",
        ),
        vector_bits=core.vector_bits,
        vector_registers=core.vector_registers,
        l1_bytes=core.l1_bytes,
        kernel_format="c",
        hosted=False,
        ram_bytes=core.ram_bytes,
        flash_bytes=core.flash_bytes,
        schedules="onnxc.targets.microcontroller.schedules",
        aliases=core.aliases,
        description=core.description,
    )


TARGETS = tuple(_target(core) for core in _CORES)
