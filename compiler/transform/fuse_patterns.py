"""Functions that a model spells out by elementary operators -> the operators that have a kernel of their own."""

from __future__ import annotations

from ..relay.expr import Module
from . import pattern_activation, pattern_normalization
from .base import Pass, PassContext
from .rewrite import merge_rules, rewrite


def _run(module: Module, context: PassContext) -> Module:
    return rewrite(module, merge_rules(pattern_normalization.RULES, pattern_activation.RULES))


fuse_patterns = Pass("fuse_patterns", 2, _run)
