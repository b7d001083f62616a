/* libjpeg-turbo's decoder, part 1 of 3, since its files share names: see libjpeg_turbo/ORIGIN.md. */
#include <stdio.h>
#define JPEG_INTERNALS /* as their files define it */
#define NO_GETENV 1
#define NO_PUTENV 1
#include "libjpeg_turbo/onnxc_names.h"

#include "libjpeg_turbo/jinclude.h"
#include "libjpeg_turbo/jpeglib.h"

/* What is never asked for: other transforms, smaller images, palettes. */
#undef DCT_IFAST_SUPPORTED
#undef DCT_FLOAT_SUPPORTED
#undef IDCT_SCALING_SUPPORTED
#undef UPSAMPLE_MERGING_SUPPORTED
#undef QUANT_1PASS_SUPPORTED
#undef QUANT_2PASS_SUPPORTED

#include "libjpeg_turbo/jaricom.c"
#include "libjpeg_turbo/jcomapi.c"
#include "libjpeg_turbo/jdapistd.c"
#include "libjpeg_turbo/jdcolor.c"
#include "libjpeg_turbo/jdhuff.c"
#include "libjpeg_turbo/jdinput.c"
#include "libjpeg_turbo/jdmarker.c"
#include "libjpeg_turbo/jdpostct.c"
#include "libjpeg_turbo/jerror.c"
#include "libjpeg_turbo/jutils.c"
