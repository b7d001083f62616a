/* What libwebp's build system would find out: see ORIGIN.md. Plain C, with threads' mutexes. */
#define WEBP_USE_THREAD 1
#define HAVE_BUILTIN_BSWAP16 1
#define HAVE_BUILTIN_BSWAP32 1
#define HAVE_BUILTIN_BSWAP64 1
