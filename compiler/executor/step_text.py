"""Steps of a program -> lines of C."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..relay.dimension import Dim, Dimension, lower_bound
from ..relay.run_time import Condition
from .names import C_TYPES, c_bound, c_comment, c_dimension
from .profile import StepTable
from .program import (
    AssignStep,
    AssumeStep,
    Buffer,
    CheckStep,
    CopyStep,
    FailStep,
    FindStep,
    IfStep,
    KernelStep,
    LoopStep,
    PlaceStep,
    ReadStep,
    ReserveStep,
    ResultStep,
    Step,
    ValueResultStep,
    ValueStep,
)
from .values import find_lines, value_lines
from .wrappers import is_parallel


class StepText:
    """Writes steps.

    Parameters
    ----------
    symbols : mapping
        Symbol -> variable in C.
    threads : bool
        The target has threads.
    address : callable
        Buffer -> expression of its address.
    timed : StepTable, optional
        Takes the steps that are timed.
    """

    def __init__(
        self,
        symbols: Mapping[str, str],
        threads: bool,
        address: Callable[[Buffer], str],
        timed: StepTable | None = None,
    ) -> None:
        self._symbols, self._threads, self._address, self._timed = symbols, threads, address, timed

    def lines(self, steps: Sequence[Step], indent: str = "  ") -> list[str]:
        """Lines of C, one for most steps."""
        return [f"{indent}{line}" for step in steps for line in self._step(step)]

    def _step(self, step: Step) -> list[str]:
        write = getattr(self, f"_{type(step).__name__.removesuffix('Step').lower()}")
        lines: list[str] = write(step)
        return lines

    def _number(self, dim: Dimension) -> str:
        return c_dimension(dim, self._symbols)

    def _kernel(self, step: KernelStep) -> list[str]:
        arguments = [self._address(b) for b in step.arguments] + (["text"] if step.kernel.makes_text else [])
        arguments += [f"(int32_t)({self._number(size)})" for size in step.kernel.sizes]
        if is_parallel(step.kernel, self._threads):
            arguments.insert(0, "parallel")
        call = f"call_{step.kernel.symbol}({', '.join(arguments)})"
        run = self._timed.kernel(step, call) if self._timed else f"RUN({call});"
        guard = "" if isinstance(step.elements, int) else f"if ({self._number(step.elements)} > 0) "
        return [f"{guard}{run}{_comment(step.comment)}"]

    def _copy(self, step: CopyStep) -> list[str]:
        size = step.source.size
        if size == 0:
            return []
        text = self._number(size)
        destination, source = self._address(step.destination), self._address(step.source)
        if lower_bound(size) < 1:
            call = f"onnxc_copy({destination}, {source}, {text})"
        else:
            text = f"(size_t)({text})" if isinstance(size, Dim) else text
            call = f"memcpy({destination}, {source}, {text})"
        return [f"{self._timed.copy(step, call) if self._timed else f'{call};'}{_comment(step.comment)}"]

    def _place(self, step: PlaceStep) -> list[str]:
        destination, source = self._address(step.destination), self._address(step.source)
        index = f"*(const int64_t *){self._address(step.index)}"
        numbers = f"{self._number(step.source.size)}, {index}, {self._number(step.count)}"
        return [f"RUN(onnxc_place({destination}, {source}, {numbers}));{_comment(step.comment)}"]

    def _reserve(self, step: ReserveStep) -> list[str]:
        root, _ = step.buffer.place()
        if root.kind != "block":
            return [f"if ({self._number(step.size)} < 0) return ONNXC_ERROR_VALUE;"]
        bound = c_bound(step.size, self._symbols)
        return [f"RESERVE({root.index}, {bound}, {self._number(step.size)}, {self._number(step.kept)});"]

    def _read(self, step: ReadStep) -> list[str]:
        address, comment = self._address(step.source), _comment(step.comment)
        element = f"((const {C_TYPES[step.dtype]} *){address})"
        variables = [self._symbols[s] for s in step.symbols]
        numbers = [f"(int64_t){element}[{i}]" for i in range(len(variables))]
        if step.rule == "size":
            return [
                f"RUN(onnxc_size({number}, &{variable}));{comment}"
                for variable, number in zip(variables, numbers, strict=True)
            ]
        if step.rule == "number":
            return [
                f"{variable} = onnxc_number({number});{comment}"
                for variable, number in zip(variables, numbers, strict=True)
            ]
        source = ", ".join([*map(self._number, step.shape), "1"])
        copies = int(step.rule == "reshape")
        return [
            f"{{{comment}",
            f"  const int64_t source[] = {{{source}}};",
            f"  int64_t shape[] = {{{', '.join(numbers)}}};",
            f"  RUN(onnxc_reshape(shape, {len(variables)}, source, {len(step.shape)}, {copies}));",
            *(f"  {variable} = shape[{i}];" for i, variable in enumerate(variables)),
            "}",
        ]

    def _assign(self, step: AssignStep) -> list[str]:
        variables = [self._symbols[s] for s in step.symbols]
        pairs = list(zip(variables, step.values, strict=True))
        comment = _comment(step.comment)
        if step.checked:
            return [
                line
                for variable, value in pairs
                for line in (
                    f"if (!onnxc_fits({c_bound(value, self._symbols)})) return ONNXC_ERROR_VALUE;{comment}",
                    f"RUN(onnxc_size({self._number(value)}, &{variable}));",
                )
            ]
        if len(pairs) == 1:
            return [f"{variable} = {self._number(value)};{comment}" for variable, value in pairs]
        new = ", ".join(f"new{i} = {self._number(value)}" for i, (_, value) in enumerate(pairs))
        moves = ", ".join(f"{variable} = new{i}" for i, (variable, _) in enumerate(pairs))
        return [f"{{ const int64_t {new}; {moves}; }}{comment}"]

    def _check(self, step: CheckStep) -> list[str]:
        return [
            f"if (!({self._condition(condition)})) return ONNXC_ERROR_SHAPE;{_comment(step.comment)}"
            for condition in step.conditions
        ]

    def _condition(self, condition: Condition) -> str:
        left, right = self._number(condition.left), self._number(condition.right)
        text = {
            "equal": f"{left} == {right}",
            "differ": f"{left} != {right}",
            "at most": f"{left} <= {right}",
            "broadcast": f"({left} == 1 || {left} == {right})",
        }[condition.kind]
        if condition.where != 1:
            text = f"({self._number(condition.where)} == 0 || {text})"
        products = [d for d in (condition.left, condition.right) if isinstance(d, Dim) and any(map(_long, d.terms))]
        return " && ".join([*(f"onnxc_fits({c_bound(d, self._symbols)})" for d in products), text])

    def _assume(self, step: AssumeStep) -> list[str]:
        wrong = "!" if step.value else ""
        address = self._address(step.condition)
        return [f"if ({wrong}*(const bool *){address}) return ONNXC_ERROR_SHAPE;{_comment(step.comment)}"]

    def _fail(self, step: FailStep) -> list[str]:
        return [f"return ONNXC_ERROR_SHAPE;{_comment(step.comment)}"]

    def _result(self, step: ResultStep) -> list[str]:
        return [
            "{",
            f"  onnxc_value *const result = outputs[{step.output}];",
            f"  result->data = {self._address(step.source)};",
            f"  result->ndim = {len(step.shape)};",
            *(f"  result->shape[{axis}] = {self._number(dim)};" for axis, dim in enumerate(step.shape)),
            "}",
        ]

    def _valueresult(self, step: ValueResultStep) -> list[str]:
        return [f"*(onnxc_value *)outputs[{step.output}] = *VALUE({self._address(step.source)});"]

    def _value(self, step: ValueStep) -> list[str]:
        return value_lines(step, self._address, self._number)

    def _find(self, step: FindStep) -> list[str]:
        return find_lines(step, self._address, self._number, self._symbols.__getitem__)

    def _if(self, step: IfStep) -> list[str]:
        return [
            f"if (*(const bool *){self._address(step.condition)}) {{{_comment(step.comment)}",
            *self.lines(step.then_steps),
            "} else {",
            *self.lines(step.else_steps),
            "}",
        ]

    def _loop(self, step: LoopStep) -> list[str]:
        return [
            f"for (;;) {{{_comment(step.comment)}",
            *self.lines(step.condition_steps),
            f"  if (!*(const bool *){self._address(step.condition)}) break;",
            *self.lines(step.body_steps),
            "}",
        ]


def _long(monomial: Sequence[object]) -> bool:
    return len(monomial) > 1


def _comment(text: str) -> str:
    return f" /* {c_comment(text)} */" if text else ""
