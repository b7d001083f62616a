"""Signals: Fourier transforms and windows."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.random.graph import Builder
from tests.random.registry import generator
from tests.random.values import DOUBLE, FLOAT


@generator("DFT")
def fourier(g: Builder, op: str) -> object:
    parts, length = g.choose((1, 2)), g.choose((4, 5, 8, 12))
    x = g.fresh(g.choose((FLOAT, FLOAT, DOUBLE)), [g.choose((1, "N")), length, parts], style=0)
    inverse = g.choose((None, 0, 1)) if parts == 2 else None
    onesided = 1 if parts == 1 and g.choose((True, False)) else None
    longer = np.array(g.choose((length, length - 1, length + 3))) if g.choose((True, False)) else None
    attrs: dict[str, Any] = {"inverse": inverse, "onesided": onesided}
    if g.opset >= 20:
        return g.node(op, [x, longer, np.array(1)], **attrs)
    return g.node(op, [x, longer], axis=1, **attrs)


@generator("STFT")
def short_time(g: Builder, op: str) -> object:
    x = g.fresh(FLOAT, [g.choose((1, "N")), g.choose((16, 20)), 1], style=0)
    step, length = np.array(g.choose((2, 4))), g.choose((4, 8))
    window = g.floats(length, low=0.1) if g.choose((True, False)) else None
    frame = np.array(length) if window is None or g.choose((True, False)) else None
    return g.node(op, [x, step, window, frame], onesided=g.choose((None, 0, 1)))


@generator("HannWindow", "HammingWindow", "BlackmanWindow")
def window(g: Builder, op: str) -> object:
    size = np.array(g.choose((2, 5, 8)), g.choose((np.int64, np.int32)))
    # In 64 bits the constants of the functions that define them count: they have eight digits.
    return g.node(op, [g.given(size)], periodic=g.choose((None, 0, 1)), output_datatype=g.choose((None, 1, 10)))


@generator("MelWeightMatrix")
def mel(g: Builder, op: str) -> object:
    numbers = [np.array(4), np.array(16), np.array(8192), np.array(0.0, np.float32), np.array(4096.0, np.float32)]
    return g.node(op, numbers, output_datatype=g.choose((None, 1, 11)))
