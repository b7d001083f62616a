"""Schedules for CPUs, best first; the last one always applies."""

from . import conv_blocked, dense_packed, generic

RULES = (conv_blocked.schedule, dense_packed.schedule, generic.schedule)
