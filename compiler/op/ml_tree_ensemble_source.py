"""C of ml.tree_ensemble: words between @ are filled in.

Two ways through a tree. Walking goes from node to node without branches, eight walks side by side so that their loads
overlap: eight trees for one row, or eight rows for one tree. For blocks of 32 rows, trees of up to 32 leaves are not
walked: every split is asked for all rows at once, and takes away the leaves that can no longer be reached from a word
of bits (after QuickScorer: Lucchese et al., SIGIR 2015); the first bit left is the leaf. That is more comparisons, but
each is a few vector instructions for many rows, and loads nothing that depends on the one before.
"""

#: Rows that are done together.
BIT_BLOCK = 32

#: Trees that a row walks through at a time.
LANES = 8


def _each(line: str, count: int = LANES) -> str:
    return "".join(f"    {line.replace('#', str(lane))}\n" for lane in range(count))


WALK = f"""
typedef struct {{ @word@ threshold, link; }} @symbol@_node;

/* A leaf's contribution; the sums of a row are `stride` apart. */
static inline void @symbol@_leaf(const @symbol@_node *nodes, const @word@ node, const int32_t *tree,
    const int32_t *spans, const @real@ *weights, const int32_t *targets, @real@ *sums, const int32_t stride) {{
  (void)nodes, (void)tree, (void)spans, (void)weights, (void)targets;
@walk_leaf@}}

/* From a node to the next. */
static inline @word@ @symbol@_step(const @symbol@_node *nodes, const @word@ node, const @real@ *row,
    const int32_t stride) {{
  const @word@ link = nodes[node].link;
  @real@ threshold;
  memcpy(&threshold, &nodes[node].threshold, sizeof threshold);
  return (link >> @shift@) + (@word@)(row[(int32_t)(link & @mask@) * stride] <= threshold);
}}

/* One row through all trees. */
static inline void @symbol@_row(const @real@ *row, @real@ *sums, const @symbol@_node *nodes,
    const int32_t *trees, const int32_t *spans, const @real@ *weights, const int32_t *targets) {{
  for (int32_t tree = 0; tree < @trees@ - @trees@ % @lanes@; tree += @lanes@) {{
    const int32_t *t = trees + 3 * tree;
{_each("@word@ n# = (@word@)t[3 * #];")}\
    int32_t depth = 0;
    for (int32_t i = 0; i < @lanes@; ++i) depth = t[3 * i + 1] > depth ? t[3 * i + 1] : depth;
    for (; depth > 7; depth -= 4) {{ /* in deep trees, look now and then whether all have arrived */
      for (int32_t i = 0; i < 3; ++i) {{
{_each("    n# = @symbol@_step(nodes, n#, row, 1);")}\
      }}
      @word@ moved = 0;
{_each("  moved |= n# ^ @symbol@_step(nodes, n#, row, 1);")}\
      if (moved == 0) depth = 0;
{_each("  n# = @symbol@_step(nodes, n#, row, 1);")}\
    }}
    for (; depth > 0; --depth) {{
{_each("  n# = @symbol@_step(nodes, n#, row, 1);")}\
    }}
{_each("@symbol@_leaf(nodes, n#, t + 3 * #, spans, weights, targets, sums, 1);")}\
  }}
@rest@  for (int32_t tree = @trees@ - @trees@ % @lanes@; tree < @trees@; ++tree) {{
    @word@ node = (@word@)trees[3 * tree];
    for (int32_t depth = trees[3 * tree + 1]; depth > 0; --depth) node = @symbol@_step(nodes, node, row, 1);
    @symbol@_leaf(nodes, node, trees + 3 * tree, spans, weights, targets, sums, 1);
  }}
@rest@}}

/* A block of rows through a tree; the block has the rows of a slot side by side. */
static inline void @symbol@_tree(const @real@ *block, @real@ *sums, const @symbol@_node *nodes, const int32_t *tree,
    const int32_t *spans, const @real@ *weights, const int32_t *targets) {{
  for (int32_t first = 0; first < @block@; first += 8) {{
    const @real@ *rows = block + first;
    const @word@ root = (@word@)tree[0];
    @word@ {", ".join(f"n{lane} = root" for lane in range(8))};
    for (int32_t depth = tree[1]; depth > 0; --depth) {{
{_each("  n# = @symbol@_step(nodes, n#, rows + #, @block@);", 8)}\
    }}
{_each("@symbol@_leaf(nodes, n#, tree, spans, weights, targets, sums + first + #, @block@);", 8)}\
  }}
}}
"""


