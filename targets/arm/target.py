"""ARM under Linux: armv8-a (aarch64) and armv7-a with hard floats, both with NEON; an aarch64 host with all it has."""

from __future__ import annotations

from dataclasses import replace

from ...target import Target, Toolchain
from ..machine import Machine

_SCHEDULES = "onnxc.targets.cpu.schedules"

AARCH64 = Target(
    name="aarch64",
    family="arm",
    triple="aarch64-linux-gnu",
    cpu="generic",
    features=("+neon",),
    toolchain=Toolchain(
        gcc_prefixes=("aarch64-linux-gnu-",),
        package="gcc-aarch64-linux-gnu",
        flags=("-march=armv8-a",),
        baseline_flags=("-march=armv8-a",),
        zig_target="aarch64-linux-gnu",
        zig_cpu="generic",
        zig_baseline_cpu="generic",
    ),
    vector_bits=128,
    vector_registers=32,
    l1_bytes=32 << 10,
    l2_bytes=512 << 10,
    required_cpu_features=("neon",),
    schedules=_SCHEDULES,
    aliases=("arm64", "armv8-a"),
    description="64-bit ARM with NEON: Raspberry Pi 3 and later, phones, servers",
)

_DOTS = "8.2-A with dot products: Raspberry Pi 5, Cortex-A55 and A76 and later, Graviton 2 and later"

AARCH64_DOTPROD = replace(
    AARCH64,
    name="aarch64-dotprod",
    features=("+neon", "+v8.2a", "+dotprod"),
    toolchain=replace(AARCH64.toolchain, flags=("-march=armv8.2-a+dotprod",), zig_cpu="generic+v8_2a+dotprod"),
    required_cpu_features=("neon", "dotprod"),
    aliases=("armv8.2-a+dotprod",),
    description=f"64-bit ARMv{_DOTS}",
)

ARM = Target(
    name="arm",
    family="arm",
    triple="armv7a-linux-gnueabihf",
    cpu="cortex-a9",
    features=("+neon",),
    float_abi="hard",
    toolchain=Toolchain(
        gcc_prefixes=("arm-linux-gnueabihf-",),
        package="gcc-arm-linux-gnueabihf",
        flags=("-mcpu=cortex-a9", "-mfpu=neon", "-mfloat-abi=hard", "-marm"),
        baseline_flags=("-march=armv7-a", "-mfpu=vfpv3-d16", "-mfloat-abi=hard", "-marm"),
        zig_target="arm-linux-gnueabihf",
        zig_cpu="cortex_a9",
        zig_baseline_cpu="generic+v7a+vfp3d16-neon",
    ),
    vector_bits=128,
    vector_registers=16,
    l1_bytes=32 << 10,
    l2_bytes=256 << 10,
    required_cpu_features=("neon",),
    schedules=_SCHEDULES,
    aliases=("armv7", "armv7-a", "armhf"),
    description="32-bit ARM with NEON and hard floats: Cortex-A7/A8/A9 and later",
)

TARGETS = (AARCH64, AARCH64_DOTPROD, ARM)

#: LLVM's names of features with Linux's, for arithmetic. The runtime's check of the processor knows each.
_FEATURES = {
    "neon": "asimd",
    "fullfp16": "asimdhp",
    "fp16fml": "asimdfhm",
    "dotprod": "asimddp",
    "i8mm": "i8mm",
    "bf16": "bf16",
    "sve": "sve",
    "sve2": "sve2",
}

#: LLVM's names of ARM's own designs (implementer 0x41), by part.
_PARTS = {
    0xD03: "cortex-a53",
    0xD05: "cortex-a55",
    0xD07: "cortex-a57",
    0xD08: "cortex-a72",
    0xD0B: "cortex-a76",
    0xD0C: "neoverse-n1",
    0xD40: "neoverse-v1",
    0xD49: "neoverse-n2",
    0xD4F: "neoverse-v2",
}


def host(machine: Machine) -> Target | None:
    """The target for a machine; None when it is of another family, or 32-bit (where TVM does not run)."""
    if machine.system != "Linux" or machine.architecture not in ("aarch64", "arm64"):
        return None
    flags = machine.flags()
    present = tuple(feature for feature, name in _FEATURES.items() if name in flags)
    ours = machine.number("CPU implementer") == 0x41
    cpu = _PARTS.get(machine.number("CPU part"), "generic") if ours else "generic"
    return replace(
        AARCH64,
        name=f"host-{cpu}",
        cpu=cpu,
        # A virtual machine may hide features of its processor: say of each whether it is there.
        features=tuple(f"{'+' if feature in present else '-'}{feature}" for feature in _FEATURES),
        required_cpu_features=present,
        l1_bytes=machine.l1_bytes or AARCH64.l1_bytes,
        l2_bytes=machine.l2_bytes or AARCH64.l2_bytes,
        aliases=(),
        description=f"this machine: {cpu}",
    )
