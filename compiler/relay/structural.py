"""Equality of functions by structure: modulo the names of variables and locations, with constants by their contents."""

from __future__ import annotations

import hashlib

from .expr import Function
from .printer import canonical_text


def structural_equal(left: Function, right: Function) -> bool:
    """Whether two functions compute the same by the same steps. Symbols in shapes and attributes count by name."""
    return left is right or canonical_text(left) == canonical_text(right)


def structural_hash(function: Function) -> str:
    """Digest (hexadecimal) that structurally equal functions share; stable from run to run for closed functions."""
    return hashlib.sha256(canonical_text(function).encode("utf-8", "surrogatepass")).hexdigest()
