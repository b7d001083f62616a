"""Squares of elements transposed in vector registers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from onnxc.kernel.tvm_api import tirx

from . import loops

#: What every vector extension can move its elements within: 128 bits.
_LANE_BYTES = 16

#: An output of a stage: two registers, and the numbers of the elements that it takes of both, one after the other.
_Move = tuple[int, int, tuple[int, ...]]


@cache
def stages(lanes: int, element_bytes: int) -> tuple[list[list[_Move]], list[int]]:
    """How a square of `lanes` registers of so many elements is transposed.

    The first stages interleave elements, pairs, ... within 128 bits, as punpck and zip do; later ones move parts of 128
    bits. Each move is one instruction on x86 and ARM.

    Returns
    -------
    stages : list of list of (int, int, tuple of int)
    registers : list of int
        Which register of the last stage holds each column.
    """
    within = min(lanes, _LANE_BYTES // element_bytes)
    registers = [[(row, column) for column in range(lanes)] for row in range(lanes)]
    result = []
    distance = 1
    while distance < lanes:
        masks = _interleave(lanes, within, distance) if distance < within else _divide(lanes, within)
        moves: list[_Move] = [(0, 0, ())] * lanes
        for first in (n for n in range(lanes) if not n & distance):
            second = first | distance
            moves[first], moves[second] = ((first, second, mask) for mask in masks)
        registers = [[(registers[a] + registers[b])[i] for i in mask] for a, b, mask in moves]
        result.append(moves)
        distance *= 2
    columns = {register[0][1]: number for number, register in enumerate(registers)}
    for column, number in columns.items():
        assert registers[number] == [(row, column) for row in range(lanes)], (lanes, element_bytes)
    return result, [columns[column] for column in range(lanes)]


def _interleave(lanes: int, within: int, size: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Parts of `size` elements of two registers in turns: of the lower and the upper half of each 128 bits."""
    halves = []
    for half in (0, within // 2):
        starts = [
            (base + half + part, operand)
            for base in range(0, lanes, within)
            for part in range(0, within // 2, size)
            for operand in (0, lanes)
        ]
        halves.append(tuple(operand + start + i for start, operand in starts for i in range(size)))
    return halves[0], halves[1]


def _divide(lanes: int, within: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The parts of 128 bits with even numbers, and those with odd ones, of two registers one after the other."""
    return tuple(
        tuple(start + i for start in range(parity * within, 2 * lanes, 2 * within) for i in range(within))
        for parity in (0, 1)
    )  # type: ignore[return-value]


def transposed(rows: Sequence[Any], dtype: str, element_bytes: int) -> tuple[list[Any], list[loops.Local]]:
    """Statements that transpose as many vectors as each has elements.

    Parameters
    ----------
    rows : sequence of expressions
        The vectors.

    Returns
    -------
    statements : list
    columns : list of Local
        An array for each column, with its elements.
    """
    lanes = len(rows)
    moves, order = stages(lanes, element_bytes)
    registers, statements = kept(rows, dtype, lanes)
    for stage in moves:
        registers, more = kept([_shuffled(registers, move, lanes) for move in stage], dtype, lanes)
        statements += more
    return statements, [registers[number] for number in order]


def kept(vectors: Sequence[Any], dtype: str, lanes: int) -> tuple[list[loops.Local], list[Any]]:
    """Local arrays of vectors, and the statements that fill them."""
    arrays = [loops.Local(lanes, "vector", dtype, registers=True) for _ in vectors]
    statements = [array.allocation for array in arrays]
    return arrays, [*statements, *(a.store_vector(v, lanes) for a, v in zip(arrays, vectors, strict=True))]


def picked(vectors: Sequence[Any], lanes: int, elements: Sequence[tuple[int, int]]) -> Any:
    """A vector of some elements of others, each given as the number of its vector and its place there."""
    used = list(dict.fromkeys(vector for vector, _ in elements))
    result = vectors[used[0]]
    mask = [place if vector == used[0] else 0 for vector, place in elements]
    if len(used) == 1:
        return tirx.Shuffle([result], [tirx.const(i, "int32") for i in mask])
    for number in used[1:]:
        mask = [lanes + place if vector == number else old for old, (vector, place) in zip(mask, elements, strict=True)]
        result = tirx.Shuffle([result, vectors[number]], [tirx.const(i, "int32") for i in mask])
        mask = list(range(lanes))
    return result


def _shuffled(registers: Sequence[loops.Local], move: _Move, lanes: int) -> Any:
    first, second, mask = move
    vectors = [registers[number].load_vector(lanes) for number in (first, second)]
    return tirx.Shuffle(vectors, [tirx.const(i, "int32") for i in mask])
