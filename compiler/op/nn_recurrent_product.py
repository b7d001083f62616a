"""C for the products of recurrent cells: the states of some rows times a tile of packed weights.

A tile is `TILE` hidden units with all their gates: ``[k][gate][unit]``, so that one pass over a tile gives everything
that its units need for their new states.

With a compiler that has GNU C's vectors the sums stay in registers: the text has a version for each width of these, and
the preprocessor takes the one that the compiler's flags allow. Others get a version in plain C.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..relay.dimension import Dimension

#: Hidden units of a tile: a register of AVX-512, two of AVX, four of SSE and NEON.
TILE = 16

#: Numbers of rows for which there may be a function.
ROWS = (1, 2, 3, 4, 6, 8)


@dataclass(frozen=True)
class Way:
    """How a product is computed; what it computes does not depend on it, but for the order of its sums.

    Attributes
    ----------
    rows : int
        Rows that one pass over a tile takes at most, if there are registers for so many.
    sums : int
        Vectors of sums at least: where the rows have fewer, several elements of a state have their own. 8 hide the
        latency of multiply-adds.
    waiting : int
        So many rows or tiles more than those of one pass wait for each other before elementary functions are computed
        for all of them.
    """

    rows: int
    sums: int
    waiting: int


@dataclass(frozen=True)
class _Version:
    """How sums are kept for a kind of processor.

    Attributes
    ----------
    condition : str
        Of the preprocessor.
    vector_bytes : int
        0: no vectors.
    sums : int
        Registers for sums.
    """

    condition: str
    vector_bytes: int
    sums: int

    def lanes(self, item: int) -> int:
        return max(1, self.vector_bytes // item)

    def most_rows(self, gates: int, way: Way) -> int:
        """Rows that one pass over a tile takes at most."""
        return min(way.rows, self.sums // gates) if self.vector_bytes else 1


_VERSIONS = (
    _Version("defined(__GNUC__) && defined(__AVX512F__)", 64, 24),
    _Version("defined(__GNUC__) && defined(__AVX__)", 32, 12),
    _Version("defined(__GNUC__) && defined(__aarch64__)", 16, 24),
    _Version("defined(__GNUC__) && (defined(__SSE2__) || defined(__ARM_NEON))", 16, 12),
    _Version("", 0, 4),
)


def product_source(name: str, gates: int, hidden: int, item: int, batch: Dimension, lengths: bool, way: Way) -> str:
    """C of a function that multiplies states by a tile, and of constants for its caller.

    Parameters
    ----------
    name : str
        ``void NAME(const @_real *weights, const @_real *const *rows, int32_t count, @_real *sums)`` writes sums
        ``[row][gate][unit]`` of `count` rows; ``NAME_most`` is the greatest count. There must be as many pointers and
        sums. ``NAME_waiting`` says how many rows or tiles more wait for elementary functions.
    gates, hidden : int
    item : int
        Bytes of an element.
    batch : Dimension
        Rows, which are cut into blocks as `chunk` says.
    lengths : bool
        Rows may end before others.
    way : Way
    """
    text = ""
    for index, version in enumerate(_VERSIONS):
        text += f"#{'if' if index == 0 else 'elif'} {version.condition}\n" if version.condition else "#else\n"
        sizes = _sizes(version.most_rows(gates, way), batch, lengths)
        text += _version_source(version, name, gates, hidden, item, sizes, way)
    return text + "#endif\n\n"


def _sizes(most: int, batch: Dimension, lengths: bool) -> list[int]:
    """For how many rows there are functions."""
    every = sorted({size for size in ROWS if size <= most} | {most})
    if not isinstance(batch, int) or lengths:
        return every
    blocks = max(1, -(-batch // most))
    chunk = -(-batch // blocks)
    counts = {min(chunk, batch - start) for start in range(0, batch, max(1, chunk))} or {1}
    return sorted({next(size for size in every if size >= count) for count in counts})


def _version_source(
    version: _Version, name: str, gates: int, hidden: int, item: int, sizes: Sequence[int], way: Way
) -> str:
    waiting = way.waiting if version.vector_bytes else 0
    text = f"enum {{ {name}_most = {version.most_rows(gates, way)}, {name}_waiting = {waiting} }};\n"
    if version.vector_bytes:
        # Aligned and aliased like elements: weights may come from the caller.
        alignment = f"__vector_size__({version.vector_bytes}), __aligned__({item}), __may_alias__"
        text += f"typedef @_real {name}_vector __attribute__(({alignment}));\n"
    else:
        text += f"typedef @_real {name}_vector;\n"
    for size in sizes:
        text += _rows_source(version, name, gates, hidden, item, size, way)
    text += f"static inline void {name}(const @_real *weights, const @_real *const *rows, int32_t count, "
    text += "@_real *sums) {\n"
    for size in sizes[:-1]:
        text += f"  if (count <= {size}) {{\n    {name}{size}(weights, rows, sums);\n    return;\n  }}\n"
    return text + f"  (void)count;\n  {name}{sizes[-1]}(weights, rows, sums);\n}}\n"


def _rows_source(version: _Version, name: str, gates: int, hidden: int, item: int, rows: int, way: Way) -> str:
    """C of the function for a number of rows: sums for all gates, or without vectors for one, at a time."""
    at_once = gates if version.vector_bytes else 1
    lanes = version.lanes(item)
    parts = TILE // lanes
    while rows * at_once * parts > version.sums:
        parts //= 2
    # One row alone would wait for its sums: several elements of the state have their own then.
    copies = 1
    while version.vector_bytes and copies * rows * at_once * parts < way.sums:
        copies *= 2
    indices = [(r, g, p) for r in range(rows) for g in range(at_once) for p in range(parts)]
    vector, width = f"{name}_vector", gates * TILE

    def sums(copy: int) -> str:
        return ", ".join(f"sum{copy}_{r}_{g}_{p} = {{0}}" for r, g, p in indices)

    def step(copy: int, indent: str) -> list[str]:
        offset = f"(int64_t)(k + {copy}) * {width}" if copy else f"(int64_t)k * {width}"
        lines = ["{", f"  const @_real *restrict weight = tile + {offset};"]
        lines += [
            f"  const {vector} weight{g}_{p} = *(const {vector} *)(weight + {g * TILE + p * lanes});"
            for g in range(at_once)
            for p in range(parts)
        ]
        for r in range(rows):
            lines.append(f"  const @_real value{r} = row{r}[k{f' + {copy}' if copy else ''}];")
            lines += [
                f"  sum{copy}_{r}_{g}_{p} += value{r} * weight{g}_{p};" for g in range(at_once) for p in range(parts)
            ]
        return [indent + line for line in [*lines, "}"]]

    parameters = "const @_real *restrict weights, const @_real *const *rows, @_real *restrict sums"
    lines = [
        f"static void {name}{rows}({parameters}) {{",
        *(f"  const @_real *restrict row{r} = rows[{r}];" for r in range(rows)),
        f"  for (int32_t part = 0; part < {TILE if at_once == gates else width}; part += {parts * lanes}) {{",
        "    const @_real *restrict tile = weights + part;",
        f"    {vector} {', '.join(sums(copy) for copy in range(copies))};",
        "    int32_t k = 0;",
        f"    for (; k + {copies} <= {hidden}; k += {copies}) {{",
        *(line for copy in range(copies) for line in step(copy, "      ")),
        "    }",
    ]
    if hidden % copies:
        lines += [f"    for (; k < {hidden}; ++k)", *step(0, "    ")]
    for r, g, p in indices:
        added = " + ".join(f"sum{copy}_{r}_{g}_{p}" for copy in range(copies))
        lines.append(f"    *({vector} *)(sums + part + {r * width + g * TILE + p * lanes}) = {added};")
    return "\n".join([*lines, "  }", "}", ""])
