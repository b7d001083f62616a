"""x86-64 under Linux: the levels of the psABI, and the host with all it has."""

from __future__ import annotations

from dataclasses import dataclass

from ...target import Target, Toolchain
from ..machine import Machine

_TRIPLE = "x86_64-linux-gnu"
_SCHEDULES = "onnxc.targets.cpu.schedules"


@dataclass(frozen=True)
class _Level:
    """A level of the x86-64 psABI, with what it adds to the one before."""

    name: str
    adds: tuple[str, ...]
    zig_cpu: str
    vector_bits: int
    vector_registers: int
    l2_bytes: int
    description: str


# The cache sizes are those of the smallest common server core of each level.
_LEVELS = (
    _Level("x86-64", (), "x86_64", 128, 16, 256 << 10, "any x86-64, SSE2"),
    _Level(
        "x86-64-v2",
        ("cx16", "popcnt", "sahf", "sse3", "sse4.1", "sse4.2", "ssse3"),
        "x86_64_v2",
        128,
        16,
        256 << 10,
        "SSE4.2: Intel Nehalem (2008), AMD Bulldozer (2011) and later",
    ),
    _Level(
        "x86-64-v3",
        ("avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"),
        "x86_64_v3",
        256,
        16,
        256 << 10,
        "AVX2 and FMA: Intel Haswell (2013), AMD Zen (2017) and later",
    ),
    _Level(
        "x86-64-v4",
        ("avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"),
        "x86_64_v4",
        512,
        32,
        1 << 20,
        "AVX-512: Intel Skylake server (2017), AMD Zen 4 (2022) and later",
    ),
)

#: Linux's names of features where LLVM has another one.
_LINUX_NAMES = {
    "sse3": "pni",
    "sse4.1": "sse4_1",
    "sse4.2": "sse4_2",
    "bmi": "bmi1",
    "lzcnt": "abm",
    "sahf": "lahf_lm",
    "avx512vbmi2": "avx512_vbmi2",
    "avx512vnni": "avx512_vnni",
    "avx512bitalg": "avx512_bitalg",
    "avx512vpopcntdq": "avx512_vpopcntdq",
    "avx512bf16": "avx512_bf16",
    "avx512fp16": "avx512_fp16",
    "avxvnni": "avx_vnni",
    "avxifma": "avx_ifma",
    "avxvnniint8": "avx_vnni_int8",
    "avxneconvert": "avx_ne_convert",
}

#: Beyond the levels: what code for arithmetic can use. The runtime's check of the processor knows each.
_EXTRAS = (
    "avx512bf16",
    "avx512bitalg",
    "avx512fp16",
    "avx512ifma",
    "avx512vbmi",
    "avx512vbmi2",
    "avx512vnni",
    "avx512vpopcntdq",
    "avxifma",
    "avxneconvert",
    "avxvnni",
    "avxvnniint8",
    "gfni",
    "vaes",
    "vpclmulqdq",
)

#: Processors that compute vectors of 512 bits in halves.
_MULTIPLIER_BITS = {"znver4": 256}

#: LLVM's names of Intel's family 6, by model.
_INTEL_MODELS = {
    **dict.fromkeys((0x3C, 0x3F, 0x45, 0x46), "haswell"),
    **dict.fromkeys((0x3D, 0x47, 0x4F, 0x56), "broadwell"),
    **dict.fromkeys((0x4E, 0x5E, 0x8E, 0x9E, 0xA5, 0xA6), "skylake"),
    0x55: "skylake-avx512",
    **dict.fromkeys((0x7D, 0x7E), "icelake-client"),
    **dict.fromkeys((0x6A, 0x6C), "icelake-server"),
    **dict.fromkeys((0x8C, 0x8D), "tigerlake"),
    **dict.fromkeys((0x97, 0x9A), "alderlake"),
    **dict.fromkeys((0xB7, 0xBA, 0xBF), "raptorlake"),
    0x8F: "sapphirerapids",
    0xCF: "emeraldrapids",
    0xAD: "graniterapids",
}


