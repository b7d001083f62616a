"""Golden text cases: a file with settings, an input in Relay text, and what is expected: Relay text or an error.

    # pass: simplify
    # level: 2
    fn @main(%x: Tensor[(2, 3), float32]) {
      ...
    }
    # expect
    module "..."
    ...

Instead of ``# expect`` there may be ``# expect error``. ``pytest --update-goldens`` writes the second part anew: read
the difference before you commit it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from onnxc import op as relay_op
from onnxc.relay.dimension import evaluate
from onnxc.relay.expr import Attrs, Module
from onnxc.relay.interpreter import Interpreter
from onnxc.relay.parser import parse_module
from onnxc.relay.types import TensorType, type_symbols

_EXPECT, _EXPECT_ERROR = "# expect\n", "# expect error\n"


@dataclass(frozen=True)
class Golden:
    """One case.

    Attributes
    ----------
    settings : mapping
        The ``# name: value`` lines at the start.
    source : str
        The input, with the lines of the settings blank, so that positions in it are those in the file.
    expected : str
    is_error : bool
        What is expected is an error's text.
    """

    path: Path
    settings: Mapping[str, str]
    source: str
    expected: str
    is_error: bool

    @staticmethod
    def read(path: Path) -> Golden:
        text = path.read_text(encoding="utf-8")
        marker = _EXPECT_ERROR if _EXPECT_ERROR in text else _EXPECT
        source, _, expected = text.partition(marker)
        lines, settings = source.split("\n"), {}
        for index, line in enumerate(lines):
            name, colon, value = line.removeprefix("# ").partition(": ")
            if not line.startswith("# ") or not colon:
                break
            settings[name] = value
            lines[index] = ""
        return Golden(path, settings, "\n".join(lines), expected, marker == _EXPECT_ERROR)

    def module(self) -> Module:
        """The input."""
        return parse_module(self.source, infer=relay_op.infer_call, file=self.path.name)

    def check(self, run: Callable[[], str], error: type[Exception], update: bool) -> None:
        """Compare what `run` gives, or the error that it raises, with what is expected; or write it down."""
        try:
            found, raised = run(), False
        except error as caught:
            found, raised = f"{caught}\n", True
        if update:
            original = self.path.read_text(encoding="utf-8")
            head = original.partition(_EXPECT_ERROR)[0].partition(_EXPECT)[0]
            self.path.write_text(head + (_EXPECT_ERROR if raised else _EXPECT) + found, encoding="utf-8")
            return
        assert found == self.expected, f"{self.path.name}: found\n{found}\nexpected\n{self.expected}"
        assert raised == self.is_error


def goldens(folder: Path) -> list[Any]:
    """The cases below a folder, as pytest's parameters."""
    import pytest

    paths = sorted(folder.rglob("*.relay"))
    assert paths, folder
    return [pytest.param(path, id=str(path.relative_to(folder).with_suffix(""))) for path in paths]


def random_inputs(module: Module, dims: Mapping[str, int], seed: int = 0) -> list[np.ndarray]:
    """Arrays for the parameters of a module's main; symbols are 3 where `dims` has no value."""
    random = np.random.default_rng(seed)
    arrays = []
    for param in module.main.params:
        assert isinstance(param.type, TensorType)
        values = {name: dims.get(name, 3) for name in type_symbols(param.type)}
        shape = [evaluate(d, values) for d in param.type.shape]
        dtype = param.type.numpy_dtype
        if dtype.kind in "iub":
            arrays.append(random.integers(0, 2 if dtype.kind == "b" else 3, shape).astype(dtype))
        else:
            arrays.append(random.standard_normal(shape).astype(dtype))
    return arrays


def evaluate_module(module: Module, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Results of a module's main by the interpreter, tuples flattened."""
    return _flat(Interpreter(module, reference).run(*arrays))


def reference(op: str, attrs: Attrs, arrays: Any) -> Any:
    return relay_op.get(op).reference(attrs, *arrays)


def _flat(values: Any) -> list[np.ndarray]:
    return [a for v in values for a in (_flat(v) if isinstance(v, tuple) else [np.asarray(v)])]


def assert_same_values(left: list[np.ndarray], right: list[np.ndarray], tolerance: float = 1e-5) -> None:
    """Equal types and, up to rounding, equal values."""
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape, (a.dtype, a.shape, b.dtype, b.shape)
        np.testing.assert_allclose(a.astype(np.float64), b.astype(np.float64), rtol=tolerance, atol=tolerance)
