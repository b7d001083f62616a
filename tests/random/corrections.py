"""Where the onnx package's evaluator is not believed, and why.

An operator in `CORRECTIONS` replaces the evaluator's own, in graphs of nodes as well. Those in `OUTSIDE` are computed
by ONNX Runtime where they stand by themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx.reference.op_run import OpRun
from onnx.reference.ops import _op_list


class SequenceInsert(OpRun):
    """The evaluator takes the place behind the last element for that of the first, against the standard."""

    op_domain = ""

    def _run(self, sequence: list[Any], tensor: np.ndarray, position: np.ndarray | None = None) -> tuple[list[Any]]:
        result = list(sequence)
        result.insert(len(result) if position is None else int(position), tensor)
        return (result,)


class Optional(OpRun):
    """The evaluator makes a list of the value, which nothing else in it takes for an optional one."""

    op_domain = ""

    def _run(self, value: Any = None, type: Any = None) -> tuple[Any]:
        return (value,)


class BatchNormalization(OpRun):
    """Before version 14 the evaluator takes running averages into account where a model only infers."""

    op_domain = ""

    def _run(
        self,
        x: np.ndarray,
        scale: np.ndarray,
        bias: np.ndarray,
        mean: np.ndarray,
        variance: np.ndarray,
        epsilon: float = 1e-5,
        **_: Any,
    ) -> tuple[np.ndarray]:
        wide = [p.astype(np.float64).reshape(-1, *(1,) * (x.ndim - 2)) for p in (scale, bias, mean, variance)]
        y = wide[0] * (x.astype(np.float64) - wide[2]) / np.sqrt(wide[3] + epsilon) + wide[1]
        return (y.astype(x.dtype),)


class Erf(OpRun):
    """The evaluator's is exact to 1e-7 only, for 64 bits, too."""

    op_domain = ""

    def _run(self, x: np.ndarray) -> tuple[np.ndarray]:
        return (np.vectorize(math.erf, otypes=[np.float64])(x.astype(np.float64)).astype(x.dtype),)


class OneHot(OpRun):
    """The evaluator does not take a depth of shape [1]; numpy takes none anymore."""

    op_domain = ""

    def _run(
        self, indices: np.ndarray, depth: np.ndarray, values: np.ndarray, axis: int | None = None
    ) -> tuple[np.ndarray]:
        count, axis = int(np.reshape(depth, -1)[0]), -1 if axis is None else axis
        places = indices.astype(np.int64)
        places = np.where(places < 0, places + count, places)
        at = axis % (indices.ndim + 1)
        line = np.arange(count).reshape([count if i == at else 1 for i in range(indices.ndim + 1)])
        return (np.where(np.expand_dims(places, at) == line, values[1], values[0]),)


class GlobalLpPool(OpRun):
    """The evaluator has none."""

    op_domain = ""

    def _run(self, x: np.ndarray, p: int | None = None) -> tuple[np.ndarray]:
        order, axes = p or 2, tuple(range(2, x.ndim))
        total = (np.abs(x.astype(np.float64)) ** order).sum(axis=axes, keepdims=True)
        return ((total ** (1 / order)).astype(x.dtype),)


class GlobalMaxPool(OpRun):
    """The evaluator reduces the channels as well where there is one spatial dimension."""

    op_domain = ""

    def _run(self, x: np.ndarray) -> tuple[np.ndarray]:
        return (x.max(axis=tuple(range(2, x.ndim)), keepdims=True),)


class Unique(OpRun):
    """Along an axis, and where results are not sorted, the evaluator takes elements by wrong positions."""

    op_domain = ""

    def _run(self, x: np.ndarray, axis: int | None = None, sorted: int = 1) -> tuple[np.ndarray, ...]:
        rows = x.reshape(-1, 1) if axis is None else np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)
        keys = [tuple(row.tolist()) for row in rows]
        counts: dict[Any, int] = {}
        for key in keys:
            counts[key] = counts.get(key, 0) + 1
        order = list(counts)
        if sorted:
            order.sort()
        number = {key: place for place, key in enumerate(order)}
        first = np.array([keys.index(key) for key in order], np.int64)
        values = x.ravel()[first] if axis is None else np.take(x, first, axis)
        return (
            values,
            first,
            np.array([number[key] for key in keys], np.int64),
            np.array([counts[key] for key in order], np.int64),
        )


