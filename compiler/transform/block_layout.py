"""Keep the channels of convolution networks in blocks (NCHWc), with transforms only where the network begins and ends.

Walking forward, every convolution that can is put on blocked data with packed weights; what follows it stays blocked as
long as there is a rule for it in the table below. A value is brought back only where something else uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import prod

import numpy as np

from .. import op as relay_op
from ..op.base import FusionKind
from ..op.layout import block_array
from ..op.nn_conv_blocked import pack_weights
from ..op.qnn_conv import fold_zero_point
from ..op.qnn_conv_blocked import QUAD, pack_depthwise, pack_quads
from ..relay.dimension import Dimension
from ..relay.expr import (
    Atom,
    Binding,
    Call,
    Constant,
    Expr,
    Function,
    Module,
    Var,
    free_vars,
    map_atoms,
    subfunctions,
)
from ..relay.types import TensorType
from ..target import Target
from .base import Pass, PassContext, map_functions, map_subfunctions
from .channel_blocks import FEW_CHANNELS, blocks_for_any, channel_block, input_block, padded_block
from .pixel_tiles import pixel_tile


@dataclass
class _Rewriter:
    """Rewrites one function.

    `blocked` holds the blocked form of variables of the old function, `plain` what stands for them in the ordinary one.
    A variable may be in both, or in one of them.
    """

    target: Target
    bindings: list[Binding] = field(default_factory=list)
    blocked: dict[Var, Var] = field(default_factory=dict)
    plain: dict[Var, Atom] = field(default_factory=dict)

    def run(self, function: Function) -> Function:
        for binding in function.bindings:
            value = binding.value
            rule = _rule(value)
            if rule is not None and isinstance(value, Call) and rule(self, binding.var, value):
                continue
            for var in [v for sub in subfunctions(value) for v in free_vars(sub)]:
                self.plain_atom(var)
            value = map_atoms(value, self.plain_atom)
            value = map_subfunctions(value, lambda f: _Rewriter(self.target).run(f))
            self.bindings.append(Binding(binding.var, value))
        result = self.plain_atom(function.result)  # may add a binding
        return replace(function, bindings=tuple(self.bindings), result=result)

    def emit(self, op: str, args: tuple[Atom, ...], like: Call, name: str, **attrs: object) -> Var:
        found = relay_op.get(op)
        full = relay_op.complete_attrs(found, attrs)
        var = Var(name, relay_op.infer_type(op, full, [a.type for a in args]), like.location)
        self.bindings.append(Binding(var, Call(op, args, full, like.location)))
        return var

    def plain_atom(self, atom: Atom) -> Atom:
        """The ordinary form, brought back from the blocked one where there is no other."""
        if not isinstance(atom, Var):
            return atom
        if atom in self.blocked and atom not in self.plain:
            source = self.blocked[atom]
            assert isinstance(atom.type, TensorType)
            attrs = relay_op.complete_attrs(relay_op.get("layout.unblock"), {"channels": atom.type.shape[1]})
            var = Var(atom.name, atom.type, atom.location)
            self.bindings.append(Binding(var, Call("layout.unblock", (source,), attrs, atom.location)))
            self.plain[atom] = var
        return self.plain.get(atom, atom)

    def blocked_var(self, atom: Atom, block: int, like: Call) -> Var:
        """The blocked form, made where there is none."""
        if isinstance(atom, Var) and atom in self.blocked:
            return self.blocked[atom]
        var = self.emit("layout.block", (self.plain_atom(atom),), like, f"{_name(atom)}.blocked", block=block)
        if isinstance(atom, Var):
            self.blocked[atom] = var
            self.plain.setdefault(atom, atom)
        return var

    def planes(self, atom: Atom, like: Call) -> Var:
        """The ordinary form as blocks of one channel, which is the same memory."""
        type_ = atom.type
        assert isinstance(type_, TensorType)
        return self.emit("reshape", (self.plain_atom(atom),), like, f"{_name(atom)}.planes", shape=(*type_.shape, 1))

    def block_of(self, atom: Atom) -> int | None:
        """Block of a value that is in blocked form by now."""
        if isinstance(atom, Var) and atom in self.blocked:
            type_ = self.blocked[atom].type
            assert isinstance(type_, TensorType) and isinstance(type_.shape[-1], int)
            return type_.shape[-1]
        return None


_Rule = Callable[[_Rewriter, Var, Call], bool]


def _rule(value: Expr) -> _Rule | None:
    if not isinstance(value, Call) or not isinstance(value.op, str):
        return None
    if value.op in _RULES:
        return _RULES[value.op]
    op = relay_op.get(value.op)
    # A shape would be that of the ordinary form; parameters of channels are not broadcast from the last axis on.
    if op.kind > FusionKind.BROADCAST or "shape" in op.attributes or value.op == "nn.batch_norm":
        return None
    # An axis matters only to parameters that have more than one element.
    single = all(isinstance(a.type, TensorType) and a.type.size == 1 for a in value.args[1:])
    return _elementwise if "axis" not in op.attributes or single else None


def keeps_blocks(value: Expr) -> bool:
    """Is there a rule for a value, so that what comes in blocks may stay in them?"""
    return _rule(value) is not None


def _name(atom: Atom) -> str:
    return atom.name or "constant"


def _tensor(atom: Atom) -> TensorType | None:
    return atom.type if isinstance(atom.type, TensorType) else None


def _conv(self: _Rewriter, var: Var, call: Call) -> bool:
    data, weights, *bias = call.args
    if not isinstance(weights, Constant) or not all(isinstance(b, Constant) for b in bias):
        return False
    if weights.type.dtype != "float32" or call.attrs.out_dtype is not None:
        return False
    out_channels, group_channels, *window = weights.array.shape
    groups = call.attrs.groups
    in_channels = group_channels * groups
    blocks = _conv_blocks(self, data, out_channels, in_channels, groups)
    if blocks is None:
        return False
    in_block, out_block = blocks
    depthwise = groups > 1 and groups == in_channels == out_channels
    if depthwise:
        array = _filled_up(weights.array, out_block)
        groups = len(array)
        packed = array.reshape(groups // out_block, out_block, 1, 1, *window)
        packed = np.ascontiguousarray(np.moveaxis(packed, (3, 1), (-2, -1)))
    elif groups > 1 and (group_channels % in_block or (out_channels // groups) % out_block):
        return False
    else:
        packed = pack_weights(weights.array, in_block, out_block)
    blocked = self.planes(data, call) if in_block == 1 else self.blocked_var(data, in_block, call)
    args: list[Atom] = [blocked, Constant(packed, f"{_name(weights)}.packed")]
    args += [_packed_bias(b, out_block) for b in bias if isinstance(b, Constant)]
    attrs = {k: call.attrs[k] for k in ("strides", "padding", "dilations")} | {"groups": groups}
    attrs |= _tiling(self, var, weights, out_block, depthwise)
    self.blocked[var] = self.emit("nn.conv_blocked", tuple(args), call, f"{var.name}.blocked", **attrs)
    return True


def _conv_blocks(
    self: _Rewriter, data: Atom, out_channels: int, in_channels: int, groups: int
) -> tuple[int, int] | None:
    """Blocks of the input and output channels of a convolution; None where they don't divide."""
    out_block, in_block = channel_block(out_channels, self.target), channel_block(in_channels, self.target)
    if groups == 1:
        # Channels that fill no block are filled up with zeros: still much faster than without vectors.
        out_block = out_block or padded_block(out_channels, self.target)
        # What a convolution has made has a block already. The planes of an image stay as they are, blocks of one.
        in_block = self.block_of(data) or (1 if in_channels <= FEW_CHANNELS else input_block(in_channels, self.target))
    elif groups == in_channels == out_channels:
        out_block = in_block = blocks_for_any(out_channels, self.target)[1]
        if self.block_of(data) not in (None, in_block):
            return None
    return None if out_block is None or in_block is None else (in_block, out_block)


