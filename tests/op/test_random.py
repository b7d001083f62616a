"""Random numbers: the generator's published vectors, moments, bounds, and that a seed gives the same numbers again."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser

import onnxc
from onnxc.op.philox import normal_quantile, words


def run(body: str, level: int = 3) -> dict[str, np.ndarray]:
    model = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["" : 22]> g () => (float y) {{ {body} }}')
    model.graph.output[0].type.tensor_type.ClearField("shape")
    return onnxc.compile(model, level=level, jobs=1).run({})


def test_known_words() -> None:
    """The first block of key 0, from the known-answer tests of the authors' library."""
    assert [hex(w) for w in words(4, (0, 0))] == ["0x6627e8d5", "0xe169c58d", "0xbc57ac4c", "0x9b00dbd8"]


def test_quantiles_of_the_normal_distribution() -> None:
    probabilities = np.array([0.5, 0.975, 0.025, 0.9, 1e-4, 1 - 1e-7])
    known = [0, 1.959963984540054, -1.959963984540054, 1.2815515655446004, -3.719016485455709, 5.19933758227273]
    found = normal_quantile((probabilities * 2.0**32 - 0.5).astype(np.uint32))
    np.testing.assert_allclose(found, known, rtol=1e-4, atol=1e-9)


def test_uniform() -> None:
    (y,) = run("y = RandomUniform<shape = [100, 1000], low = -2.0, high = 4.0, seed = 3.0>()").values()
    assert y.shape == (100, 1000) and y.dtype == np.float32
    assert y.min() >= -2 and y.max() < 4
    assert abs(y.mean() - 1) < 0.02 and abs(y.std() - 6 / 12**0.5) < 0.02
    counts, _ = np.histogram(y, 50, (-2, 4))
    assert (abs(counts - 2000) < 5 * 2000**0.5).all()


def test_normal() -> None:
    (y,) = run("y = RandomNormal<shape = [100000], mean = 3.0, scale = 2.0, seed = 3.0>()").values()
    z = (y.astype(np.float64) - 3) / 2
    moments = [z.mean(), z.var(), (z**3).mean(), (z**4).mean()]
    np.testing.assert_allclose(moments, [0, 1, 0, 3], atol=0.06)
    assert abs(np.corrcoef(z[:-1], z[1:])[0, 1]) < 0.02


def test_a_seed_gives_the_same_numbers() -> None:
    node = "y = RandomNormal<shape = [64], seed = {}>()"
    first, again, other = (run(node.format(seed), level)["y"] for seed, level in (("1.0", 3), ("1.0", 0), ("2.0", 3)))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_as_many_as_an_input_has() -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 22]> g (float16[N, 3] x) => (double[N, 3] y) '
        "{ y = RandomUniformLike<seed = 1.0, dtype = 11>(x) }"
    )
    compiled = onnxc.compile(model, jobs=1)
    long, short = (compiled(np.zeros((n, 3), np.float16))["y"] for n in (50, 2))
    np.testing.assert_array_equal(long[:2], short)


def test_without_a_seed_nodes_differ() -> None:
    y = run("a = RandomUniform<shape = [64]>() b = RandomUniform<shape = [64]>() y = Sub(a, b)")["y"]
    assert (y != 0).sum() > 60


def test_bernoulli_and_multinomial() -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 10, opset_import: ["" : 22]>
        g (float[4, 5000] p, float[2, 3] logits) => (bool[4, 5000] b, int64[2, 20000] m) {
            b = Bernoulli<seed = 5.0, dtype = 9>(p)
            m = Multinomial<seed = 5.0, sample_size = 20000, dtype = 7>(logits)
        }"""
    )
    chances = np.array([0, 0.25, 0.9, 1], np.float32)
    shares = np.array([[0.2, 0.5, 0.3], [0.9, 0, 0.1]])
    with np.errstate(divide="ignore"):
        logits = (np.log(shares) + 7).astype(np.float32)
    out = onnxc.compile(model, jobs=1).run({"p": np.repeat(chances[:, None], 5000, 1), "logits": logits})
    np.testing.assert_allclose(out["b"].mean(axis=1), chances, atol=0.02)
    assert not out["b"][0].any() and out["b"][3].all()
    found = [[(row == k).mean() for k in range(3)] for row in out["m"]]
    np.testing.assert_allclose(found, shares, atol=0.015)
    assert not (out["m"][1] == 1).any()


def test_dropout_in_training() -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 10, opset_import: ["" : 22]>
        g (float[100, 1000] x) => (float[100, 1000] y, bool[100, 1000] mask) {
            ratio = Constant<value = float {0.25}>()
            training = Constant<value = bool {1}>()
            y, mask = Dropout<seed = 3>(x, ratio, training)
        }"""
    )
    x = np.full((100, 1000), 3.0, np.float32)
    out = onnxc.compile(model, jobs=1)(x)
    assert abs(out["mask"].mean() - 0.75) < 0.01
    np.testing.assert_allclose(out["y"], np.where(out["mask"], 4.0, 0.0), rtol=1e-6)


def test_iterations_have_numbers_of_their_own() -> None:
    """Of nested loops each pair of iterations; the first are those that there are outside of loops."""
    text = """g (int64 n, float[1, 9] logits) => (float[K, 2, 5] rows, int32[K, 2, 1, 8] picks, float[5] outside) {
        one = Constant<value_int = 1>()
        go = Cast<to = 9>(one)
        two = Constant<value_int = 2>()
        outside = RandomUniform<shape = [5], seed = 3.0>()
        rows, picks = Loop<body = b (int64 i, bool g) => (bool g2, float[2, 5] r, int32[2, 1, 8] p) {
            g2 = Identity(g)
            t = Cast<to = 9>(two)
            r, p = Loop<body = d (int64 j, bool h) => (bool h2, float[5] q, int32[1, 8] s) {
                h2 = Identity(h)
                q = RandomUniform<shape = [5], seed = 3.0>()
                s = Multinomial<sample_size = 8, seed = 1.0>(logits)
            }>(two, t)
        }>(n, go)
    }"""
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> {text}')
    feeds = {"n": np.array(3, np.int64), "logits": np.zeros((1, 9), np.float32)}
    found = [onnxc.compile(model, level=level, jobs=1).run(feeds) for level in (0, 3)]
    for name, values in found[0].items():
        np.testing.assert_array_equal(values, found[1][name])
    rows, picks, outside = found[0].values()
    assert len({row.tobytes() for row in rows.reshape(6, 5)}) == 6
    assert len({pick.tobytes() for pick in picks.reshape(6, 8)}) == 6
    np.testing.assert_array_equal(rows[0, 0], outside)
