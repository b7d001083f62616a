"""Schedules for kernels that go out as C: scalar loops that any compiler of the vendor's understands."""

from . import scalar

RULES = (scalar.schedule,)