def _filled_up(weights: np.ndarray, block: int) -> np.ndarray:
    """Weights of a depthwise convolution, with zeros for the channels that fill up the last block."""
    return np.pad(weights, [(0, -len(weights) % block), *[(0, 0)] * (weights.ndim - 1)])


def _packed_bias(bias: Constant, block: int) -> Constant:
    padded = np.pad(bias.array, (0, -bias.array.size % block))
    return Constant(padded.reshape(-1, block), f"{_name(bias)}.packed")


def _tiling(self: _Rewriter, var: Var, weights: Constant, block: int, depthwise: bool) -> dict[str, int]:
    """The attribute of a convolution that cuts its pixels into tiles which need not divide the image."""
    result = _tensor(var)
    assert result is not None
    depth = 0 if depthwise else prod(weights.array.shape[1:])
    tile = pixel_tile(result.shape[2:], block, depth, self.target, is_float=weights.type.dtype == "float32")
    return {"pixel_tile": tile} if tile else {}


def _elementwise(self: _Rewriter, var: Var, call: Call) -> bool:
    """Operators that work element by element, on tensors that broadcast against one that is blocked."""
    result = _tensor(var)
    blocks = {b for a in call.args if (b := self.block_of(a)) is not None}
    if result is None or len(blocks) != 1 or result.rank < 3:
        return False
    (block,) = blocks
    channels = result.shape[1]
    if not isinstance(channels, int) or blocks_for_any(channels, self.target)[1] != block:
        return False
    forms = [_blocked_operand(a, result, channels, block) for a in call.args]
    if any(f is None for f in forms) or (channels % block and not _stays_finite(call, forms)):
        return False
    args: list[Atom] = []
    for atom, form in zip(call.args, forms, strict=True):
        if form == "blocked":
            args.append(self.blocked_var(atom, block, call))
        elif form == "single":  # one channel, broadcast over all: the block axis is one of size 1 more
            type_ = _tensor(atom)
            assert type_ is not None
            shape = (*type_.shape, 1)
            args.append(self.emit("reshape", (self.plain_atom(atom),), call, f"{_name(atom)}.single", shape=shape))
        elif isinstance(form, Constant):
            args.append(form)
        else:
            args.append(self.plain_atom(atom))
    assert isinstance(call.op, str)
    self.blocked[var] = self.emit(call.op, tuple(args), call, f"{var.name}.blocked", **call.attrs)
    return True


