/* TIFF 6.0: the first image of a file, in strips or tiles, plain or compressed by PackBits, LZW or Deflate; bits, gray,
 * indexes, RGB and CMYK, of unsigned integers of 1 to 16 bits. Turned images are turned back. */
#include <stdlib.h>
#include <string.h>

#include "onnxc_image.h"

enum {
  WIDTH = 256, HEIGHT = 257, BITS = 258, COMPRESSION = 259, PHOTOMETRIC = 262, FILL_ORDER = 266, STRIP_OFFSETS = 273,
  ORIENTATION = 274, SAMPLES = 277, STRIP_ROWS = 278, STRIP_SIZES = 279, PLANAR = 284, PREDICTOR = 317, COLORS = 320,
  TILE_WIDTH = 322, TILE_HEIGHT = 323, TILE_OFFSETS = 324, TILE_SIZES = 325, SAMPLE_FORMAT = 339
};
enum { WHITE_IS_ZERO = 0, BLACK_IS_ZERO = 1, RGB = 2, PALETTE = 3, CMYK = 5 };
enum { PLAIN = 1, LZW = 5, DEFLATE = 8, OLD_DEFLATE = 32946, PACK_BITS = 32773 };

/* Some files have dozens: they are searched for each strip. */
#define MOST_ENTRIES 1024

typedef struct {
  const uint8_t *data;
  size_t size;
  int big; /* big-endian */
  size_t directory;
  uint32_t entries;
} file;

typedef struct {
  int64_t height, width;
  uint32_t bits, samples, compression, photometric, predictor, orientation;
  int planar;                         /* a plane for each sample */
  int64_t chunk_height, chunk_width;  /* of strips and tiles */
  uint32_t offsets, sizes;            /* their tags */
  uint8_t colors[256][3];
} layout;

static uint32_t number(const file *f, size_t place, int bytes) {
  uint32_t value = 0;
  for (int i = 0; i < bytes; ++i) value |= (uint32_t)f->data[place + (size_t)i] << 8 * (f->big ? bytes - 1 - i : i);
  return value;
}

/* A number of a tag; 0 where it is not there. */
static int find(const file *f, uint32_t tag, uint64_t index, uint32_t *value) {
  for (uint32_t i = 0; i < f->entries; ++i) {
    const size_t entry = f->directory + 2 + 12 * (size_t)i;
    if (number(f, entry, 2) != tag) continue;
    const uint32_t type = number(f, entry + 2, 2), count = number(f, entry + 4, 4);
    const int bytes = type == 1 ? 1 : type == 3 ? 2 : type == 4 ? 4 : 0;
    if (bytes == 0 || index >= count) return 0;
    const uint64_t first = (uint64_t)count * (uint64_t)bytes <= 4 ? entry + 8 : number(f, entry + 8, 4);
    const uint64_t place = first + index * (uint64_t)bytes;
    if (place + (uint64_t)bytes > f->size) return 0;
    *value = number(f, (size_t)place, bytes);
    return 1;
  }
  return 0;
}

static uint32_t value_or(const file *f, uint32_t tag, uint32_t other) {
  uint32_t value;
  return find(f, tag, 0, &value) ? value : other;
}

/* How many samples of a pixel matter. */
static uint32_t used_samples(const layout *l) { return l->photometric == RGB ? 3 : l->photometric == CMYK ? 4 : 1; }

static int read_layout(const file *f, layout *l) {
  l->width = value_or(f, WIDTH, 0);
  l->height = value_or(f, HEIGHT, 0);
  l->samples = value_or(f, SAMPLES, 1);
  l->bits = value_or(f, BITS, 1);
  l->compression = value_or(f, COMPRESSION, PLAIN);
  l->photometric = value_or(f, PHOTOMETRIC, BLACK_IS_ZERO);
  l->predictor = value_or(f, PREDICTOR, 1);
  l->orientation = value_or(f, ORIENTATION, 1);
  l->planar = value_or(f, PLANAR, 1) == 2 && l->samples > 1;
  const uint32_t tile = value_or(f, TILE_WIDTH, 0), strip = value_or(f, STRIP_ROWS, UINT32_MAX);
  l->chunk_width = tile > 0 ? tile : l->width;
  l->chunk_height = tile > 0 ? value_or(f, TILE_HEIGHT, 0) : strip < l->height ? strip : l->height;
  l->offsets = tile > 0 ? TILE_OFFSETS : STRIP_OFFSETS;
  l->sizes = tile > 0 ? TILE_SIZES : STRIP_SIZES;
  if (l->width < 1 || l->height < 1 || l->height > ONNXC_IMAGE_PIXELS / l->width) return 0;
  if (l->bits != 1 && l->bits != 2 && l->bits != 4 && l->bits != 8 && l->bits != 16) return 0;
  if (l->photometric > PALETTE && l->photometric != CMYK) return 0;
  if (l->samples < used_samples(l) || l->samples > 8) return 0;
  for (uint32_t i = 1, other; i < l->samples && find(f, BITS, i, &other); ++i)
    if (other != l->bits) return 0;
  if (value_or(f, FILL_ORDER, 1) != 1 || value_or(f, SAMPLE_FORMAT, 1) != 1) return 0;
  if (l->predictor != 1 && (l->predictor != 2 || l->bits < 8)) return 0;
  if (l->orientation < 1 || l->orientation > 8) return 0;
  if (l->photometric == PALETTE) {
    if (l->bits > 8) return 0;
    for (uint32_t i = 0; i < 1u << l->bits; ++i)
      for (uint32_t c = 0; c < 3; ++c) {
        uint32_t color;
        if (!find(f, COLORS, (c << l->bits) + i, &color)) return 0;
        l->colors[i][c] = (uint8_t)(color >> 8);
      }
  }
  return l->chunk_height > 0 && l->chunk_height <= ONNXC_IMAGE_PIXELS / l->chunk_width;
}

