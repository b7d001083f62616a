#include "semihosting.h"

#include <string.h>

/* Operations of "Semihosting for AArch32 and AArch64", ARM IHI 0065. */
enum {
  SYS_OPEN = 0x01,
  SYS_CLOSE = 0x02,
  SYS_WRITE0 = 0x04,
  SYS_WRITE = 0x05,
  SYS_READ = 0x06,
  SYS_FLEN = 0x0C,
  SYS_GET_CMDLINE = 0x15,
  SYS_EXIT_EXTENDED = 0x20
};
enum { APPLICATION_EXIT = 0x20026 };

static int32_t call(int operation, const void *argument) {
  register int32_t r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

void semihosting_write(const char *text) { call(SYS_WRITE0, text); }

void semihosting_exit(int status) {
  const uint32_t block[2] = {APPLICATION_EXIT, (uint32_t)status};
  for (;;) call(SYS_EXIT_EXTENDED, block);
}

int32_t semihosting_open(const char *path, semihosting_mode mode) {
  const uint32_t block[3] = {(uint32_t)(uintptr_t)path, (uint32_t)mode, (uint32_t)strlen(path)};
  return call(SYS_OPEN, block);
}

int32_t semihosting_size(int32_t file) {
  const uint32_t block[1] = {(uint32_t)file};
  return call(SYS_FLEN, block);
}

int32_t semihosting_read(int32_t file, void *data, size_t size) {
  const uint32_t block[3] = {(uint32_t)file, (uint32_t)(uintptr_t)data, (uint32_t)size};
  return call(SYS_READ, block);
}

int32_t semihosting_put(int32_t file, const void *data, size_t size) {
  const uint32_t block[3] = {(uint32_t)file, (uint32_t)(uintptr_t)data, (uint32_t)size};
  return call(SYS_WRITE, block);
}

int32_t semihosting_close(int32_t file) {
  const uint32_t block[1] = {(uint32_t)file};
  return call(SYS_CLOSE, block);
}

int32_t semihosting_command_line(char *text, size_t size) {
  const uint32_t block[2] = {(uint32_t)(uintptr_t)text, (uint32_t)size};
  return call(SYS_GET_CMDLINE, block);
}
