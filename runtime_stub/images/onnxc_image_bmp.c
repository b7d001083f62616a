/* Windows' and OS/2's bitmaps: indexes of 1, 4 and 8 bits, also run-length coded, and colours of 16, 24 and 32 bits. */
#include "onnxc_image.h"

enum { RAW = 0, RLE8 = 1, RLE4 = 2, BITFIELDS = 3 };

typedef struct {
  const uint8_t *data;
  size_t size;
  size_t start; /* of the pixels */
  int64_t height, width;
  int upwards; /* the lowest row comes first */
  uint32_t bits, compression;
  uint32_t masks[3]; /* bits of red, green and blue */
  uint8_t palette[256][3];
} bitmap;

static uint32_t number(const uint8_t *bytes, int count) {
  uint32_t value = 0;
  for (int i = 0; i < count; ++i) value |= (uint32_t)bytes[i] << 8 * i;
  return value;
}

/* Everything that stands before the pixels; 0 where it makes no sense. */
static int read_header(bitmap *b) {
  const uint8_t *const data = b->data;
  if (b->size < 26) return 0;
  const uint32_t header = number(data + 14, 4);
  const int old = header == 12;
  if (!old && (header < 40 || header > 124)) return 0;
  if (b->size < 14 + (size_t)header) return 0;
  const int32_t rows = old ? (int32_t)number(data + 20, 2) : (int32_t)number(data + 22, 4);
  b->width = old ? number(data + 18, 2) : number(data + 18, 4);
  b->upwards = rows > 0;
  b->height = rows > 0 ? rows : -(int64_t)rows;
  b->bits = number(data + (old ? 24 : 28), 2);
  b->compression = old ? RAW : number(data + 30, 4);
  b->start = number(data + 10, 4);
  size_t place = 14 + (size_t)header;
  for (int c = 0; c < 3; ++c) b->masks[c] = b->bits == 16 ? 0x1fu << (10 - 5 * c) : 0xffu << (16 - 8 * c);
  if (b->compression == BITFIELDS) { /* they stand in longer headers, or behind short ones */
    const size_t masks = 54;
    if (b->size < masks + 12) return 0;
    uint32_t all = 0;
    uint32_t found[3];
    for (int c = 0; c < 3; ++c) all |= found[c] = number(data + masks + 4 * c, 4);
    for (int c = 0; c < 3 && all != 0; ++c) b->masks[c] = found[c];
    if (header == 40) place += 12;
  }
  if (b->bits <= 8) {
    const size_t entry = old ? 3 : 4;
    uint32_t colors = old ? 0 : number(data + 46, 4);
    if (colors == 0) colors = 1u << b->bits;
    for (size_t i = 0; i < colors && i < 256; ++i) {
      if (place + entry * i + 3 > b->size) return 0;
      for (int c = 0; c < 3; ++c) b->palette[i][c] = data[place + entry * i + 2 - c];
    }
    place += entry * colors;
  }
  if (b->start == 0) b->start = place;
  if (b->start > b->size) return 0;
  switch (b->compression) {
    case RAW: return b->bits == 1 || b->bits == 4 || b->bits == 8 || b->bits == 16 || b->bits == 24 || b->bits == 32;
    case RLE8: return b->bits == 8;
    case RLE4: return b->bits == 4;
    case BITFIELDS: return b->bits == 16 || b->bits == 32;
    default: return 0;
  }
}

static uint8_t *pixel(const bitmap *b, const onnxc_image *image, int64_t y, int64_t x) {
  return image->pixels + 3 * ((b->upwards ? b->height - 1 - y : y) * b->width + x);
}

static void put_index(const bitmap *b, const onnxc_image *image, int64_t y, int64_t x, uint32_t index) {
  uint8_t *const to = pixel(b, image, y, x);
  for (int c = 0; c < 3; ++c) to[c] = b->palette[index][c];
}

