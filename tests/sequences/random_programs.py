"""Random models that put sequences together, take them apart, and carry them through branches and loops.

All tensors are of type float[2]. Who makes a model knows how many tensors each sequence has at least, so that no run
fails.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tests.sequences.models import ValueModel, floats

_SEQUENCE, _TENSOR = "seq(float[2])", "float[2]"


@dataclass
class _Block:
    """A graph under construction.

    Attributes
    ----------
    sequences : dict
        Names in scope, and how many tensors each has at least.
    tensors : list of str
    lines : list of str
        Nodes.
    """

    sequences: dict[str, int]
    tensors: list[str]
    lines: list[str] = field(default_factory=list)

    def inner(self) -> _Block:
        return _Block(dict(self.sequences), list(self.tensors))


class Programs:
    """Makes models, each another one."""

    def __init__(self, seed: int) -> None:
        self._random, self._count = np.random.default_rng(seed), 0

    def model(self, name: str) -> ValueModel:
        block = _Block({"s": 2}, ["x"])
        block.lines += ["one = Constant<value_int = 1>()", "go = Cast<to = 9>(one)"]
        for _ in range(8):
            self._node(block, 2)
        results = [self._sequence(block) for _ in range(3)]
        outputs = [self._named(block, f"out{i}", result) for i, result in enumerate(results)]
        tensor = self._named(block, "t", self._tensor(block))
        types = ", ".join(f"{_SEQUENCE} {output}" for output in outputs)
        text = f"({_SEQUENCE} s, {_TENSOR} x, bool b, bool c, int64 n) => ({types}, {_TENSOR} {tensor}) {{\n"
        feeds = [
            {"s": [floats(2) + i for i in range(length)], "x": floats(2), "b": np.array(b), "c": np.array(c)}
            | {"n": np.array(n)}
            for length, b, c, n in ((2, True, False, 3), (5, False, True, 0), (3, False, False, 4))
        ]
        return ValueModel(name, text + "\n".join(block.lines) + "\n}", feeds)

    def _name(self) -> str:
        self._count += 1
        return f"v{self._count}"

    def _choose(self, things: list[str]) -> str:
        return things[int(self._random.integers(len(things)))]

    def _sequence(self, block: _Block, least: int = 0) -> str:
        """A sequence of at least so many tensors; newer ones more often."""
        names = [name for name, length in block.sequences.items() if length >= least]
        return self._choose(names[-3:] if self._random.random() < 0.7 else names)

    def _tensor(self, block: _Block) -> str:
        return self._choose(block.tensors)

    def _named(self, block: _Block, name: str, value: str) -> str:
        block.lines.append(f"{name} = Identity({value})")
        return name

    def _place(self, block: _Block, low: int, high: int) -> str:
        """A position, which only the run knows now and then."""
        name = self._name()
        block.lines.append(f"{name} = Constant<value_int = {int(self._random.integers(low, high + 1))}>()")
        if self._random.random() < 0.5:
            return name
        zero, sum_ = self._name(), self._name()
        block.lines += [f"{zero} = Sub(n, n)", f"{sum_} = Add({name}, {zero})"]
        return sum_

    def _node(self, block: _Block, depth: int) -> None:
        kinds = ["insert", "insert", "erase", "at", "add", "construct", "join"]
        kinds += ["branch", "loop"] if depth > 0 else []
        getattr(self, f"_{self._choose(kinds)}")(block, depth)

    def _insert(self, block: _Block, depth: int) -> None:
        sequence, name = self._sequence(block), self._name()
        length = block.sequences[sequence]
        arguments = [sequence, self._tensor(block)]
        if self._random.random() < 0.7:
            arguments.append(self._place(block, -length, length))
        block.lines.append(f"{name} = SequenceInsert({', '.join(arguments)})")
        block.sequences[name] = length + 1

    def _erase(self, block: _Block, depth: int) -> None:
        sequence, name = self._sequence(block, 1), self._name()
        length = block.sequences[sequence]
        arguments = [sequence]
        if self._random.random() < 0.7:
            arguments.append(self._place(block, -length, length - 1))
        block.lines.append(f"{name} = SequenceErase({', '.join(arguments)})")
        block.sequences[name] = length - 1

    def _at(self, block: _Block, depth: int) -> None:
        sequence, name = self._sequence(block, 1), self._name()
        length = block.sequences[sequence]
        block.lines.append(f"{name} = SequenceAt({sequence}, {self._place(block, -length, length - 1)})")
        block.tensors.append(name)

    def _add(self, block: _Block, depth: int) -> None:
        name = self._name()
        block.lines.append(f"{name} = Sub({self._tensor(block)}, {self._tensor(block)})")
        block.tensors.append(name)

    def _construct(self, block: _Block, depth: int) -> None:
        name = self._name()
        block.lines.append(f"{name} = SequenceConstruct({self._tensor(block)}, {self._tensor(block)})")
        block.sequences[name] = 2

    def _join(self, block: _Block, depth: int) -> None:
        both, name = self._name(), self._name()
        block.lines.append(f"{both} = ConcatFromSequence<axis = 0, new_axis = 1>({self._sequence(block, 1)})")
        axis = self._name()
        block.lines.append(f"{axis} = Constant<value_ints = [0]>()")
        block.lines.append(f"{name} = ReduceMean<keepdims = 0>({both}, {axis})")
        block.tensors.append(name)

    def _fill(self, block: _Block, depth: int) -> None:
        for _ in range(int(self._random.integers(1, 5))):
            self._node(block, depth - 1)

    def _branch(self, block: _Block, depth: int) -> None:
        first, second, tensor = self._name(), self._name(), self._name()
        graphs, lengths = [], []
        for kind in ("then", "else"):
            inner = block.inner()
            self._fill(inner, depth)
            results = [self._sequence(inner), self._sequence(inner)]
            lengths.append([inner.sequences[result] for result in results])
            names = [self._named(inner, self._name(), value) for value in (*results, self._tensor(inner))]
            head = ", ".join(
                f"{type_} {name}" for type_, name in zip((_SEQUENCE, _SEQUENCE, _TENSOR), names, strict=True)
            )
            body = "\n".join(inner.lines)
            graphs.append(f"{kind}_branch = {kind}_{self._name()} () => ({head}) {{\n{body}\n}}")
        condition = self._choose(["b", "c"])
        block.lines.append(f"{first}, {second}, {tensor} = If({condition}) <{', '.join(graphs)}>")
        block.sequences[first], block.sequences[second] = (min(pair) for pair in zip(*lengths, strict=True))
        block.tensors.append(tensor)

    def _loop(self, block: _Block, depth: int) -> None:
        """Carries two sequences and a tensor; what an iteration gives is at least as long as what it takes."""
        first = [self._sequence(block), self._sequence(block)]
        least = [block.sequences[sequence] for sequence in first]
        tensor = self._tensor(block)
        inner = block.inner()
        number, going, one, two, x = (self._name() for _ in range(5))
        inner.sequences.update({one: least[0], two: least[1]})
        inner.tensors.append(x)
        self._fill(inner, depth)
        results = [self._sequence(inner, least[0]), self._sequence(inner, least[1])]
        names = [self._named(inner, self._name(), value) for value in ("go", *results, self._tensor(inner))]
        head = f"int64 {number}, bool {going}, {_SEQUENCE} {one}, {_SEQUENCE} {two}, {_TENSOR} {x}"
        types = ("bool", _SEQUENCE, _SEQUENCE, _TENSOR)
        tail = ", ".join(f"{type_} {name}" for type_, name in zip(types, names, strict=True))
        body = "\n".join(inner.lines)
        given = [self._name() for _ in range(3)]
        block.lines.append(
            f"{', '.join(given)} = Loop(n, go, {', '.join(first)}, {tensor})"
            f" <body = body_{number} ({head}) => ({tail}) {{\n{body}\n}}>"
        )
        block.sequences[given[0]], block.sequences[given[1]] = least
        block.tensors.append(given[2])
