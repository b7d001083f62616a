"""Schedules for CPUs, best first; the last one always applies."""

from . import conv_blocked, conv_integer, generic, matmul, rows, unfused

RULES = (
    unfused.schedule,
    conv_blocked.schedule,
    conv_integer.schedule,
    matmul.schedule,
    rows.schedule,
    generic.schedule,
)
