  RUN(call_nested_branches_fused_logical_not(I(2), A(0))); /* not_d */
  if (*(const bool *)I(1)) { /* y */
    if (*(const bool *)A(0)) { /* t */
      RUN(call_nested_branches_fused_cumulative_sum(I(0), A(64))); /* ta */
      memcpy(A(0), A(64), 24); /* result of the branch */
    } else {
      RUN(call_nested_branches_fused_nn_softmax(I(0), A(64))); /* tb */
      memcpy(A(0), A(64), 24); /* result of the branch */
    }
    memcpy(O(0), A(0), 24); /* result of the branch */
  } else {
    RUN(call_nested_branches_fused_nn_relu(I(0), A(0))); /* e */
    memcpy(O(0), A(0), 24); /* result of the branch */
  }
