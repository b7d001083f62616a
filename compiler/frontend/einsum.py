"""Einstein sums as transpositions, sums, products and matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..relay.dimension import Dimension, product
from ..relay.expr import Atom, Constant
from ..relay.types import TensorType
from .registry import Node


@dataclass(frozen=True)
class Term:
    """An operand whose axes have labels: letters, or numbers for those that an ellipsis stands for."""

    atom: Atom
    labels: tuple[str, ...]

    @property
    def type(self) -> TensorType:
        assert isinstance(self.atom.type, TensorType)
        return self.atom.type

    def size(self, label: str) -> Dimension:
        return self.type.shape[self.labels.index(label)]

    def sizes(self, labels: Sequence[str]) -> tuple[Dimension, ...]:
        return tuple(self.size(label) for label in labels)


def matrix_product(node: Node, a: Atom, b: Atom, transpose_a: bool = False, transpose_b: bool = False) -> Atom:
    """numpy's matmul, as a dense layer where the right side is a constant matrix."""
    if isinstance(b, Constant) and b.array.ndim == 2 and not transpose_a:
        return node.call("nn.dense", a, b if transpose_b else node.transpose(b, (1, 0)))
    return node.call("nn.matmul", a, b, transpose_a=transpose_a, transpose_b=transpose_b)


def einsum(node: Node, equation: str, operands: Sequence[Atom]) -> Atom:
    """The Einstein sum of the operands, contracted from left to right."""
    inputs, output = _parse(node, equation, [_rank(node, atom) for atom in operands])
    terms = [_diagonal(node, Term(atom, labels)) for atom, labels in zip(operands, inputs, strict=True)]
    _check_sizes(node, equation, terms)
    total, *rest = terms
    while rest:
        other = rest.pop(0)
        kept = set(output).union(*(t.labels for t in rest))
        total = _combine(node, total, other, kept)
    total = _sum(node, total, set(total.labels) - set(output))
    return node.transpose(total.atom, [total.labels.index(label) for label in output])


def _rank(node: Node, atom: Atom) -> int:
    if not isinstance(atom.type, TensorType):
        raise node.error(f"an operand is {atom.type}", expected="tensors")
    return atom.type.rank


