/* What a pool of threads consists of, and how its threads wait: for onnxc_threads.c, which runs its loops, and
 * onnxc_shares.c, which decides how many threads share one. Nobody else includes it. */
#ifndef ONNXC_POOL_H
#define ONNXC_POOL_H

#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* sched_getaffinity */
#endif
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "onnxc_runtime.h"

/* What different threads write lies so far apart: two cache lines, which x86 fetches in pairs and Apple has as one. */
#define APART 128

/* Loops that are worth fewer shares are brief. Each thread takes its own share there, whole, and the caller waits so long
 * for the others before it does their work: what it would help with lies in their caches, and comes slowly. A depthwise
 * convolution of 1.3 microseconds took 10 on two threads far apart that helped each other. In longer loops a look at the
 * clock costs nothing. */
#define BRIEF_SHARES 16
#define PATIENCE_NANOSECONDS 3000

/* The distance is measured so often at most, by so many questions and answers. */
#define MEASURE_NANOSECONDS 20000000
#define PINGS 16

struct pool;

/* What a worker writes while it takes part, in one line; that of the 0th member has only its share. */
typedef struct {
  _Alignas(APART) _Atomic uint64_t next; /* loop << 32 | first iteration of the share that nobody has taken in it */
  _Atomic uint64_t claimed;              /* the last loop in which this worker wanted to take part */
  _Atomic uint64_t left;                 /* the last loop which it has left */
  struct pool *pool;
  int32_t index;
  atomic_int sleeps; /* or is about to; changed under the mutex */
  pthread_t thread;
  pthread_cond_t work;
} member;

/* A loop, as each that takes part has it. */
typedef struct {
  onnxc_task task;
  void *arguments;
  uint64_t number;
  int32_t count, shares;
  uint32_t piece;
  int brief;
  int64_t begun; /* nanoseconds; 0: nobody has looked. Only its caller knows */
} loop;

typedef struct pool {
  onnxc_parallel interface;
  int32_t threads; /* members; the 0th is the caller */
  int64_t spin, patience; /* nanoseconds; 0 where threads share processors */
  pthread_mutex_t mutex;
  pthread_cond_t done;

  /* For who owns the pool. */
  _Alignas(APART) uint64_t number; /* of the last loop */
  int far;
  int64_t measured; /* when the distance was */
  unsigned loops;   /* since the pool's begin */
  int64_t alone, alone_until; /* for how long the caller does without workers, and until when; 0: has not lately */

  _Alignas(APART) atomic_flag busy; /* a caller owns the pool */

  /* The loop, in one line. */
  _Alignas(APART) _Atomic uint64_t posted; /* number << SHARES_BITS | shares */
  _Atomic uint64_t open;                  /* number; 0: it is over */
  onnxc_task task;
  void *arguments;
  int32_t count;
  uint32_t piece;
  int16_t brief;
  int16_t processor; /* of the caller */

  /* Seldom written. */
  _Alignas(APART) atomic_int caller_sleeps; /* so workers that leave shall wake it */
  atomic_int stop;
  atomic_int error;
  member members[];
} pool;

#define SHARES_BITS 11 /* ONNXC_MAX_THREADS and less */

/* In how many shares a loop is cut; and whether the distance is to be measured behind it. */
int32_t onnxc_choose_shares(pool *p, int32_t count, int64_t worthwhile, int64_t *now, int *due);

/* Ask a worker for a sign, several times, and see how long that takes. Those that sleep do not hear it. */
void onnxc_measure_distance(pool *p, int64_t now);

/* What a thread has had of processors, in nanoseconds; -1 where that cannot be asked. */
int64_t onnxc_processor_time(pthread_t thread);

/* The caller had to wait for a worker, which had used so much of its processor when that began. */
void onnxc_judge_wait(pool *p, const loop *l, int64_t from, int64_t used, const member *m);

/* ------------------------------------------------------------------------------------------------ waiting */

/* A short rest that leaves the core to its other hardware thread. */
static inline void rest(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb" ::: "memory"); /* yield does nothing on most cores */
#elif defined(__arm__)
  __asm__ volatile("yield" ::: "memory");
#endif
}

static inline int64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Watch a word for so long at most: is it the value, or another, as wanted? */
static inline int spin(_Atomic uint64_t *word, uint64_t value, int equal, int64_t duration) {
  for (int64_t start = 0;;) {
    for (int i = 0; i < 32; ++i) {
      if ((atomic_load_explicit(word, memory_order_acquire) == value) == equal) return 1;
      if (duration == 0) return 0;
      rest();
    }
    const int64_t now = nanoseconds();
    if (start == 0) start = now;
    if (now - start >= duration) return 0;
  }
}

/* Another number than all before. Shares have 32 bits of it: before these begin anew, what they have is forgotten. */
static inline uint64_t next_number(pool *p) {
  if ((uint32_t)++p->number == 0) {
    for (int32_t i = 0; i < p->threads; ++i) atomic_store_explicit(&p->members[i].next, 0, memory_order_relaxed);
    ++p->number;
  }
  return p->number;
}

#endif