def _features(level: _Level) -> tuple[str, ...]:
    """All features of a level, its lower ones' among them."""
    return tuple(feature for lower in _LEVELS[: _LEVELS.index(level) + 1] for feature in lower.adds)


def _wide(level: _Level) -> tuple[str, ...]:
    """LLVM's generic tuning splits 512-bit vectors; kernels are written for whole ones."""
    return ("-prefer-256-bit",) if level.vector_bits == 512 else ()


def _toolchain(level: _Level) -> Toolchain:
    # Single features, since gcc knows the levels' names from version 11 on only.
    width = ("-mprefer-vector-width=512",) if level.vector_bits == 512 else ()
    return Toolchain(
        gcc_prefixes=("x86_64-linux-gnu-",),
        package="gcc-x86-64-linux-gnu",
        flags=("-march=x86-64", *(f"-m{feature}" for feature in _features(level)), *width),
        baseline_flags=("-march=x86-64",),
        zig_target="x86_64-linux-gnu",
        zig_cpu=level.zig_cpu,
        zig_baseline_cpu="x86_64",
    )


def _target(level: _Level) -> Target:
    return Target(
        name=level.name,
        family="x86",
        triple=_TRIPLE,
        cpu=level.name,
        features=_wide(level),
        toolchain=_toolchain(level),
        vector_bits=level.vector_bits,
        vector_registers=level.vector_registers,
        l1_bytes=32 << 10,
        l2_bytes=level.l2_bytes,
        required_cpu_features=_features(level),
        schedules=_SCHEDULES,
        aliases=("x86",) if level.name == "x86-64-v3" else (),
        description=level.description,
    )


TARGETS = tuple(_target(level) for level in _LEVELS[1:])


def host(machine: Machine) -> Target | None:
    """The target for a machine; None when it is of another family."""
    if machine.system != "Linux" or machine.architecture not in ("x86_64", "AMD64"):
        return None
    flags = machine.flags()
    every = (*_features(_LEVELS[-1]), *_EXTRAS)
    present = tuple(feature for feature in every if _LINUX_NAMES.get(feature, feature) in flags)
    level = next(level for level in reversed(_LEVELS) if set(_features(level)) <= set(present))
    # A virtual machine may hide features of its processor: say of each whether it is there.
    features = tuple(f"{'+' if feature in present else '-'}{feature}" for feature in every)
    cpu = _microarchitecture(machine, present) or level.name
    return Target(
        name=f"host-{cpu}",
        family="x86",
        triple=_TRIPLE,
        cpu=cpu,
        features=(*features, *_wide(level)),
        toolchain=_toolchain(level),
        vector_bits=level.vector_bits,
        multiplier_bits=_MULTIPLIER_BITS.get(cpu, 0),
        vector_registers=level.vector_registers,
        l1_bytes=machine.l1_bytes or 32 << 10,
        l2_bytes=machine.l2_bytes or level.l2_bytes,
        required_cpu_features=present,
        schedules=_SCHEDULES,
        description=f"this machine: {machine.processor.get('model name', cpu)}",
    )


def _microarchitecture(machine: Machine, features: tuple[str, ...]) -> str:
    """LLVM's name for the processor, which chooses its latencies; empty where it is not a known one."""
    vendor, family, model = (
        machine.processor.get("vendor_id"),
        machine.number("cpu family"),
        machine.number("model"),
    )
    if vendor == "AuthenticAMD":
        if family == 0x17:
            return "znver2" if model >= 0x30 else "znver1"
        if family == 0x19:
            return "znver4" if 0x10 <= model <= 0x1F or 0x60 <= model <= 0x7F or 0xA0 <= model <= 0xAF else "znver3"
        return "znver5" if family == 0x1A else ""
    if vendor == "GenuineIntel" and family == 6:
        name = _INTEL_MODELS.get(model, "")
        if name == "skylake-avx512" and "avx512vnni" in features:
            return "cooperlake" if "avx512bf16" in features else "cascadelake"
        return name
    return ""
