"""ONNX operators on strings."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ..relay.expr import Atom
from .lookup import lookup
from .regex_automaton import compile_regex
from .regex_syntax import RegexError
from .registry import Node, converter
from .strings import broadcast_strings


@converter("RegexFullMatch")
def convert_regex_full_match(node: Node) -> Atom:
    pattern = node.required_attr("pattern")
    try:
        automaton = compile_regex(pattern)
    except (RegexError, RecursionError) as error:
        raise node.error(f"the pattern '{pattern}': {error}", expected="a regular expression of RE2") from error
    tables = (automaton.classes, automaton.table, automaton.accepts)
    return node.call("string.match", node.input(0), *map(node.constant, tables))


@converter("StringConcat")
def convert_string_concat(node: Node) -> Atom:
    return node.call("string.concat", *broadcast_strings(node, node.input(0), node.input(1)))


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
