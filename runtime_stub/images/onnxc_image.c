/* An image of any format -> pixels as ONNX wants them. */
#include "onnxc_image.h"

#include <stdlib.h>
#include <string.h>

onnxc_status onnxc_image_allocate(onnxc_image *image, int64_t height, int64_t width, int32_t channels) {
  if (height < 1 || width < 1 || height > ONNXC_IMAGE_PIXELS / width) return ONNXC_ERROR_VALUE;
  image->height = height;
  image->width = width;
  image->channels = channels;
  image->pixels = calloc((size_t)(height * width), (size_t)channels);
  return image->pixels == NULL ? ONNXC_ERROR_MEMORY : ONNXC_OK;
}

void onnxc_image_cmyk(const uint8_t *cmyk, uint8_t *rgb) {
  const int light = 255 - cmyk[3];
  for (int i = 0; i < 3; ++i) {
    const int product = cmyk[i] * light + 128;
    rgb[i] = (uint8_t)(light - ((product + (product >> 8)) >> 8));
  }
}

typedef onnxc_status (*decoder)(const uint8_t *data, size_t size, onnxc_image *image);

/* The decoder of a format, by what its files begin with. */
static decoder decoder_of(const uint8_t *data, size_t size) {
  static const struct {
    decoder decode;
    uint8_t offset, count;
    char bytes[13];
  } signatures[] = {
      {onnxc_image_jpeg, 0, 3, "\xff\xd8\xff"},
      {onnxc_image_png, 0, 8, "\x89PNG\r\n\x1a\n"},
      {onnxc_image_bmp, 0, 2, "BM"},
      {onnxc_image_tiff, 0, 4, "II*\0"},
      {onnxc_image_tiff, 0, 4, "MM\0*"},
      {onnxc_image_webp, 8, 4, "WEBP"},
      {onnxc_image_jpeg2000, 0, 12, "\0\0\0\x0cjP  \r\n\x87\n"}, /* in a file of boxes */
      {onnxc_image_jpeg2000, 0, 4, "\xff\x4f\xff\x51"},           /* the bare codestream */
  };
  for (size_t i = 0; i < sizeof(signatures) / sizeof(*signatures); ++i)
    if (size >= (size_t)signatures[i].offset + signatures[i].count &&
        memcmp(data + signatures[i].offset, signatures[i].bytes, signatures[i].count) == 0)
      return signatures[i].decode;
  return size > 2 && data[0] == 'P' && data[1] >= '1' && data[1] <= '7' ? onnxc_image_pnm : NULL;
}

/* As ITU-R 601-2 weighs them, in 16 bits, as Pillow does it. */
static uint8_t luma(const uint8_t *rgb) {
  return (uint8_t)((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >> 16);
}

static void convert(const onnxc_image *image, int32_t format, uint8_t *to) {
  const uint8_t *from = image->pixels;
  const int64_t count = image->height * image->width;
  if (image->channels == (format == ONNXC_IMAGE_GRAYSCALE ? 1 : 3) && format != ONNXC_IMAGE_BGR) {
    memcpy(to, from, (size_t)(count * image->channels));
  } else if (format == ONNXC_IMAGE_GRAYSCALE) {
    for (int64_t i = 0; i < count; ++i) to[i] = luma(from + 3 * i);
  } else if (image->channels == 1) {
    for (int64_t i = 0; i < count; ++i) memset(to + 3 * i, from[i], 3);
  } else {
    for (int64_t i = 0; i < count; ++i)
      for (int c = 0; c < 3; ++c) to[3 * i + c] = from[3 * i + 2 - c];
  }
}

onnxc_status onnxc_image_decode(const uint8_t *data, int64_t size, int32_t format, onnxc_text *text,
                                onnxc_string *pixels, int64_t *sizes) {
  onnxc_image image = {0, 0, 0, NULL};
  const decoder decode = decoder_of(data, (size_t)size);
  onnxc_status status = decode == NULL ? ONNXC_ERROR_VALUE : decode(data, (size_t)size, &image);
  pixels->data = NULL;
  pixels->size = 0;
  sizes[0] = 0;
  sizes[1] = 0;
  if (status == ONNXC_OK) {
    const int64_t wanted = image.height * image.width * (format == ONNXC_IMAGE_GRAYSCALE ? 1 : 3);
    char *const place = onnxc_text_take(text, wanted);
    if (place == NULL) {
      status = ONNXC_ERROR_MEMORY;
    } else {
      convert(&image, format, (uint8_t *)place);
      pixels->data = place;
      pixels->size = wanted;
      sizes[0] = image.height;
      sizes[1] = image.width;
    }
  }
  free(image.pixels);
  return status == ONNXC_ERROR_MEMORY ? status : ONNXC_OK;
}
