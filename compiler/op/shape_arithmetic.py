"""Integer functions on shape values: they hold for all values of the symbols, or raise `Undecided`."""

from __future__ import annotations

from ..relay.dimension import Dim, Dimension, lower_bound


class Undecided(ValueError):
    """The result depends on what the symbols are at run time."""


def less(left: Dimension, right: Dimension) -> bool:
    difference = right - left
    if lower_bound(difference) > 0:
        return True
    if lower_bound(-difference) >= 0:
        return False
    raise Undecided(f"{left} < {right}")


def equal(left: Dimension, right: Dimension) -> bool:
    if left == right:
        return True
    difference = right - left
    if lower_bound(difference) > 0 or lower_bound(-difference) > 0:
        return False
    raise Undecided(f"{left} == {right}")


def truncate_div(left: Dimension, right: Dimension) -> Dimension:
    """Quotient rounded toward zero, as in C."""
    if isinstance(left, int) and isinstance(right, int) and right != 0:
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient
    if lower_bound(left) >= 0 and lower_bound(right) >= 1:
        return left // right
    if right != 0 and (left // right) * right == left:
        return left // right
    raise Undecided(f"{left} / {right}")


def truncate_mod(left: Dimension, right: Dimension) -> Dimension:
    """Remainder of `truncate_div`."""
    return left - truncate_div(left, right) * right


def floor_mod(left: Dimension, right: Dimension) -> Dimension:
    """Remainder with the divisor's sign."""
    if right == 0:
        raise Undecided(f"{left} % 0")
    return left % right


def power(base: Dimension, exponent: Dimension) -> Dimension:
    if isinstance(exponent, Dim) or not 0 <= exponent < 64:
        raise Undecided(f"{base} to the power of {exponent}")
    result: Dimension = 1
    for _ in range(exponent):
        result = result * base
    return result


def absolute(value: Dimension) -> Dimension:
    return -value if less(value, 0) else value


def sign(value: Dimension) -> int:
    return int(less(0, value)) - int(less(value, 0))
