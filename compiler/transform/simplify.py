"""Operators that do nothing, or little, -> less. The rules stand in tables by family."""

from __future__ import annotations

from ..relay.expr import Module
from . import simplify_arithmetic, simplify_layout
from .base import Pass, PassContext
from .fold_constants import QUANTISED, fold
from .rewrite import Rules, merge_rules, rewrite

#: What the rules make of constants becomes a constant at once.
_FOLD: Rules = {"*": [lambda site: fold(site, QUANTISED)]}

#: From level 2 on, where fusion makes use of it.
_EXTENDED: Rules = {"split": [simplify_layout.split_to_slices]}


def _run(module: Module, context: PassContext) -> Module:
    extended = _EXTENDED if context.level >= 2 else {}
    return rewrite(module, merge_rules(_FOLD, simplify_arithmetic.RULES, simplify_layout.RULES, extended))


simplify = Pass("simplify", 1, _run)
