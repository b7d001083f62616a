"""The C runtime: warnings, freestanding builds, sanitizers, other machines, and what Python knows of its structs."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from onnxc import targets
from onnxc.runtime_stub import abi
from tests.compilers import COMPILER, ZIG
from tests.cross.qemu import compiler_for, emulator
from tests.runtime import abi_types
from tests.runtime.native import HERE, RUNTIME, RUNTIME_SOURCES, WARNINGS, compile_c

POOL_TEST = [HERE / "c" / "pool.c", *RUNTIME_SOURCES]
CHECKS_TEST = [HERE / "c" / "checks.c", HERE / "models" / "rows.c", HERE / "models" / "weighted.c", *RUNTIME_SOURCES]
MEMORY_TEST = [HERE / "c" / "memory.c", RUNTIME / "onnxc_memory.c"]
HEAP_TEST = [HERE / "c" / "heap_text.c", RUNTIME / "onnxc_heap.c", RUNTIME / "onnxc_text.c"]
VALUES_TEST = [HERE / "c" / "values.c", RUNTIME / "onnxc_heap.c", RUNTIME / "onnxc_sequence.c"]
PROGRAMS = {
    "pool": POOL_TEST,
    "checks": CHECKS_TEST,
    "memory": MEMORY_TEST,
    "heap_text": HEAP_TEST,
    "values": VALUES_TEST,
}


def skip_without(what: str, available: bool) -> None:
    """Skip a test whose tool is missing; where everything must be there, fail."""
    if available:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")


def compiler_commands() -> list:
    zig = importlib.util.find_spec("ziglang") is not None
    return [
        pytest.param(COMPILER, id="cc"),
        pytest.param(ZIG, id="zig", marks=[] if zig else pytest.mark.skip(reason="ziglang is not installed")),
    ]


@pytest.mark.parametrize("compiler", compiler_commands())
@pytest.mark.parametrize(
    ("source", "flags"),
    [
        ("onnxc_runtime.c", ["-std=c99"]),
        ("onnxc_runtime.c", ["-std=c11"]),
        ("onnxc_runtime.c", ["-std=c99", "-ffreestanding"]),
        ("onnxc_memory.c", ["-std=c99"]),
        ("onnxc_heap.c", ["-std=c99"]),
        ("onnxc_text.c", ["-std=c99"]),
        ("onnxc_call.c", ["-std=c99"]),
        ("onnxc_sequence.c", ["-std=c99"]),
        ("onnxc_processors.c", ["-std=c99"]),
        ("onnxc_threads.c", ["-std=c11"]),
        ("onnxc_shares.c", ["-std=c11"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "".join(value),
)
def test_compiles_without_warnings(compiler: list[str], source: str, flags: list[str], tmp_path: Path) -> None:
    command = [*compiler, *flags, "-O2", *WARNINGS, "-c", str(RUNTIME / source), "-o", str(tmp_path / "out.o")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_freestanding_runtime_needs_no_library(tmp_path: Path) -> None:
    output = compile_c([RUNTIME / "onnxc_runtime.c"], tmp_path / "runtime.o", "-c", "-ffreestanding")
    skip_without("nm", shutil.which("nm") is not None)
    undefined = subprocess.run(["nm", "-u", str(output)], capture_output=True, text=True, check=True).stdout.split()
    # The compiler itself may call these four, and says so in its manual; the linker makes the table.
    assert set(undefined) - {"U", "memcpy", "memset", "memmove", "memcmp", "_GLOBAL_OFFSET_TABLE_"} == set()


def test_runtime_for_microcontrollers(tmp_path: Path) -> None:
    skip_without("ziglang", importlib.util.find_spec("ziglang") is not None)
    command = [*ZIG, "-target", "thumb-freestanding-eabi", "-mcpu=cortex_m4", "-std=c99", "-ffreestanding", "-Os"]
    source, output = RUNTIME / "onnxc_runtime.c", tmp_path / "runtime.o"
    result = subprocess.run(
        [*command, *WARNINGS, "-c", str(source), "-o", str(output)], capture_output=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, b"")


def test_header_is_also_cpp(tmp_path: Path) -> None:
    compiler = shutil.which("c++")
    skip_without("a C++ compiler", compiler is not None)
    source = tmp_path / "use.cpp"
    source.write_text('#include "onnxc_runtime.h"\nint main() { return onnxc_query(ONNXC_ABI_VERSION) != nullptr; }\n')
    command = [str(compiler), "-std=c++11", *WARNINGS, f"-I{RUNTIME}", "-c", str(source), "-o", str(tmp_path / "use.o")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_under_sanitizer(program: str, sanitizer: str, tmp_path: Path) -> None:
    skip_without("gcc or clang", COMPILER != ZIG)
    flag = f"-fsanitize={sanitizer}"
    empty = tmp_path / "empty.c"
    empty.write_text("int main(void) { return 0; }\n")
    probe = [*COMPILER, flag, str(empty), "-o", str(tmp_path / "empty")]
    has = subprocess.run(probe, capture_output=True, check=False).returncode == 0
    skip_without(f"the compiler's {flag}", has)

    flags = ["-g", flag, "-fno-sanitize-recover=all", "-DFIXTURE_NO_QUERY"]
    executable = compile_c(PROGRAMS[program], tmp_path / program, *flags)
    result = subprocess.run([executable], capture_output=True, text=True, timeout=120, check=False)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("machine", ["aarch64", "arm"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_on_other_machine(program: str, machine: str, tmp_path: Path) -> None:
    target = targets.find(machine)
    run, compiler = emulator(target), compiler_for(target)
    for header in (*RUNTIME.glob("*.h"), HERE / "c" / "expect.h"):
        shutil.copy(header, tmp_path)
    for source in PROGRAMS[program]:
        (tmp_path / source.name).write_text(f"#define FIXTURE_NO_QUERY\n{source.read_text()}")
        compiler.compile(tmp_path, source.name, f"{source.stem}.o")
    compiler.link_program(tmp_path, [f"{source.stem}.o" for source in PROGRAMS[program]], program)
    command = [*run, str(tmp_path / program)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (result.returncode, result.stderr) == (0, "")


#: Files of control groups, and how many processors they leave of very many.
GROUPS = {
    "none": ({}, None),
    "unlimited": ({"groups": "0::/a\n", "sys/a/cpu.max": "max 100000\n"}, None),
    "whole": ({"groups": "0::/a\n", "sys/a/cpu.max": "100000 100000\n"}, 1),
    "part": ({"groups": "0::/a\n", "sys/a/cpu.max": "1000 100000\n"}, 1),
    "rounded_up": ({"groups": "0::/a\n", "sys/a/cpu.max": "250000 100000\n"}, 3),
    "in_another": ({"groups": "0::/a/b/c\n", "sys/a/cpu.max": "200000 100000\n", "sys/a/b/cpu.max": "max 100000"}, 2),
    "namespace": ({"groups": "0::/\n", "sys/cpu.max": "50000 50000\n"}, 1),
    "path_of_the_host": ({"groups": "0::/docker/123\n", "sys/cpu.max": "100000 50000\n"}, 2),
    "damaged": ({"groups": "0\n:\n0::/a\n", "sys/a/cpu.max": "-7 0\n"}, None),
    "first_version": (
        {
            "groups": "5:memory:/m\n4:cpuset,cpuacct:/s\n3:cpuacct,cpu:/a\n",
            "sys/cpu/a/cpu.cfs_quota_us": "150000\n",
            "sys/cpu/a/cpu.cfs_period_us": "100000\n",
            "sys/cpu/s/cpu.cfs_quota_us": "1000\n",
            "sys/cpu/s/cpu.cfs_period_us": "100000\n",
        },
        2,
    ),
    "first_version_unlimited": (
        {
            "groups": "3:cpu:/\n",
            "sys/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/cpu/cpu.cfs_period_us": "100000\n",
        },
        None,
    ),
}


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs Linux")
def test_limits_of_control_groups(tmp_path: Path) -> None:
    """Limits, whatever this machine has: the program says that it is bound to 64 processors."""
    source = tmp_path / "count.c"
    source.write_text(
        "#define _GNU_SOURCE\n#include <sched.h>\n#include <stdio.h>\n"
        "#undef CPU_COUNT\n#define CPU_COUNT(set) ((void)(set), 64)\n"
        f'#include "{RUNTIME / "onnxc_processors.c"}"\n'
        'int main(void) { return printf("%d\\n", (int)onnxc_count_processors()) < 0; }\n'
    )
    places = ['-DONNXC_CGROUP_FILE="groups"', '-DONNXC_CGROUP_FOLDER="sys"', "-fsanitize=address,undefined"]
    executable = compile_c([source], tmp_path / "count", *(places if COMPILER != ZIG else places[:2]))
    found = {}
    for name, (files, _) in GROUPS.items():
        for file, text in files.items():
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (tmp_path / name).mkdir(exist_ok=True)
        found[name] = int(subprocess.run([executable], cwd=tmp_path / name, capture_output=True, check=True).stdout)
    assert found == {name: limit or 64 for name, (_, limit) in GROUPS.items()}


def test_python_knows_the_header() -> None:
    """After a change of the header: python -m tests.runtime.abi_types"""
    assert abi_types.TARGET.read_text() == abi_types.generated()


def test_python_lays_structs_out_as_c(tmp_path: Path) -> None:
    """cffi computes sizes and offsets itself: compare each with the C compiler's, and what cffi could not read."""
    ffi = abi.ffi
    expected = {"ONNXC_EXPRESSION": abi.EXPRESSION, "ONNXC_RUN_TIME": abi.RUN_TIME}
    for struct in ffi.list_types()[0]:
        if ffi.typeof(struct).kind != "struct":
            continue
        try:
            expected[f"sizeof({struct})"] = ffi.sizeof(struct)
        except ffi.error:
            continue  # only its name is known
        for member, _ in ffi.typeof(struct).fields:
            expected[f"offsetof({struct}, {member})"] = ffi.offsetof(struct, member)
    assert "offsetof(onnxc_model, needs_heap)" in expected
    source = tmp_path / "layout.c"
    prints = "\n".join(f'  printf("%lld\\n", (long long)({expression}));' for expression in expected)
    source.write_text(f'#include <stdio.h>\n#include "onnxc_runtime.h"\nint main(void) {{\n{prints}\n  return 0;\n}}\n')
    executable = compile_c([source], tmp_path / "layout")
    found = subprocess.run([executable], capture_output=True, text=True, check=True).stdout.split()
    assert dict(zip(expected, map(int, found), strict=True)) == expected
