"""Schedules for CPUs, best first; the last one always applies."""

from . import attention, conv_blocked, conv_integer, conv_planes, conv_winograd, generic, matmul, rows, unfused

RULES = (
    conv_winograd.schedule,
    unfused.schedule,
    conv_blocked.schedule,
    conv_integer.schedule,
    conv_planes.schedule,
    attention.schedule,
    matmul.schedule,
    rows.schedule,
    generic.schedule,
)
