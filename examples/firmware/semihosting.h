/* Text, files and exit through the debugger or the simulator that the program runs under: ARM's semihosting.
 *
 * A program that nobody debugs faults at its first call here: on a product, write to a UART instead.
 */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stddef.h>
#include <stdint.h>

/* Print a text. */
void semihosting_write(const char *text);

/* End the program; QEMU exits with the status. */
__attribute__((noreturn)) void semihosting_exit(int status);

/* Files of the host, for tests. Sizes in bytes; a negative result is an error. */
typedef enum { SEMIHOSTING_READ = 1, SEMIHOSTING_WRITE = 5 } semihosting_mode; /* "rb", "wb" */
int32_t semihosting_open(const char *path, semihosting_mode mode);
int32_t semihosting_size(int32_t file);
/* 0 when all has been read or written. */
int32_t semihosting_read(int32_t file, void *data, size_t size);
int32_t semihosting_put(int32_t file, const void *data, size_t size);
int32_t semihosting_close(int32_t file);
/* The command line that QEMU was given for the program. */
int32_t semihosting_command_line(char *text, size_t size);

#endif
