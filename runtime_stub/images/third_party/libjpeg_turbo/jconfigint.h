/* What libjpeg-turbo's build system would find out: see ORIGIN.md. */
#include <stdint.h>
#define BUILD ""
#undef inline
#define INLINE inline
#define THREAD_LOCAL
#define PACKAGE_NAME "libjpeg-turbo"
#define VERSION "2.1.5"
#if UINTPTR_MAX > 0xffffffffu
#define SIZEOF_SIZE_T 8
#else
#define SIZEOF_SIZE_T 4
#endif
#define FALLTHROUGH
