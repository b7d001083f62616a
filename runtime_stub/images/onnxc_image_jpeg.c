/* JPEG, with libjpeg-turbo: baseline, progressive and arithmetic coding; gray, YCbCr, RGB, CMYK and YCCK. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include "onnxc_image.h"
#include "third_party/libjpeg_turbo/onnxc_names.h"
/* behind its names */
#include "third_party/libjpeg_turbo/jpeglib.h"
/* behind its types */
#include "third_party/libjpeg_turbo/jerror.h"

/* Scans of a progressive image: each may change all of it, so that many of them take long. */
#define MAX_SCANS 500

typedef struct {
  struct jpeg_decompress_struct decoder; /* first: libjpeg's callbacks get a pointer to it */
  struct jpeg_error_mgr errors;
  struct jpeg_source_mgr source;
  struct jpeg_progress_mgr progress;
  jmp_buf escape;
  uint8_t *row;
  int ended;   /* the data were read to their end, and more was wanted */
  int missing; /* bits were wanted that are not there */
} state;

static void on_error(j_common_ptr decoder) { longjmp(((state *)(void *)decoder)->escape, 1); }

static void on_message(j_common_ptr decoder, int level) {
  state *const s = (state *)(void *)decoder;
  if (level < 0 && s->errors.msg_code == JWRN_HIT_MARKER) s->missing = 1;
}

static void say_nothing(j_common_ptr decoder) { (void)decoder; }

static void source_nothing(j_decompress_ptr decoder) { (void)decoder; }

/* Behind the data stands a marker that ends the image, once: decoders read ahead. */
static boolean source_fill(j_decompress_ptr decoder) {
  static const JOCTET end[] = {0xff, JPEG_EOI};
  state *const s = (state *)(void *)decoder;
  if (s->ended) longjmp(s->escape, 1);
  s->ended = 1;
  s->source.next_input_byte = end;
  s->source.bytes_in_buffer = sizeof(end);
  return TRUE;
}

static void source_skip(j_decompress_ptr decoder, long count) {
  state *const s = (state *)(void *)decoder;
  if (count <= 0) return;
  if ((size_t)count > s->source.bytes_in_buffer) longjmp(s->escape, 1);
  s->source.next_input_byte += count;
  s->source.bytes_in_buffer -= (size_t)count;
}

static void on_progress(j_common_ptr decoder) {
  state *const s = (state *)(void *)decoder;
  if (s->decoder.input_scan_number > MAX_SCANS) longjmp(s->escape, 1);
}

static onnxc_status decode(state *s, onnxc_image *image) {
  j_decompress_ptr const decoder = &s->decoder;
  jpeg_read_header(decoder, TRUE);
  const int components = decoder->num_components;
  if (components != 1 && components != 3 && components != 4) return ONNXC_ERROR_VALUE;
  onnxc_status status = onnxc_image_allocate(image, decoder->image_height, decoder->image_width, components == 1 ? 1 : 3);
  if (status != ONNXC_OK) return status;
  decoder->out_color_space = components == 1 ? JCS_GRAYSCALE : components == 3 ? JCS_RGB : JCS_CMYK;
  if (components == 4) {
    s->row = malloc((size_t)image->width * 4);
    if (s->row == NULL) return ONNXC_ERROR_MEMORY;
  }
  jpeg_start_decompress(decoder);
  for (int64_t y = 0; y < image->height; ++y) {
    uint8_t *const to = image->pixels + y * image->width * image->channels;
    JSAMPROW row = components == 4 ? s->row : to;
    jpeg_read_scanlines(decoder, &row, 1);
    for (int64_t x = 0; components == 4 && x < image->width; ++x) {
      for (int c = 0; c < 4; ++c) row[4 * x + c] = (uint8_t)(255 - row[4 * x + c]); /* as Adobe has them */
      onnxc_image_cmyk(row + 4 * x, to + 3 * x);
    }
  }
  return s->ended && (s->missing || jpeg_has_multiple_scans(decoder)) ? ONNXC_ERROR_VALUE : ONNXC_OK;
}

onnxc_status onnxc_image_jpeg(const uint8_t *data, size_t size, onnxc_image *image) {
  state *const s = calloc(1, sizeof(*s)); /* not on the stack: what changes behind setjmp must not be in registers */
  if (s == NULL) return ONNXC_ERROR_MEMORY;
  onnxc_status status;
  s->decoder.err = jpeg_std_error(&s->errors);
  s->errors.error_exit = on_error;
  s->errors.emit_message = on_message;
  s->errors.output_message = say_nothing;
  if (setjmp(s->escape) == 0) {
    jpeg_create_decompress(&s->decoder);
    s->source.next_input_byte = data;
    s->source.bytes_in_buffer = size;
    s->source.init_source = source_nothing;
    s->source.fill_input_buffer = source_fill;
    s->source.skip_input_data = source_skip;
    s->source.resync_to_restart = jpeg_resync_to_restart;
    s->source.term_source = source_nothing;
    s->decoder.src = &s->source;
    s->progress.progress_monitor = on_progress;
    s->decoder.progress = &s->progress;
    status = decode(s, image);
  } else {
    status = s->errors.msg_code == JERR_OUT_OF_MEMORY ? ONNXC_ERROR_MEMORY : ONNXC_ERROR_VALUE;
  }
  jpeg_destroy_decompress(&s->decoder);
  free(s->row);
  free(s);
  return status;
}