def _parse(node: Node, equation: str, ranks: Sequence[int]) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """Labels of the operands' axes and of the result's."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    texts = left.split(",")
    if len(texts) != len(ranks):
        raise node.error(f"the equation '{equation}' for {len(ranks)} operands", expected=f"{len(texts)} operands")
    inputs = []
    widest = 0
    for text, rank in zip(texts, ranks, strict=True):
        letters = text.replace("...", "")
        missing = rank - len(letters)
        if missing < 0 or (missing and "..." not in text):
            raise node.error(
                f"the equation's term '{text}' for an operand of rank {rank}", expected="a letter per axis"
            )
        inputs.append(_labels(node, equation, text, missing))
        widest = max(widest, missing)
    if arrow:
        output = _labels(node, equation, right, widest if "..." in right else 0)
    else:
        once = sorted(letter for letter in set(left) - {",", "."} if left.count(letter) == 1)
        output = _labels(node, equation, "..." * ("..." in left) + "".join(once), widest)
    known = {label for labels in inputs for label in labels}
    if len(set(output)) != len(output) or not set(output) <= known:
        raise node.error(f"the result '{right}' of the equation '{equation}'", expected="letters of the operands, once")
    return inputs, output


def _labels(node: Node, equation: str, text: str, ellipsis: int) -> tuple[str, ...]:
    """Labels of a term; the axes of an ellipsis are numbered from the right, as they broadcast."""
    before, dots, after = text.partition("...")
    if not (before + after).isalpha() and before + after:
        raise node.error(
            f"the term '{text}' of the equation '{equation}'", expected="letters, and one ellipsis at most"
        )
    numbers = [str(n) for n in range(ellipsis - 1, -1, -1)] if dots else []
    return (*before, *numbers, *after)


def _check_sizes(node: Node, equation: str, terms: Sequence[Term]) -> None:
    sizes: dict[str, int] = {}
    for term in terms:
        for label in term.labels:
            size = term.size(label)
            if not isinstance(size, int) or size == 1:
                continue
            if sizes.setdefault(label, size) != size:
                raise node.error(
                    f"axes of {sizes[label]} and {size} elements meet in the equation '{equation}'",
                    expected="one size for axes of one letter",
                )


def _diagonal(node: Node, term: Term) -> Term:
    """Keep the diagonal of axes that have the same label."""
    for label in dict.fromkeys(term.labels):
        while term.labels.count(label) > 1:
            first = term.labels.index(label)
            second = term.labels.index(label, first + 1)
            atom = node.call("diagonal", term.atom, axes=(first, second))
            term = Term(atom, term.labels[:second] + term.labels[second + 1 :])
    return term


def _sum(node: Node, term: Term, labels: set[str]) -> Term:
    """Sum over axes."""
    axes = tuple(axis for axis, label in enumerate(term.labels) if label in labels)
    if not axes:
        return term
    kept = tuple(label for label in term.labels if label not in labels)
    if all(term.type.shape[axis] == 1 for axis in axes):
        return Term(node.reshape(term.atom, term.sizes(kept)), kept)
    return Term(node.call("sum", term.atom, axis=axes, keepdims=False), kept)


def _combine(node: Node, left: Term, right: Term, kept: set[str]) -> Term:
    """Product of two terms, summed over the labels that nothing else needs."""

    def alone(term: Term, other: Term) -> set[str]:
        """Labels to sum over before the product: those that the other term does not have, or only with size 1."""
        return {
            label
            for label in term.labels
            if label not in kept and (label not in other.labels or (other.size(label) == 1) != (term.size(label) == 1))
        }

    left, right = _sum(node, left, alone(left, right)), _sum(node, right, alone(right, left))
    shared = [label for label in left.labels if label in right.labels]
    batch, contracted = [s for s in shared if s in kept], [s for s in shared if s not in kept]
    rows = [label for label in left.labels if label not in shared]
    columns = [label for label in right.labels if label not in shared]
    labels = (*batch, *rows, *columns)
    if not contracted:
        atom = node.call("multiply", _aligned(node, left, labels), _aligned(node, right, labels))
        return Term(atom, labels)
    a, transpose_a = _matrices(node, left, batch, rows, contracted)
    b, swapped = _matrices(node, right, batch, columns, contracted)
    atom = matrix_product(node, a, b, transpose_a, not swapped)
    assert isinstance(atom.type, TensorType)
    stacks = atom.type.shape[: len(batch)]
    return Term(node.reshape(atom, (*stacks, *left.sizes(rows), *right.sizes(columns))), labels)


def _aligned(node: Node, term: Term, labels: Sequence[str]) -> Atom:
    """The term with its axes in the order of the labels, and 1 for those that it does not have."""
    order = [label for label in labels if label in term.labels]
    atom = node.transpose(term.atom, [term.labels.index(label) for label in order])
    return node.reshape(atom, [term.size(label) if label in order else 1 for label in labels])


def _matrices(
    node: Node, term: Term, batch: Sequence[str], free: Sequence[str], contracted: Sequence[str]
) -> tuple[Atom, bool]:
    """The term as a stack of matrices: free x contracted, or the transpose of that (True) if it lies so already."""
    swapped = term.labels == (*batch, *contracted, *free)
    order = term.labels if swapped else (*batch, *free, *contracted)
    atom = node.transpose(term.atom, [term.labels.index(label) for label in order])
    sides = [product(term.sizes(free)), product(term.sizes(contracted))]
    return node.reshape(atom, (*term.sizes(batch), *(sides[::-1] if swapped else sides))), swapped
