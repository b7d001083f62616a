/* fma_peak THREADS SECONDS: prints how many 10^9 floating-point operations a second the machine can do in float32.
 *
 * Every thread keeps enough independent multiply-adds in flight for any processor (16: two units of a latency of up to
 * 8), on the widest vectors that the compiler has. The best of many short measurements, since others' work only ever
 * takes time away.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(__AVX512F__)
#define BYTES 64
#elif defined(__AVX__)
#define BYTES 32
#else
#define BYTES 16
#endif

typedef float vector __attribute__((vector_size(BYTES)));
enum { CHAINS = 16, ROUNDS = 20000 };

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static volatile float sink;

static double measure(void) {
  vector chain[CHAINS], factor, term;
  for (int lane = 0; lane < (int)(BYTES / sizeof(float)); ++lane) {
    factor[lane] = 0.999f + 1e-5f * (float)lane;
    term[lane] = 1e-3f;
    for (int i = 0; i < CHAINS; ++i) chain[i][lane] = (float)(i + lane);
  }
  const double start = seconds();
  for (int round = 0; round < ROUNDS; ++round) {
#if defined(__clang__)
#pragma clang loop unroll(full)
#else
#pragma GCC unroll 16
#endif
    for (int i = 0; i < CHAINS; ++i) {
      chain[i] = chain[i] * factor + term;
    }
  }
  const double taken = seconds() - start;
  float sum = 0;
  for (int i = 0; i < CHAINS; ++i) sum += chain[i][0];
  sink = sum;
  return 2.0 * CHAINS * ROUNDS * (double)(BYTES / sizeof(float)) / taken * 1e-9;
}

static double duration;

static void *work(void *result) {
  double best = 0;
  const double end = seconds() + duration;
  do {
    const double found = measure();
    if (found > best) best = found;
  } while (seconds() < end);
  *(double *)result = best;
  return NULL;
}

int main(int argc, char **argv) {
  const int threads = argc > 1 ? atoi(argv[1]) : 1;
  duration = argc > 2 ? atof(argv[2]) : 0.3;
  pthread_t thread[64];
  double result[64], sum = 0;
  if (threads < 1 || threads > 64) return 1;
  for (int i = 0; i < threads; ++i) {
    if (pthread_create(&thread[i], NULL, work, &result[i]) != 0) return 1;
  }
  for (int i = 0; i < threads; ++i) {
    pthread_join(thread[i], NULL);
    sum += result[i];
  }
  printf("%.2f\n", sum);
  return 0;
}
