"""All kernels of a model: from the store or not, in this process or in others, they are the same."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from onnxc import op as relay_op
from onnxc import targets
from onnxc.diagnostics import CompileError
from onnxc.kernel import compile_all
from onnxc.kernel.code_store import _is_own, code_name, decode_code, encode_code
from onnxc.kernel.compile import compile_code
from onnxc.kernel.kernel import NAMELESS, Kernel, KernelCode
from onnxc.op.custom import custom_of
from onnxc.relay.dimension import Dim
from onnxc.relay.expr import Function
from onnxc.store import Store
from onnxc.transform.pipeline import PassContext, run_pipeline
from tests.cli.command import DIGITS
from tests.kernel.failing import die, refuse
from tests.kernel.native import Graph

HOST = targets.find("x86-64-v3")
BARE = targets.find("cortex-m4")


def functions(rows: int | str = 3) -> dict[str, Function]:
    """Kernels of every kind: symbolic and static, of several phases, with a workspace, written in C, in place."""
    graph = Graph()
    x, y = graph.input(rows, 8), graph.input(2, 12, 12, 8)
    softmax = graph("nn.softmax", x, axis=1)
    sums = graph("cumulative_sum", x, axis=1, exclusive=False, reverse=False)
    module = graph.module([graph("exp", softmax), graph.conv(y, 8, 3, 3, padding=1), sums])
    module = run_pipeline(module, PassContext(HOST, 3))
    return {f"net_{name}": f for name, f in module.functions.items() if f.is_primitive}


def compile_them(found: Mapping[str, Function], **options: Any) -> dict[str, Kernel]:
    return compile_all.compile_kernels(found, HOST, **options)


def forbid_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise AssertionError("a kernel was compiled that is in the store")

    monkeypatch.setattr(compile_all, "compile_code", fail)


@pytest.mark.parametrize("rows", [3, "N"])
def test_the_store_changes_nothing(rows: int | str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    expected = compile_them(functions(rows))
    assert compile_them(functions(rows), store=store) == expected
    forbid_compiling(monkeypatch)
    assert compile_them(functions(rows), store=store) == expected
    # Whatever the kernels are called.
    renamed = {f"other_{index}": f for index, f in enumerate(functions(rows).values())}
    for (symbol, kernel), old in zip(compile_them(renamed, store=store).items(), expected.values(), strict=True):
        assert kernel.symbol == kernel.phases[0].symbol == symbol
        assert kernel.source == old.source.replace(old.symbol, symbol)


def test_damaged_entries_are_compiled_anew(tmp_path: Path) -> None:
    store, found = Store(tmp_path), functions()
    expected = compile_them(found, store=store)
    for index, path in enumerate(p for p in tmp_path.rglob("*") if p.is_file()):
        path.write_bytes(path.read_bytes()[: index * 40])
    for function in found.values():  # sound, but nothing that a kernel would be
        name = code_name(function, HOST)
        assert name is not None
        store.put(name, b'{"tasks": [1]}')
        break
    assert compile_them(found, store=store) == expected
    assert compile_them(found, store=store) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[]\n",
        b"\xff\n",
        b'{"tasks": [null], "workspaces": [], "source": ""}',
        b'{"tasks": ["1 +"], "workspaces": [], "source": ""}\n',
        b'{"tasks": 3, "workspaces": [], "source": ""}\n',
    ],
)
def test_other_bytes_are_no_code(data: bytes) -> None:
    assert decode_code(data) is None


def test_code_comes_back_from_bytes() -> None:
    n, m = Dim.symbol("N"), Dim.symbol("M")
    for code in (
        KernelCode((None,), (), b"\x00\n\xff{}\n"),
        KernelCode((n * 4 // (m + 1), None, 7), (n * m + 64, 128), b"code"),
        KernelCode((None,), (0,), b"", 'int32_t f(void) {\n  return "\u00e4"[0];\n}\n'),
    ):
        assert decode_code(encode_code(code)) == code


def test_all_that_matters_is_in_the_name() -> None:
    first, *others = functions().values()
    names = {code_name(f, HOST) for f in (first, *others)}
    assert len(names) == len(others) + 1 and None not in names
    for change in (
        {"cpu": "znver3"}, {"features": ("+avx512f",)}, {"vector_bits": 512}, {"l2_bytes": 1}, {"triple": "aarch64"},
        {"kernel_format": "c"}, {"hosted": False}, {"schedules": "onnxc.targets.microcontroller.schedules"},
    ):  # fmt: skip
        assert code_name(first, replace(HOST, **change)) != code_name(first, HOST)
    assert code_name(first, HOST, {"rule.tile": (1, 2)}) != code_name(first, HOST)
    for change in ({"name": "mine"}, {"description": "new"}, {"ram_bytes": 3}):
        assert code_name(first, replace(HOST, **change)) == code_name(first, HOST)


def test_what_others_wrote_is_not_kept() -> None:
    first, *_ = functions().values()
    assert code_name(first, replace(HOST, schedules="somebody.schedules")) is None
    known = [relay_op.get(name) for name in relay_op.names() if custom_of(name) is None]
    every = [op for op in known if op.compute or op.source]
    assert every and all(_is_own(op) for op in every)


def test_processes_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compile_all, "PARALLEL_KERNELS", 1)
    expected = compile_them(functions())
    seen: list[tuple[int, int]] = []
    found = compile_them(functions(), jobs=2, progress=lambda done, total: seen.append((done, total)))
    assert found == expected and list(found) == list(expected)
    assert seen == [(done, len(found)) for done in range(len(found) + 1)]


def test_errors_come_from_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are; of several the first."""
    monkeypatch.setattr(compile_all, "PARALLEL_KERNELS", 1)
    monkeypatch.setattr(compile_all, "compile_code", refuse)
    with pytest.raises(CompileError) as caught:
        compile_them(functions(), jobs=2)
    first, *_ = functions().values()
    assert str(caught.value) == f"node 'somewhere': refused {len(first.params)}\n  expected: less"


def test_a_process_that_dies_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compile_all, "PARALLEL_KERNELS", 1)
    monkeypatch.setattr(compile_all, "compile_code", die)
    with pytest.raises(CompileError, match="ended before its time"):
        compile_them(functions(), jobs=2)


def test_a_script_without_a_main_guard(tmp_path: Path) -> None:
    """It runs once, although there are worker processes."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nimport onnxc\nfrom onnxc.kernel import compile_all\n"
        "compile_all.PARALLEL_KERNELS_WITHOUT_TVM = 1\nprint('begin')\n"
        f"onnxc.compile({str(DIGITS)!r}, 'x86-64-v3', output={str(tmp_path / 'out')!r}, jobs=2, cache=False)\n"
        "print('end', 'tvm' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("begin\nend False\n", "")


def test_no_name_is_left() -> None:
    for kernel in compile_them(functions()).values():
        assert NAMELESS not in kernel.source
    assert NAMELESS in compile_code(next(iter(functions().values())), BARE).source
