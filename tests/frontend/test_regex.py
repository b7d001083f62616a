"""Regular expressions of RE2, against Python's where the two agree."""

from __future__ import annotations

import random
import re
import time

import numpy as np
import onnx
import pytest

import onnxc
from onnxc import op as relay_op
from onnxc.frontend.regex_automaton import TooManyStates, compile_regex
from onnxc.frontend.regex_parts import compile_parts
from onnxc.frontend.regex_syntax import RegexError
from onnxc.relay.expr import Attrs
from tests.frontend.test_nn_converters import interpret

#: Pattern, texts that it matches, texts that it does not match.
CASES = [
    (
        "",
        [
            "",
        ],
        ["a", " "],
    ),
    ("a|bc*|", ["", "a", "b", "bccc"], ["ac", "c"]),
    ("(?:a|b){2,3}", ["ab", "bab"], ["a", "abab"]),
    ("x{0}y{2,}", ["yy", "yyyy"], ["y", "xyy"]),
    ("a{,2}", ["a{,2}"], ["a", "aa"]),
    ("[a-c]+?[^a-c]", ["abx", "cü"], ["ab", "xa"]),
    (r"[]\]a-]+", ["]", "a-"], ["b", ""]),
    (r"[[:alpha:]_][[:^digit:]]", ["_a", "b!"], ["1a", "a1"]),
    (r"\d+\.\D\w\W\s\S", ["12.ab x".replace("x", " y"), "0.x_!\ny"], ["12.1b  y", "1.ab!y"]),
    (r"\x41\x{1F600}\101\n\t\.", ["A😀A\n\t."], ["A😀B\n\t.", "AA\n\t."]),
    (r"\Qa.b*\E+", ["a.b*", "a.b***"], ["axb", "a.b"]),
    ("(?i)straße[k-l]", ["STRASSE".replace("SS", "ẞ") + "K", "straßeK", "Straßel"], ["strassek"]),
    ("a(?i)b(?-i:c)(?i:d)e", ["abcde", "aBcDE"], ["Abcde", "abCde"]),
    ("a.b", ["axb", "a日b", "a😀b"], ["a\nb", "axxb"]),
    ("(?s)a.b", ["a\nb"], ["ab"]),
    (r"(?m)^a$\n^b$", ["a\nb"], ["a\nb\n"]),
    (r"\Aa\b,\Bb?\z", ["a,"], ["a,b", "ab"]),
    (r"\b\w+\b( \b\w+\b)*", ["one", "one two"], ["one ", ""]),
    (r"\p{Lu}\pL*\P{L}", ["Übung1", "A!"], ["übung1", "Ab"]),
    (r"\p{^Nd}+", ["abc"], ["a1"]),
    (r"\p{Greek}+\P{Greek}", ["λβδx", "Ωж"], ["λβδ", "xλ"]),
    (r"[\p{Han}\p{Hiragana}ー]+", ["日本語の"], ["カ", "a"]),
    (r"(?i)\p{Old_Italic}\p{^Cyrillic}\p{Any}", ["\U00010300a\n"], ["\U00010300жa"]),
    ("(?P<name>a)(?<other>b)", ["ab"], ["a"]),
    ("[à-ÿ日-月]+", ["é日", "þ"], ["e", "曇a"]),
    ("[^日]", ["月", "a"], ["日", "ab"]),
    (r"(a*)*b", ["b", "aaab"], ["a" * 40]),
    (r"(www.[\w.-]+.com)", ["www.google.com", "www.facebook.com"], ["www.bbc.co.uk"]),
    (r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?", ["1", "-1.5e-7", ".5", "2."], [".", "1e", "--1"]),
]


@pytest.mark.parametrize(("pattern", "matching", "others"), CASES, ids=[c[0] for c in CASES])
def test_texts_match_from_begin_to_end(pattern: str, matching: list[str], others: list[str]) -> None:
    automaton = compile_regex(pattern)
    assert [t for t in matching if not automaton.matches(t.encode())] == []
    assert [t for t in others if automaton.matches(t.encode())] == []


def test_random_patterns_agree_with_pythons() -> None:
    chooser = random.Random(1)

    def pattern(depth: int) -> str:
        kind = chooser.randrange(8 if depth else 3)
        if kind < 3:
            return chooser.choice(["a", "b", "é", ".", "[ab]", "[^a]", r"\w", r"\b", "^", "$", "[é-日]"])
        if kind == 3:
            return f"(?:{pattern(depth - 1)}|{pattern(depth - 1)})"
        if kind == 4:
            return f"(?:{pattern(depth - 1)}){chooser.choice(['*', '+', '?', '{2}', '{1,3}'])}"
        return pattern(depth - 1) + pattern(depth - 1)

    texts = ["".join(chooser.choices("abé日 ", k=chooser.randrange(6))) for _ in range(60)]
    for _ in range(150):
        text = pattern(4)
        expected = re.compile(text.replace("$", r"\Z"), re.ASCII)
        automaton = compile_regex(text)
        for candidate in texts:
            found, wanted = automaton.matches(candidate.encode()), expected.fullmatch(candidate) is not None
            assert found == wanted, (text, candidate)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("a)", "a ) without a ("),
        ("(a", "a ( without a )"),
        ("[a", "the pattern ends in brackets"),
        ("*a", "nothing stands before a *"),
        ("a**", "two repetitions"),
        ("a{1001}", "the repetition {1001}"),
        ("a{3,2}", "the repetition {3,2}"),
        (r"(a)\1", "asks for what a group matched"),
        ("(?=a)", "no group of RE2"),
        ("(?<=a)", "no group of RE2"),
        (r"\y", "no escape of RE2"),
        ("[b-a]", "ends before it begins"),
        ("[[:word]", "the pattern ends in a class"),
        (r"\p{Klingon}", "no Unicode category or script 'Klingon'"),
        ("\\", "the pattern ends in an escape"),
        ("(a|b)*a(a|b){20}", "more than 10000 states"),
    ],
)
def test_errors(pattern: str, message: str) -> None:
    with pytest.raises(RegexError, match=re.escape(message)):
        compile_regex(pattern)


