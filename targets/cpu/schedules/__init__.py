"""Schedules for CPUs, best first; the last one always applies."""

from . import conv_blocked, generic, matmul, rows, unfused

RULES = (unfused.schedule, conv_blocked.schedule, matmul.schedule, rows.schedule, generic.schedule)
