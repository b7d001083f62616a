"""Dot products of bytes, after vectorisation: the target's instruction, or arithmetic that every target has.

Computes say ``dot_bytes(word(four uint8), word(four int8))``. A word is what four bytes in a row are as one int32, so
that a vector of words is loaded at once; where they do not lie in a row, they are put together.

With VNNI a dot product is one instruction, the addition included. Without, x86 multiplies 16-bit numbers in pairs
(pmaddwd): the even bytes of both words, and the odd ones. Unlike pmaddubsw, which adds up in 16 bits, that is exact for
all bytes. What it does to the weights is done once for all pixels of a tile.

ARM has dot products of bytes of one kind (dotprod) and of unsigned with signed ones (i8mm). With the first alone,
128 is taken off the unsigned bytes: a b = (a - 128) b - (-128) b, two dot products, of which all pixels of a tile share
the second. Convolutions do so by their bias (`data_offset` in `qnn_conv_blocked`), and need only the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ..op.qnn_conv_blocked import SIGNS
from ..target import Target
from .tvm_api import DOT, DOT_SIGNED, WORD, Call, TensorLoad, dtype_of, structural_map, structural_walk, sym, tirx

#: Sums of products of pairs of int16, by lanes of the result: the feature, and LLVM's name.
_PAIRS = {
    4: ("sse2", "llvm.x86.sse2.pmadd.wd"),
    8: ("avx2", "llvm.x86.avx2.pmadd.wd"),
    16: ("avx512bw", "llvm.x86.avx512.pmaddw.d.512"),
}

#: Lanes of a register of NEON, whose dot products are of four words.
_ARM_LANES = 4


def lower_dots(func: Any, target: Target) -> Any:
    """A function without calls of these two."""
    found: list[str] = []
    structural_walk(func.body, (Call, lambda node: found.append(_name(node))))
    if not {WORD, DOT, DOT_SIGNED} & set(found):  # most; to ask each addition takes a fifth of all passes
        return func
    features = _features(target)
    dots = {DOT: partial(_dot, features, False), DOT_SIGNED: partial(_dot, features, True)}

    def add(node: Any) -> Any:
        """An addition of a dot product, which VNNI has as one instruction."""
        for total, product in ((node.a, node.b), (node.b, node.a)):
            if _name(product) in dots:
                return dots[_name(product)](total, *product.args)
        return node

    def call(node: Any) -> Any:
        if _name(node) == WORD:
            return _word(node)
        return dots[_name(node)](None, *node.args) if _name(node) in dots else node

    body = structural_map(func.body, (tirx.Add, add))
    return func.with_body(structural_map(body, (Call, call)))


def _features(target: Target) -> frozenset[str]:
    """What the processor is known to have, by LLVM's names."""
    if target.family == "x86":
        return frozenset(("sse2", *target.required_cpu_features))
    return frozenset(target.required_cpu_features) if target.kernel_format == "object" else frozenset()


def _name(node: Any) -> str:
    """What a call calls; empty for other nodes."""
    return str(getattr(node.op, "name", "")) if isinstance(node, Call) else ""


def _lanes(value: Any) -> int:
    return int(dtype_of(value).partition("x")[2] or 1)


def _type(base: str, lanes: int) -> str:
    return base if lanes == 1 else f"{base}x{lanes}"


def _constant(value: int, lanes: int) -> Any:
    scalar = tirx.const(value, "int32")
    return scalar if lanes == 1 else tirx.Broadcast(scalar, lanes)


def _word(node: Any) -> Any:
    """Four bytes as an int32, by one load where they lie in a row."""
    loads, lanes = list(node.args), _lanes(node)
    first = loads[0]
    if isinstance(first, tirx.Broadcast) and all(isinstance(load, tirx.Broadcast) for load in loads):
        scalar = Call(node.op, [load.value for load in loads], ret_ty="int32")
        return tirx.Broadcast(_word(scalar), lanes)
    if all(isinstance(load, TensorLoad) and load.source.same_as(first.source) for load in loads):
        places = [_place(load, lanes) for load in loads]
        starts = [start for start, _ in places]
        if all(stride == 4 for _, stride in places) and _in_steps(starts, 1):
            return tirx.reinterpret(_type("int32", lanes), _row(first, starts[0], lanes))
        if all(stride == 1 for _, stride in places) and _in_steps(
            starts, lanes // _lanes(first.source)
        ):  # vectors one behind the other
            order = [lane + place * lanes for lane in range(lanes) for place in range(4)]
            return tirx.reinterpret(_type("int32", lanes), tirx.Shuffle([_row(first, starts[0], lanes)], order))
    result = None
    for place, load in enumerate(loads):
        byte = tirx.reinterpret(_type("uint8", lanes), load) if dtype_of(load).startswith("int8") else load
        shifted = byte.astype(_type("int32", lanes)) << _constant(8 * place, lanes)
        result = shifted if result is None else result | shifted
    return result


