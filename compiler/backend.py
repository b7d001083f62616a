"""onnxc behind ONNX's Backend interface, for programs and tests that are written against it.

The model is compiled for this machine and stays loaded as long as what `prepare` returns::

    import onnxc.backend

    prepared = onnxc.backend.prepare(model)
    (y,) = prepared.run([x])
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.backend.base import Backend, BackendRep, Device, DeviceType, namedtupledict

import onnxc

from .diagnostics import RunTimeRankError, RunTimeValueError
from .relay.run_time import is_run_time_symbol

#: Inputs of more elements are data: no code is specialised for their values.
PARAMETER_LIMIT = 64

_INTEGERS = (onnx.TensorProto.INT64, onnx.TensorProto.INT32)
_NUMBERS = (*_INTEGERS, onnx.TensorProto.FLOAT)


class CompiledModel(BackendRep):
    """A model that was compiled, or will be as soon as it is called.

    Some inputs must be known to compile a model: shapes, axes, the number of slices. They are found by compiling; where
    there are any the model is compiled at its first call, with their values built in, and again for other values.

    Parameters
    ----------
    model : onnx.ModelProto
    **options
        For `onnxc.compile`.

    Raises
    ------
    CompileError
        The model cannot be compiled, whatever its inputs hold.
    """

    def __init__(self, model: onnx.ModelProto, **options: Any) -> None:
        self._model, self._options = model, options
        initialized = {tensor.name for tensor in model.graph.initializer}
        self._inputs = [value.name for value in model.graph.input if value.name not in initialized]
        self._outputs = [value.name for value in model.graph.output]
        self._parameters: list[str] = []
        # Sequences and optional values; those of them whose rank must be known, while their types tell none.
        self._values = [value.name for value in model.graph.input if not value.type.HasField("tensor_type")]
        self._unranked: list[str] = []
        self._compiled: dict[tuple[Any, ...], onnxc.Model] = {}
        try:
            self._compiled[()] = self._compile(model)
        except onnxc.CompileError as error:
            if not self._learn(error):
                raise

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Run the model.

        Parameters
        ----------
        inputs : sequence or mapping of array, or array
            All inputs in the model's order, or by name; the array itself where there is one input.

        Returns
        -------
        tuple of numpy.ndarray
            All outputs; also to be had by name, as ``result["name"]``.
        """
        if isinstance(inputs, Mapping):
            feeds = dict(inputs)
        else:
            arrays = inputs if isinstance(inputs, (list, tuple)) else [inputs]
            if len(arrays) != len(self._inputs):
                raise onnxc.InputError(f"found {len(arrays)} inputs, expected {len(self._inputs)}: {self._inputs}")
            feeds = dict(zip(self._inputs, arrays, strict=True))
        try:
            outputs = self._run(feeds)
        except onnxc.RunError:
            if self._parameters or not _sizes(self._model):
                raise
            self._parameters += _sizes(self._model)  # the compiler took something on trust that does not hold here
            outputs = self._run(feeds)
        return namedtupledict("Outputs", self._outputs)(*(outputs[name] for name in self._outputs))

    def _run(self, feeds: Mapping[str, Any]) -> Mapping[str, Any]:
        compiled = self._specialised(feeds)
        return compiled.run({name: array for name, array in feeds.items() if name not in self._parameters})

    def _ranks(self, feeds: Mapping[str, Any]) -> dict[str, int]:
        """The one rank of all tensors in each of the inputs whose type tells none, where the compiler asks for it."""
        found = {}
        for name in self._unranked:
            value: Any = feeds.get(name)
            ranks = {np.ndim(tensor) for tensor in (value if isinstance(value, (list, tuple)) else [value])}
            if len(ranks) > 1:
                raise onnxc.InputError(f"input '{name}': found tensors of the ranks {sorted(ranks)}, expected one rank")
            found[name] = ranks.pop() if ranks else 0
        return found

    def _learn(self, error: onnxc.CompileError, feeds: Mapping[str, Any] | None = None) -> bool:
        """Note further inputs that would have to be known; False where that would not help."""
        if isinstance(error, RunTimeRankError):
            found = [name for name in error.inputs if name in self._values and name not in self._unranked]
            self._unranked += found
            return bool(found)
        if isinstance(error, RunTimeValueError):
            found = list(error.inputs) or _sizes(self._model)
        else:  # something must be known of a size that the run decides, such as whether it is 1
            names_size = any(map(is_run_time_symbol, re.findall(r"\w+", str(error))))
            found = _sizes(self._model) if names_size else []
        found = [name for name in found if name not in self._parameters and name not in self._values]
        if feeds is not None and any(np.size(feeds.get(name, ())) > PARAMETER_LIMIT for name in found):
            return False
        self._parameters += found
        return bool(found)

    def _compile(self, model: onnx.ModelProto) -> onnxc.Model:
        return onnxc.compile(model, **self._options)

    def _specialised(self, feeds: Mapping[str, Any]) -> onnxc.Model:
        """The model compiled for the values of its parameters."""
        while True:
            missing = [name for name in self._parameters if name not in feeds]
            if missing:
                raise onnxc.InputError(f"no array for input {', '.join(missing)}")
            values = {name: np.asarray(feeds[name]) for name in self._parameters}
            ranks = self._ranks(feeds)
            key = (*((v.dtype.str, v.shape, v.tobytes()) for v in values.values()), *ranks.items())
            if key in self._compiled:
                return self._compiled[key]
            model = onnx.ModelProto()
            model.CopyFrom(self._model)
            set_constants(model, values)
            set_ranks(model, ranks)
            try:
                self._compiled[key] = self._compile(model)
            except onnxc.CompileError as error:
                if not self._learn(error, feeds):
                    raise


