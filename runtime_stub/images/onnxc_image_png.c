/* PNG, with LodePNG: all kinds of it. */
#include <stdlib.h>
#include <string.h>

#include "onnxc_image.h"
#include "third_party/lodepng/onnxc_names.h"
/* behind its names */
#include "third_party/lodepng/lodepng.h"

/* LodePNG's numbers of errors. */
#define OUT_OF_MEMORY 83
#define MORE_THAN_WANTED 109

/* LodePNG's own, with a limit to what a few bytes may become. */
static unsigned inflate_bounded(unsigned char **out, size_t *size, const unsigned char *in, size_t in_size,
                                const LodePNGDecompressSettings *settings) {
  LodePNGDecompressSettings bounded;
  lodepng_decompress_settings_init(&bounded);
  bounded.max_output_size = *(const size_t *)settings->custom_context;
  return lodepng_zlib_decompress(out, size, in, in_size, &bounded);
}

onnxc_status onnxc_image_png(const uint8_t *data, size_t size, onnxc_image *image) {
  LodePNGState state;
  unsigned width, height;
  lodepng_state_init(&state);
  unsigned error = lodepng_inspect(&width, &height, &state, data, size);
  if (error == 0 && height <= ONNXC_IMAGE_PIXELS / width) {
    /* Each row has a byte more, and its last byte may be filled; interlaced images have less than twice as many rows. */
    size_t limit = lodepng_get_raw_size(width, height, &state.info_png.color) + 4 * (size_t)height + 64;
    state.decoder.zlibsettings.custom_zlib = inflate_bounded;
    state.decoder.zlibsettings.custom_context = &limit;
    state.info_raw.colortype = LCT_RGB;
    state.info_raw.bitdepth = 8;
    error = lodepng_decode(&image->pixels, &width, &height, &state, data, size);
    image->height = height;
    image->width = width;
    image->channels = 3;
  } else if (error == 0) {
    error = 1;
  }
  lodepng_state_cleanup(&state);
  return error == 0 ? ONNXC_OK : error == OUT_OF_MEMORY ? ONNXC_ERROR_MEMORY : ONNXC_ERROR_VALUE;
}

int onnxc_image_inflate(const uint8_t *from, size_t size, uint8_t *to, size_t wanted) {
  LodePNGDecompressSettings settings;
  unsigned char *out = NULL;
  size_t found = 0;
  lodepng_decompress_settings_init(&settings);
  settings.max_output_size = wanted;
  const unsigned error = lodepng_zlib_decompress(&out, &found, from, size, &settings);
  const int right = (error == 0 || error == MORE_THAN_WANTED) && found >= wanted;
  if (right) memcpy(to, out, wanted);
  free(out);
  return right;
}
