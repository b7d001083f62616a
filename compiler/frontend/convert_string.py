"""ONNX operators on strings."""

from __future__ import annotations

from ..relay.expr import Atom
from .regex_automaton import compile_regex
from .regex_syntax import RegexError
from .registry import Node, converter


@converter("RegexFullMatch")
def convert_regex_full_match(node: Node) -> Atom:
    pattern = node.required_attr("pattern")
    try:
        automaton = compile_regex(pattern)
    except (RegexError, RecursionError) as error:
        raise node.error(f"the pattern '{pattern}': {error}", expected="a regular expression of RE2") from error
    tables = (automaton.classes, automaton.table, automaton.accepts)
    return node.call("string.match", node.input(0), *map(node.constant, tables))
