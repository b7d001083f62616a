"""What can go wrong between Python and a compiled model."""

from __future__ import annotations


class LoadError(OSError):
    """A file is not a model library that can be run here."""


class InputError(ValueError):
    """Arrays or arguments do not fit the model."""


class RunError(RuntimeError):
    """A model failed while it ran."""
