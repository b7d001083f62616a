/* How many threads share a loop: none help while they are far apart, or while others have their processors. See
 * onnxc_threads.c. */
#include "onnxc_pool.h"

/* Where others take a worker's processor away in the middle of a piece, its caller waits for milliseconds. Loops run on
 * their caller alone then, for as long as it had to wait, and for twice as long as the last time where that was just
 * before; for so long at most. */
#define ALONE_NANOSECONDS 64000000

/* Processors may lie far apart: on two chiplets a cache line takes some 200 ns from one to the other, and 50 on one. A
 * virtual machine's processors move from one to the other while it runs. Where threads are far from each other, all that
 * one has written comes slowly to the others, and small loops take twice as long as on one thread: a share must have so
 * many times as much to do. */
#define FAR_FACTOR 16
#define FAR_NANOSECONDS 280 /* there and back, with what it takes to notice: 100 to 200 near by, 380 to 560 on another */

/* Brief loops look at the clock each so many times only, since that costs as much as a hundredth of them. */
#define LOOK_LOOPS 32u

/* What a thread has had of processors, in nanoseconds; -1 where that cannot be asked. */
int64_t onnxc_processor_time(pthread_t thread) {
#if defined(__linux__)
  clockid_t clock;
  struct timespec used;
  if (pthread_getcpuclockid(thread, &clock) == 0 && clock_gettime(clock, &used) == 0) {
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
  }
#else
  (void)thread;
#endif
  return -1;
}

/* The caller had to wait for so long. If the worker has worked meanwhile, that was its due; if others had its processor,
 * and the caller has lost more than it had gained, the next loops do without workers. */
void onnxc_judge_wait(pool *p, const loop *l, int64_t from, int64_t used, const member *m) {
  const int64_t now = nanoseconds(), waited = now - from;
  const int64_t after = onnxc_processor_time(m->thread);
  if (used < 0 || after < 0 || after - used > waited / 2) return;
  if (l->begun != 0 && waited < from - l->begun) return;
  p->alone = p->alone > 0 ? 2 * p->alone : waited;
  if (p->alone > ALONE_NANOSECONDS) p->alone = ALONE_NANOSECONDS;
  p->alone_until = now + p->alone;
}

/* Ask a worker for a sign, PINGS times, and see how long that takes. Those that sleep do not hear it. */
void onnxc_measure_distance(pool *p, int64_t now) {
  const int64_t start = nanoseconds();
  int answers = 0;
  atomic_store_explicit(&p->open, 0, memory_order_relaxed);
  while (answers < PINGS) {
    const uint64_t number = next_number(p);
    atomic_store_explicit(&p->posted, (number << SHARES_BITS) | 2, memory_order_release);
    if (!spin(&p->members[1].claimed, number, 1, 5000)) break;
    ++answers;
  }
  /* Some answers come by chance as if from near by: their sum tells. */
  if (answers == PINGS) p->far = nanoseconds() - start > PINGS * FAR_NANOSECONDS;
  p->measured = now;
}

/* In how many shares a loop is cut; and whether the distance is to be measured behind it. */
int32_t onnxc_choose_shares(pool *p, int32_t count, int64_t worthwhile, int64_t *now, int *due) {
  const int32_t most = count < p->threads ? count : p->threads;
  const int asleep = atomic_load_explicit(&p->members[1].sleeps, memory_order_relaxed);
  if (p->loops++ % LOOK_LOOPS == 0 || asleep || p->far || p->alone_until != 0 || worthwhile >= BRIEF_SHARES) {
    *now = nanoseconds();
    if (*now < p->alone_until && worthwhile < INT64_MAX) return 1;
    if (*now - p->alone_until > 4 * p->alone) p->alone = p->alone_until = 0; /* they have been good since */
    *due = *now - p->measured >= MEASURE_NANOSECONDS; /* then the workers are woken, to be asked behind the loop */
  }
  if (p->far && !*due && worthwhile < INT64_MAX) worthwhile /= FAR_FACTOR;
  return worthwhile < 1 ? 1 : worthwhile < most ? (int32_t)worthwhile : most;
}
