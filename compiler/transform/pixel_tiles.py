"""How many pixels of a convolution to compute together where no tile that divides the image is good: `pixel_tile`."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ..relay.dimension import Dimension, evaluate, symbols
from ..target import SUMS, Target

#: Length by which rows of unknown length are judged: samples of a chunk of sound, pixels of an image.
TYPICAL_LENGTH = 512
#: The address of each pixel of a tile that divides nothing lies in a register of its own, as the last pixel is computed
#: again instead of what would lie behind it. So many may be such tiles; fewer in rows of unknown length.
_MOST_ADDRESSES, _MOST_ADDRESSES_OF_UNKNOWN = 14, 8
#: Loads for weights that a tile waits for, in multiply-adds of vectors, and steps that its addresses take.
_WEIGHTS, _ADDRESSES = 2.0, 1.5
#: Tiles that divide nothing must gain so much.
_WORTH = 0.98


def pixel_tile(sizes: Sequence[Dimension], block: int, depth: int, target: Target, *, is_float: bool = True) -> int:
    """The attribute of `nn.conv_blocked`.

    Parameters
    ----------
    sizes : sequence
        Spatial sizes of the result.
    block : int
        Channels of a block of the result.
    depth : int
        Products that are summed up for a result; 0 where each pixel needs a vector of its own (depthwise).
    target : Target
    is_float : bool
        Otherwise bytes are multiplied.

    Returns
    -------
    int
        Pixels of a tile; 0: the schedule cuts the image, by a tile that divides it.
    """
    vectors = max(1, block // target.lanes())
    if not isinstance(sizes[-1], int):
        return _of_unknown_rows(sizes[-1], vectors, target)
    if depth == 0:
        return 0
    numbers = [size for size in sizes if isinstance(size, int)]
    # Bytes without an instruction for their products take registers for the halves of data and weights.
    if is_float and vectors == 2 and target.lanes() >= 8 and len(numbers) == len(sizes):
        return _across_rows(numbers, depth, vectors, target)
    return _in_rows(sizes[-2] if len(sizes) > 1 else 1, sizes[-1], vectors, target)


def _of_unknown_rows(columns: Dimension, vectors: int, target: Target) -> int:
    """Pixels of a row that a kernel computes together where rows are of unknown length.

    As many as the registers allow; fewer where the row will probably be shorter: strides that divide the length of the
    input say so. A power of two, since pixels are divided into tiles while it runs, and fill registers with two blocks
    of channels. On a Zen 4 core silero_vad, whose rows have 2 to 8 pixels, takes 33 us with tiles of 3, 25 with 4, 31
    with 6, 37 with 8, and 24 by this rule; a classifier of text lines with rows of 96 takes 550, 537, 493 and 482.
    """
    most = max(1, min(_MOST_ADDRESSES_OF_UNKNOWN, (target.vector_registers - 4) // vectors))
    typical = evaluate(columns, dict.fromkeys(symbols(columns), TYPICAL_LENGTH))
    return min(most, 1 << (max(1, typical) - 1).bit_length())


def _in_rows(rows: Dimension, columns: int, vectors: int, target: Target) -> int:
    """Pixels of a row to compute together although they don't divide it, so that some are computed twice; or 0.

    Where no tile that divides the image has sums enough. Of those that compute the fewest pixels twice the largest:
    with AVX-512 rows of 172 take 63 us by 11 and 95 by 28, most of whose addresses don't fit.
    """
    most = max(1, target.accumulators // vectors)
    height, width = divisor_tile(rows, columns, most)
    if height * width >= min(SUMS, -(-2 * most // 3)):
        return 0
    filled = [
        c
        for c in range(2, min(most, columns, _MOST_ADDRESSES) + 1)
        if c * vectors >= SUMS and -(-columns // c) * c <= 1.2 * columns
    ]
    return min(filled, key=lambda c: (-(-columns // c) * c, -c), default=0)


def _across_rows(sizes: Sequence[int], depth: int, vectors: int, target: Target) -> int:
    """Pixels to compute together in the order of rows, or 0: for blocks of two vectors, AVX2's.

    Each load of weights serves all pixels of a tile, and the six that AVX2 has room for mostly divide no image. 14x14
    pixels of 1024 to 256 channels reach 109 GFLOP/s by 6 and 86 by 2x2, 7x7 of 512 to 2048 reach 105 by 5 and 95 by 4
    (Zen 4, AVX2, where the peak is 118); with 16 channels only, addresses take more than that gains: 101 by 6, 107 by
    2x2. With SSE, which adds in two steps, six pixels gain nothing (35 by 6, 36 by 2x2).
    """
    most = max(1, target.accumulators // vectors)
    pixels = prod(sizes)
    height, width = divisor_tile(sizes[-2] if len(sizes) > 1 else 1, sizes[-1], most)

    def time(tile: int) -> float:
        busy = max(1.0, SUMS / (tile * vectors))
        return -(-pixels // tile) * tile * busy * (1 + _WEIGHTS / (tile * vectors))

    tiles = range(2, min(most, pixels, _MOST_ADDRESSES) + 1)
    best = min(tiles, key=lambda tile: (time(tile), tile), default=0)
    if not best or time(best) * (1 + _ADDRESSES / depth) > _WORTH * time(height * width):
        return 0
    return best


def divisor_tile(rows: Dimension, columns: Dimension, most: int) -> tuple[int, int]:
    """Rows and columns of the largest tile of at most so many pixels that divides an image."""

    def divisors(number: Dimension) -> list[int]:
        return [d for d in range(1, most + 1) if isinstance(number, int) and number % d == 0] or [1]

    tiles = ((r, c) for r in divisors(rows) for c in divisors(columns) if r * c <= most)
    return max(tiles, key=lambda tile: tile[0] * tile[1])
