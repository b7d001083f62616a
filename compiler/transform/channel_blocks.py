"""How channels are cut into blocks: what passes that choose layouts share."""

from __future__ import annotations

from ..relay.dimension import Dimension
from ..target import Target

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
