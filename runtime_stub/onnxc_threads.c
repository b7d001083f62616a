/* A pool of threads for the parallel loops of models: pthreads and C11 atomics.
 *
 * A loop of count iterations is cut into one share per thread, contiguous, so that a thread meets in the next loop what
 * its cache holds from this one. Each takes its own share in a few pieces and then helps with what is left of the
 * others', so a thread that comes late or runs slowly (a busy machine, small cores beside large ones) delays nobody:
 * the caller can finish a loop without any help at all.
 *
 * How a loop begins and ends: loops are numbered. The caller writes the loop into the pool, and its number into open and
 * into posted, which workers watch. A worker stores the number in its own claimed, and takes part only if it finds it in
 * open after that; in any case it stores the number in its own left then. The caller works too, and when nothing is
 * left to take it looks who has claimed the loop: if somebody has not yet, it clears open and looks again. Then it waits
 * for those who have. Of a worker that claims and a caller that clears at least one sees what the other did. So nobody
 * reads the loop while it is written, and nobody takes part in a loop that is over.
 *
 * What that costs is cache lines that go from one processor to the other, 50 to 200 ns each: one with the loop, one with
 * the worker's own words, and those of the arguments. Everything else is written by one thread alone, or seldom.
 */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* sched_getaffinity */
#endif
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "onnxc_runtime.h"

/* What different threads write lies so far apart: two cache lines, which x86 fetches in pairs and Apple has as one. */
#define APART 128

/* A thread takes its share in so many pieces. More even out more, and cost a call of the kernel each. */
#define PIECES 4u

/* An idle worker watches for so long before it sleeps, and a caller that waits for a worker: so that waiting is never
 * much dearer than the better choice would have been. Between the kernels of a running model workers stay awake. Nobody
 * yields the processor while he watches: Linux gives it to others for milliseconds then, however unimportant they are. */
#define SPIN_NANOSECONDS 100000

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

/* The distance is measured so often at most, by so many questions and answers. */
#define MEASURE_NANOSECONDS 20000000
#define PINGS 16

/* Brief loops look at the clock each so many times only, since that costs as much as a hundredth of them. */
#define LOOK_LOOPS 32u

/* Loops that are worth fewer shares are brief. Each thread takes its own share there, whole, and the caller waits so long
 * for the others before it does their work: what it would help with lies in their caches, and comes slowly. A depthwise
 * convolution of 1.3 microseconds took 10 on two threads far apart that helped each other. In longer loops a look at the
 * clock costs nothing. */
#define BRIEF_SHARES 16
#define PATIENCE_NANOSECONDS 3000

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

/* ------------------------------------------------------------------------------------------------ waiting */

/* A short rest that leaves the core to its other hardware thread. */
static void rest(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb" ::: "memory"); /* yield does nothing on most cores */
#elif defined(__arm__)
  __asm__ volatile("yield" ::: "memory");
#endif
}

static int64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

uint64_t onnxc_now(void) { return (uint64_t)nanoseconds(); }

/* Watch a word for so long at most: is it the value, or another, as wanted? */
static int spin(_Atomic uint64_t *word, uint64_t value, int equal, int64_t duration) {
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

/* The processor that this thread runs on; -1 where that cannot be asked. */
static int this_processor(void) {
#if defined(__linux__)
  return sched_getcpu();
#else
  return -1;
#endif
}

/* Go to another processor, if this thread may use another, and be free to go where the system likes from there.
 *
 * Under Linux a thread often wakes on the processor of the thread that woke it, where all others have something to do,
 * however unimportant. There it would stay for many loops, each of which its caller would run alone. */
static void leave_processor(int processor) {
#if defined(__linux__)
  cpu_set_t all, others;
  if (sched_getaffinity(0, sizeof(all), &all) != 0) return;
  others = all;
  CPU_CLR((size_t)processor, &others);
  if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof(others), &others) != 0) return;
  (void)sched_setaffinity(0, sizeof(all), &all);
#else
  (void)processor;
#endif
}

/* ------------------------------------------------------------------------------------------------ a loop */

static uint32_t share_begin(const loop *l, int32_t share) {
  return (uint32_t)((int64_t)l->count * share / l->shares);
}

/* Where the piece ends that the caller runs first. */
static uint32_t first_piece(const loop *l) {
  const uint32_t end = share_begin(l, 1);
  return l->piece < end ? l->piece : end;
}

