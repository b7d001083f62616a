"""Nodes by the onnx package's reference evaluator, one at a time; and where it is not believed.

A node is a model of its own here: its types are inferred and checked by the onnx package, its values computed by the
evaluator. What an operator gives must be of the type that its schema says, in every run.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, TypeProto, helper
from onnx.reference import ReferenceEvaluator

from tests.random.corrections import CORRECTIONS, IN_FLOATS, OUTSIDE, PROMOTED

#: Types of elements by their numbers in ONNX.
FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
SIGNED = (TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64)
UNSIGNED = (TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64)
INTEGERS = SIGNED + UNSIGNED

#: Largest relative rounding error of one operation.
ROUNDING = {np.dtype(np.float32): 2.0**-24, np.dtype(np.float64): 2.0**-53, np.dtype(np.float16): 2.0**-11}
ROUNDING |= {np.dtype(ml_dtypes.bfloat16): 2.0**-8, np.dtype(np.complex64): 2.0**-24, np.dtype(np.complex128): 2.0**-53}

#: What cannot be told apart from something wrong is not generated: values beyond this are no finite numbers, or will
#: not be soon.
LARGEST = {np.dtype(np.float16): 500.0}


class EvaluationError(Exception):
    """A node that is not valid, or that the evaluator cannot run."""


def dtype_of(element: int) -> np.dtype[Any]:
    """numpy's type of an element type; strings are objects."""
    return np.dtype(object) if element == TensorProto.STRING else np.dtype(helper.tensor_dtype_to_np_dtype(element))


