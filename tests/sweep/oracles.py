"""What a case must give, by those who know: each oracle is an implementation of ONNX other than ours."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper
from onnx.reference import ReferenceEvaluator

from tests.sweep.cases import Case, model_of
from tests.sweep.values import Value, element_dtype, retype, type_name

#: Relative errors that are allowed, by element types. Intermediate results may be rounded, or not.
_TOLERANCES = {"float16": 5e-3, "bfloat16": 4e-2, "float32": 1e-4, "float64": 1e-7}

#: Operators whose results are random: mean and standard deviation are what an oracle can tell.
_RANDOM = frozenset(
    ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")
)

#: Operators whose nodes mean something else before a version, so that no other version tells what they give.
_CHANGED = {"Softmax": 13, "LogSoftmax": 13, "Hardmax": 13, "Resize": 11, "DFT": 99, "GroupNormalization": 21}


class Mismatch(Exception):
    """A result is not what an oracle says."""


#: Floats that some oracles do not know, or round in between: they compute in float instead.
_OTHER_FLOATS = ("tensor(float16)", "tensor(bfloat16)", "tensor(double)")


def judgements(case: Case) -> Iterator[tuple[str, Callable[[list[Value]], None]]]:
    """The oracles that can judge a case: each one's name, and what raises `Mismatch` for a wrong result.

    They are, in this order, what the onnx package's case expects; its evaluator, and ONNX Runtime, for the case itself;
    for the same in float, where it is in other floats; and for the node as another version of the operator writes it.
    """
    if case.key.operator in _RANDOM:
        yield "distribution", lambda found: _check_distribution(case, found)
        return
    types = output_types(case)
    if case.native and case.base.expected is not None:
        asked = [value for value, asked in zip(case.base.expected, case.base.outputs, strict=False) if asked]
        yield "onnx", lambda found: _compare(found, asked)
    forms = [("", case)]
    if case.source is not case.base and case.key.version >= _CHANGED.get(case.key.operator, 0):
        key = case.key._replace(version=case.source.schema.version)
        forms.append(("-of-other-version", replace(case, key=key, base=case.source)))
    for end, form in forms:
        for wide in (False, True):
            widened = _in_float(form) if wide else form
            if widened is None:
                continue
            for name, engine in (("evaluator", _evaluator), ("onnxruntime", _onnxruntime)):
                try:
                    with warnings.catch_warnings(), np.errstate(all="ignore"):
                        warnings.simplefilter("ignore")
                        expected = engine(widened)[: sum(case.base.outputs)]
                        if wide or end:
                            expected = [_as_type(value, type_) for value, type_ in zip(expected, types, strict=False)]
                except Exception:  # whatever an oracle raises: it does not know
                    continue
                if _has_types(expected, types):
                    yield f"{name}{'-in-float' if wide else ''}{end}", _Judge(expected, wide)


@dataclass(frozen=True)
class _Judge:
    expected: list[Value]
    wide: bool

    def __call__(self, found: list[Value]) -> None:
        _compare(found, self.expected, _TOLERANCES["float32"] if self.wide else 0.0)


def output_types(case: Case) -> list[str]:
    """Types of the outputs that are asked for, by the standard's inference; empty where that does not tell them."""
    model, _ = model_of([("", case)])
    found = [""] * sum(case.base.outputs)
    with suppress(Exception):
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=False).graph.output
        found = [_name(value.type) for value in inferred]
    formals = case.base.schema.outputs
    asked = [index for index, asked in enumerate(case.base.outputs) if asked]
    for place, index in enumerate(asked):  # old versions have no inference
        formal = formals[min(index, len(formals) - 1)]
        if not found[place]:
            found[place] = formal.type if "(" in formal.type else case.base.first_type(formal.type) or ""
    return found


def _name(proto: onnx.TypeProto) -> str:
    if proto.HasField("tensor_type") and proto.tensor_type.elem_type:
        return f"tensor({onnx.TensorProto.DataType.Name(proto.tensor_type.elem_type).lower()})"
    if proto.HasField("sequence_type") and not proto.sequence_type.elem_type.HasField("map_type"):
        return f"seq({_name(proto.sequence_type.elem_type)})"
    return ""


def _has_types(values: list[Value], types: list[str]) -> bool:
    """An oracle that gives another type than it must does not know the operator on this one."""
    for value, type_ in zip(values, types, strict=False):
        tensors = value if isinstance(value, list) else [value]
        inner = type_[4:-1] if type_.startswith("seq(") else type_
        for tensor in tensors:
            if inner.startswith("tensor") and (tensor is None or type_name(np.asarray(tensor)) != inner):
                return False
    return True


def _as_type(value: Value, type_: str) -> Value:
    if isinstance(value, list):
        return [_as_type(part, type_[4:-1]) for part in value]
    return np.asarray(value).astype(element_dtype(type_)) if type_.startswith("tensor") else value


def _evaluator(case: Case) -> list[Value]:
    model, feeds = model_of([("", case)])
    return list(ReferenceEvaluator(model).run(None, feeds))  # type: ignore[arg-type]


def _onnxruntime(case: Case) -> list[Value]:
    model, feeds = model_of([("", case)])
    model.ir_version = 10
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return list(session.run(None, feeds))


def _in_float(case: Case) -> Case | None:
    """A case on floats in the place of narrower and wider ones; None where there are none."""
    base = case.base
    inputs = {
        name: [_widened(part) for part in value] if isinstance(value, list) else _widened(value)
        for name, value in base.inputs.items()
    }
    if all(type_name_or_none(inputs[name]) == type_name_or_none(value) for name, value in base.inputs.items()):
        return None
    return replace(case, base=replace(base, inputs=inputs, expected=None, types={}))