/* Run the iterations of a piece; 0 where a piece has failed. */
static int run_piece(pool *p, const loop *l, uint32_t begin, uint32_t end) {
  const onnxc_status status = l->task(l->arguments, (int32_t)begin, (int32_t)end);
  if (status == ONNXC_OK) return 1;
  int none = ONNXC_OK;
  atomic_compare_exchange_strong_explicit(&p->error, &none, status, memory_order_relaxed, memory_order_relaxed);
  return 0;
}

/* Take pieces until none are left, one's own share first.
 *
 * Nobody prepares the shares: who finds the number of another loop in one is the first to take from it in this loop. The
 * first piece of the 0th share is the caller's, who runs it before it looks at anything that others may write. */
static void take_part(pool *p, const loop *l, int32_t index) {
  for (int32_t k = 0; k < l->shares; ++k) {
    const int32_t share = index + k < l->shares ? index + k : index + k - l->shares;
    const uint32_t end = share_begin(l, share + 1);
    const uint64_t first = (l->number << 32) | (share == 0 ? first_piece(l) : share_begin(l, share));
    member *m = &p->members[share];
    if (l->brief && k > 0) {
      if (index > 0) return;
      if (spin(&m->left, l->number, 1, p->patience)) continue;
    }
    uint64_t next = atomic_load_explicit(&m->next, memory_order_relaxed);
    for (;;) {
      const uint64_t from = (uint32_t)(next >> 32) == (uint32_t)l->number ? next : first;
      const uint32_t begin = (uint32_t)from;
      if (begin >= end) break;
      const uint32_t stop = end - begin < l->piece ? end : begin + l->piece;
      const uint64_t after = (l->number << 32) | stop;
      if (!atomic_compare_exchange_weak_explicit(&m->next, &next, after, memory_order_relaxed, memory_order_relaxed)) {
        continue;
      }
      next = after;
      if (atomic_load_explicit(&p->error, memory_order_relaxed) != ONNXC_OK) return;
      if (!run_piece(p, l, begin, stop)) return;
    }
  }
}

static void wake_workers(pool *p, int32_t shares) {
  pthread_mutex_lock(&p->mutex); /* who sleeps holds the mutex until it really waits: after this it can be woken */
  for (int32_t i = 1; i < shares; ++i) {
    if (atomic_load_explicit(&p->members[i].sleeps, memory_order_relaxed)) pthread_cond_signal(&p->members[i].work);
  }
  pthread_mutex_unlock(&p->mutex);
}

/* Let the workers see a loop. */
static void post(pool *p, int32_t shares) {
  /* Before the loop is seen, while their words are still here. One that falls asleep in this moment is missed: it sleeps
   * through this loop, and is seen in the next. */
  int asleep = 0;
  for (int32_t i = 1; i < shares; ++i) asleep |= atomic_load_explicit(&p->members[i].sleeps, memory_order_relaxed);
  atomic_store_explicit(&p->posted, (p->number << SHARES_BITS) | (unsigned)shares, memory_order_release);
  if (asleep) wake_workers(p, shares);
}

/* Another number than all before. Shares have 32 bits of it: before these begin anew, what they have is forgotten. */
static uint64_t next_number(pool *p) {
  if ((uint32_t)++p->number == 0) {
    for (int32_t i = 0; i < p->threads; ++i) atomic_store_explicit(&p->members[i].next, 0, memory_order_relaxed);
    ++p->number;
  }
  return p->number;
}

