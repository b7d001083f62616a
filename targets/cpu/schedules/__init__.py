"""Schedules for CPUs, best first; the last one always applies."""

from . import generic

RULES = (generic.schedule,)
