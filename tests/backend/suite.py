"""The test cases of the onnx package, by names, and the list of those that pass.

A name is ``kind/case``: ``node/test_relu``. Kinds are ``node`` (one operator each, also expanded by its function body),
``simple``, ``pytorch-converted``, ``pytorch-operator`` and ``real`` (whole networks with constant weights).
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx.backend.test.loader import load_model_tests
from onnx.backend.test.runner import Runner

from onnxc.backend import CompiledModel, OnnxcBackend
from tests.backend.cross import cross_backend

HERE = Path(__file__).parent

#: Targets whose results are kept: this machine, and one of each other family, which QEMU runs.
TARGETS = ("host", "aarch64", "cortex-m4")


def list_of(target: str) -> Path:
    """The list of the cases that pass on a target."""
    return HERE / ("passing.txt" if target == "host" else f"passing_{target}.txt")


_HEADER = "# onnx "


class SingleProcessBackend(OnnxcBackend):
    """Compiles in this process: the tests run in several already."""

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: object) -> CompiledModel:
        return super().prepare(model, device, jobs=1, **kwargs)


class SequenceRunner(Runner):
    """Compares sequences tensor by tensor: the package compares their rows, which one without axes does not have."""

    @classmethod
    def assert_similar_outputs(
        cls, ref_outputs: Sequence[Any], outputs: Sequence[Any], rtol: float, atol: float, model_dir: str | None = None
    ) -> None:
        assert len(ref_outputs) == len(outputs)
        for expected, found in zip(ref_outputs, outputs, strict=True):
            if isinstance(expected, list):
                assert isinstance(found, list)
                cls.assert_similar_outputs(expected, found, rtol, atol, model_dir)
            elif expected is None:
                assert found is None
            else:
                super().assert_similar_outputs([expected], [found], rtol, atol, model_dir)


@cache
def cases(target: str = "host") -> dict[str, Callable[[], None]]:
    """Name of each case -> function that runs it and raises where it fails."""
    # The package draws the inputs of its node tests as it is imported, and keeps copies of whole networks' data.
    os.environ.setdefault("ONNX_HOME", tempfile.mkdtemp(prefix="onnxc-onnx-home-"))
    np.random.seed(0)
    found = {}
    backend = SingleProcessBackend if target == "host" else cross_backend(target)
    for class_name, tests in SequenceRunner(backend).test_cases.items():
        kind = re.sub(r"^OnnxBackend|ModelTest$", "", class_name)
        kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind).lower().replace("py-torch", "pytorch")
        for name in dir(tests):
            if name.startswith("test_") and name.endswith("_cpu"):
                found[f"{kind}/{name.removesuffix('_cpu')}"] = _runner(tests, name)
    return dict(sorted(found.items()))


def _runner(tests: type, name: str) -> Callable[[], None]:
    return lambda: getattr(tests(), name)()


def models() -> dict[str, onnx.ModelProto]:
    """The models of the onnx package's cases, by the names of `tests.backend.suite`."""
    cases()  # seeds numpy before the cases are made
    found = {}
    for kind in ("node", "simple", "pytorch-converted", "pytorch-operator"):
        for case in load_model_tests(kind=kind):
            path = Path(case.model_dir or "", "model.onnx")
            found[f"{kind}/{case.name}"] = case.model if case.model is not None else onnx.load(path)
    return found


def passing(target: str = "host") -> tuple[str, ...]:
    """The names in the list, sorted."""
    path = list_of(target)
    lines = path.read_text().split("\n") if path.exists() else []
    return tuple(line for line in lines if line and not line.startswith("#"))


def listed_version() -> tuple[int, ...]:
    """The version of onnx that the list was made with."""
    return version_of(list_of("host").read_text().split("\n", 1)[0].removeprefix(_HEADER))


def version_of(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2])


def write_passing(names: Iterable[str], target: str = "host") -> None:
    list_of(target).write_text(f"{_HEADER}{onnx.__version__}\n" + "".join(f"{name}\n" for name in sorted(set(names))))
