/* Measures one kernel, in a process of its own. The tuner writes a second file beside it, which defines the functions
 * and tables below, and links both with the kernel. Prints lines of numbers: see read_report in measure.py. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#endif

enum { PLAIN, FLOAT32, FLOAT64 }; /* how a buffer is filled and compared; plain ones are zero */

extern const int kernel_buffers; /* inputs, outputs, workspaces, in this order */
extern const int kernel_inputs;
extern const int kernel_outputs;
extern const int kernel_inplace; /* the input that the kernel writes its output to; -1 */
extern const size_t kernel_sizes[];
extern const int kernel_types[];
extern const int kernel_weights[]; /* 1: a constant of the model */
extern const double kernel_weight; /* magnitude of constants */
int32_t kernel_call(void **buffers);

static double read_clock(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double seconds(void) { return read_clock(CLOCK_MONOTONIC); }

/* Of the processor for this thread alone: what else the machine does in between does not count. */
static double busy(void) { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

/* A number in [-1, 1) that depends on its place only. */
static double noise(size_t place) {
    uint64_t bits = (place + 1) * UINT64_C(0x9E3779B97F4A7C15);
    bits ^= bits >> 29;
    bits *= UINT64_C(0xBF58476D1CE4E5B9);
    return (double)(int64_t)(bits >> 40) / (1 << 23) - 1.0;
}

static void fill(void *data, size_t size, int type, double most) {
    memset(data, 0, size);
    for (size_t i = 0; type == FLOAT32 && i < size / sizeof(float); i++) ((float *)data)[i] = (float)(most * noise(i));
    for (size_t i = 0; type == FLOAT64 && i < size / sizeof(double); i++) ((double *)data)[i] = most * noise(i);
}

/* A weighted sum, and the sum of the magnitudes, by which differences are judged. */
static void print_sums(const void *data, size_t size, int type) {
    double sum = 0.0, magnitude = 0.0;
    size_t item = type == FLOAT32 ? sizeof(float) : type == FLOAT64 ? sizeof(double) : 1;
    for (size_t i = 0; i < size / item; i++) {
        double value = type == FLOAT32   ? ((const float *)data)[i]
                       : type == FLOAT64 ? ((const double *)data)[i]
                                         : ((const uint8_t *)data)[i];
        sum += value * noise(i);
        magnitude += fabs(value);
    }
    printf("sum %.17g %.17g\n", sum, magnitude);
}

static void pin(void) {
#ifdef __linux__
    cpu_set_t allowed, one;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--) {
        if (CPU_ISSET(cpu, &allowed)) { /* the last one: the first gets the system's interrupts */
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            (void)sched_setaffinity(0, sizeof one, &one);
            return;
        }
    }
#endif
}

static void check(int32_t status) {
    if (status != 0) {
        printf("status %" PRId32 "\n", status);
        exit(3);
    }
}

/* Reads one byte of every line of cache; the sum keeps compilers from leaving it out. */
static unsigned visit(const void *data, size_t size) {
    const unsigned char *lines = data;
    unsigned sum = 0;
    for (size_t i = 0; i < size; i += 64) sum += lines[i];
    return sum;
}

/* Arguments: seconds for all samples, bytes that other kernels read between two calls, seconds after which to give
 * up. */
int main(int count, char **arguments) {
    if (count != 4) return 2;
    double budget = atof(arguments[1]);
    size_t elsewhere = (size_t)atoll(arguments[2]);
#ifdef __linux__
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    (void)alarm((unsigned)atoi(arguments[3]));
    pin();

    void **buffers = calloc((size_t)kernel_buffers + 1, sizeof *buffers);
    unsigned char *others = malloc(elsewhere + 1);
    if (buffers == NULL || others == NULL) return 4;
    memset(others, 1, elsewhere + 1);
    for (int i = 0; i < kernel_buffers; i++) {
        if (posix_memalign(&buffers[i], 64, kernel_sizes[i] + 64) != 0) return 4;
        fill(buffers[i], kernel_sizes[i], i < kernel_inputs ? kernel_types[i] : PLAIN,
             kernel_weights[i] ? kernel_weight : 1.0);
    }
    void *kept = kernel_inplace < 0 ? NULL : buffers[kernel_inplace];
    size_t kept_size = kernel_inplace < 0 ? 0 : kernel_sizes[kernel_inplace];
    int kept_type = kernel_inplace < 0 ? PLAIN : kernel_types[kernel_inplace];

    check(kernel_call(buffers));
    if (kept != NULL) print_sums(kept, kept_size, kept_type);
    for (int i = kernel_inputs; i < kernel_inputs + kernel_outputs; i++)
        print_sums(buffers[i], kernel_sizes[i], kernel_types[i]);
    fflush(stdout);

    /* Warm: as many calls a sample as take 200 us, so that the clock's resolution does not matter. */
    double begin = seconds(), once;
    long calls = 1;
    for (;;) {
        if (kept != NULL) fill(kept, kept_size, kept_type, 1.0);
        double start = busy();
        for (long i = 0; i < calls; i++) check(kernel_call(buffers));
        once = busy() - start;
        if (once >= 200e-6 || calls >= 1 << 20) break;
        calls *= 2;
    }
    for (int sample = 0; sample < 5 && (sample < 3 || seconds() - begin < budget / 4); sample++) {
        if (kept != NULL) fill(kept, kept_size, kept_type, 1.0);
        double start = busy();
        for (long i = 0; i < calls; i++) check(kernel_call(buffers));
        printf("warm %.9g\n", (busy() - start) / (double)calls);
    }
    /* As in the model: the other kernels have read their data, the last of them has written this one's inputs. */
    begin = seconds();
    volatile unsigned seen = 0;
    for (int sample = 0; sample < 101 && (sample < 5 || seconds() - begin < budget); sample++) {
        if (kept != NULL) fill(kept, kept_size, kept_type, 1.0);
        seen += visit(others, elsewhere);
        for (int i = 0; i < kernel_inputs; i++)
            if (!kernel_weights[i]) seen += visit(buffers[i], kernel_sizes[i]);
        double start = busy();
        check(kernel_call(buffers));
        printf("flushed %.9g\n", busy() - start);
    }
    return 0;
}
