"""Damaged models: whatever is wrong with the bytes, the importer says so or makes something of them."""

from __future__ import annotations

import random

import pytest

from onnxc.diagnostics import CompileError
from onnxc.frontend.importer import import_model
from tests.errors.models import small_model

VARIANTS = 300


def damaged(data: bytes, generator: random.Random) -> bytes:
    """A few bytes changed, lost or inserted."""
    result = bytearray(data)
    for _ in range(generator.choice((1, 1, 2, 4, 8))):
        place = generator.randrange(len(result))
        match generator.randrange(4):
            case 0:
                result[place] = generator.randrange(256)
            case 1:
                result[place] ^= 1 << generator.randrange(8)
            case 2:
                del result[place : place + generator.randrange(1, 8)]
            case _:
                result[place:place] = generator.randbytes(generator.randrange(1, 6))
    return bytes(result)


@pytest.mark.parametrize("seed", range(3))
def test_damaged_models(seed: int) -> None:
    generator = random.Random(seed)
    data = small_model().SerializeToString()
    outcomes = {"imported": 0, "refused": 0}
    for index in range(VARIANTS // 3):
        variant = damaged(data, generator)
        try:
            import_model(variant)
            outcomes["imported"] += 1
        except CompileError as error:
            assert str(error)
            outcomes["refused"] += 1
        except Exception as error:
            pytest.fail(f"variant {index} of seed {seed}: {type(error).__name__}: {error}")
    assert min(outcomes.values()) > 0, outcomes


def test_every_truncation() -> None:
    data = small_model().SerializeToString()
    for length in range(0, len(data), 23):
        with pytest.raises(CompileError):
            import_model(data[:length])
