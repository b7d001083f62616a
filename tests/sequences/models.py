"""Small models of sequences and optional values, with inputs to run them on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnxruntime
from onnx.reference import ReferenceEvaluator

from tests.random.corrections import CORRECTIONS


@dataclass(frozen=True, eq=False)
class ValueModel:
    """A model in ONNX's text form.

    Attributes
    ----------
    name : str
    text : str
        Inputs, outputs and nodes of the graph: what follows its name.
    feeds : sequence of mapping
        Inputs to run it with.
    statuses : sequence of int
        With which status each of the runs ends; all go well where there are none.
    evaluated : bool
        The onnx package's evaluator can run it; otherwise ONNX Runtime does.
    """

    name: str
    text: str
    feeds: Sequence[Mapping[str, Any]]
    statuses: Sequence[int] = ()
    evaluated: bool = True

    def proto(self) -> onnx.ModelProto:
        return onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 18]> {self.name} {self.text}')

    def expected(self, feed: Mapping[str, Any]) -> dict[str, Any]:
        """Outputs by another implementation of ONNX."""
        if not self.evaluated:
            session = onnxruntime.InferenceSession(self.proto().SerializeToString(), providers=["CPUExecutionProvider"])
            names = [output.name for output in session.get_outputs()]
            return dict(zip(names, session.run(None, dict(feed)), strict=True))
        evaluator = ReferenceEvaluator(self.proto(), new_ops=CORRECTIONS)
        return dict(zip(evaluator.output_names, evaluator.run(None, dict(feed)), strict=True))


def floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape) + len(shape)).standard_normal(shape).astype(np.float32)


def number(value: int, dtype: Any = np.int64) -> np.ndarray:
    return np.array(value, dtype)


def rows(*sizes: int) -> list[np.ndarray]:
    return [floats(size, 2) for size in sizes]


def _positions(s: list[np.ndarray], i: int, j: int, k: int) -> dict[str, Any]:
    return {"s": s, "t": floats(2, 2), "i": number(i), "j": number(j, np.int32), "k": number(k)}


_POSITIONS = """(seq(float[N, 2]) s, float[M, 2] t, int64 i, int32 j, int64 k)
    => (seq(float[A, 2]) longer, seq(float[A, 2]) shorter, float[B, 2] y, int64 n, float[C, 2] all) {
    longer = SequenceInsert(s, t, i)
    shorter = SequenceErase(longer, j)
    found = SequenceAt(shorter, k)
    y = Relu(found)
    n = SequenceLength(shorter)
    all = ConcatFromSequence<axis = 0>(longer)
}"""

_TRUE = "go0 = Constant<value_int = 1>()\n go = Cast<to = 9>(go0)"

MODELS = [
    ValueModel(
        "positions",
        _POSITIONS,
        [
            _positions(rows(3, 1), 0, 2, 0),
            _positions(rows(3, 0, 1), -1, -1, -2),
            _positions(rows(4), 1, 0, 0),
            _positions(rows(5, 1, 2), 3, -4, -3),
        ],
    ),
    ValueModel(
        "ends",
        """(seq(int64[N]) s, int64[M] t) => (seq(int64[A]) longer, seq(int64[B]) shorter, seq(int64[B]) both) {
            longer = SequenceInsert(s, t)
            shorter = SequenceErase(s)
            both0 = SequenceInsert(longer, t)
            both = SequenceErase(both0)
        }""",
        [{"s": [np.arange(3), np.arange(0)], "t": np.arange(4)}],
    ),
    ValueModel(
        "joined",
        """(seq(float[3, N]) s) => (float[3, M] wide, float[3, K, L] stacked) {
            wide = ConcatFromSequence<axis = -1>(s)
            stacked = ConcatFromSequence<axis = 1, new_axis = 1>(s)
        }""",
        [{"s": [floats(3, 2), -floats(3, 2)]}, {"s": [floats(3, 1)]}, {"s": [floats(3, 0), floats(3, 0)]}],
    ),
    ValueModel(
        "texts",
        """(seq(string[N]) s, string[M] t, int64 i) => (string[K] y, string[L] all, seq(string[N]) longer) {
            longer = SequenceInsert(s, t, i)
            y = SequenceAt(longer, i)
            all = ConcatFromSequence<axis = 0>(longer)
        }""",
        [{"s": [np.array(["a", "", "long enough"], object)], "t": np.array(["ä"], object), "i": number(1)}],
    ),
    ValueModel(
        "queue",
        f"""(float[N, 3] x, int64 count) => (seq(float[A, 3]) kept, float[B, 3] sums) {{
            {_TRUE}
            empty = SequenceEmpty<dtype = 1>()
            kept, sums = Loop(count, go, empty) <body = iteration (int64 i, bool c, seq(float[M, 3]) q)
                => (bool c1, seq(float[M, 3]) q2, float[3] sum) {{
                c1 = Identity(c)
                zero = Constant<value_ints = [0]>()
                flat = Constant<value_ints = [1]>()
                place = Reshape(i, flat)
                end = Add(place, flat)
                part = Slice(x, zero, end, zero)
                q1 = SequenceInsert(q, part)
                length = SequenceLength(q1)
                three = Constant<value_int = 3>()
                full = Greater(length, three)
                q2 = If(full) <
                    then_branch = drop () => (seq(float[M, 3]) a) {{
                        first = Constant<value_int = 0>()
                        a = SequenceErase(q1, first)
                    }},
                    else_branch = leave () => (seq(float[M, 3]) b) {{
                        b = Identity(q1)
                    }}
                >
                last = Constant<value_int = -1>()
                newest = SequenceAt(q2, last)
                axis = Constant<value_ints = [0]>()
                sum = ReduceSum<keepdims = 0>(newest, axis)
            }}>
        }}""",
        [{"x": floats(7, 3), "count": number(6)}, {"x": floats(7, 3), "count": number(2)}],
    ),
    ValueModel(
        "histories",
        f"""(float[2] x, int64 count) => (seq(float[2]) now, seq(float[2]) before) {{
            {_TRUE}
            start = SequenceConstruct(x)
            now, before = Loop(count, go, start, start) <body = iteration
                (int64 i, bool c, seq(float[2]) s, seq(float[2]) p) => (bool c1, seq(float[2]) s1, seq(float[2]) p1) {{
                c1 = Identity(c)
                one = SequenceAt(s, i)
                two = Add(one, x)
                s1 = SequenceInsert(s, two)
                p1 = Identity(s)
            }}>
        }}""",
        [{"x": floats(2), "count": number(n)} for n in (0, 1, 4)],
    ),
    ValueModel(
        "remembered",
        f"""(float[2] x, int64 count) => (seq(float[2]) s) {{
            {_TRUE}
            empty = SequenceEmpty()
            s = Loop(count, go, empty) <body = iteration
                (int64 i, bool c, seq(float[2]) a) => (bool d, seq(float[2]) b) {{
                d = Identity(c)
                zero = Constant<value_int = 0>()
                later = Greater(i, zero)
                new = If(later) <
                    then_branch = sum () => (float[2] y) {{
                        last = Constant<value_int = -1>()
                        old = SequenceAt(a, last)
                        y = Add(old, x)
                    }},
                    else_branch = first () => (float[2] z) {{ z = Identity(x) }}
                >
                b = SequenceInsert(a, new)
            }}>
        }}""",
        [{"x": floats(2), "count": number(n)} for n in (4, 0)],
    ),
    ValueModel(
        "nested",
        f"""(seq(float[N]) s, int64 count) => (seq(float[N]) y) {{
            {_TRUE}
            y = Loop(count, go, s) <body = outer (int64 i, bool c, seq(float[N]) a) => (bool c1, seq(float[N]) a1) {{
                c1 = Identity(c)
                zero = Constant<value_int = 0>()
                first = SequenceAt(a, zero)
                grown = Loop(count, go, a) <body = inner
                    (int64 j, bool d, seq(float[N]) b) => (bool d1, seq(float[N]) b1) {{
                    d1 = Identity(d)
                    e = Exp(first)
                    other = SequenceAt(a, zero)
                    sum = Add(e, other)
                    b1 = SequenceInsert(b, sum, zero)
                }}>
                a1 = SequenceErase(grown)
            }}>
        }}""",
        [{"s": [floats(3), floats(3) / 2], "count": number(n)} for n in (0, 1, 2)],
    ),
    ValueModel(
        "mapped",
        """(seq(float[N]) s, seq(float[N]) t, float[1] x) => (seq(float[N]) y, seq(int64[1]) sizes, float[2] known) {
            y, sizes = SequenceMap(s, t, x) <body = element
                (float[N] a, float[N] b, float[1] c) => (float[N] d, int64[1] e) {
                ab = Mul(a, b)
                d = Add(ab, c)
                e = Shape(d)
            }>
            one = Constant<value_floats = [1.0, 2.0]>()
            pair = SequenceConstruct(one, one)
            twice = SequenceMap(pair) <body = twofold (float[2] a) => (float[2] d) { d = Add(a, a) }>
            last = Constant<value_int = 1>()
            known = SequenceAt(twice, last)
        }""",
        [
            {"s": [floats(3), floats(1)], "t": [floats(3), floats(1)], "x": floats(1)},
            {"s": [], "t": [], "x": floats(1)},
        ],
        evaluated=False,
    ),
    ValueModel(
        "chosen",
        """(bool b, float[N] x, float[M, 2] t) => (int64 n, seq(float[A]) s, float[B] y) {
            s = If(b) <
                then_branch = long () => (seq(float[A]) p) { p = SequenceConstruct(x, x) },
                else_branch = short () => (seq(float[A]) q) { e = Exp(x) q = SequenceConstruct(e) }
            >
            n = SequenceLength(s)
            zero = Constant<value_int = 0>()
            y = SequenceAt(s, zero)
        }""",
        [{"b": np.array(b), "x": floats(3), "t": floats(1, 2)} for b in (True, False)],
    ),
    ValueModel(
        "cut",
        """(float[N, 4] x, int64 size) => (seq(float[A, 4]) parts, seq(float[4]) single, seq(float[B, 1]) columns,
            int64 n) {
            parts = SplitToSequence<axis = 0>(x, size)
            single = SplitToSequence<axis = 0, keepdims = 0>(x)
            columns = SplitToSequence<axis = 1>(x)
            n = SequenceLength(parts)
        }""",
        [{"x": floats(n, 4), "size": number(size)} for n, size in ((5, 2), (4, 4), (3, 7))],
    ),
    ValueModel(
        "perhaps",
        """(optional(float[N]) x, optional(seq(float[2])) s, float[3] d)
            => (float[M] y, bool b, int64 n) {
            b = OptionalHasElement(x)
            y = If(b) <
                then_branch = there () => (float[M] p) { p0 = OptionalGetElement(x) p = Exp(p0) },
                else_branch = absent () => (float[M] q) { q = Identity(d) }
            >
            c = OptionalHasElement(s)
            n = If(c) <
                then_branch = some () => (int64 p1) { s0 = OptionalGetElement(s) p1 = SequenceLength(s0) },
                else_branch = none () => (int64 q1) { q1 = Constant<value_int = -1>() }
            >
        }""",
        [
            {"x": floats(2), "s": [floats(2), floats(2), floats(2)], "d": floats(3)},
            {"x": None, "s": None, "d": floats(3)},
            {"x": floats(0), "s": [], "d": floats(3)},
        ],
    ),
]

#: What makes no sense ends the run with a status: 10 is a wrong value, 3 a wrong shape.
HOSTILE = [
    ValueModel(
        "nowhere",
        _POSITIONS,
        [
            _positions(rows(3, 1), *places)
            for places in ((3, 0, 0), (-3, 0, 0), (0, 3, 0), (0, -4, 0), (0, 0, 2), (0, 0, -3))
        ]
        + [_positions(rows(3, 1), 2**62, 0, 0), _positions(rows(3, 1), -(2**62), 0, 0)],
        [10] * 8,
    ),
    ValueModel(
        "unequal",
        "(seq(float[M, N]) s) => (float[A, B] y) { y = ConcatFromSequence<axis = 0>(s) }",
        [{"s": []}, {"s": [floats(2, 3), floats(2, 4)]}],
        [10, 3],
    ),
    ValueModel(
        "absent",
        "(optional(float[N]) x) => (float[M] y) { x0 = OptionalGetElement(x) y = Exp(x0) }",
        [{"x": None}],
        [10],
    ),
    ValueModel(
        "absent_sequence",
        "(optional(seq(float[N])) x) => (seq(float[N]) y) { y = OptionalGetElement(x) }",
        [{"x": None}],
        [10],
    ),
    ValueModel(
        "nothing_to_erase",
        "(seq(float[N]) s) => (seq(float[N]) y) { y = SequenceErase(s) }",
        [{"s": []}],
        [10],
    ),
]
