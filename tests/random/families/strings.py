"""Strings."""

from __future__ import annotations

from typing import Any

from tests.random.families.elementwise import broadcasts, partner
from tests.random.graph import Builder, need
from tests.random.registry import generator
from tests.random.values import INT32, INT64, STRING, WORDS


@generator("StringConcat")
def joined(g: Builder, op: str) -> object:
    x = g.pick((STRING,))
    y = partner(g, x)
    need(broadcasts(x, y) and max((len(s) for run in x.runs for s in run.ravel()), default=0) < 100)
    return g.node(op, [x, y])


@generator("StringSplit")
def parts(g: Builder, op: str) -> object:
    x = g.pick((STRING,), (0, 3))
    return g.node(op, [x], 2, delimiter=g.choose((None, "", ",", "-", " ", "two")), maxsplit=g.choose((None, 1, 2)))


@generator("StringNormalizer")
def normalized(g: Builder, op: str) -> object:
    if g.choose((True, False)):
        x = g.fresh(STRING, [g.choose((3, 6, "H"))])
    else:
        x = g.fresh(STRING, [1, g.choose((3, 6, "H"))])
    attrs: dict[str, Any] = {"case_change_action": g.choose((None, "LOWER", "UPPER", "NONE"))}
    attrs["is_case_sensitive"] = g.choose((0, 1))
    if g.choose((True, False)):
        attrs["stopwords"] = [g.choose(WORDS[1:]) for _ in range(g.choose((1, 2, 3)))]
    return g.node(op, [x], **attrs)


@generator("RegexFullMatch")
def matched(g: Builder, op: str) -> object:
    x = g.pick((STRING,))
    patterns = ("a", "[a-z]*", ".*", "(the|The).*", r"\d+", r"[^,]*,?.*", "..", "ä€|straße", "(?i)the", r"[A-z]+\s?")
    return g.node(op, [x], pattern=g.choose(patterns))


@generator("TfIdfVectorizer")
def grams(g: Builder, op: str) -> object:
    text = g.choose((True, False))
    x = g.fresh(STRING if text else g.choose((INT64, INT32)), [*g.choose(([], ["N"])), g.choose((5, "H"))], style=0)
    pool: list[Any] = ["a", "the", "B", "a", "the", "a", "10"] if text else [0, 1, 2, 0, 1, 1, 2]
    attrs: dict[str, Any] = {"pool_strings" if text else "pool_int64s": pool}
    attrs |= {"ngram_counts": [0, 3], "ngram_indexes": [0, 1, 2, 3, 4], "mode": g.choose(("TF", "IDF", "TFIDF"))}
    attrs |= {"min_gram_length": g.choose((1, 2)), "max_gram_length": 2, "max_skip_count": g.choose((0, 1, 2))}
    attrs["weights"] = [0.5, 1.0, 2.0, 1.5, 0.25]  # the evaluator demands them
    return g.node(op, [x], **attrs)
