/* peak [SECONDS]: prints the floating-point operations with float vectors that one processor does in a second, the best
 * of many short measurements, since others' work only ever takes time away. VECTOR_BYTES is defined before.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef float vector __attribute__((vector_size(VECTOR_BYTES)));

enum { CHAINS = 12, STEPS = 20000 }; /* enough chains to hide the latency; no more than there are registers for */

/* Of the wall clock: with the thread's own time, the best was up to 22 % above the true peak (Zen 4, virtual machine). */
static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
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
    double best = 0.0, end = seconds() + (count > 1 ? atof(arguments[1]) : 0.0);
    volatile float result = 0.0f;
    for (int sample = 0; sample < 100 || seconds() < end; sample++) {
        double start = seconds();
        result = run((float)count);
        double rate = 2.0 * CHAINS * STEPS * (VECTOR_BYTES / sizeof(float)) / (seconds() - start);
        if (rate > best) best = rate;
    }
    (void)result;
    printf("peak %.6g\n", best);
    return 0;
}
