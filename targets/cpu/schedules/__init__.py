"""Schedules for CPUs, best first; the last one always applies."""

from . import (
    attention,
    columns,
    conv_blocked,
    conv_integer,
    conv_planes,
    conv_winograd,
    generic,
    matmul,
    rows,
    transpose,
    unfused,
)

RULES = (
    conv_winograd.schedule,
    unfused.schedule,
    conv_blocked.schedule,
    conv_integer.schedule,
    conv_planes.schedule,
    attention.schedule,
    matmul.schedule,
    rows.schedule,
    columns.schedule,
    transpose.schedule,
    generic.schedule,
)
