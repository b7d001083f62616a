/* Runs the model of the firmware on inputs.bin, writes outputs.bin. Exits with the status. */
#include "run_model.h"
#include "semihosting.h"

/* What the linker script leaves between the variables and the stack. */
extern unsigned char heap_begin[], heap_end[];
static uintptr_t heap_next;

void *allocate(size_t size) {
  if (heap_next == 0) heap_next = (uintptr_t)heap_begin;
  const uintptr_t begin = (heap_next + ONNXC_ALIGNMENT - 1) / ONNXC_ALIGNMENT * ONNXC_ALIGNMENT;
  if (begin > (uintptr_t)heap_end || size > (uintptr_t)heap_end - begin) fail("no memory\n");
  heap_next = begin + size;
  return (void *)begin;
}

void *read_file(const char *path, size_t *size) {
  const int32_t file = semihosting_open(path, SEMIHOSTING_READ);
  const int32_t length = file < 0 ? -1 : semihosting_size(file);
  if (length < 0) fail("cannot read a file\n");
  *size = (size_t)length;
  void *data = allocate(*size);
  if (semihosting_read(file, data, *size) != 0) fail("cannot read a file\n");
  semihosting_close(file);
  return data;
}

void write_file(const char *path, const void *data, size_t size) {
  const int32_t file = semihosting_open(path, SEMIHOSTING_WRITE);
  if (file < 0 || semihosting_put(file, data, size) != 0 || semihosting_close(file) != 0) fail("cannot write a file\n");
}

void fail(const char *text) {
  semihosting_write(text);
  semihosting_exit(100);
}

int main(void) {
  const onnxc_status status = run_model(MODEL_QUERY(ONNXC_ABI_VERSION), "inputs.bin", "outputs.bin", NULL, 0, NULL);
  if (status != ONNXC_OK) {
    semihosting_write(onnxc_status_text(status));
    semihosting_write("\n");
  }
  return status;
}
