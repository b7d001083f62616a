"""Small models of everything that the executor does: branches, copies, parts of buffers, workspaces, open sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import onnx
import onnx.parser
import onnxruntime
from onnx import helper, numpy_helper


@dataclass(frozen=True)
class SmallModel:
    """A model in ONNX's text form.

    Attributes
    ----------
    name : str
    text : str
        Inputs, outputs and nodes of the graph: what follows its name.
    weights : mapping
        Shapes of further initializers, of random floats.
    sizes : sequence of mapping
        Values of the symbols to run it with.
    feeds : sequence of mapping
        Inputs to run it with, instead of random ones.
    opset : int
    """

    name: str
    text: str
    weights: Mapping[str, Sequence[int]] = field(default_factory=dict)
    sizes: Sequence[Mapping[str, int]] = ({},)
    feeds: Sequence[Mapping[str, np.ndarray]] = ()
    opset: int = 17

    def proto(self) -> onnx.ModelProto:
        model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : {self.opset}]> {self.name} {self.text}')
        random = np.random.default_rng(0)
        for name, shape in self.weights.items():
            array = (random.standard_normal(shape) / 4).astype(np.float32)
            model.graph.initializer.append(numpy_helper.from_array(array, name))
        return model

    def runs(self) -> list[dict[str, np.ndarray]]:
        """Inputs for each choice of sizes: random numbers, once with all conditions true and once with all false."""
        if self.feeds:
            return [dict(feed) for feed in self.feeds]
        model = self.proto()
        conditions = (True, False) if any(i.type.tensor_type.elem_type == 9 for i in model.graph.input) else (True,)
        return [_inputs(model, dims, condition) for dims in self.sizes for condition in conditions]

    def expected(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """ONNX Runtime's outputs."""
        session = _session(self)
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(None, dict(inputs)), strict=True))

    def __hash__(self) -> int:
        return hash(self.name)


@cache
def _session(model: SmallModel) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.proto().SerializeToString(), options, providers=["CPUExecutionProvider"])


def _inputs(model: onnx.ModelProto, dims: Mapping[str, int], condition: bool) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    arrays = {}
    for value in model.graph.input:
        tensor = value.type.tensor_type
        shape = [dims[d.dim_param] if d.dim_param else d.dim_value for d in tensor.shape.dim]
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
        if dtype.kind == "b":
            arrays[value.name] = np.full(shape, condition)
        elif dtype.kind in "iu":
            arrays[value.name] = random.integers(0, 3, shape).astype(dtype)
        else:
            arrays[value.name] = random.standard_normal(shape).astype(dtype)
    return arrays


