"""Two operators of a domain of our own, for `onnxc compile --op-library my_ops.py`."""

import numpy as np

from onnxc import CompileError
from onnxc.op.custom import CSource, TensorType, register_operator

# y = x / (1 + exp(-beta x)), element by element.
#
# A compute says what one element is, in tensor expressions: `T.math` are the functions of C's math library. It runs on
# every target, vectorised where there are vectors, and as one kernel with elementwise operators around it.


def swish_types(attrs, x):
    if x.dtype != "float32":
        raise CompileError(f"Swish of {x.dtype}", expected="float32")
    return x


def swish_compute(T, attrs, x):
    one, beta = T.const(1.0, "float32"), T.const(attrs.beta, "float32")

    def element(*i):
        return x(*i) / (one + T.math("exp", -(beta * x(*i))))

    return T.compute(T.shape(x), element, "swish")


register_operator(
    "example.org",
    "Swish",
    attributes={"beta": 1.0},
    types=swish_types,
    reference=lambda attrs, x: (x / (1 + np.exp(-attrs.beta * x))).astype(x.dtype),
    compute=swish_compute,
    kind="elementwise",
)


# state = decay * state + x along the last axis; gives all states, and the last one.
#
# What depends on the element before it is no tensor expression: here the kernel is C99. Sizes that are known are
# numbers in the text; symbolic ones are parameters of the function, by their names.


def integrate_types(attrs, x):
    if x.dtype != "float32" or x.rank < 1:
        raise CompileError(f"LeakyIntegrator of {x}", expected="a tensor of float32 with an axis")
    return [x, TensorType(x.shape[:-1], x.dtype)]


def integrate_reference(attrs, x):
    states = np.empty_like(x)
    state = np.zeros(x.shape[:-1], x.dtype)
    for step in range(x.shape[-1]):
        state = (np.float32(attrs.decay) * state + x[..., step]).astype(x.dtype)
        states[..., step] = state
    return states, state


def integrate_source(symbol, attrs, inputs, outputs):
    (x,) = inputs
    symbols = sorted(set().union(*(d.symbols() for d in x.shape if not isinstance(d, int))))
    parameters = "".join(f", int32_t {name}" for name in symbols)
    rows = " * ".join(["(int64_t)1", *(str(d) for d in x.shape[:-1])])
    return CSource(f"""\
#include <stdint.h>

int32_t {symbol}(const float *restrict x, float *restrict states, float *restrict last{parameters}) {{
  const int64_t rows = {rows}, steps = {x.shape[-1]};
  for (int64_t row = 0; row < rows; ++row) {{
    float state = 0.0f;
    for (int64_t i = 0; i < steps; ++i) states[row * steps + i] = state = {attrs.decay}f * state + x[row * steps + i];
    last[row] = state;
  }}
  return 0;
}}
""")


register_operator(
    "example.org",
    "LeakyIntegrator",
    attributes={"decay": 0.5},
    types=integrate_types,
    reference=integrate_reference,
    source=integrate_source,
)
