/* OpenJPEG's library, but for openjpeg_pi.c: see openjpeg/ORIGIN.md. */
#include <stdlib.h>
#define NDEBUG 1 /* broken images must not end the program */
#define getenv(name) NULL /* nor may the environment matter */
#include "openjpeg/onnxc_names.h"

#include "openjpeg/opj_malloc.c" /* first: the others may not use malloc */

#include "openjpeg/bio.c"
#include "openjpeg/cio.c"
#include "openjpeg/dwt.c"
#include "openjpeg/event.c"
#include "openjpeg/function_list.c"
#include "openjpeg/image.c"
#include "openjpeg/invert.c"
#include "openjpeg/j2k.c"
#include "openjpeg/jp2.c"
#include "openjpeg/mct.c"
#include "openjpeg/mqc.c"
#include "openjpeg/openjpeg.c"
#include "openjpeg/sparse_array.c"
#include "openjpeg/t1.c"
#include "openjpeg/t2.c"
#include "openjpeg/tcd.c"
#include "openjpeg/tgt.c"
#include "openjpeg/thread.c"

/* Names that two files use, each for its own. */
#define opj_t1_allocate_buffers opj_t1_allocate_buffers_ht
#include "openjpeg/ht_dec.c"