class Step:
    """One node that can be run.

    Parameters
    ----------
    node : onnx.NodeProto
    types : mapping of str to onnx.TypeProto
        Types of all values that it reads, those in its graphs included.
    opsets : sequence of onnx.OperatorSetIdProto
    functions : sequence of onnx.FunctionProto
        Of the model, which the node may call.

    Raises
    ------
    EvaluationError
        The onnx package says that the node is not valid.
    """

    def __init__(
        self,
        node: onnx.NodeProto,
        types: Mapping[str, TypeProto],
        opsets: Sequence[onnx.OperatorSetIdProto],
        functions: Sequence[onnx.FunctionProto] = (),
    ) -> None:
        self.node = node
        self.reads = list(types)
        inputs = [onnx.ValueInfoProto(name=name, type=type_) for name, type_ in types.items()]
        outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
        graph = helper.make_graph([node], "node", inputs, outputs)
        self._model = helper.make_model(graph, opset_imports=opsets, ir_version=13, functions=functions)
        versions = {entry.domain: entry.version for entry in opsets}
        try:
            if (
                node.domain != "local"
                and onnx.defs.get_schema(node.op_type, versions[node.domain], node.domain).deprecated
            ):
                raise EvaluationError(f"{node.op_type} is deprecated")
            inferred = onnx.shape_inference.infer_shapes(self._model, check_type=True, strict_mode=True)
        except Exception as error:
            raise EvaluationError(str(error)) from None
        self.types = {value.name: without_shape(value.type) for value in inferred.graph.output}
        missing = [name for name, type_ in self.types.items() if not type_.WhichOneof("value")]
        if missing:
            raise EvaluationError(f"no type is inferred for {missing}")

    @cached_property
    def _evaluator(self) -> ReferenceEvaluator:
        return ReferenceEvaluator(self._model, new_ops=CORRECTIONS)

    def run(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What the node gives.

        Raises
        ------
        EvaluationError
            The evaluator does not run it, gives another type than the operator's schema says, or values that are no
            finite numbers.
        """
        feeds = {name: values[name] for name in self.reads}
        names = [value.name for value in self._model.graph.output]
        if self.node.op_type in IN_FLOATS:
            feeds = {name: value.astype(np.float32) for name, value in feeds.items()}
        outside = OUTSIDE.get((self.node.domain, self.node.op_type))
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                found = (outside(self._model, feeds) if outside else None) or self._evaluator.run(None, feeds)
        except Exception as error:
            raise EvaluationError(f"{self.node.op_type}: {type(error).__name__}: {error}") from None
        results = dict(zip(names, (tidy(value) for value in found), strict=True))
        if self.node.op_type in PROMOTED:
            for name, value in results.items():
                element = self.types[name].tensor_type.elem_type
                if element in FLOATS + INTEGERS and isinstance(value, np.ndarray):
                    results[name] = value.astype(dtype_of(element))
        for name, value in results.items():
            check_value(value, self.types[name], self.node.op_type)
        return results


def without_shape(type_: TypeProto) -> TypeProto:
    """A type that says nothing of shapes."""
    result = TypeProto()
    result.CopyFrom(type_)
    inner = result
    while not inner.HasField("tensor_type"):
        kind = inner.WhichOneof("value")
        if kind not in ("sequence_type", "optional_type"):
            return result
        inner = getattr(inner, kind).elem_type
    inner.tensor_type.ClearField("shape")
    return result


def tidy(value: Any) -> Any:
    """A value as arrays of numpy, sequences as lists."""
    if value is None or isinstance(value, dict):
        return value
    if isinstance(value, (list, tuple)):
        return [tidy(item) for item in value]
    array = np.asarray(value)
    return array.astype(object) if array.dtype.kind in "UT" else array


def check_value(value: Any, type_: TypeProto, operator: str) -> None:
    """Raise EvaluationError unless a value is of a type, and of finite numbers."""
    if type_.HasField("optional_type"):
        if value is not None:
            check_value(value, type_.optional_type.elem_type, operator)
        return
    if type_.HasField("sequence_type"):
        if not isinstance(value, list):
            raise EvaluationError(f"{operator}: the evaluator gives no sequence")
        for item in value:
            check_value(item, type_.sequence_type.elem_type, operator)
        return
    if not isinstance(value, np.ndarray):
        raise EvaluationError(f"{operator}: the evaluator gives {type(value).__name__}, no tensor")
    expected = dtype_of(type_.tensor_type.elem_type)
    if value.dtype != expected:
        raise EvaluationError(f"{operator}: the evaluator gives {value.dtype} instead of {expected}")
    if value.dtype in ROUNDING and value.size:
        largest = np.max(np.abs(value.astype(np.complex128)))
        if not largest <= LARGEST.get(value.dtype, 1e5):
            raise EvaluationError(f"{operator}: values become too large")


#: Operators whose results are parts of what they are given, or rounded at no place.
EXACT = frozenset(
    [
        "Abs",
        "ArgMax",
        "ArgMin",
        "Cast",
        "CastLike",
        "Ceil",
        "Clip",
        "Compress",
        "Concat",
        "ConcatFromSequence",
        "Constant",
        "ConstantOfShape",
        "DepthToSpace",
        "Expand",
        "Flatten",
        "Floor",
        "Gather",
        "GatherElements",
        "GatherND",
        "GlobalMaxPool",
        "Hardmax",
        "Identity",
        "Max",
        "MaxPool",
        "MaxUnpool",
        "Min",
        "Neg",
        "OneHot",
        "Optional",
        "OptionalGetElement",
        "Pad",
        "Relu",
        "Reshape",
        "ReverseSequence",
        "Round",
        "Scatter",
        "SequenceAt",
        "SequenceConstruct",
        "SequenceErase",
        "SequenceInsert",
        "Shape",
        "Sign",
        "Slice",
        "SpaceToDepth",
        "Split",
        "SplitToSequence",
        "Squeeze",
        "Tile",
        "TopK",
        "Transpose",
        "Trilu",
        "Unique",
        "Unsqueeze",
        "Where",
        "ReduceMax",
        "ReduceMin",
        "EyeLike",
        "CenterCropPad",
        "TensorScatter",
    ]
)

#: Operators that round inside, at places where a small error decides about the result: their inputs get errors, too.
ROUNDS_INSIDE = frozenset(
    [
        "QuantizeLinear",
        "DynamicQuantizeLinear",
        "QLinearMatMul",
        "QLinearConv",
        "Resize",
        "GridSample",
    ]
)


def noise(value: Any, random: np.random.Generator) -> Any:
    """A value with rounding errors, a few times those of one operation."""
    if isinstance(value, list):
        return [noise(item, random) for item in value]
    if not isinstance(value, np.ndarray) or value.dtype not in ROUNDING or not value.size:
        return value
    wide = np.complex128 if value.dtype.kind == "c" else np.float64
    exact = value.astype(wide)
    step = ROUNDING[value.dtype] * (4 * np.abs(exact) + np.max(np.abs(exact)))
    return (exact + step * random.standard_normal(value.shape)).astype(value.dtype)
