/* Netpbm's formats: bits, gray and colours, as text (P1 to P3) or bytes (P4 to P6), and PAM (P7). */
#include <math.h>
#include <string.h>

#include "onnxc_image.h"

typedef struct {
  const uint8_t *next, *end;
} reader;

static int is_space(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* Skip space, and comments to the ends of their lines. */
static void skip_space(reader *r) {
  for (; r->next < r->end && (is_space(*r->next) || *r->next == '#'); ++r->next)
    if (*r->next == '#')
      while (r->next < r->end && *r->next != '\n' && *r->next != '\r') ++r->next;
  if (r->next > r->end) r->next = r->end;
}

/* A number of at most so many digits; -1 where there is none. */
static int64_t read_number(reader *r, int digits) {
  int64_t value = 0;
  skip_space(r);
  const uint8_t *const first = r->next;
  for (; r->next < r->end && r->next - first < digits && *r->next >= '0' && *r->next <= '9'; ++r->next)
    value = 10 * value + (*r->next - '0');
  return r->next == first ? -1 : value;
}

/* Does a word stand here? Then it is read. */
static int read_word(reader *r, const char *word) {
  const size_t size = strlen(word);
  if ((size_t)(r->end - r->next) < size || memcmp(r->next, word, size) != 0) return 0;
  r->next += size;
  return 1;
}

/* Lines of a name and a value, up to ENDHDR. */
static int read_pam_header(reader *r, int64_t *width, int64_t *height, int64_t *depth, int64_t *most) {
  for (;;) {
    skip_space(r);
    if (read_word(r, "ENDHDR")) break;
    if (read_word(r, "WIDTH")) *width = read_number(r, 10);
    else if (read_word(r, "HEIGHT")) *height = read_number(r, 10);
    else if (read_word(r, "DEPTH")) *depth = read_number(r, 10);
    else if (read_word(r, "MAXVAL")) *most = read_number(r, 10);
    else if (read_word(r, "TUPLTYPE")) while (r->next < r->end && *r->next != '\n') ++r->next;
    else return 0;
  }
  return *depth >= 1 && *depth <= 4;
}

static uint8_t scaled(int64_t value, int64_t most) {
  if (value > most) value = most;
  return most == 255 ? (uint8_t)value : (uint8_t)rint((double)value / (double)most * 255);
}

onnxc_status onnxc_image_pnm(const uint8_t *data, size_t size, onnxc_image *image) {
  reader r = {data + 2, data + size};
  const char kind = (char)data[1];
  const int bits = kind == '1' || kind == '4', text = kind <= '3';
  int64_t width = -1, height = -1, depth = kind == '3' || kind == '6' ? 3 : 1, most = 1;
  if (kind == '7') {
    if (!read_pam_header(&r, &width, &height, &depth, &most)) return ONNXC_ERROR_VALUE;
  } else {
    width = read_number(&r, 10);
    height = read_number(&r, 10);
    if (!bits) most = read_number(&r, 10);
  }
  if (width < 1 || height < 1 || most < 1 || most > 65535) return ONNXC_ERROR_VALUE;
  if (!text) {
    if (r.next == r.end || !is_space(*r.next)) return ONNXC_ERROR_VALUE;
    ++r.next;
  }
  /* Never more memory than the data are for. */
  const uint64_t left = (uint64_t)(r.end - r.next), bytes = most > 255 ? 2 : 1;
  const uint64_t row = text ? (uint64_t)(width * depth) : bits ? (uint64_t)(width + 7) / 8 : (uint64_t)(width * depth) * bytes;
  if (row > left || (uint64_t)height > left / row) return ONNXC_ERROR_VALUE;
  const onnxc_status status = onnxc_image_allocate(image, height, width, depth < 3 ? 1 : 3);
  if (status != ONNXC_OK) return status;
  uint8_t *to = image->pixels;
  const int plain = !text && !bits && most == 255 && depth == image->channels;
  if (plain) memcpy(to, r.next, (size_t)(height * width * depth));
  for (int64_t y = 0; !plain && y < height; ++y, r.next += text ? 0 : row)
    for (int64_t x = 0; x < width; ++x)
      for (int64_t c = 0; c < depth; ++c) {
        int64_t value;
        if (text) value = read_number(&r, bits ? 1 : 10);
        else if (bits) value = r.next[x / 8] >> (7 - x % 8) & 1;
        else if (bytes == 1) value = r.next[x * depth + c];
        else value = r.next[2 * (x * depth + c)] << 8 | r.next[2 * (x * depth + c) + 1];
        if (value < 0 || (bits && value > 1)) return ONNXC_ERROR_VALUE;
        if (c < image->channels) *to++ = scaled(bits ? 1 - value : value, most); /* a bit that is 1 is black */
      }
  return ONNXC_OK;
}
