"""Nodes of operators that the onnx package has no case for, or none that can be written on other types.

`WRITTEN` has nodes to start from, which are rewritten for other versions and types like the package's. `FACTORIES` make
the node for a version and a type: where a body, or an attribute, must fit the type.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.sweep.schemas import Schema, find_schema
from tests.sweep.values import Value, element_dtype, element_number, retype, type_proto
from tests.sweep.versions import Base

_ML = "ai.onnx.ml"

#: ``factory(schema, variable, type) -> node``; None where there is none.
Factory = Callable[[Schema, str, str], "Base | None"]

WRITTEN: dict[tuple[str, str], list[Callable[[], Base]]] = {}
FACTORIES: dict[tuple[str, str], Factory] = {}

#: Operators all of whose tensors have the same element type, though their type variables differ.
LINKED = frozenset({("", "SequenceInsert"), ("", "RMSNormalization")})

#: Operators whose cases in the package are about certain types.
WRITTEN_ONLY = frozenset({"Cast", "CastLike"})

_INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))

_X = np.array([[1.5, -2.0, 3.0], [0.25, 4.0, -1.0]], np.float32)


def made(
    schema: Schema,
    inputs: dict[str, Value],
    attributes: dict[str, Any] | None = None,
    outputs: int = 1,
    types: dict[str, str] | None = None,
) -> Base:
    """A node for a schema."""
    found = {name: helper.make_attribute(name, value) for name, value in (attributes or {}).items()}
    return Base(schema, inputs, found, (True,) * outputs, types=types or {})


def _written(
    operator: str, version: int, inputs: dict[str, Value], domain: str = "", outputs: int = 1, **attributes: Any
) -> None:
    def make() -> Base:
        return made(find_schema(domain, operator, version), inputs, attributes, outputs)

    WRITTEN.setdefault((domain, operator), []).append(make)


def _factory(*operators: str, domain: str = "") -> Callable[[Factory], Factory]:
    def add(function: Factory) -> Factory:
        for operator in operators:
            FACTORIES[domain, operator] = function
        return function

    return add


def _sample(type_: str) -> Value:
    return retype(_X, type_)


_IMAGE = np.linspace(-2, 3, 2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
_ROIS = np.array([[0, 0, 0, 3, 2], [1, 1, 1, 4, 3], [0, 2, 1, 2, 2]], np.float32)
_PROBABILITIES = np.log(np.array([[0.1, 0.2, 0.3, 0.4], [0.4, 0.4, 0.1, 0.1]], np.float32))

_written("GlobalLpPool", 2, {"X": _IMAGE}, p=2)
_written("GlobalLpPool", 2, {"X": _IMAGE}, p=3)
_written("MaxRoiPool", 1, {"X": _IMAGE, "rois": _ROIS}, pooled_shape=[2, 2], spatial_scale=1.0)
_written("Multinomial", 7, {"input": _PROBABILITIES}, sample_size=2000, dtype=TensorProto.INT32)
_written("RandomNormal", 1, {}, shape=[40, 50], mean=1.5, scale=2.0, dtype=TensorProto.FLOAT)
_written("RandomUniform", 1, {}, shape=[40, 50], low=-1.0, high=3.0, dtype=TensorProto.FLOAT)
_LIKE = np.zeros((40, 50), np.float32)
_written("RandomNormalLike", 1, {"input": _LIKE}, mean=1.5, scale=2.0, dtype=TensorProto.FLOAT)
_written("RandomUniformLike", 1, {"input": _LIKE}, low=-1.0, high=3.0, dtype=TensorProto.FLOAT)

# Broadcasting of the second input along an axis, which only opsets 1 to 6 have.
for _name in ("Add", "Sub", "Mul", "Div"):
    _written(_name, 6, {"A": _IMAGE, "B": np.array([1.5, 2, -3], np.float32)}, broadcast=1, axis=1)
_written("Pow", 1, {"X": np.abs(_IMAGE) + 1, "Y": np.array([1, 2, 0], np.float32)}, broadcast=1, axis=1)
for _name in ("And", "Or", "Xor", "Equal"):
    _written(_name, 1, {"A": _IMAGE > 0, "B": np.array([True, False, True])}, broadcast=1, axis=1)
for _name in ("Greater", "Less"):
    _written(_name, 1, {"A": _IMAGE, "B": np.array([1.5, 0, -1], np.float32)}, broadcast=1, axis=1)

_written("Tile", 13, {"input": _X, "repeats": np.array([1, 3])})
_SIGNAL = np.linspace(-1, 2, 12, dtype=np.float32).reshape(1, 6, 2)
_written("DFT", 20, {"input": _SIGNAL, "dft_length": np.array(6), "axis": np.array(1)})
_written("DFT", 17, {"input": _SIGNAL, "dft_length": np.array(6)}, axis=1)

# Casts between all types have a case for each type of the input, and of the output.
_written("Cast", 6, {"input": np.array([[1, 2, 0.5], [0, 4, 3]], np.float32)}, to=TensorProto.FLOAT)
_written(
    "CastLike",
    15,
    {"input": np.array([[1, 2, 0.5], [0, 4, 3]], np.float32), "target_type": np.array([1], np.float32)},
)


@_factory("BitCast")
def _bit_cast(schema: Schema, variable: str, type_: str) -> Base:
    """Between two types of the same size."""
    twins = {"double": "int64", "float": "int32", "float16": "int16", "bfloat16": "uint16", "complex64": "double"}
    twins |= {"int64": "double", "int32": "float", "uint64": "double", "uint32": "float", "int16": "float16"}
    twins |= {"uint16": "bfloat16", "complex128": "complex128", "bool": "uint8", "uint8": "int8", "int8": "uint8"}
    twins |= {"int4": "uint4", "uint4": "int4", "float4e2m1": "uint4", "int2": "uint2", "uint2": "int2"}
    other = f"tensor({twins.get(type_[7:-1], 'uint8')})"
    source, target = (type_, other) if variable == "T1" else (other, type_)
    x = _sample(source)
    if variable == "T2" and source == "tensor(uint8)":
        x = np.array([0, 1, 60, 130, 200, 126], np.uint8) if target != "tensor(bool)" else np.array([0, 1], np.uint8)
    return made(schema, {"input": x}, {"to": element_number(target)})


def _value_nodes(type_: str, name: str) -> list[onnx.NodeProto]:
    """Nodes that give a value of a type."""
    if type_.startswith("optional("):
        inner = _value_nodes(type_[9:-1], f"{name}_inner")
        return [*inner, helper.make_node("Optional", [f"{name}_inner"], [name])]
    if type_.startswith("seq("):
        inner = _value_nodes(type_[4:-1], f"{name}_part")
        return [*inner, helper.make_node("SequenceConstruct", [f"{name}_part", f"{name}_part"], [name])]
    tensor = onnx.numpy_helper.from_array(_sample(type_), f"{name}_value")
    return [helper.make_node("Constant", [], [name], value=tensor)]


def _info(name: str, type_: str, shape: Sequence[int] | None = None) -> onnx.ValueInfoProto:
    value = np.zeros(shape) if shape is not None else None
    return helper.make_value_info(name, type_proto(type_, value))


@_factory("If")
def _if(schema: Schema, variable: str, type_: str) -> Base:
    type_ = type_ if variable == "V" else "tensor(float)"
    shape = (2, 3) if type_.startswith("tensor") else None
    branches = {}
    for branch, name in (("then_branch", "yes"), ("else_branch", "no")):
        nodes = _value_nodes(type_, name)
        if branch == "else_branch" and type_.startswith("tensor"):
            nodes = [*_value_nodes(type_, "no_columns"), helper.make_node("Identity", ["no_columns"], [name])]
        branches[branch] = helper.make_graph(nodes, branch, [], [_info(name, type_, shape)])
    return made(schema, {"cond": np.array(True)}, branches)


def _pass_on(type_: str, source: str, target: str, version: int) -> list[onnx.NodeProto]:
    """Nodes that give what they are given."""
    if type_.startswith("seq(") and version < 14:
        return [
            helper.make_node("Constant", [], [f"{target}_0"], value=onnx.numpy_helper.from_array(np.array(0))),
            helper.make_node("SequenceAt", [source, f"{target}_0"], [f"{target}_part"]),
            helper.make_node("SequenceInsert", [source, f"{target}_part"], [target]),
        ]
    return [helper.make_node("Identity", [source], [target])]


@_factory("Loop")
def _loop(schema: Schema, variable: str, type_: str) -> Base:
    type_ = type_ if variable == "V" else "tensor(float)"
    is_tensor = type_.startswith("tensor")
    shape = (2, 3) if is_tensor else None
    nodes = [
        helper.make_node("Identity", ["going"], ["goes_on"]),
        *_pass_on(type_, "state", "next", schema.version),
    ]
    results = [_info("goes_on", "tensor(bool)", ()), _info("next", type_, shape)]
    # Rows of other types the evaluator joins wrongly, and ONNX Runtime does not know.
    collects = is_tensor and type_[7:-1] in ("float", "double", "float16", "bool", *_INTEGERS)
    if collects:
        nodes.append(helper.make_node("Identity", ["state"], ["row"]))
        results.append(_info("row", type_, shape))
    taken = [_info("i", "tensor(int64)", ()), _info("going", "tensor(bool)", ()), _info("state", type_, shape)]
    body = helper.make_graph(nodes, "body", taken, results)
    inputs = {"M": np.array(3), "cond": np.array(True), "v_initial": [_sample(type_)]}
    types = {"v_initial": type_} if type_.startswith("optional") else {}
    return made(schema, inputs, {"body": body}, 1 + collects, types)


@_factory("Scan")
def _scan(schema: Schema, variable: str, type_: str) -> Base:
    type_ = type_ if variable == "V" else "tensor(float)"
    nodes = [helper.make_node("Identity", ["row"], ["next"]), helper.make_node("Identity", ["state"], ["before"])]
    taken, results = ([_info(name, type_, (3,)) for name in names] for names in (("state", "row"), ("next", "before")))
    body = helper.make_graph(nodes, "body", taken, results)
    state, rows = _sample(type_)[0], retype(np.concatenate([_X, _X + 1]), type_)
    if schema.version < 9:
        state, rows = state[None], rows[None]
    inputs = {"initial_state_and_scan_inputs": [state, rows]}
    return made(schema, inputs, {"body": body, "num_scan_inputs": 1}, 2)


@_factory("SequenceMap")
def _sequence_map(schema: Schema, variable: str, type_: str) -> Base:
    sequence = type_ if variable == "S" else "seq(tensor(float))"
    nodes = [helper.make_node("Identity", ["part"], ["same"])]
    taken, results = [_info("part", sequence[4:-1], (2, 3))], [_info("same", sequence[4:-1], (2, 3))]
    inputs: dict[str, Value] = {"input_sequence": _sample(sequence)}
    if variable == "V":
        inner = type_[4:-1] if type_.startswith("seq") else type_
        inputs["additional_inputs"] = [_sample(type_)]
        taken.append(_info("other", inner, (2, 3)))
        nodes.append(helper.make_node("Identity", ["other"], ["also"]))
        results.append(_info("also", inner, (2, 3)))
    return made(schema, inputs, {"body": helper.make_graph(nodes, "body", taken, results)}, len(results))


@_factory("SequenceConstruct", "SequenceAt", "SequenceErase", "SequenceLength", "SequenceInsert", "ConcatFromSequence")
def _sequence(schema: Schema, variable: str, type_: str) -> Base:
    if variable == "I":
        tensor, position = "tensor(float)", retype(np.array(1), type_)
    else:
        tensor, position = (type_[4:-1] if type_.startswith("seq(") else type_), np.array(-2)
    first, second = _sample(tensor), retype(_X.T if schema.name != "ConcatFromSequence" else _X + 1, tensor)
    everything = {
        "inputs": [first, second, first],
        "input_sequence": [first, second, first],
        "tensor": second,
        "position": position,
    }
    inputs = {formal.name: everything[formal.name] for formal in schema.inputs}
    return made(schema, inputs, {"axis": 1} if schema.name == "ConcatFromSequence" else {})


@_factory("SplitToSequence")
def _split_to_sequence(schema: Schema, variable: str, type_: str) -> Base:
    tensor = {"T": type_, "S": type_[4:-1]}.get(variable, "tensor(float)")
    split = retype(np.array([1, 2]), type_ if variable == "I" else "tensor(int64)")
    return made(schema, {"input": _sample(tensor), "split": split}, {"axis": 1})


@_factory("SequenceEmpty")
def _sequence_empty(schema: Schema, variable: str, type_: str) -> Base:
    return made(schema, {}, {"dtype": element_number(type_)})


@_factory("Optional")
def _optional(schema: Schema, variable: str, type_: str) -> Base:
    inner = type_[9:-1] if variable == "O" else type_
    return made(schema, {"input": _sample(inner)})


@_factory("OptionalGetElement", "OptionalHasElement")
def _optional_element(schema: Schema, variable: str, type_: str) -> Base:
    given = {"O": type_, "V": f"optional({type_})"}.get(variable, "optional(tensor(float))")
    return made(schema, {"input": _sample(given)}, types={"input": given})


@_factory("CastMap", domain=_ML)
def _cast_map(schema: Schema, variable: str, type_: str) -> Base:
    given = type_ if variable == "T1" else "map(int64, float)"
    target = {"tensor(string)": "TO_STRING", "tensor(int64)": "TO_INT64"}.get(type_, "TO_FLOAT")
    return made(schema, {"X": _sample(given)}, {"cast_to": target}, types={"X": given})


@_factory("CategoryMapper", domain=_ML)
def _category_mapper(schema: Schema, variable: str, type_: str) -> Base:
    attributes = {"cats_strings": ["a", "b", "é"], "cats_int64s": [5, 1, 2], "default_string": "?", "default_int64": -7}
    to_numbers = (variable == "T1") == (type_ == "tensor(string)")
    x = np.array([["b", "é"], ["none", "a"]], object) if to_numbers else np.array([[1, 5], [2, 3]])
    return made(schema, {"X": x}, attributes)


@_factory("DictVectorizer", domain=_ML)
def _dict_vectorizer(schema: Schema, variable: str, type_: str) -> Base:
    given = {"tensor(int64)": "map(string, int64)", "tensor(float)": "map(int64, float)"}.get(type_, type_)
    given = {"tensor(double)": "map(string, double)", "tensor(string)": "map(int64, string)"}.get(given, given)
    if given.startswith("map(int64"):
        vocabulary: dict[str, Any] = {"int64_vocabulary": [7, 5, 1]}
    else:
        vocabulary = {"string_vocabulary": ["é", "b", "a"]}
    return made(schema, {"X": _sample(given)}, vocabulary, types={"X": given})


@_factory("Imputer", domain=_ML)
def _imputer(schema: Schema, variable: str, type_: str) -> Base:
    if "int" in type_:
        attributes: dict[str, Any] = {"imputed_value_int64s": [5, 6, 7], "replaced_value_int64": 4}
    else:
        attributes = {"imputed_value_floats": [5.5, 6.5, 7.5], "replaced_value_float": 4.0}
    return made(schema, {"X": _sample(type_)}, attributes)


@_factory("LabelEncoder", domain=_ML)
def _label_encoder(schema: Schema, variable: str, type_: str) -> Base:
    key = type_ if variable == "T1" else "tensor(int64)"
    value = type_ if variable == "T2" else "tensor(string)" if key == "tensor(int64)" else "tensor(int64)"
    keys, values = retype(np.array([1, 2, 5]), key), retype(np.array([10, 30, 20]), value)
    x = retype(np.array([[5, 2], [1, 7]]), key)
    if schema.version == 1:
        if {key, value} != {"tensor(string)", "tensor(int64)"}:
            value = "tensor(int64)"
        names = ["1", "2", "5"]
        x = x if key == "tensor(string)" else np.array([[2, 0], [1, 3]])
        return made(schema, {"X": x}, {"classes_strings": names, "default_string": "?", "default_int64": -7})
    attributes: dict[str, Any] = {}
    for kind, type_of, array in (("keys", key, keys), ("values", value, values)):
        name = {"tensor(string)": "strings", "tensor(int64)": "int64s", "tensor(float)": "floats"}.get(type_of)
        if name is None:
            attributes[f"{kind}_tensor"] = onnx.numpy_helper.from_array(array)
        else:
            attributes[f"{kind}_{name}"] = array.tolist()
    if "values_tensor" in attributes:
        attributes["default_tensor"] = onnx.numpy_helper.from_array(retype(np.array([3]), value))
    return made(schema, {"X": x}, attributes)


@_factory("LinearClassifier", domain=_ML)
def _linear_classifier(schema: Schema, variable: str, type_: str) -> Base:
    attributes = {
        "coefficients": [0.5, -1.0, 0.25, 1.0, 0.5, -0.5, -0.75, 0.25, 1.0],
        "intercepts": [0.5, -0.25, 1.0],
        "post_transform": "SOFTMAX",
        **_labels(variable, type_),
    }
    return made(schema, {"X": _sample(type_ if variable == "T1" else "tensor(float)")}, attributes, 2)


def _labels(variable: str, type_: str, integers: str = "classlabels_ints") -> dict[str, Any]:
    if variable == "T2" and type_ == "tensor(string)":
        return {"classlabels_strings": ["a", "b", "é"]}
    return {integers: [3, 7, -1]}


_weights: dict[str, Any] = {"coefficients": [0.5, -1.0, 2.0, 1.5, 0.5, 1.0], "intercepts": [0.5, 1.0]}
_written("LinearRegressor", 1, {"X": _X}, _ML, targets=2, **_weights)
for _norm in ("MAX", "L1", "L2"):
    _written("Normalizer", 1, {"X": _X}, _ML, norm=_norm)
_written("Scaler", 1, {"X": _X}, _ML, offset=[0.5, 1.0, -1.0], scale=[2.0, 0.5, 3.0])
_written("FeatureVectorizer", 1, {"X": [_X, _X[:, :1]]}, _ML, inputdimensions=[3, 1])


@_factory("OneHotEncoder", domain=_ML)
def _one_hot_encoder(schema: Schema, variable: str, type_: str) -> Base:
    categories: dict[str, Any] = {"cats_int64s": [1, 5, 2]}
    if type_ == "tensor(string)":
        categories = {"cats_strings": ["1", "5", "2"]}
    return made(schema, {"X": retype(np.array([[5, 2, 1], [1, 7, 5]]), type_)}, {**categories, "zeros": 1})


@_factory("SVMClassifier", domain=_ML)
def _svm_classifier(schema: Schema, variable: str, type_: str) -> Base:
    attributes = {
        "kernel_type": "RBF",
        "kernel_params": [0.25, 0.0, 3.0],
        "support_vectors": [1.0, 0.5, -1.0, 2.0, 0.25, 0.5, -0.5, 1.0, 1.5, 0.0, 2.0, -1.0],
        "vectors_per_class": [2, 1, 1],
        "coefficients": [0.5, -1.0, 0.75, 1.0, 0.25, -0.5, 1.0, -0.75],
        "rho": [0.1, -0.2, 0.3],
        **_labels(variable, type_),
    }
    return made(schema, {"X": _sample(type_ if variable == "T1" else "tensor(float)")}, attributes, 2)


_written(
    "SVMRegressor",
    1,
    {"X": _X},
    _ML,
    kernel_type="RBF",
    kernel_params=[0.25, 0.0, 3.0],
    support_vectors=[1.0, 0.5, -1.0, 2.0, 0.25, 0.5],
    n_supports=2,
    coefficients=[0.5, -1.0],
    rho=[0.25],
)

#: Two trees: x0 <= 1 ? (x1 <= 2 ? a : b) : c, and x2 < 0 ? d : e.
_TREES = {
    "nodes_treeids": [0, 0, 0, 0, 0, 1, 1, 1],
    "nodes_nodeids": [0, 1, 2, 3, 4, 0, 1, 2],
    "nodes_featureids": [0, 1, 0, 0, 0, 2, 0, 0],
    "nodes_modes": ["BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"],
    "nodes_truenodeids": [1, 3, 0, 0, 0, 1, 0, 0],
    "nodes_falsenodeids": [2, 4, 0, 0, 0, 2, 0, 0],
}
_SPLITS = [1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
_LEAVES = {"treeids": [0, 0, 0, 1, 1], "nodeids": [2, 3, 4, 1, 2], "ids": [0, 1, 2, 0, 1]}
_WEIGHTS = [0.5, 0.25, 1.0, -0.5, 0.75]


def _trees(schema: Schema, type_: str, kind: str) -> tuple[Value, dict[str, Any]]:
    """Data, and attributes; in doubles where the type is one."""
    attributes: dict[str, Any] = {**_TREES, **{f"{kind}_{name}": numbers for name, numbers in _LEAVES.items()}}
    dtype = element_dtype(type_)
    if dtype == np.float64 and schema.version >= 3:
        attributes["nodes_values_as_tensor"] = onnx.numpy_helper.from_array(np.array(_SPLITS))
        attributes[f"{kind}_weights_as_tensor"] = onnx.numpy_helper.from_array(np.array(_WEIGHTS))
    else:
        attributes["nodes_values"] = _SPLITS
        attributes[f"{kind}_weights"] = _WEIGHTS
    return _sample(type_), attributes


@_factory("TreeEnsembleClassifier", domain=_ML)
def _tree_classifier(schema: Schema, variable: str, type_: str) -> Base:
    x, attributes = _trees(schema, type_ if variable == "T1" else "tensor(float)", "class")
    attributes |= _labels(variable, type_, "classlabels_int64s")
    return made(schema, {"X": x}, attributes, 2)


@_factory("TreeEnsembleRegressor", domain=_ML)
def _tree_regressor(schema: Schema, variable: str, type_: str) -> Base:
    x, attributes = _trees(schema, type_, "target")
    return made(schema, {"X": x}, {**attributes, "n_targets": 3})


@_factory("ZipMap", domain=_ML)
def _zip_map(schema: Schema, variable: str, type_: str) -> Base:
    labels: dict[str, Any] = {"classlabels_int64s": [3, 7, -1]}
    if "string" in type_:
        labels = {"classlabels_strings": ["a", "b", "é"]}
    return made(schema, {"X": _X}, labels)


@_factory("TfIdfVectorizer")
def _tfidf(schema: Schema, variable: str, type_: str) -> Base:
    given = type_ if variable == "T" else "tensor(int64)"
    words = [2, 3, 5, 4, 5, 6, 7, 8, 6, 7]
    attributes: dict[str, Any] = {"mode": "TF", "min_gram_length": 1, "max_gram_length": 2, "max_skip_count": 0}
    attributes |= {"ngram_counts": [0, 4], "ngram_indexes": [0, 1, 2, 3, 4, 5, 6]}
    if given == "tensor(string)":
        attributes["pool_strings"] = [str(word) for word in words]
    else:
        attributes["pool_int64s"] = words
    x = retype(np.array([1, 1, 3, 3, 3, 7, 8, 6, 7, 5, 6, 8]), given)
    return made(schema, {"X": x}, attributes)
