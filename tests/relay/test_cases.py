"""Golden cases of Relay's own text: errors of the parser with their carets, and of the verifier."""

from __future__ import annotations

from pathlib import Path

import pytest

from onnxc.diagnostics import CompileError
from onnxc.relay.parser import parse_module
from onnxc.relay.printer import print_module
from onnxc.relay.verifier import VerificationError, verify
from onnxc.transform.pipeline import infer_call_type
from tests.golden import Golden, goldens

CASES = Path(__file__).parent / "cases"


@pytest.mark.parametrize("path", goldens(CASES / "parse"))
def test_parse(path: Path, update_goldens: bool) -> None:
    golden = Golden.read(path)
    golden.check(lambda: print_module(parse_module(golden.source, file=path.name)), CompileError, update_goldens)


@pytest.mark.parametrize("path", goldens(CASES / "verify"))
def test_verify(path: Path, update_goldens: bool) -> None:
    golden = Golden.read(path)

    def run() -> str:
        module = parse_module(golden.source)
        verify(module, infer_call_type, "some_pass")
        return print_module(module)

    golden.check(run, VerificationError, update_goldens)
