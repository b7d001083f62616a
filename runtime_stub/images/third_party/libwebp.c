/* libwebp's decoder, in one piece: see libwebp/ORIGIN.md. */
#define HAVE_CONFIG_H 1
#define NDEBUG 1 /* broken images must not end the program */
#include "libwebp/onnxc_names.h"

/* Macros of the header hide these functions' names from onnxc_names.h. */
#include "libwebp/bit_reader_utils.h"
#undef VP8GetValue
#undef VP8GetSignedValue
#define VP8GetValue(reader, count, label) onnxcimage_VP8GetValue(reader, count)
#define VP8GetSignedValue(reader, count, label) onnxcimage_VP8GetSignedValue(reader, count)
#include "libwebp/bit_reader_utils.c"

#include "libwebp/alpha_dec.c"
#include "libwebp/alpha_processing.c"
#include "libwebp/anim_decode.c"
#include "libwebp/buffer_dec.c"
#include "libwebp/color_cache_utils.c"
#include "libwebp/cpu.c"
#include "libwebp/dec.c"
#include "libwebp/dec_clip_tables.c"
#include "libwebp/filters.c"
#include "libwebp/filters_utils.c"
#include "libwebp/frame_dec.c"
#include "libwebp/huffman_utils.c"
#include "libwebp/io_dec.c"
#include "libwebp/lossless.c"
#include "libwebp/palette.c"
#include "libwebp/quant_dec.c"
#include "libwebp/random_utils.c"
#include "libwebp/rescaler.c"
#include "libwebp/rescaler_utils.c"
#include "libwebp/thread_utils.c"
#include "libwebp/tree_dec.c"
#include "libwebp/upsampling.c"
#include "libwebp/utils.c"
#include "libwebp/vp8_dec.c"
#include "libwebp/vp8l_dec.c"
#include "libwebp/webp_dec.c"
#include "libwebp/yuv.c"

/* Names that two files use, each for its own. */
#define ParseVP8X ParseVP8X_demux
#include "libwebp/demux.c"
#define clip_8b clip_8b_levels
#include "libwebp/quant_levels_dec_utils.c"
