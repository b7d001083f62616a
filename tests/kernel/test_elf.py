"""Symbols of object files under new names, for every kind of ELF that kernels come in."""

from __future__ import annotations

import pytest

from onnxc import targets
from onnxc.kernel.compile import compile_kernel
from onnxc.kernel.elf import global_symbols, rename_symbols
from onnxc.relay.expr import Function
from onnxc.transform.pipeline import PassContext, run_pipeline
from tests.kernel.native import Graph

NAMES = ["x86-64-v2", "x86-64-v3", "aarch64", "arm"]


def softmax(target: str) -> Function:
    """A kernel that needs functions of the mathematics library or constants: symbols of others."""
    graph = Graph()
    module = graph.module([graph("nn.softmax", graph.input(4, 10), axis=1)])
    module = run_pipeline(module, PassContext(targets.find(target), 3))
    (function,) = (f for f in module.functions.values() if f.is_primitive)
    return function


@pytest.mark.parametrize("target", NAMES)
def test_kernels_have_the_name_that_is_asked_for(target: str) -> None:
    function = softmax(target)
    for symbol in ("k", "a_name_that_is_longer_than_that_of_code_without_one"):
        kernel = compile_kernel(function, symbol, targets.find(target))
        symbols = dict(global_symbols(kernel.object_code))
        assert all(symbols[phase.symbol] for phase in kernel.phases)
        assert kernel.phases[0].symbol == symbol
        assert not [name for name in symbols if "nameless" in name]


def test_only_names_change() -> None:
    """Code and data stay where they are; what has the old name keeps the old text."""
    code = compile_kernel(softmax("x86-64-v3"), "kernel", targets.find("x86-64-v3")).object_code
    renamed = rename_symbols(code, _longer)
    assert dict(global_symbols(renamed)) == {_longer(name): defined for name, defined in global_symbols(code)}
    assert rename_symbols(code, lambda name: name)[64 : len(code) // 2] == code[64 : len(code) // 2]
    assert dict(global_symbols(rename_symbols(renamed, lambda name: name.removeprefix("a_longer_")))) == dict(
        global_symbols(code)
    )


def _longer(name: str) -> str:
    return f"a_longer_{name}" if name == "kernel" else name
