"""Store what windows pad with its border, so that no kernel copies it into a padded buffer.

A convolution or pooling that pads copies its whole input first. Here the kernel that makes the value writes it into the
middle of a larger buffer, whose border (halo) it fills with what is padded: zeros, or the least number for a maximum.
That is a few per cent of the image. Kernels with windows read it without padding; all others read the middle. What no
kernel makes (inputs of the model), and what is used otherwise, is copied once by a kernel for that.

On one Zen 4 core the copies took 6 % of resnet18's time, and 60 % of the time of mobilenetv2's depthwise kernels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from .. import op as relay_op
from ..diagnostics import NOWHERE, Location
from ..relay.dimension import Dimension
from ..relay.expr import (
    Atom,
    Attrs,
    Binding,
    Call,
    Expr,
    Function,
    GlobalVar,
    Module,
    Var,
    atoms_of,
    free_vars,
    map_atoms,
    subfunctions,
)
from ..relay.structural import structural_hash
from ..relay.types import TensorType
from .base import Pass, PassContext, called_functions, map_subfunctions

#: Operators whose first argument may come with a border: attributes `padding`, `strides`, ...; spatial axes from 2 on.
_CONVOLUTIONS = ("nn.conv_blocked", "nn.conv_winograd", "nn.conv_planes", "qnn.conv_blocked")


@dataclass(frozen=True)
class Halo:
    """Elements around the middle: so many before and behind it for each axis, what they are, and whose windows pad."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    value: float = 0
    location: Location = field(default=NOWHERE, compare=False)

    @property
    def empty(self) -> bool:
        return not any(self.before) and not any(self.after)

    def union(self, other: Halo) -> Halo:
        """Enough for both; where they are of different values, the one of zeros."""
        if self.value != other.value:
            return self if self.value == 0 else other
        before, after = tuple(map(max, self.before, other.before)), tuple(map(max, self.after, other.after))
        return Halo(before, after, self.value, self.location)

    def around(self, type_: TensorType) -> TensorType:
        shape = tuple(b + d + a for b, d, a in zip(self.before, type_.shape, self.after, strict=True))
        return TensorType(shape, type_.dtype)


def _needed(function: Function, place: int) -> Halo | None:
    """Padding of the windows over a parameter; None where there is none."""
    param = function.params[place]
    assert isinstance(param.type, TensorType)
    halos = [halo for b in function.bindings if (halo := _padding(b.value, param)) is not None]
    if not halos:
        return None
    result = halos[0]
    for halo in halos[1:]:
        result = result.union(halo)
    return None if result.empty else result


def _padding(value: Expr, data: Atom) -> Halo | None:
    """What a call pads a value with; None where it has no windows over it."""
    if not isinstance(value, Call) or not value.args or value.args[0] is not data:
        return None
    assert isinstance(data.type, TensorType)
    if value.op in _CONVOLUTIONS:
        border = value.attrs.get("zero_point", 0)
    elif value.op == "nn.max_pool" and not value.attrs.ceil_mode and data.type.dtype == "float32":
        border = -math.inf
    else:
        return None
    if not all(isinstance(amount, int) for amount in value.attrs.padding):
        return None  # SAME_UPPER with strides, of images of any size: the border would depend on them
    spatial = len(value.attrs.padding) // 2
    rest = (0,) * (data.type.rank - spatial - 2)
    before, after = value.attrs.padding[:spatial], value.attrs.padding[spatial:]
    return Halo((0, 0, *before, *rest), (0, 0, *after, *rest), border, value.location)


def _computes(function: Function) -> bool:
    """Is it made from operators with computes? A kernel in C knows nothing of borders."""
    calls = [b.value for b in function.bindings]
    return all(isinstance(c, Call) and isinstance(c.op, str) and relay_op.get(c.op).source is None for c in calls)


