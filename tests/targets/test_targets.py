"""The list of targets, their names, and the detection of the host."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from onnxc import targets
from onnxc.diagnostics import CompileError
from onnxc.targets.machine import Machine, parse_cpuinfo, this_machine

ROOT = Path(__file__).resolve().parents[2]

ZEN4 = (
    "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC 9654\n"
    "flags\t\t: fpu sse sse2 pni ssse3 fma cx16 sse4_1 sse4_2 movbe popcnt avx f16c lahf_lm abm bmi1 avx2 bmi2 avx512f "
    "avx512dq avx512ifma avx512cd avx512bw avx512vl avx512_bf16 avx512vbmi avx512_vbmi2 gfni vaes avx512_vnni\n\n"
    "processor\t: 1\nvendor_id\t: Other\n"
)
HASWELL = (
    "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 63\n"
    "flags\t\t: sse2 pni ssse3 fma cx16 sse4_1 sse4_2 movbe popcnt avx f16c lahf_lm abm bmi1 avx2 bmi2\n"
)
GRAVITON3 = (
    "processor\t: 0\nFeatures\t: fp asimd aes atomics fphp asimdhp asimddp sve i8mm bf16\nCPU implementer\t: 0x41\n"
    "CPU architecture: 8\nCPU part\t: 0xd40\n"
)


def machine(cpuinfo: str, architecture: str = "x86_64", system: str = "Linux") -> Machine:
    return Machine(system, architecture, parse_cpuinfo(cpuinfo), l1_bytes=48 << 10, l2_bytes=2 << 20)


def test_families_are_found() -> None:
    assert [target.name for target in targets.all_targets()] == [
        "aarch64",
        "aarch64-dotprod",
        "arm",
        "cortex-m0plus",
        "cortex-m3",
        "cortex-m4",
        "cortex-m7",
        "cortex-m33",
        "cortex-m55",
        "x86-64-v2",
        "x86-64-v3",
        "x86-64-v4",
    ]


def test_names_and_aliases_are_unique() -> None:
    names = [name for target in targets.all_targets() for name in (target.name, *target.aliases)]
    assert len({*names, *targets.HOST_NAMES}) == len(names) + len(targets.HOST_NAMES)


@pytest.mark.parametrize("target", targets.all_targets(), ids=lambda target: target.name)
def test_target_is_consistent(target) -> None:
    assert targets.find(target.name) is target
    assert hash(target) == hash(targets.find(target.name))
    assert target.description
    assert (target.vector_bits == 0) == (target.vector_registers == 0)
    assert target.lanes() == max(1, target.vector_bits // 32)
    assert target.lanes(8) == max(1, target.vector_bits // 8)
    assert target.hosted == (target.kernel_format == "object") == (target.ram_bytes is None)
    # What the runtime's check does not know counts as missing.
    known = set(re.findall(r'^    \{"([a-z0-9.-]+)", ', (ROOT / "runtime_stub/onnxc_runtime.c").read_text(), re.M))
    assert set(target.required_cpu_features) <= known


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("arm64", "aarch64"),
        ("AArch64", "aarch64"),
        ("armhf", "arm"),
        ("x86", "x86-64-v3"),
        ("x86_64_v4", "x86-64-v4"),
        ("cortex-m0+", "cortex-m0plus"),
        ("microcontroller", "cortex-m4"),
    ],
)
def test_other_names(name: str, expected: str) -> None:
    assert targets.find(name).name == expected


def test_unknown_name() -> None:
    with pytest.raises(CompileError) as caught:
        targets.find("cortex-m5")
    assert caught.value.message == "unknown target 'cortex-m5'"
    assert "x86-64-v3" in caught.value.expected
    assert "cortex-m55" in caught.value.remedy


def test_unknown_name_like_no_other() -> None:
    with pytest.raises(CompileError) as caught:
        targets.find("zzzz")
    assert caught.value.remedy == "see 'onnxc targets'"


@pytest.mark.parametrize(
    ("name", "bits", "registers"),
    [
        ("x86-64-v2", 128, 16),
        ("x86-64-v3", 256, 16),
        ("x86-64-v4", 512, 32),
        ("aarch64", 128, 32),
        ("aarch64-dotprod", 128, 32),
        ("arm", 128, 16),
        ("cortex-m4", 0, 0),
        ("cortex-m55", 128, 8),
    ],
)
def test_vectors(name: str, bits: int, registers: int) -> None:
    target = targets.find(name)
    assert (target.vector_bits, target.vector_registers) == (bits, registers)


def test_levels_include_the_lower_ones() -> None:
    v2, v3, v4 = (set(targets.find(f"x86-64-v{level}").required_cpu_features) for level in (2, 3, 4))
    assert v2 < v3 < v4


def test_host_of_zen_4() -> None:
    host = targets.host(machine(ZEN4))
    assert (host.name, host.cpu, host.family) == ("host-znver4", "znver4", "x86")
    assert (host.vector_bits, host.vector_registers) == (512, 32)
    assert {"+avx512vnni", "+avx512bf16", "-avx512fp16", "-prefer-256-bit"} <= set(host.features)
    assert "avx512vnni" in host.required_cpu_features
    assert (host.l1_bytes, host.l2_bytes) == (48 << 10, 2 << 20)
    assert "EPYC" in host.description


def test_host_of_zen_4_that_hides_avx512() -> None:
    hidden = re.sub(r"avx512\S+ ?", "", ZEN4)
    host = targets.host(machine(hidden))
    assert (host.cpu, host.vector_bits) == ("znver4", 256)
    assert "-avx512f" in host.features
    assert not any("avx512" in feature for feature in host.required_cpu_features)


def test_host_of_haswell() -> None:
    host = targets.host(machine(HASWELL))
    assert (host.cpu, host.vector_bits, host.vector_registers) == ("haswell", 256, 16)


def test_host_of_an_unknown_x86() -> None:
    host = targets.host(machine("vendor_id : Someone\nflags : sse2\n"))
    assert (host.cpu, host.vector_bits) == ("x86-64", 128)
    assert host.required_cpu_features == ()


def test_host_of_graviton_3() -> None:
    host = targets.host(machine(GRAVITON3, "aarch64"))
    assert (host.name, host.cpu, host.family) == ("host-neoverse-v1", "neoverse-v1", "arm")
    assert {"+neon", "+dotprod", "+i8mm", "+bf16", "-sve2"} <= set(host.features)
    assert host.triple == "aarch64-linux-gnu"


@pytest.mark.parametrize(("architecture", "system"), [("riscv64", "Linux"), ("x86_64", "Darwin"), ("armv7l", "Linux")])
def test_no_host(architecture: str, system: str) -> None:
    with pytest.raises(CompileError, match=f"{system} on {architecture}"):
        targets.host(machine("", architecture, system))


def test_this_machine() -> None:
    found = this_machine()
    assert found.system and found.architecture
    assert targets.find("native") == targets.find("host") == targets.host(found)


def test_listing_does_not_import_tvm() -> None:
    code = "from onnxc.targets import *; all_targets(); find('host'); import sys; sys.exit('tvm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ["host", "x86-64-v3", "aarch64", "aarch64-dotprod", "arm"])
def test_tvm_knows_the_target(name: str) -> None:
    from onnxc.kernel.build import tvm_target

    target = targets.find(name)
    assert tvm_target(target).attrs["mcpu"] == target.cpu
    assert target.schedule_rules()
