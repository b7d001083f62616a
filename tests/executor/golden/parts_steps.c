  RUN(call_parts_fused_nn_softmax(I(0), A(0))); /* y */
  RUN(call_parts_fused_negative(A(48), O(3))); /* c */
  RUN(call_parts_fused_add(A(0), I(0), O(2))); /* e */
  memcpy(O(0), A(0), 32); /* a */
  memcpy(O(1), A(32), 16); /* b */
  memcpy(O(4), I(0), 32); /* view */