def type_name_or_none(value: Value) -> str | None:
    return None if value is None or (isinstance(value, list) and not value) else type_name(value)


def _widened(value: Value) -> Value:
    if value is None or isinstance(value, (list, dict)) or type_name(value) not in _OTHER_FLOATS:
        return value
    return retype(value, "tensor(float)")


def _compare(found: list[Value], expected: list[Value], least: float = 0.0) -> None:
    """Compare outputs; relative errors of floats may be `least`, at least."""
    if len(found) < len(expected):
        raise Mismatch(f"found {len(found)} outputs, expected {len(expected)}")
    for index, (got, want) in enumerate(zip(found, expected, strict=False)):
        if isinstance(want, list) and len(want) == 1 and isinstance(want[0], list) == isinstance(got, list):
            want = want[0]  # so the evaluator makes optional values
        if isinstance(want, list) and isinstance(got, list):
            if len(got) != len(want):
                raise Mismatch(f"output {index}: found {len(got)} tensors, expected {len(want)}")
            for one, other in zip(got, want, strict=True):
                _compare_tensor(one, other, index, least)
        elif isinstance(want, dict) or isinstance(got, dict) or want is None or got is None:
            if got != want:
                raise Mismatch(f"output {index}: found {got}, expected {want}")
        else:
            _compare_tensor(got, want, index, least)


def _compare_tensor(got: Value, want: Value, index: int, least: float) -> None:
    if isinstance(want, dict):
        if {k: np.float32(v) for k, v in got.items()} != {k: np.float32(v) for k, v in want.items()}:
            raise Mismatch(f"output {index}: found {got}, expected {want}")
        return
    got, want = np.asarray(got), np.asarray(want)
    if type_name(got) != type_name(want):
        raise Mismatch(f"output {index}: found {type_name(got)}, expected {type_name(want)}")
    if got.shape != want.shape:
        raise Mismatch(f"output {index}: found shape {got.shape}, expected {want.shape}")
    if want.dtype.kind in "OUT":
        same = [str(a) == str(b) for a, b in zip(got.reshape(-1), want.reshape(-1), strict=True)]
        if not all(same):
            raise Mismatch(f"output {index}: found {got.reshape(-1)[:5]}, expected {want.reshape(-1)[:5]}")
        return
    tolerance = _TOLERANCES.get(want.dtype.name, 1e-4 if want.dtype.kind == "c" else 0.0)
    tolerance = max(tolerance, least) if tolerance else 0.0
    if tolerance == 0:
        kind = np.int64 if want.dtype.kind in "biu" or "int" in want.dtype.name else np.float32
        wrong = got.astype(kind) != want.astype(kind)
        if kind is np.float32:
            wrong &= ~(np.isnan(got.astype(kind)) & np.isnan(want.astype(kind)))
    else:
        wide = np.complex128 if want.dtype.kind == "c" else np.float64
        a, b = got.astype(wide), want.astype(wide)
        finite = np.abs(b[np.isfinite(b)])
        scale = min(1.0, float(finite.max())) if finite.size else 1.0
        wrong = ~np.isclose(a, b, rtol=tolerance, atol=tolerance * scale, equal_nan=True)
    if np.any(wrong):
        where = tuple(int(i) for i in np.argwhere(wrong)[0]) if wrong.ndim else ()
        values = f"found {got[where]}, expected {want[where]}"
        raise Mismatch(f"output {index}: {int(wrong.sum())} of {wrong.size} differ; {values}")


def _check_distribution(case: Case, found: list[Value]) -> None:
    """Type, shape, mean and standard deviation, with room for six standard errors."""
    types = output_types(case)
    attributes = {name: helper.get_attribute_value(a) for name, a in case.base.attributes.items()}
    (values,) = found
    if types and types[0] and type_name(values) != types[0]:
        raise Mismatch(f"found {type_name(values)}, expected {types[0]}")
    given: Any = case.base.inputs.get("input")
    wide = values.astype(np.float64)
    name = case.key.operator
    if name == "Multinomial":
        odds = np.exp(given.astype(np.float64))
        odds /= odds.sum(axis=1, keepdims=True)
        shares = np.stack([(wide == index).mean(axis=1) for index in range(odds.shape[1])], axis=1)
        right = values.shape == (given.shape[0], attributes["sample_size"]) and np.allclose(shares, odds, atol=0.08)
    elif name == "Bernoulli":
        right = values.shape == given.shape and set(np.unique(wide)) <= {0.0, 1.0}
        right &= abs(wide.mean() - given.astype(np.float64).mean()) < 3 / np.sqrt(wide.size)
        right &= bool(np.all(wide[given == 0] == 0)) and bool(np.all(wide[given == 1] == 1))
    else:
        shape = tuple(attributes["shape"]) if given is None else given.shape
        mean, deviation = (1.5, 2.0) if "Normal" in name else (1.0, 4 / np.sqrt(12))
        right = values.shape == shape and abs(wide.mean() - mean) < 6 * deviation / np.sqrt(wide.size)
        right = right and abs(wide.std() / deviation - 1) < 0.1
        right = right and ("Normal" in name or bool(np.all((wide >= -1) & (wide <= 3))))
    if not right:
        raise Mismatch(f"found shape {values.shape}, mean {wide.mean():.3f}, deviation {wide.std():.3f}")
