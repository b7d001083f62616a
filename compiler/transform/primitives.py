"""Groups of bindings -> module-level primitive functions, one for all groups that are structurally equal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..relay.expr import Atom, Attrs, Binding, Call, Constant, Function, GlobalVar, Var, map_atoms
from ..relay.structural import structural_hash
from .dataflow import Node

#: Longest name of a primitive function, without its number.
_NAME_LENGTH = 64


def is_inside_constant(constant: Constant) -> bool:
    """Whether a constant stays inside a primitive function: one number does, so that the kernel can be compiled for it.

    All others become parameters, so that layers of different weights share a kernel.
    """
    return constant.array.size == 1 and constant.type.dtype != "string"


class PrimitiveSet:
    """The primitive functions made so far.

    Parameters
    ----------
    taken : iterable of str
        Names of the module's functions.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._by_hash: dict[str, str] = {}
        self.functions: dict[str, Function] = {}

    def replace_groups(self, function: Function, groups: Sequence[Sequence[Node]]) -> Function:
        """A function that calls primitive functions instead of computing the groups itself.

        The call stands in the place of the group's last binding, and binds the same variable.
        """
        calls: dict[Binding, Binding | None] = {}
        for nodes in groups:
            calls.update({n.binding: None for n in nodes})
            calls[nodes[-1].binding] = self._call(nodes)
        replaced = (calls.get(b, b) for b in function.bindings)
        return replace(function, bindings=tuple(b for b in replaced if b is not None))

    def _call(self, nodes: Sequence[Node]) -> Binding:
        primitive, arguments = _primitive(nodes)
        digest = structural_hash(primitive)
        if digest not in self._by_hash:
            self._by_hash[digest] = name = self._name(nodes)
            self.functions[name] = primitive
        heaviest = max(nodes, key=lambda n: n.kind).binding.value
        assert isinstance(heaviest, Call)
        call = Call(GlobalVar(self._by_hash[digest]), arguments, location=heaviest.location)
        return Binding(nodes[-1].var, call)

    def _name(self, nodes: Sequence[Node]) -> str:
        operators = [re.sub(r"\W", "_", n.op.name) for n in nodes if n.op is not None]
        base = "fused_" + "_".join(operators)
        if len(base) > _NAME_LENGTH:
            base = base[:_NAME_LENGTH].rstrip("_")
        name, number = base, 0
        while name in self._taken:
            number += 1
            name = f"{base}_{number}"
        self._taken.add(name)
        return name


def _primitive(nodes: Sequence[Node]) -> tuple[Function, tuple[Atom, ...]]:
    """The function of a group, and the atoms to call it with."""
    arguments: list[Atom] = []
    params: list[Var] = []
    inside: dict[Atom, Atom] = {}
    # A C source is written for its arguments one by one: none is shared, none becomes part of the function.
    written_in_c = any(n.op is not None and n.op.compute is None for n in nodes)

    def atom(outer: Atom) -> Atom:
        if outer in inside and not written_in_c:
            return inside[outer]
        if isinstance(outer, Constant) and is_inside_constant(outer) and not written_in_c:
            return Constant(outer.array)
        arguments.append(outer)
        params.append(Var(f"p{len(params)}", outer.type))
        inside[outer] = params[-1]
        return params[-1]

    bindings = []
    for node in nodes:
        value = map_atoms(node.binding.value, atom)
        assert node.op is not None
        inside[node.var] = var = Var(node.op.name.rpartition(".")[2], node.var.type)
        bindings.append(Binding(var, value))
    result = bindings[-1].var
    return Function(tuple(params), tuple(bindings), result, Attrs(primitive=True)), tuple(arguments)