#: Operators that give finite numbers for finite ones. What fills up a block is multiplied with weights of zero, which
#: an infinity would turn into NaN.
_FINITE = frozenset([
    "abs", "add", "cast", "ceil", "clip", "erf", "floor", "maximum", "minimum", "multiply", "negative", "nn.elu",
    "nn.gelu", "nn.hard_sigmoid", "nn.hard_swish", "nn.leaky_relu", "nn.prelu", "nn.relu", "qnn.add", "qnn.dequantize",
    "qnn.quantize", "qnn.requantize", "round", "sigmoid", "sign", "subtract", "tanh",
])  # fmt: skip


def _stays_finite(call: Call, forms: Sequence[str | Constant | None]) -> bool:
    """Does what fills up blocks stay finite, whatever the tensor is?"""
    constants = [form.array for form in forms if isinstance(form, Constant)]
    known = len(constants) + forms.count("blocked") == len(forms)
    return call.op in _FINITE and known and all(np.isfinite(array).all() for array in constants)


def _blocked_operand(atom: Atom, result: TensorType, channels: Dimension, block: int) -> str | Constant | None:
    """How an operand takes part: a constant in its new shape, ``blocked``, ``single``, ``scalar``, or not (None)."""
    type_ = _tensor(atom)
    if type_ is None or type_.rank > result.rank:
        return None
    if isinstance(atom, Constant):
        array = atom.array
        if array.size == 1:
            return Constant(array.reshape(()), atom.name)
        shape: tuple[int, ...] = (*[1] * (result.rank - array.ndim), *array.shape)
        if shape[1] == channels:
            return Constant(block_array(array.reshape(shape), block), f"{atom.name}.blocked")
        return Constant(array.reshape(*shape, 1), atom.name) if shape[1] == 1 else None
    if type_.rank == 0:
        return "scalar"
    if type_.rank != result.rank:
        return None
    if type_.shape[1] == channels:
        return "blocked"
    return "single" if type_.shape[1] == 1 else None


def _is_padded(atom: Atom, block: int) -> bool:
    """Does the tensor not fill its last block?"""
    type_ = _tensor(atom)
    return type_ is None or not isinstance(type_.shape[1], int) or type_.shape[1] % block != 0


def _pool(self: _Rewriter, var: Var, call: Call) -> bool:
    block = self.block_of(call.args[0])
    if block is None:
        return False
    attrs = dict(call.attrs)
    spatial = len(attrs["window"])
    padding = attrs["padding"]
    # The block is one more spatial axis, of window 1.
    attrs["padding"] = (*padding[:spatial], 0, *padding[spatial:], 0)
    for name in ("window", "strides", "dilations"):
        attrs[name] = (*attrs[name], 1)
    assert isinstance(call.op, str)
    source = self.blocked_var(call.args[0], block, call)
    self.blocked[var] = self.emit(call.op, (source,), call, f"{var.name}.blocked", **attrs)
    return True


