/* WebP, with libwebp: lossy and lossless, with or without an alpha channel; the first image of a moving one. */
#include <stdlib.h>

#include "onnxc_image.h"
#include "third_party/libwebp/onnxc_names.h"
/* behind its names */
#include "third_party/libwebp/decode.h"
#include "third_party/libwebp/demux.h"

onnxc_status onnxc_image_webp(const uint8_t *data, size_t size, onnxc_image *image) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(data, size, &features) != VP8_STATUS_OK) return ONNXC_ERROR_VALUE;
  const onnxc_status status = onnxc_image_allocate(image, features.height, features.width, 3);
  if (status != ONNXC_OK) return status;
  const size_t pixels = (size_t)features.height * (size_t)features.width;
  if (!features.has_animation) {
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config)) return ONNXC_ERROR_VALUE;
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = image->pixels;
    config.output.u.RGBA.stride = 3 * features.width;
    config.output.u.RGBA.size = 3 * pixels;
    /* It says that there is no memory for some broken alpha channels, too. */
    return WebPDecode(data, size, &config) == VP8_STATUS_OK ? ONNXC_OK : ONNXC_ERROR_VALUE;
  }
  const WebPData whole = {data, size};
  WebPAnimDecoder *const decoder = WebPAnimDecoderNew(&whole, NULL);
  uint8_t *canvas;
  int time;
  const int decoded = decoder != NULL && WebPAnimDecoderGetNext(decoder, &canvas, &time);
  for (size_t i = 0; decoded && i < pixels; ++i)
    for (int c = 0; c < 3; ++c) image->pixels[3 * i + (size_t)c] = canvas[4 * i + (size_t)c];
  WebPAnimDecoderDelete(decoder);
  return decoded ? ONNXC_OK : ONNXC_ERROR_VALUE;
}