def _row(load: Any, start: Any, lanes: int) -> Any:
    """So many words from one place on."""
    count = 4 * lanes // _lanes(load.source)
    return tirx.BufferLoad(load.source, [tirx.Ramp(start, tirx.const(1, "int32"), count)])


def _place(load: Any, lanes: int) -> tuple[Any, int]:
    """Index of the first lane, and how far the lanes are from each other (0: not known); 4 for a single byte.

    TVM makes vectors the elements of a buffer that is read and written in whole ones only.
    """
    index = sym.Analyzer().simplify(load.indices[0])
    if lanes == 1 or _lanes(load.source) == lanes:
        return index, 4 if lanes == 1 else 1
    regular = isinstance(index, tirx.Ramp) and isinstance(index.stride, tirx.IntImm)
    return (index.base, int(index.stride)) if regular else (index, 0)


def _in_steps(starts: Sequence[Any], step: int) -> bool:
    analyzer = sym.Analyzer()
    return all(analyzer.can_prove_equal(starts[0] + step * place, start) for place, start in enumerate(starts))


def _dot(features: frozenset[str], signed: bool, total: Any, left: Any, right: Any) -> Any:
    """total (None: 0) plus the products of the bytes, `signed` or not, of one word with the signed ones of another."""
    lanes = _lanes(left)
    widest = max((n for n, (feature, _) in _PAIRS.items() if feature in features), default=_ARM_LANES)
    if lanes > widest and lanes % widest == 0:
        values = [left, right] if total is None else [left, right, total]
        pieces = zip(*(_pieces(v, widest) for v in values), strict=True)
        results = [_dot(features, signed, rest[0] if rest else None, a, b) for a, b, *rest in pieces]
        return tirx.Shuffle(results, [tirx.const(i, "int32") for i in range(lanes)])
    instruction = None
    if lanes == _ARM_LANES and "dotprod" in features:
        instruction = "sdot" if signed else "usdot" if "i8mm" in features else None
    if instruction:
        start = _constant(0, lanes) if total is None else total
        bytes_ = [tirx.reinterpret("int8x16", word) for word in (left, right)]
        return tirx.call_llvm_pure_intrin("int32x4", f"llvm.aarch64.neon.{instruction}.v4i32.v16i8", start, *bytes_)
    if signed or (lanes == _ARM_LANES and "dotprod" in features):  # what there is for the other kind, less a constant
        signs = _constant(SIGNS, lanes)
        other = _dot(features, not signed, total, left ^ signs, right)
        # Signed, a byte of only the sign bit is -128, unsigned it is 128.
        return other - _dot(features, not signed, None, signs, right)
    if lanes in _PAIRS and ("avx512vnni" in features if lanes == 16 else _has_narrow_vnni(features)):
        start = _constant(0, lanes) if total is None else total
        bytes_ = [tirx.reinterpret(f"{kind}8x{4 * lanes}", v) for kind, v in (("uint", left), ("int", right))]
        name = f"llvm.x86.avx512.vpdpbusd.{32 * lanes}"
        return tirx.call_llvm_pure_intrin(f"int32x{lanes}", name, start, *bytes_)
    products = _pair_products if lanes in _PAIRS and _PAIRS[lanes][0] in features else _byte_products
    result = total
    for product in products(left, right, lanes):
        result = product if result is None else result + product
    return result


def _pieces(value: Any, lanes: int) -> list[Any]:
    """A vector as several of so many lanes: what two registers hold anyway."""
    if isinstance(value, tirx.Broadcast):
        return [tirx.Broadcast(value.value, lanes)] * (_lanes(value) // lanes)
    places = [tirx.const(i, "int32") for i in range(_lanes(value))]
    return [tirx.Shuffle([value], places[start : start + lanes]) for start in range(0, len(places), lanes)]


def _has_narrow_vnni(features: frozenset[str]) -> bool:
    return "avxvnni" in features or {"avx512vnni", "avx512vl"} <= features


def _pair_products(left: Any, right: Any, lanes: int) -> list[Any]:
    byte, mask = _constant(8, lanes), _constant(0x00FF00FF, lanes)
    halves = f"int16x{2 * lanes}"

    def as_pairs(value: Any) -> Any:
        return tirx.reinterpret(halves, value)

    # Lanes of 16 bits: the odd bytes by a shift that keeps the sign, the even ones by one to the left before.
    shift = tirx.Broadcast(tirx.const(8, "int16"), 2 * lanes)
    odd = as_pairs(right) >> shift
    even = (as_pairs(right) << shift) >> shift
    name = _PAIRS[lanes][1]
    return [
        tirx.call_llvm_pure_intrin(f"int32x{lanes}", name, as_pairs(left & mask), even),
        tirx.call_llvm_pure_intrin(f"int32x{lanes}", name, as_pairs((left >> byte) & mask), odd),
    ]


def _byte_products(left: Any, right: Any, lanes: int) -> list[Any]:
    mask, top = _constant(255, lanes), _constant(24, lanes)
    return [
        ((left >> _constant(8 * place, lanes)) & mask) * ((right << _constant(24 - 8 * place, lanes)) >> top)
        for place in range(4)
    ]
