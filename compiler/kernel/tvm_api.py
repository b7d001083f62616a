"""The only door to TVM: names that the compiler uses, and the language in which operators write their computes.

TVM 0.27 is imported on first use of this module (1.3 s); nothing that a user waits for may import it needlessly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import tvm
import tvm_ffi
from tvm import s_tir, sym, te, tirx
from tvm.s_tir import transform as s_tir_transform
from tvm.target import Target as TvmTarget
from tvm.tirx import transform as tirx_transform

from ..op.small_float import SMALL_FLOATS
from ..relay.dimension import Dim, Dimension, fold
from ..relay.types import DTYPES, TensorType, in_memory
from .knobs import Knobs

__all__ = [
    "DECODE",
    "DOT",
    "ENCODE",
    "EXACT_ARRAYS",
    "HALO",
    "HALO_VALUE",
    "INPLACE",
    "WORD",
    "Call",
    "StructuralKey",
    "TensorExpressions",
    "TensorLoad",
    "TvmTarget",
    "s_tir",
    "s_tir_transform",
    "structural_map",
    "structural_walk",
    "sym",
    "te",
    "tirx",
    "tirx_transform",
    "tvm",
]

#: Attribute of a PrimFunc: (parameter of an input, of an output) that are one buffer. What is built takes the first.
INPLACE = "onnxc.inplace"

#: Attribute of a PrimFunc: parameter of an output, then how many elements lie around what is computed: before it and
#: behind it for each axis, then whether the kernel sets them to zero. What is built takes the larger buffer.
HALO = "onnxc.halo"
#: And what the elements around it are.
HALO_VALUE = "onnxc.halo_value"

#: Attribute of a PrimFunc whose loops are written by hand: its local arrays have the sizes that they need.
EXACT_ARRAYS = "onnxc.exact_arrays"

Call, TensorLoad = tvm.ir.Call, tvm.ir.expr.TensorLoad
structural_map, structural_walk = tvm_ffi.structural_map, tvm_ffi.structural_walk
StructuralKey = tvm_ffi.StructuralKey

#: Operators of our own, which `lower_dots` replaces.
WORD, DOT, DOT_SIGNED = "onnxc.word", "onnxc.dot_bytes", "onnxc.dot_signed_bytes"

#: And those that `lower_narrow_floats` replaces: their names begin so.
ENCODE, DECODE = "onnxc.encode.", "onnxc.decode."

#: How elements lie in memory whose types TVM has no arithmetic for: integers of less than a byte as the byte of the
#: same value, others as bits, which the computes of casts know how to read. Complex numbers and strings are only moved.
_STORAGE = {
    "int4": "int8",
    "uint4": "uint8",
    "int2": "int8",
    "uint2": "uint8",
    **dict.fromkeys(SMALL_FLOATS, "uint8"),
    "complex64": "uint64",
    "complex128": "uint64x2",
    "string": "uint64x2",
}


class TensorExpressions:
    """What an operator's compute is written in: TVM's tensor expressions, with dimensions for shapes.

    Shapes are sequences of integers, `Dim`s and TVM expressions. Indices are TVM expressions (int32).

    Parameters
    ----------
    variables : mapping
        TVM variables (int32) of the symbols.
    knobs : Knobs
        For computes whose form can be chosen.
    """

    def __init__(self, variables: Mapping[str, Any], knobs: Knobs) -> None:
        self._variables = variables
        self.knobs = knobs
        # Of the call under computation; TE tensors have storage types, such as uint8 for float8_e4m3fn.
        self.argument_types: Sequence[TensorType] = ()
        self.result_types: Sequence[TensorType] = ()

    # Shapes

    def dim(self, dim: Dimension | Any) -> Any:
        """An integer, or the TVM expression of a symbolic dimension."""
        if not isinstance(dim, Dim):
            return dim
        operations: dict[str, Callable[[Any, Any], Any]] = {
            "+": lambda a, b: a + b,
            "*": lambda a, b: a * b,
            "//": tirx.floordiv,
            "%": tirx.floormod,
            "max": tirx.max,
            "min": tirx.min,
        }
        return fold(dim, lambda n: tirx.const(n, "int32"), lambda name: self._variables[name], operations)

    def index(self, dim: Dimension | Any) -> Any:
        """The int32 expression of a dimension, also where that is an integer."""
        return tirx.const(dim, "int32") if isinstance(dim, int) else self.dim(dim)

    def result_shape(self, index: int = 0) -> list[Any]:
        """Shape of the call's result by its type.

        Prefer it to arithmetic on the arguments' shapes: TVM cannot prove that two ways to say one size are equal.
        """
        return [self.dim(d) for d in self.result_types[index].shape]

    def shape(self, tensor: Any) -> list[Any]:
        """Dimensions of a tensor: Python integers where static, else TVM expressions."""
        return [int(d) if isinstance(d, (int, tirx.IntImm)) else d for d in tensor.shape]

    def dtype(self, value: Any) -> str:
        """Element type of a tensor or a scalar expression."""
        return dtype_of(value)

    # Tensors

    def compute(self, shape: Sequence[Any], function: Callable[..., Any], name: str = "compute") -> Any:
        """The tensor whose element at indices i, j, ... is function(i, j, ...)."""
        return te.compute(tuple(self.dim(d) for d in shape), function, name=name)

    def reduce_axis(self, extent: Any, name: str = "k") -> Any:
        return te.reduce_axis((0, self.dim(extent)), name)

    def sum(self, value: Any, axis: Any) -> Any:
        """Sum over reduce axes; stands alone as the body of a compute (as the next three do)."""
        return te.sum(value, axis=axis)

    def max_reduce(self, value: Any, axis: Any) -> Any:
        return te.max(value, axis=axis)

    def min_reduce(self, value: Any, axis: Any) -> Any:
        return te.min(value, axis=axis)

    def reducer(self, combine: Callable[..., Any], identity: Callable[..., Any], name: str = "reducer") -> Any:
        """A reduction of one's own, also over tuples: see TVM's comm_reducer."""
        return te.comm_reducer(combine, identity, name=name)

    def equal(self, left: Any, right: Any) -> bool:
        """Can two sizes be proven equal?"""
        return sym.Analyzer().can_prove_equal(tirx.const(0, "int32") + left, right)

    # Scalars

    def const(self, value: Any, dtype: str) -> Any:
        """A number of an element type, which may be one that lies in memory as another."""
        if dtype in ("complex128", "string"):  # two words
            assert dtype != "string" or value in ("", 0), value  # a string that is not empty is no word
            words = np.asarray(0 if value == "" else value, np.complex128).reshape(1).view(np.uint64)
            parts = [tirx.const(int(word), "uint64") for word in words]
            return tirx.Shuffle(parts, [tirx.const(i, "int32") for i in range(2)])
        if dtype in _STORAGE:
            value = storage_bits(np.asarray(value, DTYPES[dtype][0]), dtype).item()
            dtype = _STORAGE[dtype]
        return tirx.const(value.item() if isinstance(value, np.generic) else value, dtype)

    def cast(self, value: Any, dtype: str) -> Any:
        """C conversion (float to integer truncates; anything to bool is ``!= 0``)."""
        if isinstance(value, tvm.runtime.ObjectConvertible):  # what == and != give
            value = value.asobject()
        if dtype == "bool" and dtype_of(value) != "bool":
            nonzero = value != tirx.const(0, dtype_of(value))  # of floats: false for NaN
            return tirx.any(nonzero, self.math("isnan", value)) if dtype_of(value) in _FLOATS else nonzero
        if dtype_of(value) == dtype:
            return value
        if dtype == "bfloat16":  # TVM leaves its own cast out between two operators of a kernel
            return tirx.reinterpret(dtype, self.encode(value, dtype))
        return value.astype(dtype)

    def encode(self, value: Any, dtype: str, saturate: bool = True, rounding: str = "nearest") -> Any:
        """The bits of the float next to a number, halves to even, of bfloat16 or a type of `SMALL_FLOATS`.

        Parameters
        ----------
        saturate : bool
            Infinities and what is out of range become the greatest number; else infinity, or NaN where there is none.
        rounding : str
            ``up``, ``down`` or ``nearest``: of exponents without a fraction.
        """
        operator = _operator(f"{ENCODE}{dtype}.{saturate}.{rounding}")
        bits = tirx.call_intrin("int32", operator, value.astype("float32"))
        return bits.astype("uint16" if dtype == "bfloat16" else "uint8")

    def decode(self, bits: Any, dtype: str) -> Any:
        """The float32 that the bits of a small float stand for."""
        return tirx.call_intrin("float32", _operator(f"{DECODE}{dtype}"), bits.astype("int32"))

    def reinterpret(self, value: Any, dtype: str) -> Any:
        """The same bits as another type."""
        storage = _STORAGE.get(dtype, dtype)
        return value if storage == dtype_of(value) else tirx.reinterpret(storage, value)

    def select(self, condition: Any, yes: Any, no: Any) -> Any:
        """yes or no; both sides may be evaluated."""
        return tirx.Select(condition, yes, no)

    def word(self, *values: Any) -> Any:
        """Four bytes, the first one lowest, as the bits of an int32."""
        return tirx.call_intrin("int32", _operator(WORD), *values)

    def dot_bytes(self, left: Any, right: Any) -> Any:
        """The sum of the products of the unsigned bytes of a word with the signed ones of another, in int32."""
        return tirx.call_intrin("int32", _operator(DOT), left, right)

    def dot_signed_bytes(self, left: Any, right: Any) -> Any:
        """The sum of the products of the signed bytes of two words, in int32."""
        return tirx.call_intrin("int32", _operator(DOT_SIGNED), left, right)

    def if_then_else(self, condition: Any, yes: Any, no: Any) -> Any:
        """yes or no; only that side is evaluated, so that it may guard a load."""
        return tirx.if_then_else(condition, yes, no)

    def less(self, left: Any, right: Any) -> Any:
        """left < right of one element type. TVM's simplifier fails on ``<`` of uint32 and uint64 with constants."""
        return _in_signed_order(left) < _in_signed_order(right)

    def less_equal(self, left: Any, right: Any) -> Any:
        return _in_signed_order(left) <= _in_signed_order(right)

    def maximum(self, left: Any, right: Any) -> Any:
        if dtype_of(left) in _UNORDERED:
            return tirx.Select(self.less(left, right), right, left)
        return tirx.max(left, right)

    def minimum(self, left: Any, right: Any) -> Any:
        if dtype_of(left) in _UNORDERED:
            return tirx.Select(self.less(right, left), right, left)
        return tirx.min(left, right)

    def floor_div(self, left: Any, right: Any) -> Any:
        """Quotient rounded down; right must not be 0."""
        return tirx.floordiv(left, right)

    def floor_mod(self, left: Any, right: Any) -> Any:
        return tirx.floormod(left, right)

    def truncate_div(self, left: Any, right: Any) -> Any:
        return tirx.truncdiv(left, right)

    def truncate_mod(self, left: Any, right: Any) -> Any:
        return tirx.truncmod(left, right)

    def all(self, *conditions: Any) -> Any:
        return tirx.all(*conditions) if conditions else tirx.const(True, "bool")

    def any(self, *conditions: Any) -> Any:
        return tirx.any(*conditions)

    def logical_not(self, condition: Any) -> Any:
        return tirx.Not(condition)

    def min_value(self, dtype: str) -> Any:
        return tirx.min_value(dtype)

    def max_value(self, dtype: str) -> Any:
        return tirx.max_value(dtype)

    def math(self, name: str, *values: Any) -> Any:
        """A function of C's math library by name: ``exp``, ``pow``, ``floor``, ``erf``, ``isnan``, ...

        16-bit floats are computed in float32. What becomes of the call (polynomial or libm) is decided when the
        kernel is lowered, after it was vectorised: see `lower_math`.
        """
        dtype = dtype_of(values[0])
        if name == "fmod" and dtype in ("float32", "float64"):  # LLVM has no intrinsic for it
            return tirx.call_pure_extern(dtype, "fmodf" if dtype == "float32" else "fmod", *values)
        function = getattr(tirx, name)
        if dtype not in ("float16", "bfloat16"):
            return function(*values)
        result = function(*(v.astype("float32") for v in values))
        return result if name in ("isnan", "isinf") else self.cast(result, dtype)