class LayerNormalization(OpRun):
    """The evaluator computes in the type of the data, not in that of the attribute stash_type."""

    op_domain = ""

    def _run(
        self,
        x: np.ndarray,
        scale: np.ndarray,
        bias: np.ndarray | None = None,
        axis: int = -1,
        epsilon: float = 1e-5,
        stash_type: int = 1,
    ) -> tuple[np.ndarray, ...]:
        wide = x.astype(np.float64)
        axes = tuple(range(axis % x.ndim, x.ndim))
        mean = wide.mean(axis=axes, keepdims=True)
        inverse = 1 / np.sqrt(((wide - mean) ** 2).mean(axis=axes, keepdims=True) + epsilon)
        y = ((wide - mean) * inverse).astype(x.dtype).astype(np.float64) * scale.astype(np.float64)
        y = y if bias is None else y + bias.astype(np.float64)
        stash = np.float32 if stash_type == 1 else x.dtype
        return (y.astype(x.dtype), mean.astype(stash), inverse.astype(stash))[: len(self.onnx_node.output)]


class MaxPool(OpRun):
    """The evaluator counts places in each plane by itself, and is wrong about SAME padding."""

    op_domain = ""

    def _run(
        self,
        x: np.ndarray,
        kernel_shape: Sequence[int],
        auto_pad: str = "NOTSET",
        ceil_mode: int = 0,
        dilations: Sequence[int] | None = None,
        pads: Sequence[int] | None = None,
        storage_order: int = 0,
        strides: Sequence[int] | None = None,
    ) -> tuple[np.ndarray, ...]:
        spatial = x.ndim - 2
        strides, dilations, pads = strides or [1] * spatial, dilations or [1] * spatial, pads or [0] * 2 * spatial
        places: list[list[list[int]]] = []  # by axis and output position, those of a window
        for axis, (size, kernel, stride, dilation) in enumerate(
            zip(x.shape[2:], kernel_shape, strides, dilations, strict=True)
        ):
            before, after, reach = pads[axis], pads[axis + spatial], (kernel - 1) * dilation + 1
            if auto_pad.startswith("SAME"):
                count = -(-size // stride)
                total = max((count - 1) * stride + reach - size, 0)
                before = total // 2 if auto_pad == "SAME_UPPER" else total - total // 2
            else:
                room = size + before + after - reach
                count = (-(-room // stride) if ceil_mode and auto_pad == "NOTSET" else room // stride) + 1
                if ceil_mode and (count - 1) * stride >= size + before:
                    count -= 1
            starts = [position * stride - before for position in range(count)]
            places.append([[s + k * dilation for k in range(kernel) if 0 <= s + k * dilation < size] for s in starts])
        shape = (*x.shape[:2], *map(len, places))
        best, found = np.zeros(shape, x.dtype), np.zeros(shape, np.int64)
        flat = np.arange(x.size).reshape(x.shape)
        for index in np.ndindex(*shape):
            window = np.ix_(*(places[axis][i] for axis, i in enumerate(index[2:])))
            values = x[index[:2]][window]
            best[index] = values.max()
            found[index] = flat[index[:2]][window].ravel()[int(np.argmax(values.ravel()))]
        return (best, found)[: len(self.onnx_node.output)]


class LRN(OpRun):
    """The evaluator reads beyond the channels where there are fewer than the window has."""

    op_domain = ""

    def _run(
        self, x: np.ndarray, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0, size: int = 1
    ) -> tuple[np.ndarray]:
        wide, total = x.astype(np.float64), np.zeros(x.shape)
        for channel in range(x.shape[1]):
            first, last = channel - (size - 1) // 2, channel + math.ceil((size - 1) / 2)
            total[:, channel] = (wide[:, max(first, 0) : last + 1] ** 2).sum(axis=1)
        return ((wide / (bias + alpha / size * total) ** beta).astype(x.dtype),)


class StringNormalizer(OpRun):
    """The evaluator takes accents off, and stop words out of the strings instead of strings that are stop words."""

    op_domain = ""

    def _run(
        self,
        x: np.ndarray,
        case_change_action: str = "NONE",
        is_case_sensitive: int = 0,
        locale: str | None = None,
        stopwords: list[str] | None = None,
    ) -> tuple[np.ndarray]:
        change = {"LOWER": str.lower, "UPPER": str.upper}.get(case_change_action, str)
        same = str if is_case_sensitive else str.lower
        stops = {same(word) for word in stopwords or ()}
        kept = [change(text) for text in x.ravel() if same(text) not in stops] or [""]
        return (np.array(kept, object).reshape(*x.shape[:-1], -1),)


class Loop(_op_list.Loop):  # type: ignore[misc]
    """The evaluator joins the rows that a loop collects instead of stacking them, and takes no condition for False."""

    op_domain = ""
    body: Any
    _run_body: Any

    def _run(
        self,
        limit: np.ndarray | None,
        condition: np.ndarray | None,
        *starts: Any,
        context: Mapping[str, Any] | None = None,
        body: Any = None,
        attributes: Any = None,
        bindings: Any = None,
    ) -> tuple[Any, ...]:
        names = self.body.input_names
        states = list(starts)
        rows: list[list[np.ndarray]] = [[] for _ in range(self.K)]
        go, number = True if condition is None else bool(condition), 0
        while go and (limit is None or number < int(limit)):
            feeds = dict(context or {}) | dict(zip(names, [np.array(number), np.array(go), *states], strict=True))
            results = self._run_body(feeds, attributes=attributes, bindings=bindings)
            go, number, states = bool(results[0]), number + 1, list(results[1 : 1 + self.N])
            for collected, row in zip(rows, results[1 + self.N :], strict=True):
                collected.append(row)
            if number > 20:
                raise RuntimeError("too many iterations")
        if not number and rows:
            raise RuntimeError("nothing says of which shape rows are that are not there")
        return (*states, *(np.stack(collected) for collected in rows))


class Scan(_op_list.Scan):  # type: ignore[misc]
    """The evaluator knows the first axis only, and goes forward only."""

    op_domain = ""
    body: Any
    num_scan_inputs: int
    scan_input_axes: list[int] | None
    scan_input_directions: list[int] | None
    scan_output_axes: list[int] | None
    scan_output_directions: list[int] | None
    _run_body: Any

    def __init__(self, node: Any, parameters: Any) -> None:
        OpRun.__init__(self, node, parameters)

    def _run(self, *arguments: Any, context: Mapping[str, Any] | None = None, bindings: Any = None, **_: Any) -> Any:
        count = len(arguments) - self.num_scan_inputs
        states, scanned = list(arguments[:count]), arguments[count:]
        names = self.body.input_names
        outputs = len(self.body.output_names) - count
        axes, ways = self.scan_input_axes or [0] * len(scanned), self.scan_input_directions or [0] * len(scanned)
        turned = [np.moveaxis(x, a, 0)[:: -1 if way else 1] for x, a, way in zip(scanned, axes, ways, strict=True)]
        rows: list[list[np.ndarray]] = [[] for _ in range(outputs)]
        for slices in zip(*turned, strict=True):
            feeds = dict(context or {}) | dict(zip(names, [*states, *slices], strict=True))
            results = self._run_body(feeds, bindings=bindings)
            states = list(results[:count])
            for collected, row in zip(rows, results[count:], strict=True):
                collected.append(row)
        axes, ways = self.scan_output_axes or [0] * outputs, self.scan_output_directions or [0] * outputs
        stacked = [np.stack(c[:: -1 if way else 1], axis=a) for c, a, way in zip(rows, axes, ways, strict=True)]
        return (*states, *stacked)


CORRECTIONS: list[type[OpRun]] = [
    SequenceInsert,
    StringNormalizer,
    Optional,
    BatchNormalization,
    Erf,
    OneHot,
    GlobalLpPool,
    GlobalMaxPool,
    LayerNormalization,
    MaxPool,
    Unique,
    LRN,
    Loop,
    Scan,
]

#: Operators that give floats whatever they are given, and that the evaluator runs on integers.
IN_FLOATS = frozenset(
    [
        "Scaler",
        "Normalizer",
        "LinearRegressor",
        "TreeEnsembleRegressor",
        "LinearClassifier",
        "TreeEnsembleClassifier",
        "SVMRegressor",
        "SVMClassifier",
    ]
)

#: Operators for which the evaluator lets numpy choose a wider type than the schema says.
PROMOTED = IN_FLOATS | {"ReduceSumSquare", "LayerNormalization"}


@cache
def _session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def by_onnxruntime(model: onnx.ModelProto, feeds: Mapping[str, Any]) -> list[Any]:
    """A model's outputs by ONNX Runtime, in a version that it has."""
    older = onnx.ModelProto()
    older.CopyFrom(model)
    older.ir_version = 10
    for entry in older.opset_import:
        entry.version = min(entry.version, 21) if not entry.domain else entry.version
    return list(_session(older.SerializeToString()).run(None, dict(feeds)))


def recurrent(model: onnx.ModelProto, feeds: Mapping[str, Any]) -> list[Any] | None:
    """The evaluator leaves lengths of sequences, activations and clipping out of account."""
    node = model.graph.node[0]
    ignored = {"activations", "clip"} & {attribute.name for attribute in node.attribute}
    if ignored or (len(node.input) > 4 and node.input[4]):
        return by_onnxruntime(model, feeds)
    return None


#: By domain and operator: results by another program, or None where the evaluator is believed.
OUTSIDE: dict[tuple[str, str], Callable[[onnx.ModelProto, Mapping[str, Any]], list[Any] | None]] = {
    ("", "RNN"): recurrent,
    ("", "GRU"): recurrent,
    ("", "LSTM"): recurrent,
    ("", "MaxRoiPool"): by_onnxruntime,  # the evaluator has none
    ("ai.onnx.ml", "CategoryMapper"): by_onnxruntime,  # nor this
}
