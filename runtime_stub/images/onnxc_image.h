/* Decoding images (ONNX ImageDecoder). Linked only into models that do; for hosted systems: decoders need malloc. */
#ifndef ONNXC_IMAGE_H
#define ONNXC_IMAGE_H

#include "onnxc_runtime.h"

/* Larger images are refused: a few hundred bytes may claim to be an image of any size. Pillow draws its line there. */
#ifndef ONNXC_IMAGE_PIXELS
#define ONNXC_IMAGE_PIXELS 178956970
#endif

/* What a pixel becomes. */
enum { ONNXC_IMAGE_RGB = 0, ONNXC_IMAGE_BGR = 1, ONNXC_IMAGE_GRAYSCALE = 2 };

/* For models: decode size bytes. Gives the pixels, from the top left on, one or three bytes each, in the text's memory,
 * and height and width in sizes. What is no image, or a broken one, has height and width 0, as ONNX demands it.
 * ONNXC_ERROR_MEMORY is the only error. */
onnxc_status onnxc_image_decode(const uint8_t *data, int64_t size, int32_t format, onnxc_text *text,
                                onnxc_string *pixels, int64_t *sizes);

/* ------------------------------------------------------------------------------------------- inside the decoders */

typedef struct {
  int64_t height, width;
  int32_t channels; /* 1: gray; 3: red, green, blue */
  uint8_t *pixels;  /* from malloc; the caller frees it, whatever the decoder returns */
} onnxc_image;

/* Set the sizes and take memory, cleared. ONNXC_ERROR_VALUE where there are no pixels, or too many. */
onnxc_status onnxc_image_allocate(onnxc_image *image, int64_t height, int64_t width, int32_t channels);

/* One for each format: ONNXC_OK, ONNXC_ERROR_VALUE for what it cannot decode, or ONNXC_ERROR_MEMORY. Samples of more
 * than 8 bits lose the lower ones; an alpha channel is ignored; CMYK becomes RGB; indexes become their colours. */
onnxc_status onnxc_image_bmp(const uint8_t *data, size_t size, onnxc_image *image);
onnxc_status onnxc_image_jpeg(const uint8_t *data, size_t size, onnxc_image *image);
onnxc_status onnxc_image_jpeg2000(const uint8_t *data, size_t size, onnxc_image *image);
onnxc_status onnxc_image_png(const uint8_t *data, size_t size, onnxc_image *image);
onnxc_status onnxc_image_pnm(const uint8_t *data, size_t size, onnxc_image *image);
onnxc_status onnxc_image_tiff(const uint8_t *data, size_t size, onnxc_image *image);
onnxc_status onnxc_image_webp(const uint8_t *data, size_t size, onnxc_image *image);

/* Red, green and blue of cyan, magenta, yellow and black: 255 is full ink. As Pillow rounds it. */
void onnxc_image_cmyk(const uint8_t *cmyk, uint8_t *rgb);

/* Uncompress wanted bytes of zlib's format; 0 where there are fewer, or there is no memory. */
int onnxc_image_inflate(const uint8_t *from, size_t size, uint8_t *to, size_t wanted);

#endif
