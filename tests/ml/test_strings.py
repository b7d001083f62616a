"""Tensors of strings: in and out, constants, moves, comparisons and tables."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import pytest

import onnxc
from onnxc.runtime_stub.errors import InputError, RunError
from tests.ml.graphs import NodeText, check, compiled, model_of

WORDS = np.array([["a", "", "Übung", "日本"], ["b", "a\x00b", "\udcff", "longer than sixteen bytes"]], object)


def parse(text: str) -> onnx.ModelProto:
    return onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["" : 19, "ai.onnx.ml" : 4]> {text}')


def test_strings_are_moved_like_other_elements() -> None:
    model = parse(
        """g (string[N, 4] x, int64[3] places, bool[N, 4] mask) => (string[N, 4] same, string[4, N] turned,
               string[N, 3] picked, string[K, 4] both, string[M] flat, string[N, 4] chosen, string[N, 2] part,
               string[2] constant, string[N, 4] where) {
            same = Identity(x)
            turned = Transpose(x)
            picked = Gather<axis = 1>(x, places)
            both = Concat<axis = 0>(x, x)
            minus = Constant<value_ints = [-1]>()
            flat = Reshape(x, minus)
            other = Constant<value_string = "other">()
            chosen = Where(mask, x, other)
            zero = Constant<value_ints = [1]>()
            two = Constant<value_ints = [3]>()
            axis = Constant<value_ints = [1]>()
            part = Slice(x, zero, two, axis)
            constant = Constant<value_strings = ["one", "two\\"?"]>()
            where = Where(mask, other, x)
        }"""
    )
    places, mask = np.array([3, 0, 2]), np.array([[True, False, True, False], [False, True, True, True]])
    out = compiled(model, {"x": WORDS, "places": places, "mask": mask})
    want = {
        "same": WORDS,
        "turned": WORDS.T,
        "picked": WORDS[:, places],
        "both": np.concatenate([WORDS, WORDS]),
        "flat": WORDS.reshape(-1),
        "chosen": np.where(mask, WORDS, "other"),
        "part": WORDS[:, 1:3],
        "constant": np.array(["one", 'two"?'], object),
        "where": np.where(mask, "other", WORDS),
    }
    check(out, want)


def test_strings_are_compared_by_their_bytes() -> None:
    model = parse("g (string[N, 4] x, string[4] y) => (bool[N, 4] same) { same = Equal(x, y) }")
    out = compiled(model, {"x": WORDS, "y": np.array(["a", "", "Ubung", "日本"], object)})
    assert out["same"].tolist() == [[True, True, False, True], [False] * 4]


def test_labels_are_strings() -> None:
    keys = ["日本", "a", "", "a\x00b"]
    nodes: list[NodeText] = [
        ("LabelEncoder", ["x"], ["number"], {"keys_strings": keys, "values_int64s": [3, 1, 2, 9]}),
        ("LabelEncoder", ["x"], ["word"], {"keys_strings": keys, "values_strings": ["J", "A", "-", "0"]}),
        ("LabelEncoder", ["number"], ["back"], {"keys_int64s": [1, 3], "values_strings": ["one", "three"]}),
        ("CategoryMapper", ["x"], ["mapped"], {"cats_strings": ["a", "b"], "cats_int64s": [5, 6]}),
        ("OneHotEncoder", ["x"], ["hot"], {"cats_strings": ["b", "Übung"]}),
    ]
    types = {"number": np.int64, "word": object, "back": object, "mapped": np.int64, "hot": np.float32}
    out = compiled(model_of(nodes, {"x": WORDS}, types), {"x": WORDS})
    assert out["number"].tolist() == [[1, 2, -1, 3], [-1, 9, -1, -1]]
    assert out["word"].tolist() == [["A", "-", "_Unused", "J"], ["_Unused", "0", "_Unused", "_Unused"]]
    assert out["back"].tolist() == [["one", "_Unused", "_Unused", "three"], ["_Unused"] * 4]
    assert out["mapped"].tolist() == [[5, -1, -1, -1], [6, -1, -1, -1]]
    assert out["hot"].tolist() == [[[0, 0], [0, 0], [0, 1], [0, 0]], [[1, 0], [0, 0], [0, 0], [0, 0]]]


def test_arrays_of_strings_may_be_numpys_own() -> None:
    with onnxc.compile(parse("g (string[N] x) => (string[N] y) { y = Identity(x) }"), jobs=1) as model:
        for array in (np.array(["a", "bc"]), np.array([b"a", b"bc"]), np.array(["a", b"bc"], object)):
            assert model(array)["y"].tolist() == ["a", "bc"]
        with pytest.raises(InputError, match="found int among the elements; expected strings"):
            model(np.array(["a", 3], object))
        with pytest.raises(InputError, match="float64"):
            model(np.zeros(2))


def test_strings_become_numbers() -> None:
    model = parse(
        """g (string[N] x) => (float[N] f, double[N] d, int64[N] i, int8[N] small, uint64[N] u, float16[N] half) {
            f = Cast<to = 1>(x)
            d = Cast<to = 11>(x)
            i = Cast<to = 7>(x)
            small = Cast<to = 3>(x)
            u = Cast<to = 13>(x)
            half = Cast<to = 10>(x)
        }"""
    )
    with onnxc.compile(model, jobs=1) as loaded:
        out = loaded({"x": np.array(["1", " 2.5 ", "17e0"], object)})
        assert out["f"].tolist() == out["d"].tolist() == out["half"].tolist() == [1, 2.5, 17]
        assert out["i"].tolist() == out["small"].tolist() == out["u"].tolist() == [1, 2, 17]
        for wrong in ("", "one", "1 2", "1\x00"):
            with pytest.raises(RunError):
                loaded({"x": np.array(["1", wrong], object)})
    plain = parse("g (string[N] x) => (float[N] f) { f = Cast<to = 1>(x) }")
    out = compiled(plain, {"x": np.array(["NaN", "-INF", "1e-46", "0.47892547"], object)})
    np.testing.assert_array_equal(out["f"], np.array([np.nan, -np.inf, 0, 0.47892547], np.float32))


def test_patterns_are_matched() -> None:
    model = parse('g (string[N, 4] x) => (bool[N, 4] y) { y = RegexFullMatch<pattern = "[^ ]*">(x) }')
    assert compiled(model, {"x": WORDS})["y"].tolist() == [[True] * 4, [True, True, False, False]]


def test_n_grams_are_counted() -> None:
    """Also of strings, with weights, and for one row alone."""
    model = parse(
        """g (string[N, 5] x, int32[6] row) => (float[N, 4] y, float[3] z) {
            y = TfIdfVectorizer<mode = "TFIDF", min_gram_length = 1, max_gram_length = 2, max_skip_count = 1,
                ngram_counts = [0, 2], ngram_indexes = [0, 2, 1, 3], pool_strings = ["a", "é", "a", "a", "é", "a"],
                weights = [1.0, 2.0, 0.5, 4.0]>(x)
            z = TfIdfVectorizer<mode = "IDF", min_gram_length = 2, max_gram_length = 2, max_skip_count = 0,
                ngram_counts = [0, 1], ngram_indexes = [1, 0, 2], pool_int64s = [7, 7, 8, 8, 7]>(row)
        }"""
    )
    x = np.array([["a", "é", "a", "a", "x"], ["é", "é", "", "a", "é"]], object)
    out = compiled(model, {"x": x, "row": np.array([7, 7, 8, 1, 8, 8], np.int32)})
    assert out["y"].tolist() == [[3, 4, 0.5, 8], [1, 0, 1.5, 4]]
    assert out["z"].tolist() == [1, 0, 0]


def test_strings_are_put_together() -> None:
    """Also with those that were made before, run after run, and of any length."""
    model = parse(
        """g (string[N, 4] x, string[4] y) => (string[N, 4] both, string[N, 4] more) {
            both = StringConcat(x, y)
            more = StringConcat(both, both)
        }"""
    )
    y = np.array(["1", "", "ü" * 3000, "-"], object)
    both = np.array([[a + b for a, b in zip(row, y, strict=True)] for row in WORDS], object)
    with onnxc.compile(model, jobs=1) as loaded:
        for _ in range(3):
            out = loaded({"x": WORDS, "y": y})
            check(out, {"both": both, "more": both + both})


def test_numbers_become_strings_as_numpy_writes_them() -> None:
    model = parse(
        """g (float[A] f, double[B] d, float16[C] h, int8[D] i, uint64[D] u, bool[D] b) => (string[A] sf, string[B] sd,
               string[C] sh, string[D] si, string[D] su, string[D] sb) {
            sf = Cast<to = 8>(f)
            sd = Cast<to = 8>(d)
            sh = Cast<to = 8>(h)
            si = Cast<to = 8>(i)
            su = Cast<to = 8>(u)
            sb = Cast<to = 8>(b)
        }"""
    )
    random = np.random.default_rng(5)
    bits = random.integers(0, 1 << 63, 300, np.int64)
    ends = [0.0, -0.0, 1, -1.5, 1e16, 9999999e9, 1e-4, 0.00012345, 9.99e-5, 1e22, 123456789, np.nan, np.inf, -np.inf]
    powers = [*ends, *(10.0 ** random.integers(-20, 20, 100))]
    whole = np.arange(300)
    with np.errstate(over="ignore"):
        inputs = {
            "f": np.concatenate([bits.astype(np.int32).view(np.float32), np.array(powers, np.float32)]),
            "d": np.concatenate([bits.view(np.float64), np.array(powers)]),
            "h": np.concatenate([bits.astype(np.int16).view(np.float16), np.array(powers).astype(np.float16)]),
            "i": whole.astype(np.int8),
            "u": whole.astype(np.uint64) + np.uint64(1 << 63),
            "b": whole % 3 == 0,
        }
    out = compiled(model, inputs)
    for name, array in inputs.items():
        found = out[f"s{name}"].tolist()
        if name in "iub":
            assert found == [str(value) for value in array], name
            continue
        # Older versions of numpy begin to write exponents at other numbers.
        assert found == [str(value) for value in array] or not np.__version__.startswith("2.4"), name
        np.testing.assert_array_equal(np.array([array.dtype.type(text) for text in found]), array)


def test_strings_are_cleaned() -> None:
    """Case, and stop words, however many are left; letters whose other case is longer among them."""
    model = parse(
        """g (string[N] x, string[1, M] row) => (string[N] upper, string[A] some, string[1, B] others, string[C] own) {
            upper = StringNormalizer<case_change_action = "UPPER">(x)
            some = StringNormalizer<case_change_action = "LOWER", is_case_sensitive = 1, stopwords = ["Monday"]>(x)
            others = StringNormalizer<case_change_action = "UPPER", stopwords = ["monday", "straße"]>(row)
            own = StringNormalizer<stopwords = ["MONDAY", "straße"]>(x)
        }"""
    )
    words = ["Monday", "tuesday", "Straße", "monday", "İ日ﬁ", ""]
    with onnxc.compile(model, jobs=1) as loaded:
        out = loaded({"x": np.array(words, object), "row": np.array([words], object)})
        assert out["upper"].tolist() == [word.upper() for word in words]
        assert out["some"].tolist() == ["tuesday", "straße", "monday", "i̇日ﬁ", ""]
        assert out["others"].tolist() == [["TUESDAY", "İ日FI", ""]]
        assert out["own"].tolist() == ["tuesday", "İ日ﬁ", ""]
        none = np.array(["Monday"], object)
        out = loaded({"x": none, "row": none[None]})
        assert out["some"].tolist() == out["own"].tolist() == [""] and out["others"].tolist() == [[""]]


SPLITS = [("", None), ("", 1), (",", None), (",", 0), (",", 2), ("日,", None)]


@pytest.mark.parametrize(("delimiter", "most"), SPLITS)
def test_strings_are_split_as_python_does_it(delimiter: str, most: int | None) -> None:
    limit = "" if most is None else f", maxsplit = {most}"
    model = parse(
        f"""g (string[2, N] x) => (string[2, N, K] parts, int64[2, N] counts) {{
            parts, counts = StringSplit<delimiter = "{delimiter}"{limit}>(x)
        }}"""
    )
    x = np.array([["a,b,,c", "", " one  two\u3000three\t", ","], ["日,日,", "x", "a\u00a0b c ", " "]], object)
    with onnxc.compile(model, jobs=1) as loaded:
        out = loaded(x)
        want = [[text.split(delimiter or None, -1 if most is None else most) for text in row] for row in x]
        assert out["counts"].tolist() == [[len(parts) for parts in row] for row in want]
        longest = out["counts"].max()
        assert out["parts"].tolist() == [[[*p, *[""] * (longest - len(p))] for p in row] for row in want]
