"""Register tiles: how many accumulators fit, and how to cut two axes into them."""

from __future__ import annotations

from onnxc.target import SUMS, Target


def accumulators(target: Target) -> int:
    return target.accumulators


def pixel_tile(height: int | None, width: int | None, most: int) -> tuple[int, ...]:
    """Rows and columns of a tile of at most so many pixels that divides the image.

    The larger the better (the weights are loaded once for all its pixels); of equal ones the widest.
    """
    return max(pixel_tiles(height, width, most), key=lambda tile: (tile[0] * tile[1], tile[1]))


def usual_pixel_tile(height: int | None, width: int | None, most: int) -> tuple[int, ...]:
    """The same, but the next larger one where the image has no good divisors and too few sums would be in flight.

    On one Zen 4 core, 7x7 pixels of 512 channels: with AVX2 (room for 6) 7 pixels a tile take 2.1 ms, one takes 4.1;
    with AVX-512 (room for 28) 7 pixels reach 108 GFLOP/s, and 49, whose sums have no registers, 70. Where 4 of 6 can be
    had (28x28 pixels with AVX2), 4 take 1.0 ms and 7 take 2.3.
    """
    tile = pixel_tile(height, width, most)
    if tile[0] * tile[1] >= min(SUMS, -(-2 * most // 3)):
        return tile
    larger = [t for t in pixel_tiles(height, width, 4 * most) if t[0] * t[1] > most]
    return min(larger, key=lambda t: (t[0] * t[1], -t[1]), default=tile)


def pixel_tiles(height: int | None, width: int | None, most: int) -> list[tuple[int, ...]]:
    """All such tiles."""
    return [(r, c) for r in divisors(height) for c in divisors(width) if r * c <= most]


def divisors(number: int | None) -> list[int]:
    return [1] if number is None else [d for d in range(1, number + 1) if number % d == 0]
