"""How channels are cut into blocks, and pixels into tiles: what passes that choose layouts share."""

from __future__ import annotations

from ..relay.dimension import Dimension, evaluate, symbols
from ..target import SUMS, Target

#: So many channels are no block: each element of the data is multiplied with a vector of weights anyway.
FEW_CHANNELS = 4


def channel_block(channels: Dimension, target: Target) -> int | None:
    """Channels of a block for a tensor of so many; None where none divides them, or a larger one filled up is better.

    The block depends on the number of channels alone, so that tensors that meet fit. 16 floats are one register of
    AVX-512, two of AVX2, four of NEON (with 32 registers); targets with fewer registers take 8.
    """
    if not isinstance(channels, int):
        return None
    largest = _largest_block(target)
    block = next((b for b in (16, 8, 4) if b <= largest and channels % b == 0), None)
    return None if block == 4 and padded_block(channels, target) > 4 else block


def _largest_block(target: Target) -> int:
    return 16 if target.vector_registers * target.lanes() >= 128 else 8


def blocks_for_any(channels: int, target: Target) -> tuple[int | None, int]:
    """The block that divides so many channels, if one does; and the one that they fill up otherwise."""
    block = channel_block(channels, target)
    return block, block or padded_block(channels, target)


#: Multiply-adds of vectors narrower than the target's, where these are as fast, still need more loads.
_NARROW = 1.08


def padded_block(channels: int, target: Target) -> int:
    """Block for channels that it need not divide: of those that take the fewest vectors, the fewest, then least."""
    full = min(target.lanes(), target.full_speed_lanes)

    def cost(block: int) -> tuple[float, int, int]:
        count = -(-channels // block)
        narrow = _NARROW if count > 1 and block < target.lanes() else 1.0
        return count * max(block, full) * narrow, count, block

    return min((b for b in (4, 8, 16) if b <= _largest_block(target)), key=cost)


#: Larger blocks of inputs may have so many times the channels of the smallest.
_WORTH = 1.05


def input_block(channels: int, target: Target) -> int:
    """Block for the input channels of a convolution whose data is in no blocks yet.

    Its elements are broadcast one by one, so that they fill no vectors: the fewest zeros count. 17 channels are 20, not
    24 or 32. Larger blocks suit Winograd's filtering.
    """
    filled = {b: -(-channels // b) * b for b in (4, 8, 16) if b <= _largest_block(target)}
    return max(b for b, count in filled.items() if count <= _WORTH * min(filled.values()))


#: Length by which rows of unknown length are judged: samples of a chunk of sound, pixels of an image.
TYPICAL_LENGTH = 512
#: Pixels that are computed together although their number does not divide the row. The address of each lies in a
#: register of its own, as the last pixel of the row is computed again instead of what would lie behind it.
_MOST_ADDRESSES = 8
_MOST_ADDRESSES_OF_KNOWN_ROWS = 14


def column_tile(columns: Dimension, block: int, target: Target) -> int:
    """Pixels of a row that a kernel computes together where rows are of unknown length.

    As many as the registers allow; fewer where the row will probably be shorter: strides that divide the length of the
    input say so. A power of two, since pixels are divided into tiles while it runs, and fill registers with two blocks
    of channels. On a Zen 4 core silero_vad, whose rows have 2 to 8 pixels, takes 33 us with tiles of 3, 25 with 4, 31
    with 6, 37 with 8, and 24 by this rule; a classifier of text lines with rows of 96 takes 550, 537, 493 and 482.
    """
    most = max(1, min(_MOST_ADDRESSES, (target.vector_registers - 4) // max(1, block // target.lanes())))
    typical = evaluate(columns, dict.fromkeys(symbols(columns), TYPICAL_LENGTH))
    return min(most, 1 << (max(1, typical) - 1).bit_length())


def filled_tile(rows: Dimension, columns: int, block: int, target: Target) -> int:
    """Pixels of a row to compute together although they don't divide it, so that some are computed twice; or 0.

    Where no tile that divides the image has sums enough. With AVX2, which has room for 6 pixels, 7x7 pixels by 4 take
    0.74 to 0.77 of the time that they take by 7, whose sums don't fit. Of those that compute the fewest pixels twice
    the largest: with AVX-512 rows of 172 take 63 us by 11 and 95 by 28, most of whose addresses don't fit.
    """
    vectors = max(1, block // target.lanes())
    most = max(1, target.accumulators // vectors)
    height, width = divisor_tile(rows, columns, most)
    if height * width >= min(SUMS, -(-2 * most // 3)):
        return 0
    filled = [
        c
        for c in range(2, min(most, columns, _MOST_ADDRESSES_OF_KNOWN_ROWS) + 1)
        if c * vectors >= SUMS and -(-columns // c) * c <= 1.2 * columns
    ]
    return min(filled, key=lambda c: (-(-columns // c) * c, -c), default=0)


def divisor_tile(rows: Dimension, columns: Dimension, most: int) -> tuple[int, int]:
    """Rows and columns of the largest tile of at most so many pixels that divides an image."""

    def divisors(number: Dimension) -> list[int]:
        return [d for d in range(1, most + 1) if isinstance(number, int) and number % d == 0] or [1]

    tiles = ((r, c) for r in divisors(rows) for c in divisors(columns) if r * c <= most)
    return max(tiles, key=lambda tile: tile[0] * tile[1])
