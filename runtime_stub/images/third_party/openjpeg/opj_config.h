/* What OpenJPEG's build system would find out: see ORIGIN.md. */
#define OPJ_VERSION_MAJOR 2
#define OPJ_VERSION_MINOR 5
#define OPJ_VERSION_BUILD 3