@cache
def _operator(name: str) -> Any:
    """An operator of our own: pure, and vectorised as arithmetic is."""
    tvm.get_global_func("ir.RegisterOp")(name, "")
    tvm.ir.register_op_attr(name, "TVectorizable", True)
    tvm.ir.register_op_attr(name, "TCallEffectKind", int(tirx.CallEffectKind.Pure.value))
    return tvm.ir.Op.get(name)


_FLOATS = ("float16", "bfloat16", "float32", "float64")

#: Element types whose comparison with constants TVM's simplifier turns into a subtraction that it then rejects.
_UNORDERED = ("uint32", "uint64")


def _in_signed_order(value: Any) -> Any:
    """A number of a signed type that is ordered as the value is."""
    dtype = dtype_of(value)
    if dtype == "uint32":
        return value.astype("int64")
    if dtype == "uint64":
        return value.astype("int64") ^ tirx.const(-(2**63), "int64")
    return value


def dtype_of(value: Any) -> str:
    """Element type of a tensor or a scalar expression."""
    dtype = getattr(value, "dtype", None)
    return str(dtype if dtype is not None else value.ty)


def element_bytes(buffer: Any) -> int:
    """Bytes of an element of a buffer, which may be a vector; less than a byte takes a whole one."""
    dtype = dtype_of(buffer)
    base, _, lanes = dtype.partition("x")
    bits = 8 if base == "bool" else int(re.search(r"\d+$", base).group(0))  # type: ignore[union-attr]
    return max(1, bits // 8) * int(lanes or 1)


def uses(statement: Any, variable: Any) -> bool:
    """Does a statement or an expression use a variable, or a buffer?"""
    found: list[bool] = []
    structural_walk(statement, (tirx.Var, lambda v: found.append(True) if v.same_as(variable) else None))
    return bool(found)


def placeholder(shape: Sequence[Any], dtype: str, name: str) -> Any:
    """An input tensor; sub-byte types lie one element a byte."""
    return te.placeholder(tuple(shape), _STORAGE.get(dtype, dtype), name=name)


def tvm_dtype(dtype: str) -> str:
    return _STORAGE.get(dtype, dtype)


def storage_bits(array: np.ndarray, dtype: str) -> np.ndarray:
    """An array of an element type as it lies in memory."""
    storage = _STORAGE.get(dtype, dtype)
    if storage == dtype:
        return array
    return in_memory(array) if "int" in dtype else array.view(storage)
