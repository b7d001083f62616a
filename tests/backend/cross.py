"""ONNX's Backend interface over models that are compiled for another machine, and run in QEMU."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx

import onnxc
from onnxc import targets
from onnxc.backend import CompiledModel, OnnxcBackend
from onnxc.target import Target
from tests.cross.qemu import RunError, run_firmware, run_library


class _Artifact:
    """A model on disk that is run once for each call."""

    def __init__(self, model: onnx.ModelProto, target: Target, options: Mapping[str, Any]) -> None:
        self._target = target
        self._folder = tempfile.TemporaryDirectory(prefix="onnxc-cross-")
        self._root = Path(self._folder.name)
        initialized = {tensor.name for tensor in model.graph.initializer}
        self._inputs = [value.name for value in model.graph.input if value.name not in initialized]
        self._outputs = [value.name for value in model.graph.output]
        form = "so" if target.hosted else "c"
        self._path = onnxc.compile(model, target, output=self._root / "model", emit=form, name="model", **options)

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        inputs: list[Any] = []
        for name in self._inputs:
            inputs += _parts(feeds[name])
        with tempfile.TemporaryDirectory(dir=self._root) as place:
            try:
                if self._target.hosted:
                    outputs = run_library(self._path, self._target, inputs, Path(place))
                else:
                    outputs = run_firmware(self._path, "model", self._target, inputs, Path(place))
            except RunError as error:  # the interface compiles for the values of sizes then
                raise onnxc.RunError(str(error)) from error
        return dict(zip(self._outputs, outputs, strict=True))


def _parts(value: Any) -> list[Any]:
    """An input as C has it: of a map the keys, ascending, and their values."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode() if isinstance(key, str) else key)
        return [np.array(keys), np.array([value[key] for key in keys])]
    return [value if value is None or isinstance(value, (list, tuple)) else np.asarray(value)]


class CrossModel(CompiledModel):
    """A model for a target that is not this machine."""

    def __init__(self, model: onnx.ModelProto, target: Target, **options: Any) -> None:
        self._target = target
        super().__init__(model, **options)

    def _compile(self, model: onnx.ModelProto) -> Any:
        return _Artifact(model, self._target, self._options)


def cross_backend(name: str) -> type[OnnxcBackend]:
    """A backend for a target, by its name."""
    target = targets.find(name)

    class CrossBackend(OnnxcBackend):
        @classmethod
        def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> CompiledModel:
            onnx.checker.check_model(model)
            return CrossModel(model, target, jobs=1)

    return CrossBackend
