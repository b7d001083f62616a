/* Decodes broken images: each file as it is, cut off, with changed bits, and with changed bytes near its begin, where the
 * headers are. Prints how many were images still; ends with 1 where a decoder says what it may not say.
 *
 *     broken ROUNDS FILE...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "onnxc_image.h"

/* Numbers that are the same everywhere: xorshift, after Marsaglia. */
static uint32_t next_number(uint32_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

/* LodePNG's, which has this prefix in onnxc_names.h. */
unsigned onnxcimage_lodepng_crc32(const unsigned char *data, size_t size);

/* A PNG says of each of its chunks what their sum is: make it right, or nothing else is ever tried. */
static void repair(uint8_t *data, size_t size) {
  if (size < 8 || memcmp(data, "\x89PNG", 4) != 0) return;
  for (size_t place = 8; size - place >= 12;) {
    size_t length = 0;
    for (size_t i = 0; i < 4; ++i) length = length << 8 | data[place + i];
    if (length > size - place - 12) return;
    const unsigned sum = onnxcimage_lodepng_crc32(data + place + 4, length + 4);
    for (size_t i = 0; i < 4; ++i) data[place + 8 + length + i] = (uint8_t)(sum >> (24 - 8 * i));
    place += length + 12;
  }
}

static long images;

/* In memory of exactly that size, so that reading behind it is noticed. */
static void decode(const uint8_t *data, size_t size, int32_t format) {
  onnxc_text *text;
  onnxc_string pixels;
  int64_t sizes[2];
  uint8_t *const copy = malloc(size > 0 ? size : 1);
  if (copy == NULL || onnxc_text_create(&text) != ONNXC_OK) exit(1);
  memcpy(copy, data, size);
  const onnxc_status status = onnxc_image_decode(copy, (int64_t)size, format, text, &pixels, sizes);
  const int64_t channels = format == ONNXC_IMAGE_GRAYSCALE ? 1 : 3;
  if (status != ONNXC_OK || sizes[0] < 0 || (sizes[0] == 0) != (sizes[1] == 0) ||
      pixels.size != sizes[0] * sizes[1] * channels || sizes[0] * sizes[1] > ONNXC_IMAGE_PIXELS) {
    fprintf(stderr, "status %d, %lld x %lld, %lld bytes\n", (int)status, (long long)sizes[0], (long long)sizes[1],
            (long long)pixels.size);
    exit(1);
  }
  uint32_t sum = 0; /* every byte is there */
  for (int64_t i = 0; i < pixels.size; ++i) sum += (uint8_t)pixels.data[i];
  images += sizes[0] > 0 && sum != UINT32_MAX;
  onnxc_text_destroy(text);
  free(copy);
}

static void break_file(const uint8_t *data, size_t size, long rounds) {
  uint32_t state = 1 + (uint32_t)size;
  uint8_t *const changed = malloc(size);
  if (changed == NULL) exit(1);
  decode(data, size, ONNXC_IMAGE_RGB);
  for (long round = 0; round < rounds; ++round) {
    const int32_t format = (int32_t)(round % 3);
    decode(data, next_number(&state) % (round % 2 == 0 ? size : size < 64 ? size : 64), format);
    memcpy(changed, data, size);
    for (uint32_t i = 0; i < 1 + (uint32_t)round % 4; ++i)
      changed[next_number(&state) % size] ^= (uint8_t)(1u << next_number(&state) % 8);
    repair(changed, size);
    decode(changed, size, format);
    memcpy(changed, data, size);
    for (uint32_t i = 0; i < 1 + (uint32_t)round % 3; ++i)
      changed[next_number(&state) % (size < 200 ? size : 200)] = (uint8_t)next_number(&state);
    repair(changed, size);
    decode(changed, size, format);
  }
  free(changed);
}

int main(int count, char **arguments) {
  for (int i = 2; i < count; ++i) {
    FILE *const file = fopen(arguments[i], "rb");
    static uint8_t data[1 << 16];
    if (file == NULL) return 1;
    const size_t size = fread(data, 1, sizeof(data), file);
    fclose(file);
    if (size == 0 || size == sizeof(data)) return 1;
    break_file(data, size, atol(arguments[1]));
  }
  printf("%ld\n", images);
  return 0;
}
