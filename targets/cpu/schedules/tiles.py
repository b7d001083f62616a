"""Register tiles: how many accumulators fit, and how to cut two axes into them."""

from __future__ import annotations

from onnxc.target import Target


def accumulators(target: Target) -> int:
    """Vector registers left for sums: some hold weights, data and constants."""
    return max(4, target.vector_registers - 4)


def pixel_tile(height: int | None, width: int | None, most: int) -> tuple[int, ...]:
    """Rows and columns of a tile of at most so many pixels that divides the image.

    The larger the better (the weights are loaded once for all its pixels); of equal ones the widest.
    """
    return max(pixel_tiles(height, width, most), key=lambda tile: (tile[0] * tile[1], tile[1]))


def pixel_tiles(height: int | None, width: int | None, most: int) -> list[tuple[int, ...]]:
    """All such tiles."""
    return [(r, c) for r in divisors(height) for c in divisors(width) if r * c <= most]


def divisors(number: int | None) -> list[int]:
    return [1] if number is None else [d for d in range(1, number + 1) if number % d == 0]
