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


def usual_pixel_tile(height: int | None, width: int | None, most: int) -> tuple[int, ...]:
    """The same, but one with more pixels where the image has no good divisors.

    Sums that have no register of their own are better than registers without sums: 7x7 pixels of 16 channels on AVX2
    take 2.1 ms with 7 pixels a tile (Zen 4, 512 channels, 3x3), and 4.1 ms with one.
    """
    tile = pixel_tile(height, width, most)
    return tile if 2 * tile[0] * tile[1] > most else pixel_tile(height, width, 2 * most)


def pixel_tiles(height: int | None, width: int | None, most: int) -> list[tuple[int, ...]]:
    """All such tiles."""
    return [(r, c) for r in divisors(height) for c in divisors(width) if r * c <= most]


def divisors(number: int | None) -> list[int]:
    return [1] if number is None else [d for d in range(1, number + 1) if number % d == 0]