def _reduce(self: _Rewriter, var: Var, call: Call) -> bool:
    """Reductions over spatial axes (global pooling)."""
    block = self.block_of(call.args[0])
    axes = call.attrs.axis
    if block is None or any(axis < 2 for axis in axes):
        return False
    type_ = _tensor(call.args[0])
    assert type_ is not None
    # What fills up a block stays finite; but it must not stand among the channels.
    all_pixels = not call.attrs.keepdims and len(axes) == type_.rank - 2
    if all_pixels and _is_padded(call.args[0], block):
        return False
    source = self.blocked_var(call.args[0], block, call)
    assert isinstance(call.op, str)
    result = self.emit(call.op, (source,), call, f"{var.name}.blocked", **call.attrs)
    if all_pixels:  # (N, chunks, block): the channels in order
        shape = _tensor(var)
        assert shape is not None
        self.plain[var] = self.emit("reshape", (result,), call, var.name, shape=shape.shape)
    else:
        self.blocked[var] = result
    return True


def _concatenate(self: _Rewriter, var: Var, call: Call) -> bool:
    result = _tensor(var)
    if call.attrs.axis != 1 or result is None or result.rank < 3:
        return False
    block = channel_block(result.shape[1], self.target)
    if block is None or any(self.block_of(a) != block or _is_padded(a, block) for a in call.args):
        return False
    args = tuple(self.blocked_var(a, block, call) for a in call.args)
    self.blocked[var] = self.emit("concatenate", args, call, f"{var.name}.blocked", axis=1)
    return True


def _reshape(self: _Rewriter, var: Var, call: Call) -> bool:
    """Where one pixel is left, the blocked form has the channels in order: it can be reshaped as it is."""
    (source,) = call.args
    type_ = _tensor(source)
    block = self.block_of(source)
    if block is None or type_ is None or any(d != 1 for d in type_.shape[2:]) or _is_padded(source, block):
        return False
    assert isinstance(source, Var)
    self.plain[var] = self.emit("reshape", (self.blocked[source],), call, var.name, shape=call.attrs.shape)
    return True


def _integer_conv(self: _Rewriter, var: Var, call: Call) -> bool:
    """Convolutions of bytes, whose blocks are in fours of channels."""
    data, weights, *bias = call.args
    if not isinstance(weights, Constant) or not all(isinstance(b, Constant) for b in bias):
        return False
    type_ = _tensor(data)
    if type_ is None or type_.dtype != "uint8" or weights.type.dtype != "int8":
        return False
    out_channels, group_channels, *window = weights.array.shape
    groups = call.attrs.groups
    blocks = _conv_blocks(self, data, out_channels, group_channels * groups, groups)
    if blocks is None:
        return False
    in_block, out_block = blocks
    in_block += -in_block % QUAD
    attrs = {k: call.attrs[k] for k in ("strides", "padding", "dilations", "groups", "zero_point")}
    depthwise = groups > 1 and groups == group_channels * groups == out_channels
    if depthwise:
        array = _filled_up(weights.array, out_block)
        packed, attrs["depthwise"], attrs["groups"] = pack_depthwise(array, out_block), True, len(array)
        *padding, last = call.attrs.padding
        attrs["padding"] = (*padding, last + -window[-1] % QUAD * call.attrs.dilations[-1])  # zeros meet it
    elif groups > 1 and (group_channels % in_block or (out_channels // groups) % out_block):
        return False
    else:
        packed = pack_quads(weights.array, in_block, out_block)
    blocked = self.planes(data, call) if in_block == 1 else self.blocked_var(data, in_block, call)
    args: list[Atom] = [blocked, Constant(packed, f"{_name(weights)}.packed")]
    for b in bias:
        assert isinstance(b, Constant)
        if self.target.dots_are_signed:
            attrs["data_offset"] = 128
            b = Constant(fold_zero_point(b.array, weights.array, -128), b.name)
        args.append(_packed_bias(b, out_block))
    attrs |= _tiling(self, var, weights, out_block, depthwise)
    self.blocked[var] = self.emit("qnn.conv_blocked", tuple(args), call, f"{var.name}.blocked", **attrs)
    return True


_RULES: dict[str, _Rule] = {
    "nn.conv": _conv,
    "qnn.conv": _integer_conv,
    "concatenate": _concatenate,
    "reshape": _reshape,
    **dict.fromkeys(("nn.max_pool", "nn.average_pool", "nn.lp_pool"), _pool),
    **dict.fromkeys(("mean", "sum", "max", "min"), _reduce),
}


def _run(module: Module, context: PassContext) -> Module:
    target = context.target
    if target is None or target.vector_bits == 0 or target.kernel_format == "c":
        return module
    return map_functions(module, partial(_rewrite, target))


def _rewrite(target: Target, function: Function) -> Function:
    return _Rewriter(target).run(function)


block_layout = Pass("block_layout", 3, _run)
