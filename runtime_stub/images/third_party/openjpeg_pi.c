/* A part of OpenJPEG's library that has its own idea of some types: see openjpeg/ORIGIN.md. */
#define NDEBUG 1 /* broken images must not end the program */
#include "openjpeg/onnxc_names.h"

#include "openjpeg/pi.c"
