  const int64_t dim_N = symbols[0];
  int64_t dim_rows_d0 = 0, dim_x_d0 = 0, dim_rows_d0_1 = 0, dim_y_d0 = 0;
  (void)dim_rows_d0, (void)dim_x_d0, (void)dim_rows_d0_1, (void)dim_y_d0;
  RUN(call_grow_fused_sum_1(I(1), A(0), (int32_t)(dim_N))); /* first */
  { const int64_t new0 = dim_N, new1 = 0; dim_x_d0 = new0, dim_rows_d0 = new1; }
  memcpy(A(64), W(0), 8); /* state of y */
  RESERVE(0, 8.0 * (double)dim_x_d0, INT64_C(8) * dim_x_d0, 0);
  onnxc_copy(block0, I(1), INT64_C(8) * dim_N); /* state of y */
  memcpy(O(1), A(0), 8); /* state of y */
  RESERVE(1, 8.0 * (double)dim_rows_d0, INT64_C(8) * dim_rows_d0, 0);
  for (;;) { /* y */
    RUN(call_grow_fused_less(A(64), I(0), A(0))); /* y */
    if (!*(const bool *)A(0)) break;
    RESERVE(2, (8.0 * (double)dim_N + 8.0 * (double)dim_x_d0), (INT64_C(8) * dim_N + INT64_C(8) * dim_x_d0), 0);
    onnxc_copy(block2, block0, INT64_C(8) * dim_x_d0); /* a2 */
    onnxc_copy(BP(2, INT64_C(8) * dim_x_d0), I(1), INT64_C(8) * dim_N); /* a2 */
    RUN(call_grow_fused_sum(block2, A(0), (int32_t)(dim_N), (int32_t)(dim_x_d0))); /* sum */
    RUN(call_grow_fused_add(O(1), A(0), A(128))); /* s2 */
    RUN(call_grow_fused_exp_inplace0(A(0))); /* row */
    RESERVE(1, (8.0 * (double)dim_rows_d0 + 8.0), (INT64_C(8) * dim_rows_d0 + INT64_C(8)), INT64_C(8) * dim_rows_d0);
    memcpy(BP(1, INT64_C(8) * dim_rows_d0), A(0), 8); /* y */
    RUN(call_grow_fused_add_1(A(64), A(0))); /* y */
    memcpy(A(64), A(0), 8); /* state of y */
    RESERVE(0, (8.0 * (double)dim_N + 8.0 * (double)dim_x_d0), (INT64_C(8) * dim_N + INT64_C(8) * dim_x_d0), 0);
    onnxc_copy(block0, block2, (INT64_C(8) * dim_N + INT64_C(8) * dim_x_d0)); /* state of y */
    memcpy(O(1), A(128), 8); /* state of y */
    { const int64_t new0 = (dim_N + dim_x_d0), new1 = (dim_rows_d0 + INT64_C(1)); dim_x_d0 = new0, dim_rows_d0 = new1; }
  }
  { const int64_t new0 = dim_x_d0, new1 = dim_rows_d0; dim_y_d0 = new0, dim_rows_d0_1 = new1; }
  {
    onnxc_value *const result = outputs[0];
    result->data = block0;
    result->ndim = 2;
    result->shape[0] = dim_y_d0;
    result->shape[1] = 2;
  }
  {
    onnxc_value *const result = outputs[2];
    result->data = block1;
    result->ndim = 2;
    result->shape[0] = dim_rows_d0_1;
    result->shape[1] = 2;
  }