def _vectors(size: int) -> str:
    """The loop over splits with vectors of so many bytes, as many as there are rows in a block."""
    lanes = size // 4
    numbers = range(BIT_BLOCK // lanes)

    def splat(value: str) -> str:
        return f"{{{', '.join([value] * lanes)}}}"

    lines = [
        f"  typedef float floats __attribute__((vector_size({size}), aligned(4), may_alias));",
        f"  typedef int32_t words __attribute__((vector_size({size}), aligned(4), may_alias));",
        f"  words left0 = {splat('-1')}, {', '.join(f'left{n} = left0' for n in numbers[1:])};",
        "  for (; node < end; node += 3) {",
        "    const floats *slot = (const floats *)(const void *)(block + node[1] * @block@);",
        "    const int32_t s = (int32_t)node[2];",
        f"    const words stay = {splat('s')};",
        "    float t;",
        "    memcpy(&t, node, sizeof t);",
        f"    const floats threshold = {splat('t')}; /* a comparison that holds is a word of ones */",
        *(f"    left{n} &= stay | (slot[{n}] <= threshold);" for n in numbers),
        "  }",
        *(f"  memcpy(left + {n * lanes}, &left{n}, sizeof left{n});" for n in numbers),
    ]
    return "\n".join(lines)


_PORTABLE = f"""\
#if defined(__AVX__)
{_vectors(32)}
#elif defined(__GNUC__)
{_vectors(16)}"""

BITS = """
#if defined(__AVX512F__) && defined(__AVX512CD__)
#include <immintrin.h>
#endif

/* A block of rows through a tree of at most 32 leaves. */
static inline void @symbol@_bits(const float *block, float *sums, const uint32_t *bits, const int32_t *tree,
    const float *leaves) {
  const uint32_t *node = bits + 3 * tree[0], *const end = bits + 3 * tree[1];
  leaves += tree[2];
  sums += tree[3] * @block@;
#if defined(__AVX512F__) && defined(__AVX512CD__)
  __m512i left0 = _mm512_set1_epi32(-1), left1 = left0;
  for (; node < end; node += 3) {
    const float *slot = block + node[1] * @block@;
    const __m512 threshold = _mm512_castsi512_ps(_mm512_set1_epi32((int)node[0]));
    const __m512i stay = _mm512_set1_epi32((int)node[2]);
    const __mmask16 false0 = _mm512_cmp_ps_mask(_mm512_loadu_ps(slot), threshold, _CMP_NLE_UQ);
    const __mmask16 false1 = _mm512_cmp_ps_mask(_mm512_loadu_ps(slot + 16), threshold, _CMP_NLE_UQ);
    left0 = _mm512_mask_and_epi32(left0, false0, left0, stay);
    left1 = _mm512_mask_and_epi32(left1, false1, left1, stay);
  }
  const __m512 low = _mm512_loadu_ps(leaves), high = _mm512_loadu_ps(leaves + 16);
  for (int32_t half = 0; half < 2; ++half) {
    const __m512i left = half ? left1 : left0; /* the first bit is bit 31 - lzcnt(left & -left) */
    const __m512i lowest = _mm512_and_si512(left, _mm512_sub_epi32(_mm512_setzero_si512(), left));
    const __m512i leaf = _mm512_sub_epi32(_mm512_set1_epi32(31), _mm512_lzcnt_epi32(lowest));
    const __m512 w = _mm512_permutex2var_ps(low, leaf, high), s = _mm512_loadu_ps(sums + 16 * half);
    _mm512_storeu_ps(sums + 16 * half, @vector_merge@);
  }
#else
  uint32_t left[@block@];
@vectors@
#else
  for (int32_t r = 0; r < @block@; ++r) left[r] = UINT32_MAX;
  for (; node < end; node += 3) {
    const float *slot = block + node[1] * @block@;
    const uint32_t stay = node[2];
    float threshold;
    memcpy(&threshold, node, sizeof threshold);
    for (int32_t r = 0; r < @block@; ++r) left[r] &= slot[r] <= threshold ? UINT32_MAX : stay;
  }
#endif
  for (int32_t r = 0; r < @block@; ++r) {
    const uint32_t lowest = left[r] & (0u - left[r]);
#if defined(__GNUC__)
    const int32_t leaf = __builtin_ctz(lowest);
#else
    int32_t leaf = 0;
    while (lowest >> leaf != 1u) ++leaf;
#endif
    const float w = leaves[leaf], s = sums[r];
    sums[r] = @merge@;
  }
#endif
}
""".replace("@vectors@", _PORTABLE)

ROWS = """
int32_t @symbol@(@parameters@, int32_t begin, int32_t end) {
  const int32_t rows = @rows@, features = @features@, blocks = @blocks@, parts = @parts@;
  const @symbol@_node *const table = (const @symbol@_node *)(const void *)nodes;
  (void)bits, (void)bit_trees, (void)leaves;
  @real@ *const block = (@real@ *)(void *)(workspace + (size_t)begin * @scratch@);
  @real@ *const sums = block + (@slots@ + 1) * @block@;
  const int32_t first = (int32_t)((int64_t)blocks * begin / parts) * @block@;
  const int32_t last = (int32_t)((int64_t)blocks * end / parts) * @block@;
  int32_t row = first;
  /* Blocks; the last one may be filled up with copies of its last row, if there are enough rows in it. */
  for (; row < last && rows - row >= 8; row += @block@) {
    const int32_t count = rows - row < @block@ ? rows - row : @block@;
    for (int32_t s = 0; s < @slots@; ++s) {
      const @real@ *from = x + (int64_t)row * features + slots[s] / 2;
      @real@ *const to = block + s * @block@;
      for (int32_t r = 0; r < count; ++r) to[r] = from[(int64_t)r * features];
      for (int32_t r = count; r < @block@; ++r) to[r] = to[count - 1];
      if (slots[s] % 2)
        for (int32_t r = 0; r < @block@; ++r) to[r] = -to[r];
    }
    for (int32_t r = 0; r < @block@; ++r) block[@slots@ * @block@ + r] = NAN;
    for (int32_t i = 0; i < @targets@ * @block@; ++i) sums[i] = @start@;
    for (int32_t tree = 0; tree < @walked@; ++tree)
      @symbol@_tree(block, sums, table, trees + 3 * tree, spans, weights, targets);
@run_bits@\
    for (int32_t r = 0; r < count; ++r)
      for (int32_t t = 0; t < @targets@; ++t)
        y[(int64_t)(row + r) * @targets@ + t] = sums[t * @block@ + r]@divisor@ + base[t];
  }
  for (; row < last && row < rows; ++row) {
    const @real@ *from = x + (int64_t)row * features;
    for (int32_t s = 0; s < @slots@; ++s) block[s] = slots[s] % 2 ? -from[slots[s] / 2] : from[slots[s] / 2];
    block[@slots@] = NAN;
    for (int32_t t = 0; t < @targets@; ++t) sums[t] = @start@;
    @symbol@_row(block, sums, table, trees, spans, weights, targets);
    for (int32_t t = 0; t < @targets@; ++t) y[(int64_t)row * @targets@ + t] = sums[t]@divisor@ + base[t];
  }
  return 0;
}
"""
