"""Relay operators: one file each (or each family that shares relation and compute)."""

from .base import FusionKind, Op, complete_attrs, get, infer_call, infer_type, names, register

__all__ = ["FusionKind", "Op", "complete_attrs", "get", "infer_call", "infer_type", "names", "register"]