/* What a thread has had of processors, in nanoseconds; -1 where that cannot be asked. */
static int64_t processor_time(pthread_t thread) {
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
static void judge_wait(pool *p, const loop *l, int64_t from, int64_t used, const member *m) {
  const int64_t now = nanoseconds(), waited = now - from;
  const int64_t after = processor_time(m->thread);
  if (used < 0 || after < 0 || after - used > waited / 2) return;
  if (l->begun != 0 && waited < from - l->begun) return;
  p->alone = p->alone > 0 ? 2 * p->alone : waited;
  if (p->alone > ALONE_NANOSECONDS) p->alone = ALONE_NANOSECONDS;
  p->alone_until = now + p->alone;
}

/* Return when a worker that has claimed a loop has left it. */
static void await_worker(pool *p, const loop *l, member *m) {
  if (spin(&m->left, l->number, 1, p->spin)) return;
  const int64_t from = nanoseconds(), used = processor_time(m->thread);
  (void)atomic_exchange(&p->caller_sleeps, 1);
  pthread_mutex_lock(&p->mutex);
  while (atomic_load(&m->left) != l->number) pthread_cond_wait(&p->done, &p->mutex);
  pthread_mutex_unlock(&p->mutex);
  atomic_store(&p->caller_sleeps, 0);
  judge_wait(p, l, from, used, m);
}

/* When nothing is left to take: let nobody in any more, and return when nobody is inside.
 *
 * Either the worker sees that the loop is over, or the caller that it is claimed: both write, then read what the other
 * writes. These are exchanges, which are whole barriers everywhere: QEMU on x86 lets a store of C11's strongest order pass
 * a later load of it (STLR and LDAR of 64-bit ARM), and a late worker then ran a piece of a loop that was over. */
static void await_workers(pool *p, const loop *l) {
  int late = 0;
  for (int32_t i = 1; i < l->shares; ++i) {
    late |= atomic_load_explicit(&p->members[i].claimed, memory_order_acquire) != l->number;
  }
  if (late) (void)atomic_exchange(&p->open, 0);
  for (int32_t i = 1; i < l->shares; ++i) {
    member *m = &p->members[i];
    if (atomic_load(&m->claimed) == l->number) await_worker(p, l, m);
  }
}

/* Ask a worker for a sign, PINGS times, and see how long that takes. Those that sleep do not hear it. */
static void measure_distance(pool *p, int64_t now) {
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
static int32_t choose_shares(pool *p, int32_t count, int64_t worthwhile, int64_t *now, int *due) {
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

static onnxc_status pool_parallel_shares(const onnxc_parallel *self, onnxc_task task, void *arguments, int32_t count,
                                         int64_t worthwhile) {
  pool *p = self->state;
  if (task == NULL) return ONNXC_ERROR_ARGUMENT;
  if (count <= 0) return ONNXC_OK;
  if (count == 1 || p->threads == 1 || atomic_flag_test_and_set_explicit(&p->busy, memory_order_acquire)) {
    return task(arguments, 0, count);
  }
  int64_t now = 0;
  int due = 0;
  const int32_t shares = choose_shares(p, count, worthwhile, &now, &due);
  if (shares < 2) {
    atomic_flag_clear_explicit(&p->busy, memory_order_release);
    return task(arguments, 0, count);
  }
  const int brief = worthwhile < BRIEF_SHARES;
  const uint32_t share = (uint32_t)count / (uint32_t)shares;
  const uint32_t piece = brief ? share + 1 : (share + PIECES - 1) / PIECES;
  const loop l = {task, arguments, next_number(p), count, shares, piece, brief, now};
  p->task = task;
  p->arguments = arguments;
  p->count = count;
  p->piece = piece;
  p->brief = (int16_t)brief;
  p->processor = (int16_t)this_processor();
  atomic_store_explicit(&p->open, l.number, memory_order_relaxed); /* seen by who sees it posted */
  post(p, shares);
  if (run_piece(p, &l, 0, first_piece(&l))) take_part(p, &l, 0);
  await_workers(p, &l);
  if (due) measure_distance(p, now);

  const onnxc_status status = atomic_load_explicit(&p->error, memory_order_relaxed);
  if (status != ONNXC_OK) atomic_store_explicit(&p->error, ONNXC_OK, memory_order_relaxed);
  atomic_flag_clear_explicit(&p->busy, memory_order_release);
  return status;
}

static onnxc_status pool_parallel_for(const onnxc_parallel *self, onnxc_task task, void *arguments, int32_t count) {
  return pool_parallel_shares(self, task, arguments, count, INT64_MAX);
}

/* ------------------------------------------------------------------------------------------------ a worker */

/* Return what is posted when that is something else. */
static uint64_t await_post(pool *p, member *self, uint64_t seen) {
  if (spin(&p->posted, seen, 0, p->spin)) return atomic_load_explicit(&p->posted, memory_order_acquire);
  uint64_t found;
  pthread_mutex_lock(&p->mutex);
  atomic_store_explicit(&self->sleeps, 1, memory_order_relaxed);
  while ((found = atomic_load(&p->posted)) == seen) pthread_cond_wait(&self->work, &p->mutex);
  atomic_store_explicit(&self->sleeps, 0, memory_order_relaxed);
  pthread_mutex_unlock(&p->mutex);
  return found;
}

static void *worker(void *argument) {
  member *self = argument;
  pool *p = self->pool;
  uint64_t seen = 0;
  for (;;) {
    seen = await_post(p, self, seen);
    if (atomic_load_explicit(&p->stop, memory_order_acquire)) return NULL;
    const uint64_t number = seen >> SHARES_BITS;
    const int32_t shares = (int32_t)(seen & ((1u << SHARES_BITS) - 1));
    if (self->index >= shares) continue;
    (void)atomic_exchange(&self->claimed, number); /* see await_workers */
    if (atomic_load(&p->open) == number) {
      const int processor = this_processor();
      if (processor >= 0 && processor == p->processor) leave_processor(processor);
      const loop l = {p->task, p->arguments, number, p->count, shares, p->piece, p->brief, 0};
      take_part(p, &l, self->index);
    }
    (void)atomic_exchange(&self->left, number);
    if (atomic_load(&p->caller_sleeps)) {
      pthread_mutex_lock(&p->mutex); /* the caller is either before its look at left, or waits */
      pthread_cond_signal(&p->done);
      pthread_mutex_unlock(&p->mutex);
    }
  }
}

/* ------------------------------------------------------------------------------------------------ life and death */

/* End the workers before that member, and free everything. */
static void destroy(pool *p, int32_t end) {
  atomic_store(&p->stop, 1);
  (void)next_number(p);
  post(p, 0);
  wake_workers(p, end);
  for (int32_t i = 1; i < end; ++i) pthread_join(p->members[i].thread, NULL);
  for (int32_t i = 0; i < p->threads; ++i) pthread_cond_destroy(&p->members[i].work);
  pthread_cond_destroy(&p->done);
  pthread_mutex_destroy(&p->mutex);
  free(p);
}

/* A pool without its workers; NULL where there is no memory. */
static pool *allocate(int32_t threads) {
  void *memory;
  if (posix_memalign(&memory, APART, sizeof(pool) + (size_t)threads * sizeof(member)) != 0) return NULL;
  pool *p = memory;
  p->interface.parallel_for = pool_parallel_for;
  p->interface.threads = threads;
  p->interface.state = p;
  p->interface.parallel_shares = pool_parallel_shares;
  p->threads = threads;
  /* Where threads must share processors, one that watches takes the time of one that works. */
  const int crowded = threads > onnxc_count_processors();
  p->spin = crowded ? 0 : SPIN_NANOSECONDS;
  p->patience = crowded ? 0 : PATIENCE_NANOSECONDS;
  atomic_flag_clear(&p->busy);
  p->number = 0;
  p->far = 0;
  p->measured = nanoseconds() - MEASURE_NANOSECONDS;
  p->loops = 0;
  p->alone = p->alone_until = 0;
  atomic_init(&p->posted, 0);
  atomic_init(&p->open, 0);
  atomic_init(&p->caller_sleeps, 0);
  atomic_init(&p->stop, 0);
  atomic_init(&p->error, ONNXC_OK);
  int32_t made = 0;
  if (pthread_mutex_init(&p->mutex, NULL) != 0) goto no_mutex;
  if (pthread_cond_init(&p->done, NULL) != 0) goto no_done;
  for (; made < threads; ++made) {
    member *m = &p->members[made];
    m->pool = p;
    m->index = made;
    atomic_init(&m->sleeps, 0);
    atomic_init(&m->next, 0);
    atomic_init(&m->claimed, 0);
    atomic_init(&m->left, 0);
    if (pthread_cond_init(&m->work, NULL) != 0) goto no_work;
  }
  return p;
no_work:
  while (made > 0) pthread_cond_destroy(&p->members[--made].work);
  pthread_cond_destroy(&p->done);
no_done:
  pthread_mutex_destroy(&p->mutex);
no_mutex:
  free(p);
  return NULL;
}

onnxc_status onnxc_pool_create(int32_t threads, onnxc_parallel **result) {
  if (result == NULL) return ONNXC_ERROR_ARGUMENT;
  *result = NULL;
  if (threads < 1) threads = onnxc_count_processors();
  if (threads > ONNXC_MAX_THREADS) threads = ONNXC_MAX_THREADS;
  pool *p = allocate(threads);
  if (p == NULL) return ONNXC_ERROR_MEMORY;

  /* Workers inherit the mask: signals are the program's own threads' business. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int32_t i = 1;
  while (i < threads && pthread_create(&p->members[i].thread, NULL, worker, &p->members[i]) == 0) ++i;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (i < threads) {
    destroy(p, i);
    return ONNXC_ERROR_MEMORY;
  }
  *result = &p->interface;
  return ONNXC_OK;
}

void onnxc_pool_destroy(onnxc_parallel *parallel) {
  if (parallel == NULL) return;
  pool *p = parallel->state;
  destroy(p, p->threads);
}