/* The bits of a mask, stretched to 8. */
static uint8_t masked(uint32_t value, uint32_t mask) {
  if (mask == 0) return 0;
  uint32_t bits = value & mask, most = mask;
  for (; (most & 1) == 0; most >>= 1) bits >>= 1;
  return (uint8_t)((uint64_t)bits * 255 / most);
}

static onnxc_status read_rows(const bitmap *b, const onnxc_image *image) {
  const size_t stride = (size_t)(b->width * b->bits + 31) / 32 * 4, used = (size_t)(b->width * b->bits + 7) / 8;
  if ((size_t)(b->height - 1) * stride + used > b->size - b->start) return ONNXC_ERROR_VALUE;
  const int plain = b->bits >= 24 && b->masks[0] == 0xff0000 && b->masks[1] == 0xff00 && b->masks[2] == 0xff;
  for (int64_t y = 0; y < b->height; ++y) {
    const uint8_t *const row = b->data + b->start + (size_t)y * stride;
    if (plain) {
      uint8_t *to = pixel(b, image, y, 0);
      const uint8_t *from = row;
      for (int64_t x = 0; x < b->width; ++x, to += 3, from += b->bits / 8)
        for (int c = 0; c < 3; ++c) to[c] = from[2 - c];
      continue;
    }
    for (int64_t x = 0; x < b->width; ++x) {
      if (b->bits <= 8) {
        const int64_t bit = x * b->bits;
        put_index(b, image, y, x, row[bit / 8] >> (8 - b->bits - bit % 8) & ((1u << b->bits) - 1));
        continue;
      }
      const uint32_t bytes = b->bits / 8, value = number(row + x * bytes, (int)bytes);
      for (int c = 0; c < 3; ++c) pixel(b, image, y, x)[c] = masked(value, b->masks[c]);
    }
  }
  return ONNXC_OK;
}

/* Runs of one byte, runs of given ones, and jumps; what they leave out has index 0. */
static onnxc_status read_runs(const bitmap *b, const onnxc_image *image) {
  const uint8_t *from = b->data + b->start, *const end = b->data + b->size;
  const int half = b->compression == RLE4;
  int64_t y = 0, x = 0;
  for (int64_t i = 0; i < b->height * b->width; ++i) put_index(b, image, i / b->width, i % b->width, 0);
  while (y < b->height) {
    if (end - from < 2) return ONNXC_ERROR_VALUE;
    const int count = from[0], what = from[1];
    from += 2;
    if (count == 0 && what == 1) break;
    if (count == 0 && what == 0) {
      ++y;
      x = 0;
    } else if (count == 0 && what == 2) {
      if (end - from < 2) return ONNXC_ERROR_VALUE;
      x += from[0];
      y += from[1];
      from += 2;
    } else {
      const int length = count == 0 ? what : count;
      const int bytes = count == 0 ? (half ? (what + 1) / 2 : what) : 0;
      if (end - from < bytes) return ONNXC_ERROR_VALUE;
      for (int i = 0; i < length; ++i, ++x) {
        const uint8_t byte = count > 0 ? (uint8_t)what : from[half ? i / 2 : i];
        if (x < b->width) put_index(b, image, y, x, half ? byte >> (i % 2 ? 0 : 4) & 15u : byte);
      }
      from += bytes;
      if (bytes % 2 != 0 && from < end) ++from;
    }
  }
  return ONNXC_OK;
}

onnxc_status onnxc_image_bmp(const uint8_t *data, size_t size, onnxc_image *image) {
  bitmap b = {.data = data, .size = size};
  if (!read_header(&b)) return ONNXC_ERROR_VALUE;
  const onnxc_status status = onnxc_image_allocate(image, b.height, b.width, 3);
  if (status != ONNXC_OK) return status;
  return b.compression == RLE8 || b.compression == RLE4 ? read_runs(&b, image) : read_rows(&b, image);
}