def test_the_way_through_is_linear() -> None:
    automaton = compile_regex("(a|a?)*b")
    start = time.perf_counter()
    assert not automaton.matches(b"a" * 5000)
    assert time.perf_counter() - start < 2 and len(automaton.table) <= 3


#: A pattern with more than 2 ** 20 states, words at borders, and texts that it matches and does not match.
LARGE = (
    r"(?:^|.*\b)(?:a|b|é)*a(?:a|b|é){20}\b",
    ["a" + "ab" * 10, "x aé" + "ba" * 9 + "b", "b" * 30 + "a" + "é" * 19 + "b"],
    ["", "b" + "ab" * 10, "xa" + "ab" * 10 + "_", "a" * 20],
)


def test_patterns_of_many_states_are_followed_state_by_state() -> None:
    pattern, matching, others = LARGE
    with pytest.raises(TooManyStates):
        compile_regex(pattern)
    model = onnx.parser.parse_model(
        f"""<ir_version: 9, opset_import: ["" : 20]> g (string[N] x) => (bool[N] y) {{
            y = RegexFullMatch<pattern = "{pattern}">(x)
        }}""".replace("\\", "\\\\")
    )
    texts = np.array([*matching, *others], object)
    wanted = [True] * len(matching) + [False] * len(others)
    assert onnxc.compile(model, jobs=1)(texts)["y"].tolist() == wanted
    (found,) = interpret(model, {"x": texts})
    assert found.tolist() == wanted


def test_states_of_patterns_agree_with_their_tables() -> None:
    """What is followed state by state gives what the table gives."""
    for pattern, matching, others in CASES:
        tables = compile_parts(pattern).arrays()
        found = relay_op.get("string.match_parts").reference(Attrs({}), np.array([*matching, *others], object), *tables)
        assert found.tolist() == [True] * len(matching) + [False] * len(others), pattern