/* ---- what compresses: each fills all of to, or returns 0 */

static int unpack_bits(const uint8_t *from, size_t size, uint8_t *to, size_t wanted) {
  const uint8_t *const end = from + size;
  while (wanted > 0) {
    if (from == end) return 0;
    const int head = *from++;
    if (head == 128) continue;
    const size_t count = head < 128 ? (size_t)head + 1 : (size_t)(257 - head), bytes = head < 128 ? count : 1;
    if ((size_t)(end - from) < bytes) return 0;
    const size_t written = count < wanted ? count : wanted;
    if (head < 128) memcpy(to, from, written);
    else memset(to, *from, written);
    from += bytes;
    to += written;
    wanted -= written;
  }
  return 1;
}

/* A code stands for what an earlier one stood for, and a byte more: that is the bytes which the earlier one became, and
 * the one behind them. So an entry is a place in the output and a length. */
static int unpack_lzw(const uint8_t *from, size_t size, uint8_t *to, size_t wanted) {
  enum { CLEAR = 256, END = 257, FIRST = 258, CODES = 4096 };
  static const uint32_t none = UINT32_MAX;
  size_t *const places = malloc(CODES * sizeof(*places)), *const lengths = malloc(CODES * sizeof(*lengths));
  size_t written = 0, read = 0;
  uint32_t next = FIRST, width = 9, bits = 0, count = 0, last = none;
  int right = places != NULL && lengths != NULL;
  size_t last_place = 0, last_length = 0;
  while (right && written < wanted) {
    while (count < width && read < size) {
      bits = bits << 8 | from[read++];
      count += 8;
    }
    if (count < width) break;
    const uint32_t code = bits >> (count - width) & ((1u << width) - 1);
    count -= width;
    if (code == END) break;
    if (code == CLEAR) {
      next = FIRST;
      width = 9;
      last = none;
      continue;
    }
    if (last == none ? code > 255 : code > next) {
      right = 0;
      break;
    }
    /* The entry before this code: the last code's bytes, and the first of this one's. */
    if (last != none && next < CODES) {
      places[next] = last_place;
      lengths[next] = last_length + 1;
      ++next;
    }
    if (code >= next) { /* the table is full, and this is not in it */
      right = 0;
      break;
    }
    const size_t length = code < 256 ? 1 : lengths[code];
    last_place = written;
    last_length = length;
    last = code;
    for (size_t i = 0; i < length && written < wanted; ++i, ++written)
      to[written] = code < 256 ? (uint8_t)code : to[places[code] + i];
    if (next + 1 >= 1u << width && width < 12) ++width; /* one code early */
  }
  free(places);
  free(lengths);
  return right && written == wanted;
}

static int unpack(uint32_t compression, const uint8_t *from, size_t size, uint8_t *to, size_t wanted) {
  switch (compression) {
    case PLAIN:
      if (size < wanted) return 0;
      memcpy(to, from, wanted);
      return 1;
    case LZW: return unpack_lzw(from, size, to, wanted);
    case PACK_BITS: return unpack_bits(from, size, to, wanted);
    case DEFLATE:
    case OLD_DEFLATE: return onnxc_image_inflate(from, size, to, wanted);
    default: return 0;
  }
}

/* ---- rows -> pixels */

/* Differences to the sample on the left -> samples. */
static void undo_predictor(const file *f, const layout *l, uint8_t *rows, int64_t count, size_t stride) {
  const size_t bytes = l->bits / 8, step = (l->planar ? 1 : l->samples) * bytes;
  const size_t high = f->big ? 0 : bytes - 1, low = bytes - 1 - high;
  for (int64_t y = 0; y < count; ++y) {
    uint8_t *const row = rows + (size_t)y * stride;
    for (size_t i = step; i + bytes <= stride; i += bytes) {
      if (bytes == 1) {
        row[i] = (uint8_t)(row[i] + row[i - step]);
        continue;
      }
      const uint32_t left = (uint32_t)row[i - step + high] << 8 | row[i - step + low];
      const uint32_t sum = left + ((uint32_t)row[i + high] << 8 | row[i + low]);
      row[i + high] = (uint8_t)(sum >> 8);
      row[i + low] = (uint8_t)sum;
    }
  }
}

