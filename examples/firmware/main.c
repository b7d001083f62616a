/* Recognises a handwritten digit: runs the model of examples/digits on a built-in image and prints what it sees. */
#include "digits.h"
#include "image.h"
#include "semihosting.h"

_Static_assert(sizeof(image) == DIGITS_INPUT_INPUT_SIZE, "the image has not the size that the model reads");

/* All the memory that a run needs. */
static float input[DIGITS_INPUT_INPUT_SIZE];
static float output[DIGITS_OUTPUT_OUTPUT_SIZE];
static _Alignas(ONNXC_ALIGNMENT) uint8_t arena[DIGITS_ARENA_SIZE];

static void print_image(void) {
  static const char shades[] = " .:-=+*#%";
  for (int row = 0; row < IMAGE_SIZE; ++row) {
    char line[2 * IMAGE_SIZE + 2];
    for (int i = 0; i < 2 * IMAGE_SIZE; ++i) {
      line[i] = shades[image[row * IMAGE_SIZE + i / 2] * ((int)sizeof(shades) - 2) / IMAGE_WHITE];
    }
    line[2 * IMAGE_SIZE] = '\n';
    line[2 * IMAGE_SIZE + 1] = '\0';
    semihosting_write(line);
  }
}

int main(void) {
  for (size_t i = 0; i < sizeof(image); ++i) input[i] = (float)image[i] / IMAGE_WHITE;

  const digits_inputs inputs = {.input = input};
  const digits_outputs outputs = {.output = output};
  const onnxc_status status = digits_run(&inputs, &outputs, arena, NULL);
  if (status != ONNXC_OK) {
    semihosting_write(onnxc_status_text(status));
    semihosting_write("\n");
    return status;
  }

  int best = 0;
  for (int digit = 1; digit < (int)DIGITS_OUTPUT_OUTPUT_SIZE; ++digit) {
    if (output[digit] > output[best]) best = digit;
  }
  print_image();
  char text[] = "This is a 0.\n";
  text[10] = (char)('0' + best);
  semihosting_write(text);
  return 0;
}
