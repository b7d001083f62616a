"""Compiled models against what the reference evaluator gives, in the sizes of the first run and in others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ml_dtypes
import numpy as np
import onnx

import onnxc
from onnxc.target import Target
from tests.random.graph import RUNS
from tests.random.model import RandomModel

#: Largest difference by type, relative to the largest value of a tensor (and at least 1).
TOLERANCES = {
    np.dtype(np.float32): 1e-4,
    np.dtype(np.float64): 1e-7,
    np.dtype(np.float16): 6e-3,
    np.dtype(ml_dtypes.bfloat16): 5e-2,
    np.dtype(np.complex64): 1e-4,
    np.dtype(np.complex128): 1e-8,
}
#: And how many times what rounding errors of the evaluator's own steps do.
CONDITION = 20


class Wrong(AssertionError):
    """A compiled model gives something else."""


def check(model: RandomModel, level: int, target: str | Target = "host") -> None:
    """Compile a model for this machine, or another that it can be, and compare it.

    Raises
    ------
    Wrong
        Another type, another shape, or values that rounding does not explain.
    """
    onnx.checker.check_model(model.proto, full_check=True)
    with onnxc.compile(model.proto, target, level=level, jobs=1) as compiled:
        for run in range(RUNS):
            compare(compiled.run(model.feeds(run)), model, run)


def compare(found: Mapping[str, Any], model: RandomModel, run: int) -> None:
    """Raise `Wrong` where an output differs by more than rounding errors do."""
    wrong = []
    for name, want in model.expected(run).items():
        reason = difference(found[name], want)
        if reason:
            wrong.append((name, reason))
    if not wrong:
        return
    others = list(model.disturbed(run))
    for name, reason in wrong:
        reason = difference(found[name], model.expected(run)[name], [other.get(name, _MISSING) for other in others])
        if reason:
            raise Wrong(f"output {name}, run {run}: {reason}")


_MISSING = object()


def difference(found: Any, want: Any, others: Iterable[Any] = ()) -> str:
    """How a value differs from the evaluator's, and from others of it with rounding errors; empty if it does not."""
    others = list(others)
    if want is None or found is None:
        return "" if found is want else f"found {_short(found)}, expected {_short(want)}"
    if any(_unlike(want, other) for other in others):
        return ""  # rounding errors decide about shapes
    if isinstance(want, list):
        if not isinstance(found, list) or len(found) != len(want):
            return f"found {_short(found)}, expected {_short(want)}"
        for index, (one, other) in enumerate(zip(found, want, strict=True)):
            reason = difference(one, other, [o[index] for o in others])
            if reason:
                return f"element {index}: {reason}"
        return ""
    if isinstance(want, dict):
        return "" if found == want else f"found {found}, expected {want}"
    if found.dtype != want.dtype or found.shape != want.shape:
        return f"found {found.dtype} {found.shape}, expected {want.dtype} {want.shape}"
    if not want.size:
        return ""
    if want.dtype in TOLERANCES:
        return _float_difference(found, want, others)
    different = np.asarray(found != want)
    for other in others:
        different &= np.asarray(other == want)
    if not different.any():
        return ""
    return f"{_places(different)}: found {found[different][:4]}, expected {want[different][:4]}"


def _float_difference(found: np.ndarray, want: np.ndarray, others: list[np.ndarray]) -> str:
    wide = np.complex128 if want.dtype.kind == "c" else np.float64
    got, exact = found.astype(wide), want.astype(wide)
    finite = np.abs(exact[np.isfinite(exact)])
    allowed = np.full(want.shape, TOLERANCES[want.dtype] * max(1.0, float(finite.max(initial=0))))
    changes = np.zeros(want.shape)
    for other in others:
        changes = np.fmax(changes, np.abs(other.astype(wide) - exact))
    allowed += CONDITION * changes
    with np.errstate(invalid="ignore"):
        right = (np.abs(got - exact) <= allowed) | (got == exact) | (np.isnan(got) & np.isnan(exact))
    if right.all():
        return ""
    places = ~right
    values = f"found {found[places][:4]}, expected {want[places][:4]}, allowed {allowed[places].min():.3g}"
    return f"{_places(places)}: {values}"


def _unlike(want: Any, other: Any) -> bool:
    if other is _MISSING:
        return True
    if isinstance(want, list):
        return len(want) != len(other) or any(_unlike(a, b) for a, b in zip(want, other, strict=True))
    return isinstance(want, np.ndarray) and want.shape != other.shape


def _places(wrong: np.ndarray) -> str:
    places = [tuple(map(int, place)) for place in np.argwhere(wrong)[:4]]
    return f"{np.count_nonzero(wrong)} of {wrong.size} wrong, at {', '.join(map(str, places))}"


def _short(value: Any) -> str:
    return f"{len(value)} tensors" if isinstance(value, list) else f"{value}"[:100]