MODELS = [
    SmallModel(
        "branches",
        """(float[N, 3] x, bool c) => (float[N, 3] y, float[N, 3] z, float[N, 3] last)
        <float[3] w = {1.0, 2.0, 3.0}> {
            a = Add(x, w)
            y, z = If(c) <
                then_branch = yes () => (float[N, 3] ty, float[N, 3] tz) { ty = Neg(a)  tz = Identity(x) },
                else_branch = no () => (float[N, 3] ey, float[N, 3] ez) { ey = Exp(a)  ez = Mul(ey, w) }
            >
            last = Sub(a, y)
        }""",
        sizes=[{"N": 1}, {"N": 4}],
    ),
    SmallModel(
        "nested_branches",
        """(float[2, 3] x, bool c, bool d) => (float[2, 3] y) {
            not_d = Not(d)
            y = If(c) <
                then_branch = yes () => (float[2, 3] t) {
                    t = If(not_d) <
                        then_branch = a () => (float[2, 3] ta) {
                            zero = Constant<value_int = 0>()
                            ta = CumSum(x, zero)
                        },
                        else_branch = b () => (float[2, 3] tb) { tb = Softmax(x) }
                    >
                },
                else_branch = no () => (float[2, 3] e) { e = Relu(x) }
            >
        }""",
    ),
    SmallModel(
        "outputs",
        """(float[2, 3] x) => (float[2, 3] same, float[2, 3] y, float[2, 3] again, float[6] flat, float[2] constant,
                              float[1, 6] row)
        <float[2] w = {1.5, -2.5}> {
            same = Identity(x)
            y = Exp(x)
            again = Identity(y)
            shape = Constant<value_ints = [6]>()
            flat = Reshape(y, shape)
            constant = Identity(w)
            wide = Constant<value_ints = [1, 6]>()
            row = Reshape(x, wide)
        }""",
    ),
    SmallModel(
        "joins",
        """(float[N, 3] x, float[2, 3] z) => (float[K, 3] all, float[L, 3] twice, float[M, 3] sum)
        <float[1, 3] w = {1.0, 2.0, 3.0}> {
            a = Softmax(x)
            all = Concat<axis = 0>(a, w, x, a, z)
            b = Exp(x)
            twice = Concat<axis = 0>(b, b)
            c = Concat<axis = 0>(a, b)
            sum = Relu(c)
        }""",
        sizes=[{"N": 1}, {"N": 3}],
    ),
    SmallModel(
        "parts",
        """(float[6, 4] x) => (float[2, 4] a, float[1, 4] b, float[2, 4] e, float[3, 4] c, float[1, 2, 4] view) {
            sizes = Constant<value_ints = [2, 1, 3]>()
            y = Softmax(x)
            a, b, c0 = Split<axis = 0>(y, sizes)
            c = Neg(c0)
            p, q, r = Split<axis = 0>(x, sizes)
            e = Add(a, p)
            shape = Constant<value_ints = [1, 2, 4]>()
            view = Reshape(p, shape)
        }""",
    ),
    SmallModel(
        "convolutions",
        """(float[N, 3, 8, 8] image) => (float[N, 10] scores) {
            a = Conv<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(image, w0, b0)
            r = Relu(a)
            b = Conv<kernel_shape = [3, 3], pads = [1, 1, 1, 1], group = 13>(r, w1)
            s = Add(r, b)
            p = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(s)
            g = GlobalAveragePool(p)
            f = Flatten(g)
            scores = Gemm<transB = 1>(f, w2, b2)
        }""",
        {"w0": (13, 3, 3, 3), "b0": (13,), "w1": (13, 1, 3, 3), "w2": (10, 13), "b2": (10,)},
        [{"N": 1}, {"N": 2}],
    ),
    SmallModel(
        "attention",
        """(float[N, T, 8] x) => (float[N, T, 8] y, float[N, T, T] weights) {
            q = MatMul(x, wq)
            k = MatMul(x, wk)
            kt = Transpose<perm = [0, 2, 1]>(k)
            s = MatMul(q, kt)
            weights = Softmax<axis = -1>(s)
            m = MatMul(weights, x)
            r = Add(m, x)
            y = LayerNormalization(r, scale, bias)
        }""",
        {"wq": (8, 8), "wk": (8, 8), "scale": (8,), "bias": (8,)},
        [{"N": 1, "T": 1}, {"N": 2, "T": 5}],
    ),
    SmallModel(
        "recurrent",
        """(float[T, 1, 4] x) => (float[T, 1, 1, 5] y, float[1, 1, 5] h, float[1, 1, 5] c) {
            y, h, c = LSTM<hidden_size = 5>(x, w, r, b)
        }""",
        {"w": (1, 20, 4), "r": (1, 20, 5), "b": (1, 40)},
        [{"T": 1}, {"T": 6}],
    ),
    SmallModel(
        "choices",
        """(float[N, 7] x, int64[2] rows) => (float[N, 3] values, int64[N, 3] places, float[2, 7] picked,
                                            float[N, 7] sums, bool[N, 7] positive, int64[N] best) {
            k = Constant<value_ints = [3]>()
            values, places = TopK(x, k)
            picked = Gather(x, rows)
            axis = Constant<value_int = 1>()
            sums = CumSum(x, axis)
            zero = Constant<value_float = 0.0>()
            positive = Greater(x, zero)
            best = ArgMax<axis = 1, keepdims = 0>(x)
        }""",
        sizes=[{"N": 3}, {"N": 5}],
    ),
    SmallModel(
        "quantized",
        """(float[1, 4, 5, 5] x) => (float[1, 6, 5, 5] y)
        <float scale = {0.0625}, uint8 point = {128}, float wscale = {0.03125}, int8 wpoint = {0}> {
            q = QuantizeLinear(x, scale, point)
            d = DequantizeLinear(q, scale, point)
            wq = QuantizeLinear(w, wscale, wpoint)
            wd = DequantizeLinear(wq, wscale, wpoint)
            c = Conv<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(d, wd)
            cq = QuantizeLinear(c, scale, point)
            y = DequantizeLinear(cq, scale, point)
        }""",
        {"w": (6, 4, 3, 3)},
    ),
    SmallModel(
        "windows",
        """(float[1, 2, H, W] x) => (float[1, 2, A, B] y, float[1, 2, C, D] z) {
            y = AveragePool<kernel_shape = [3, 2], strides = [2, 1]>(x)
            pads = Constant<value_ints = [0, 0, 1, 1, 0, 0, 1, 0]>()
            z = Pad<mode = "reflect">(x, pads)
        }""",
        sizes=[{"H": 3, "W": 2}, {"H": 8, "W": 5}],
    ),
]