/* A sample of a row, in 8 bits; an index as it is. */
static uint8_t sample(const file *f, const layout *l, const uint8_t *row, int64_t index) {
  if (l->bits == 16) return row[2 * index + (f->big ? 0 : 1)];
  if (l->bits == 8) return row[index];
  const int64_t bit = index * l->bits;
  const uint32_t most = (1u << l->bits) - 1, value = (uint32_t)row[bit / 8] >> (8 - l->bits - bit % 8) & most;
  return (uint8_t)(l->photometric == PALETTE ? value : value * 255 / most);
}

/* Where a pixel goes. */
static uint8_t *target(const layout *l, const onnxc_image *image, int64_t y, int64_t x) {
  const uint32_t o = l->orientation;
  if (o == 3 || o == 4 || o == 6 || o == 7) y = l->height - 1 - y;
  if (o == 2 || o == 3 || o == 7 || o == 8) x = l->width - 1 - x;
  return image->pixels + (o >= 5 ? x * l->height + y : y * l->width + x) * image->channels;
}

static void put_pixel(const layout *l, const uint8_t *samples, uint8_t *to) {
  if (l->photometric == CMYK) onnxc_image_cmyk(samples, to);
  else if (l->photometric == PALETTE) memcpy(to, l->colors[samples[0]], 3);
  else if (l->photometric == RGB) memcpy(to, samples, 3);
  else to[0] = l->photometric == WHITE_IS_ZERO ? (uint8_t)(255 - samples[0]) : samples[0];
}

static int read_chunk(const file *f, const layout *l, uint64_t index, size_t size, uint8_t *to) {
  uint32_t offset, stored;
  if (!find(f, l->offsets, index, &offset) || offset > f->size) return 0;
  if (!find(f, l->sizes, index, &stored) || stored > f->size - offset) stored = (uint32_t)(f->size - offset);
  return unpack(l->compression, f->data + offset, stored, to, size);
}

static onnxc_status read_chunks(const file *f, const layout *l, onnxc_image *image) {
  const int64_t across = (l->width + l->chunk_width - 1) / l->chunk_width;
  const int64_t down = (l->height + l->chunk_height - 1) / l->chunk_height;
  const uint32_t used = used_samples(l), planes = l->planar ? used : 1;
  const size_t stride = ((size_t)l->chunk_width * (l->planar ? 1 : l->samples) * l->bits + 7) / 8;
  uint8_t *const buffer = malloc((size_t)l->chunk_height * stride * planes);
  onnxc_status status = buffer == NULL ? ONNXC_ERROR_MEMORY : ONNXC_OK;
  for (int64_t i = 0; status == ONNXC_OK && i < across * down; ++i) {
    const int64_t top = i / across * l->chunk_height, left = i % across * l->chunk_width;
    /* The last strip is shorter, but tiles are all alike. */
    const int shorter = l->offsets == STRIP_OFFSETS && l->height - top < l->chunk_height;
    const int64_t rows = shorter ? l->height - top : l->chunk_height;
    const size_t size = (size_t)rows * stride;
    for (uint32_t p = 0; p < planes; ++p) {
      uint8_t *const to = buffer + p * size;
      if (!read_chunk(f, l, (uint64_t)i + p * (uint64_t)(across * down), size, to)) status = ONNXC_ERROR_VALUE;
      else if (l->predictor == 2) undo_predictor(f, l, to, rows, stride);
    }
    for (int64_t y = 0; status == ONNXC_OK && y < rows && top + y < l->height; ++y)
      for (int64_t x = 0; x < l->chunk_width && left + x < l->width; ++x) {
        const uint8_t *const row = buffer + (size_t)y * stride;
        uint8_t samples[4];
        for (uint32_t c = 0; c < used; ++c)
          samples[c] = l->planar ? sample(f, l, row + c * size, x) : sample(f, l, row, x * l->samples + c);
        put_pixel(l, samples, target(l, image, top + y, left + x));
      }
  }
  free(buffer);
  return status;
}

onnxc_status onnxc_image_tiff(const uint8_t *data, size_t size, onnxc_image *image) {
  file f = {data, size, data[0] == 'M', 0, 0};
  layout l;
  memset(&l, 0, sizeof(l));
  if (size < 8) return ONNXC_ERROR_VALUE;
  f.directory = number(&f, 4, 4);
  if (f.directory > size - 2) return ONNXC_ERROR_VALUE;
  f.entries = number(&f, f.directory, 2);
  if (f.entries > MOST_ENTRIES || f.entries * (uint64_t)12 > size - 2 - f.directory) return ONNXC_ERROR_VALUE;
  if (!read_layout(&f, &l)) return ONNXC_ERROR_VALUE;
  const int turned = l.orientation >= 5;
  const int32_t channels = l.photometric <= BLACK_IS_ZERO ? 1 : 3;
  const onnxc_status status =
      onnxc_image_allocate(image, turned ? l.width : l.height, turned ? l.height : l.width, channels);
  return status == ONNXC_OK ? read_chunks(&f, &l, image) : status;
}
