  const int64_t dim_N = symbols[0];
  const int64_t slot0 = 0;
  if (INT64_C(3) * dim_N > 0) RUN(call_joins_fused_nn_softmax(parallel, I(0), O(0), (int32_t)(dim_N))); /* a */
  memcpy(OP(0, INT64_C(12) * dim_N), W(0), 12); /* all */
  onnxc_copy(OP(0, (INT64_C(12) * dim_N + INT64_C(12))), I(0), INT64_C(12) * dim_N); /* all */
  onnxc_copy(OP(0, (INT64_C(24) * dim_N + INT64_C(12))), O(0), INT64_C(12) * dim_N); /* all */
  memcpy(OP(0, (INT64_C(36) * dim_N + INT64_C(12))), I(1), 24); /* all */
  if (INT64_C(3) * dim_N > 0) RUN(call_joins_fused_exp(parallel, I(0), O(1), (int32_t)(dim_N))); /* b */
  onnxc_copy(OP(1, INT64_C(12) * dim_N), O(1), INT64_C(12) * dim_N); /* twice */
  onnxc_copy(A(slot0), O(0), INT64_C(12) * dim_N); /* c */
  onnxc_copy(A(slot0 + INT64_C(12) * dim_N), O(1), INT64_C(12) * dim_N); /* c */
  if (INT64_C(6) * dim_N > 0) RUN(call_joins_fused_nn_relu(parallel, A(slot0), O(2), (int32_t)(dim_N))); /* sum */