def set_ranks(model: onnx.ModelProto, ranks: Mapping[str, int]) -> None:
    """Say of which rank the tensors in inputs are that are sequences or optional values."""
    for value in model.graph.input:
        if value.name in ranks:
            tensor = _tensor_inside(value.type).tensor_type
            tensor.ClearField("shape")
            for _ in range(ranks[value.name]):
                tensor.shape.dim.add()
            tensor.shape.SetInParent()


def _tensor_inside(proto: onnx.TypeProto) -> onnx.TypeProto:
    """The type of the tensors in a sequence or an optional."""
    while not proto.HasField("tensor_type"):
        proto = proto.optional_type.elem_type if proto.HasField("optional_type") else proto.sequence_type.elem_type
    return proto


def _sizes(model: onnx.ModelProto) -> list[str]:
    """Inputs that may be shapes, axes or scales: few integers, or few floats in a row."""
    initialized = {tensor.name for tensor in model.graph.initializer}
    found = []
    for value in model.graph.input:
        tensor = value.type.tensor_type
        dims = [dim.dim_value for dim in tensor.shape.dim]
        few = len(dims) <= 1 and all(0 < dim <= PARAMETER_LIMIT for dim in dims)
        kinds = _NUMBERS if len(dims) == 1 else _INTEGERS
        if tensor.elem_type in kinds and few and value.name not in initialized:
            found.append(value.name)
    return found


def set_constants(model: onnx.ModelProto, values: Mapping[str, np.ndarray]) -> None:
    """Make inputs initializers."""
    for index in reversed(range(len(model.graph.input))):
        if model.graph.input[index].name in values:
            del model.graph.input[index]
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in values.items())


class OnnxcBackend(Backend):
    """Compiles for this machine's processor, which ONNX calls the device ``CPU``."""

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> CompiledModel:
        """Check and compile a model.

        Parameters
        ----------
        model : onnx.ModelProto
        device : str
            ``CPU``.
        **kwargs
            Options of `onnxc.compile`, such as ``level``; others, which are for other backends, have no effect.

        Raises
        ------
        CompileError
            The model is broken, or uses what is not supported.
        """
        if not cls.supports_device(device):
            raise onnxc.CompileError(f"there is no device '{device}'", expected="CPU")
        super().prepare(model, device)
        return CompiledModel(model, **_options(kwargs))

    @classmethod
    def run_model(cls, model: onnx.ModelProto, inputs: Any, device: str = "CPU", **kwargs: Any) -> tuple[Any, ...]:
        """Compile a model and run it once."""
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(
        cls,
        node: onnx.NodeProto,
        inputs: Any,
        device: str = "CPU",
        outputs_info: Sequence[tuple[np.dtype[Any], tuple[int, ...]]] | None = None,
        **kwargs: Any,
    ) -> tuple[Any, ...]:
        """Compile a node and run it once.

        Parameters
        ----------
        node : onnx.NodeProto
        inputs : sequence of array, or array
            One for each input that the node names.
        device : str
        outputs_info : sequence of (dtype, shape), optional
            Not needed: the compiler infers it.
        **kwargs
            ``opset_version``, by default the newest; the others as for `prepare`.
        """
        if not cls.supports_device(device):
            raise onnxc.CompileError(f"there is no device '{device}'", expected="CPU")
        newest = onnx.defs.get_schema(node.op_type, domain=node.domain).since_version
        version = kwargs.get("opset_version", newest if node.domain else onnx.defs.onnx_opset_version())
        arrays = [np.asarray(array) for array in (inputs if isinstance(inputs, (list, tuple)) else [inputs])]
        names = list(dict.fromkeys(name for name in node.input if name))
        values = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for name, array in zip(names, arrays, strict=True)
        ]
        graph = helper.make_graph(
            [node], node.op_type, values, [onnx.ValueInfoProto(name=name) for name in node.output if name]
        )
        domains = [helper.make_opsetid(node.domain, version)]
        if node.domain:
            domains.append(helper.make_opsetid("", onnx.defs.onnx_opset_version()))
        # Not through prepare: the outputs have no types, which the checker of whole models asks for.
        return CompiledModel(helper.make_model(graph, opset_imports=domains), **_options(kwargs)).run(arrays)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        try:
            return bool(Device(device).type == DeviceType.CPU)
        except (AttributeError, ValueError):
            return False


def _options(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Those that `onnxc.compile` has, and that make a model which runs here."""
    return {
        name: keywords[name]
        for name in ("level", "dims", "cc", "winograd", "jobs", "cache", "threads")
        if name in keywords
    }


prepare = OnnxcBackend.prepare
run_model = OnnxcBackend.run_model
run_node = OnnxcBackend.run_node
supports_device = OnnxcBackend.supports_device
