/* JPEG 2000, with OpenJPEG: files of boxes (JP2) and bare codestreams. */
#include <stdlib.h>
#include <string.h>

#include "onnxc_image.h"
#include "third_party/openjpeg/onnxc_names.h"
/* behind its names */
#include "third_party/openjpeg/openjpeg.h"

typedef struct {
  const uint8_t *data;
  size_t size, place;
} source;

static OPJ_SIZE_T source_read(void *buffer, OPJ_SIZE_T count, void *user) {
  source *const s = user;
  const size_t left = s->size - s->place;
  if (left == 0) return (OPJ_SIZE_T)-1;
  if (count > left) count = left;
  memcpy(buffer, s->data + s->place, count);
  s->place += count;
  return count;
}

static OPJ_OFF_T source_skip(OPJ_OFF_T count, void *user) {
  source *const s = user;
  if (count < 0 || (uint64_t)count > s->size - s->place) return -1;
  s->place += (size_t)count;
  return count;
}

static OPJ_BOOL source_seek(OPJ_OFF_T place, void *user) {
  source *const s = user;
  if (place < 0 || (uint64_t)place > s->size) return OPJ_FALSE;
  s->place = (size_t)place;
  return OPJ_TRUE;
}

/* A sample of a component in 8 bits. */
static int sample(const opj_image_comp_t *component, int64_t y, int64_t x) {
  int64_t value = component->data[y * component->w + x];
  if (component->sgnd) value += (int64_t)1 << (component->prec - 1);
  const int shift = (int)component->prec - 8;
  value = shift > 0 ? value >> shift : value * ((int64_t)1 << -shift);
  return (int)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static uint8_t rounded(double value) {
  return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value + 0.5);
}

/* Components -> pixels; those of fewer samples are repeated. */
static onnxc_status convert(const opj_image_t *from, onnxc_image *image) {
  const OPJ_UINT32 used = from->numcomps < 3 ? 1 : from->color_space == OPJ_CLRSPC_CMYK && from->numcomps > 3 ? 4 : 3;
  const int wide = from->color_space == OPJ_CLRSPC_SYCC && used == 3;
  const opj_image_comp_t *const components = from->comps;
  int64_t steps[4][2];
  if (from->numcomps < 1 || components[0].dx < 1 || components[0].dy < 1) return ONNXC_ERROR_VALUE;
  const int64_t width = components[0].w, height = components[0].h;
  for (OPJ_UINT32 c = 0; c < used; ++c) {
    const opj_image_comp_t *const component = components + c;
    steps[c][0] = component->dy / components[0].dy;
    steps[c][1] = component->dx / components[0].dx;
    if (component->data == NULL || component->prec < 1 || component->prec > 31 || steps[c][0] < 1 || steps[c][1] < 1 ||
        component->w * steps[c][1] < width || component->h * steps[c][0] < height)
      return ONNXC_ERROR_VALUE;
  }
  const onnxc_status status = onnxc_image_allocate(image, height, width, used == 1 ? 1 : 3);
  if (status != ONNXC_OK) return status;
  uint8_t *to = image->pixels;
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x, to += image->channels) {
      uint8_t values[4] = {0, 0, 0, 0};
      for (OPJ_UINT32 c = 0; c < used; ++c)
        values[c] = (uint8_t)sample(components + c, y / steps[c][0], x / steps[c][1]);
      if (used == 4) {
        onnxc_image_cmyk(values, to);
      } else if (wide) { /* as in JPEG */
        const double luma = values[0], blue = values[1] - 128.0, red = values[2] - 128.0;
        to[0] = rounded(luma + 1.402 * red);
        to[1] = rounded(luma - 0.344136 * blue - 0.714136 * red);
        to[2] = rounded(luma + 1.772 * blue);
      } else {
        memcpy(to, values, (size_t)image->channels);
      }
    }
  return ONNXC_OK;
}

static void say_nothing(const char *message, void *user) {
  (void)message;
  (void)user;
}

onnxc_status onnxc_image_jpeg2000(const uint8_t *data, size_t size, onnxc_image *image) {
  source s = {data, size, 0};
  opj_dparameters_t parameters;
  opj_image_t *decoded = NULL;
  opj_stream_t *const stream = opj_stream_default_create(OPJ_TRUE);
  opj_codec_t *const codec = opj_create_decompress(data[0] == 0 ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K);
  onnxc_status status = stream == NULL || codec == NULL ? ONNXC_ERROR_MEMORY : ONNXC_ERROR_VALUE;
  if (status != ONNXC_ERROR_MEMORY) {
    opj_stream_set_user_data(stream, &s, NULL);
    opj_stream_set_user_data_length(stream, size);
    opj_stream_set_read_function(stream, source_read);
    opj_stream_set_skip_function(stream, source_skip);
    opj_stream_set_seek_function(stream, source_seek);
    opj_set_info_handler(codec, say_nothing, NULL);
    opj_set_warning_handler(codec, say_nothing, NULL);
    opj_set_error_handler(codec, say_nothing, NULL);
    opj_set_default_decoder_parameters(&parameters);
    if (opj_setup_decoder(codec, &parameters) && opj_decoder_set_strict_mode(codec, OPJ_TRUE) &&
        opj_read_header(stream, codec, &decoded)) {
      const uint64_t height = (uint64_t)decoded->y1 - decoded->y0, width = (uint64_t)decoded->x1 - decoded->x0;
      /* Each component has an integer for each pixel. */
      if (height > 0 && width > 0 && decoded->numcomps <= 5 && height <= ONNXC_IMAGE_PIXELS / width &&
          opj_decode(codec, stream, decoded) && opj_end_decompress(codec, stream))
        status = convert(decoded, image);
    }
  }
  opj_image_destroy(decoded);
  if (codec != NULL) opj_destroy_codec(codec);
  if (stream != NULL) opj_stream_destroy(stream);
  return status;
}
