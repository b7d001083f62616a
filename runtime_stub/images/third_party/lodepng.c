/* LodePNG's decoder: see lodepng/ORIGIN.md. */
#include "lodepng/onnxc_names.h"

#include "lodepng/lodepng.c"
