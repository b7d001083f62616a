/* What OpenJPEG's build system would find out: see ORIGIN.md. */
#define OPJ_PACKAGE_VERSION "2.5.3"
