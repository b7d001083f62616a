"""ONNX operators on strings."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ..op.string_case import case_table
from ..relay.expr import Atom
from .lookup import lookup
from .regex_automaton import TooManyStates, compile_regex
from .regex_parts import compile_parts
from .regex_syntax import RegexError
from .registry import Node, converter
from .strings import broadcast_strings


@converter("RegexFullMatch")
def convert_regex_full_match(node: Node) -> Atom:
    pattern = node.required_attr("pattern")
    try:
        automaton = compile_regex(pattern)
    except TooManyStates:
        return node.call("string.match_parts", node.input(0), *map(node.constant, compile_parts(pattern).arrays()))
    except (RegexError, RecursionError) as error:
        raise node.error(f"the pattern '{pattern}': {error}", expected="a regular expression of RE2") from error
    tables = (automaton.classes, automaton.table, automaton.accepts)
    return node.call("string.match", node.input(0), *map(node.constant, tables))


@converter("StringConcat")
def convert_string_concat(node: Node) -> Atom:
    return node.call("string.concat", *broadcast_strings(node, node.input(0), node.input(1)))


@converter("StringNormalizer")
def convert_string_normalizer(node: Node) -> Atom:
    """Case changed, and stop words left out; where none is left, one empty string. Locales make no difference."""
    x, type_ = node.input(0), node.type(0)
    if type_.rank not in (1, 2) or (type_.rank == 2 and type_.shape[0] != 1):
        raise node.error(f"input 0 is {type_}", expected="a list of strings, or one row of them")
    action, words = node.attr("case_change_action", "NONE"), node.attr("stopwords", ())
    if action not in ("NONE", "LOWER", "UPPER"):
        raise node.error(f"case_change_action is '{action}'", expected="NONE, LOWER or UPPER")
    flat = node.reshape(x, (type_.shape[-1],))
    changed = flat if action == "NONE" else _in_case(node, flat, action == "UPPER")
    if not words:
        return node.reshape(changed, type_.shape)
    compared = flat
    if not node.attr("is_case_sensitive", 0):
        upper = action == "UPPER"
        words = [word.upper() if upper else word.lower() for word in words]
        compared = _in_case(node, flat, False) if action == "NONE" else changed
    stops = np.array(sorted(set(words)), object)
    mask = lookup(node, compared, stops, np.zeros(len(stops), np.bool_), True)
    both = node.call("string.keep", changed, mask)
    found = node.builder.read_dimensions(node.get_item(both, 1), location=node.location)
    assert found is not None
    return node.call("prefix", node.get_item(both, 0), shape=(*(1,) * (type_.rank - 1), found[0]))


def _in_case(node: Node, x: Atom, upper: bool) -> Atom:
    return node.call("string.case", x, *map(node.constant, case_table(upper)))


@converter("StringSplit")
def convert_string_split(node: Node) -> list[Atom]:
    """The parts, as many as the string with most of them has, and how many each has."""
    attributes = {"delimiter": node.attr("delimiter", ""), "most": node.attr("maxsplit")}
    both = node.call("string.split_count", node.input(0), **attributes)
    found = node.builder.read_dimensions(node.get_item(both, 1), location=node.location)
    assert found is not None
    return [node.call("string.split", node.input(0), count=found[0], **attributes), node.get_item(both, 0)]


@converter("TfIdfVectorizer")
def convert_tfidf_vectorizer(node: Node) -> Atom:
    """Tokens become their places in the sorted vocabulary, and what is not in it -1."""
    strings = node.attr("pool_strings", ())
    pool = np.array(strings, object) if strings else np.array(node.attr("pool_int64s", ()), np.int64)
    outputs = np.array(node.required_attr("ngram_indexes"), np.int64)
    least, most = node.required_attr("min_gram_length"), node.required_attr("max_gram_length")
    if not len(pool) or not len(outputs) or outputs.min() < 0 or not 1 <= least <= most:
        raise node.error(
            f"{len(pool)} tokens, {len(outputs)} indexes, n-grams of {least} to {most}", expected="a vocabulary"
        )
    words = np.array(sorted(set(pool.tolist())), pool.dtype)
    numbers = {word: place for place, word in enumerate(words.tolist())}
    tokens = [numbers[word] for word in pool.tolist()]
    tree = _Grams()
    starts = [*node.required_attr("ngram_counts"), len(pool)]
    number = 0
    for length, (begin, end) in enumerate(pairwise(starts), 1):
        for first in range(begin, end - length + 1, length):
            if number >= len(outputs):
                raise node.error(f"{len(outputs)} indexes for more n-grams", expected="one for each")
            if least <= length <= most:
                tree.add(tokens[first : first + length], int(outputs[number]))
            number += 1
    size = int(outputs.max()) + 1
    weights = np.array(node.attr("weights") or [1.0] * size, np.float32)
    if len(weights) != size:
        raise node.error(f"{len(weights)} weights for {size} results", expected="one for each")
    x = node.input(0) if strings else node.cast(node.input(0), "int64")
    places = lookup(node, x, words, np.arange(len(words)), -1)
    attributes = {"most": most, "skips": node.required_attr("max_skip_count"), "mode": node.required_attr("mode")}
    return node.call("tfidf", places, *map(node.constant, tree.arrays()), node.constant(weights), **attributes)


class _Grams:
    """A tree of n-grams: see op/tfidf.py."""

    def __init__(self) -> None:
        self._ways: list[dict[int, int]] = [{}]
        self._outputs = [-1]

    def add(self, tokens: list[int], output: int) -> None:
        node = 0
        for token in tokens:
            if token not in self._ways[node]:
                self._ways[node][token] = len(self._ways)
                self._ways.append({})
                self._outputs.append(-1)
            node = self._ways[node][token]
        self._outputs[node] = output

    def arrays(self) -> list[Any]:
        """Spans, outputs, tokens and targets."""
        ends = np.cumsum([len(ways) for ways in self._ways])
        spans = np.stack([ends - [len(ways) for ways in self._ways], ends], axis=1)
        entries = [entry for ways in self._ways for entry in sorted(ways.items())]
        columns = zip(*entries, strict=True)
        tokens, targets = (np.array(c, dtype) for c, dtype in zip(columns, (np.int64, np.int32), strict=True))
        return [spans.astype(np.int32), np.array(self._outputs, np.int32), tokens, targets]
