#define RUN(call) do { onnxc_status status = (call); if (status != ONNXC_OK) return status; } while (0)
/* STEP(k, multiply-adds, bytes, call) runs step k, and adds what it took to the profile, if there is one. */
#define STEP(k, multiply_adds, bytes, call) \
  do { RUN(call); if (profile != NULL) since = add_step(profile, k, since, multiply_adds, bytes); } while (0)

static uint64_t add_step(const onnxc_profile *profile, int32_t k, uint64_t since, int64_t multiply_adds,
                         int64_t bytes) {
  onnxc_step_counts *const step = &profile->steps[k];
  const uint64_t now = profile->now();
  step->calls += 1;
  step->nanoseconds += now - since;
  step->multiply_adds += (uint64_t)multiply_adds;
  step->moved_bytes += (uint64_t)bytes;
  return now;
}

static onnxc_status run(const void *const *inputs, void *const *outputs, const int64_t *symbols,
                        const onnxc_context *context) {
  uint8_t *const arena = context->arena;
  const onnxc_parallel *const parallel = context->parallel;
  const onnxc_profile *const profile = context->profile;
  uint64_t since = profile == NULL ? 0 : profile->now();
  const uint8_t *const weights = (const uint8_t *)branches_weights;
  (void)weights;
  (void)inputs, (void)outputs, (void)symbols, (void)arena, (void)parallel;
  const int64_t dim_N = symbols[0];
  const int64_t slot0 = 0;
  const int64_t slot1 = slot0 + INT64_C(16) * onnxc_floor_div((INT64_C(3) * dim_N + INT64_C(3)), INT64_C(4));
  if (INT64_C(3) * dim_N > 0) STEP(0, 0, (INT64_C(24) * dim_N + INT64_C(12)), call_branches_fused_add(I(0), W(0), O(2), (int32_t)(dim_N))); /* a */
  if (*(const bool *)I(1)) { /* y */
    if (INT64_C(3) * dim_N > 0) STEP(1, 0, INT64_C(24) * dim_N, call_branches_fused_negative(O(2), A(slot0), (int32_t)(dim_N))); /* ty */
    STEP(2, 0, INT64_C(24) * dim_N, (onnxc_copy(O(0), A(slot0), INT64_C(12) * dim_N), ONNXC_OK)); /* result of the branch */
    STEP(3, 0, INT64_C(24) * dim_N, (onnxc_copy(O(1), I(0), INT64_C(12) * dim_N), ONNXC_OK)); /* result of the branch */
  } else {
    if (INT64_C(3) * dim_N > 0) STEP(4, 0, INT64_C(24) * dim_N, call_branches_fused_exp(O(2), A(slot0), (int32_t)(dim_N))); /* ey */
    if (INT64_C(3) * dim_N > 0) STEP(5, 0, (INT64_C(24) * dim_N + INT64_C(12)), call_branches_fused_multiply(A(slot0), W(0), A(slot1), (int32_t)(dim_N))); /* ez */
    STEP(6, 0, INT64_C(24) * dim_N, (onnxc_copy(O(0), A(slot0), INT64_C(12) * dim_N), ONNXC_OK)); /* result of the branch */
    STEP(7, 0, INT64_C(24) * dim_N, (onnxc_copy(O(1), A(slot1), INT64_C(12) * dim_N), ONNXC_OK)); /* result of the branch */
  }
  if (INT64_C(3) * dim_N > 0) STEP(8, 0, INT64_C(36) * dim_N, call_branches_fused_subtract_inplace0(O(2), O(0), (int32_t)(dim_N))); /* last */
  return ONNXC_OK;
}

