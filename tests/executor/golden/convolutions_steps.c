  const int64_t dim_N = symbols[0];
  const int64_t slot0 = 0;
  const int64_t slot1 = slot0 + INT64_C(4096) * dim_N;
  if (INT64_C(300) * dim_N > 0) RUN(call_convolutions_fused_pad_0(parallel, I(0), A(slot0), (int32_t)(dim_N))); /* a */
  if (INT64_C(1600) * dim_N > 0) RUN(call_convolutions_fused_nn_conv_blocked_nn_relu_halo(parallel, A(slot0), W(0), W(1728), A(slot1), (int32_t)(dim_N))); /* a */
  if (INT64_C(1024) * dim_N > 0) RUN(call_convolutions_fused_nn_conv_blocked_add_halo(parallel, A(slot1), W(1792), A(slot0), (int32_t)(dim_N))); /* b */
  if (INT64_C(256) * dim_N > 0) RUN(call_convolutions_fused_nn_max_pool(parallel, A(slot0), A(slot1), (int32_t)(dim_N))); /* p */
  if (INT64_C(16) * dim_N > 0) RUN(call_convolutions_fused_mean(parallel, A(slot1), A(slot0), (int32_t)(dim_N))); /* g */
  if (INT64_C(13) * dim_N > 0) RUN(call_convolutions_fused_layout_unblock(parallel, A(slot0), A(slot1), (int32_t)(dim_N))); /* g */
  if (INT64_C(10) * dim_N > 0) RUN(call_convolutions_fused_nn_dense_packed(parallel, A(slot1), W(2368), W(3200), O(0), (int32_t)(dim_N))); /* scores */
