/* Prints the multiply-adds with float vectors that one processor does in a second. VECTOR_BYTES is defined before. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <time.h>

typedef float vector __attribute__((vector_size(VECTOR_BYTES)));

enum { CHAINS = 12, STEPS = 20000 }; /* enough chains to hide the latency; no more than there are registers for */

static double busy(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static float run(float start) {
    vector sums[CHAINS], factor = {0}, term = {0}, total = {0};
    factor += 0.999f * start;
    term += 0.001f * start;
    for (int c = 0; c < CHAINS; c++) sums[c] = term * (float)c;
    for (int step = 0; step < STEPS; step++)
        for (int c = 0; c < CHAINS; c++) sums[c] = sums[c] * factor + term;
    for (int c = 0; c < CHAINS; c++) total += sums[c];
    return total[0];
}

int main(int count, char **arguments) {
    (void)arguments;
    double best = 0.0;
    volatile float result = 0.0f;
    for (int sample = 0; sample < 100; sample++) {
        double start = busy();
        result = run((float)count);
        double rate = 2.0 * CHAINS * STEPS * (VECTOR_BYTES / sizeof(float)) / (busy() - start);
        if (rate > best) best = rate;
    }
    (void)result;
    printf("peak %.6g\n", best);
    return 0;
}
