"""Schedules for CPUs, best first; the last one always applies."""

from . import conv_blocked, generic, matmul, rows

RULES = (conv_blocked.schedule, matmul.schedule, rows.schedule, generic.schedule)
