/* Gigabytes a second that one thread reads of so many bytes, again and again: read_speed BYTES SECONDS */

#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef float vector __attribute__((vector_size(64)));

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

int main(int argc, char **argv) {
  const size_t size = argc > 2 ? ((size_t)atol(argv[1]) + 511) / 512 * 512 : 0;
  const double seconds = argc > 2 ? atof(argv[2]) : 0.0;
  vector *const data = size > 0 ? aligned_alloc(64, size) : NULL;
  if (data == NULL) return 1;
  memset(data, 0, size);
  double best = 0.0;
  volatile float sink = 0.0f;
  for (const double end = now() + seconds; now() < end;) {
    vector sums[8] = {{0}};
    const size_t repeats = 1 + (8u << 20) / size;
    const double start = now();
    for (size_t i = 0; i < repeats; ++i) {
      for (size_t j = 0; j < size / 64; j += 8) {
        sums[0] += data[j];
        sums[1] += data[j + 1];
        sums[2] += data[j + 2];
        sums[3] += data[j + 3];
        sums[4] += data[j + 4];
        sums[5] += data[j + 5];
        sums[6] += data[j + 6];
        sums[7] += data[j + 7];
      }
      __asm__ volatile("" ::: "memory");
    }
    const double speed = (double)size * (double)repeats / (now() - start) * 1e-9;
    for (int j = 0; j < 8; ++j) sink = sink + sums[j][0];
    if (speed > best) best = speed;
  }
  printf("%.3f\n", best);
  free(data);
  return 0;
}