@dataclass
class _Bordering:
    """Gives values of functions borders, and makes the variants of kernels for them."""

    functions: dict[str, Function]
    variants: dict[tuple[str, tuple[Halo | None, ...], Halo | None], str] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)

    def run(self, function: Function) -> Function:
        halos, copied = self._halos(function)
        wider: dict[Var, Var] = {}
        bindings: list[Binding] = []
        for param in function.params:
            if param in copied:
                bindings.append(self._copy(param, copied[param], wider))
        for binding in function.bindings:
            value, var = map_subfunctions(binding.value, self.run), binding.var
            if isinstance(value, Call) and isinstance(value.op, GlobalVar):
                places = [self._halo_of(a, value.op.name, i, halos, copied) for i, a in enumerate(value.args)]
                own = halos.get(var)
                if own is not None or any(places):
                    name = self._variant(value.op.name, places, own)
                    args = (
                        wider[a] if h and isinstance(a, Var) else a for a, h in zip(value.args, places, strict=True)
                    )
                    value = replace(value, op=GlobalVar(name), args=tuple(args))
                if own is not None:
                    assert isinstance(var.type, TensorType)
                    wider[var] = var = Var(var.name, own.around(var.type), var.location)
            bindings.append(Binding(var, value))
            if binding.var in copied:
                bindings.append(self._copy(binding.var, copied[binding.var], wider))
        return replace(function, bindings=tuple(bindings))

    def _halo_of(
        self, atom: Atom, kernel: str, place: int, halos: Mapping[Var, Halo], copied: Mapping[Var, Halo]
    ) -> Halo | None:
        """Border of an argument. A copy is for those kernels that pad it."""
        if not isinstance(atom, Var):
            return None
        if atom in copied:
            return copied[atom] if _needed(self.functions[kernel], place) is not None else None
        return halos.get(atom)

    def _copy(self, var: Var, halo: Halo, wider: dict[Var, Var]) -> Binding:
        """A copy with a border."""
        assert isinstance(var.type, TensorType)
        wider[var] = Var(f"{var.name}.padded", halo.around(var.type), halo.location)
        identity = Var("p0", var.type)
        function = _bordered(Function((identity,), (), identity, Attrs(primitive=True)), [None], halo)
        name = next(n for i in range(len(self.functions) + 1) if (n := f"fused_pad_{i}") not in self.functions)
        digest = structural_hash(function)
        name = self.copies.setdefault(digest, name)
        self.functions[name] = function
        return Binding(wider[var], Call(GlobalVar(name), (var,), location=halo.location))

    def _halos(self, function: Function) -> tuple[dict[Var, Halo], dict[Var, Halo]]:
        """Borders of values that only kernels use, some of which pad them; and of those that need a copy for it."""
        found: dict[Var, Halo] = {}
        others: set[Atom] = {function.result}
        for binding in function.bindings:
            value = binding.value
            if isinstance(value, Call) and isinstance(value.op, GlobalVar):
                kernel = self.functions[value.op.name]
                for place, atom in enumerate(value.args):
                    if not _computes(kernel):
                        others.add(atom)
                    elif isinstance(atom, Var) and (halo := _needed(kernel, place)) is not None:
                        found[atom] = found[atom].union(halo) if atom in found else halo
            else:
                others.update(atoms_of(value))
            for sub in subfunctions(value):
                others.update(free_vars(sub))
        made = {b.var for b in function.bindings if self._may_border(b.value)} - others
        own = {*function.params, *(b.var for b in function.bindings)}
        bordered = {var: halo for var, halo in found.items() if var in made}
        return bordered, {var: halo for var, halo in found.items() if var not in made and var in own}

    def _may_border(self, value: Expr) -> bool:
        if not isinstance(value, Call) or not isinstance(value.op, GlobalVar):
            return False
        kernel = self.functions[value.op.name]
        return isinstance(kernel.result.type, TensorType) and _computes(kernel)

    def _variant(self, name: str, arguments: Sequence[Halo | None], own: Halo | None) -> str:
        key = (name, tuple(arguments), own)
        if key not in self.variants:
            number = sum(1 for known in self.variants if known[0] == name)
            self.variants[key] = new = f"{name}_halo{number or ''}"
            self.functions[new] = _bordered(self.functions[name], arguments, own)
        return self.variants[key]


def _bordered(function: Function, arguments: Sequence[Halo | None], own: Halo | None) -> Function:
    """The kernel on parameters with borders, whose result gets a border."""
    params: list[Var] = []
    bindings: list[Binding] = []
    wide: dict[Var, tuple[Var, Halo]] = {}
    middles: dict[tuple[Var, Halo], Var] = {}
    for param, halo in zip(function.params, arguments, strict=True):
        params.append(param)
        if halo is not None:
            assert isinstance(param.type, TensorType)
            params[-1] = Var(param.name, halo.around(param.type))
            wide[param] = params[-1], halo

    def part(param: Var, padding: Halo) -> Var:
        """A parameter with so much of its border."""
        source, halo = wide[param]
        if (padding.before, padding.after) == (halo.before, halo.after):
            return source
        if (param, padding) not in middles:
            assert isinstance(param.type, TensorType)
            begin = tuple(h - p for h, p in zip(halo.before, padding.before, strict=True))
            shape = padding.around(param.type).shape
            end: tuple[Dimension, ...] = tuple(b + d for b, d in zip(begin, shape, strict=True))
            middle = {"begin": begin, "end": end, "strides": (1,) * len(begin)}
            middles[param, padding] = _bind(bindings, "strided_slice", (source,), middle)
        return middles[param, padding]

    def atom(value: Atom) -> Atom:
        if not isinstance(value, Var) or value not in wide:
            return value
        return part(value, Halo((0,) * len(wide[value][1].before), (0,) * len(wide[value][1].after)))

    for binding in function.bindings:
        value = binding.value
        assert isinstance(value, Call)
        data = value.args[0] if value.args else None
        padding = _padding(value, data) if isinstance(data, Var) and data in wide else None
        if isinstance(data, Var) and padding is not None and padding.value == wide[data][1].value:
            padded = part(data, padding)
            attrs = Attrs({**value.attrs, "padding": (0,) * len(value.attrs.padding)})
            value = replace(value, args=(padded, *map(atom, value.args[1:])), attrs=attrs)
        else:
            value = map_atoms(value, atom)
        bindings.append(Binding(binding.var, value))
    result = function.result
    zeros = tuple(i for i, h in enumerate(arguments) if h is not None and h.value == 0)
    own_attrs = {**function.attrs, "zero_borders": zeros}
    if own is not None:
        border = {"before": own.before, "after": own.after, "value": own.value}
        where = NOWHERE if function.bindings else own.location  # a copy is for the windows alone
        result = _bind(bindings, "pad", (result,), border, where)
        own_attrs["halo"] = True
    return Function(tuple(params), tuple(bindings), result, Attrs(own_attrs))


def _bind(
    bindings: list[Binding], op: str, args: tuple[Atom, ...], attrs: Mapping[str, object], location: Location = NOWHERE
) -> Var:
    full = relay_op.complete_attrs(relay_op.get(op), attrs)
    var = Var(op.rpartition(".")[2], relay_op.infer_type(op, full, [a.type for a in args]))
    bindings.append(Binding(var, Call(op, args, full, location)))
    return var


def _run(module: Module, context: PassContext) -> Module:
    bordering = _Bordering(dict(module.functions))
    main = bordering.run(module.main)
    bordering.functions["main"] = main
    return replace(module, functions=called_functions(bordering.functions))


halo = Pass("halo", 3, _run)
