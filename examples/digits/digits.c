/* Recognises handwritten digits: reads images from standard input, 8x8 floats each, and prints a digit a line.
 *
 * The model is in libdigits.a; digits.h is made by onnxc along with it. */
#include <stdio.h>

#include "digits.h"

static float input[DIGITS_INPUT_INPUT_SIZE];
static float output[DIGITS_OUTPUT_OUTPUT_SIZE];
static _Alignas(ONNXC_ALIGNMENT) unsigned char arena[DIGITS_ARENA_SIZE]; /* all the memory that a run needs */

int main(void) {
  const digits_inputs inputs = {.input = input};
  const digits_outputs outputs = {.output = output};
  while (fread(input, sizeof(float), DIGITS_INPUT_INPUT_SIZE, stdin) == DIGITS_INPUT_INPUT_SIZE) {
    const onnxc_status status = digits_run(&inputs, &outputs, arena, NULL);
    if (status != ONNXC_OK) {
      fprintf(stderr, "%s\n", onnxc_status_text(status));
      return 1;
    }
    int best = 0;
    for (int digit = 1; digit < (int)DIGITS_OUTPUT_OUTPUT_SIZE; ++digit) {
      if (output[digit] > output[best]) best = digit;
    }
    printf("%d\n", best);
  }
  return 0;
}
