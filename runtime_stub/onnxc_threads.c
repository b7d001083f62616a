/* A pool of threads for the parallel loops of models: pthreads and C11 atomics.
 *
 * A loop of count iterations is cut into one share per thread, contiguous, so that a thread meets in the next loop what
 * its cache holds from this one. Each takes its own share in a few pieces and then helps with what is left of the
 * others', so a thread that comes late or runs slowly (a busy machine, small cores beside large ones) delays nobody:
 * the caller can finish a loop without any help at all.
 *
 * How a loop begins and ends: the caller writes the loop into the pool, sets OPEN in state, and raises generation,
 * which workers watch. A worker enters by adding WORKER to state, takes part only if it found OPEN there, and leaves by
 * subtracting WORKER. The caller works too, and when nothing is left to take it clears OPEN and waits for the last
 * worker to leave. So nobody reads the loop while it is written, and nobody takes part in a loop that is over.
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

/* A caller that waits for a worker for longer than this lets others have the processor between its looks: the worker may
 * be waiting for that very processor, or for another that it needs to get on. */
#define YIELD_NANOSECONDS 3000

/* An idle worker watches for so long before it sleeps: about what a wake-up costs, so that waiting is never much dearer
 * than the better choice would have been. Between the kernels of a running model workers stay awake. */
#define SPIN_NANOSECONDS 100000

/* Processors may lie far apart: on two chiplets a cache line takes some 200 ns from one to the other, and 50 on one. A
 * virtual machine's processors move from one to the other while it runs. Where threads are far from each other, all that
 * one has written comes slowly to the others, and small loops take twice as long as on one thread: a share must have so
 * many times as much to do. */
#define FAR_FACTOR 16
#define FAR_NANOSECONDS 280 /* there and back, with what it takes to notice: 100 to 200 near by, 380 to 560 on another */

/* The distance is measured so often at most, by so many questions and answers. */
#define MEASURE_NANOSECONDS 20000000
#define PINGS 16

enum { OPEN = 1u, CALLER_SLEEPS = 2u, WORKER = 4u }; /* in state; the workers inside are counted from bit 2 up */

struct pool;

typedef struct {
  _Alignas(APART) atomic_uint next; /* first iteration of the share that nobody has taken */
  uint32_t end;
  struct pool *pool;
  int32_t index;
  pthread_t thread;
} member;

typedef struct pool {
  onnxc_parallel interface;
  int32_t threads; /* members; the 0th is the caller */
  int64_t spin;    /* nanoseconds */
  pthread_mutex_t mutex;
  pthread_cond_t work, done;

  /* The loop. */
  onnxc_task task;
  void *arguments;
  uint32_t piece;
  int32_t shares;
  int processor; /* of the caller */

  /* The distance of the workers, for who owns the pool. */
  int far;
  int64_t measured; /* when */

  _Alignas(APART) atomic_flag busy; /* a caller owns the pool */
  _Alignas(APART) atomic_uint generation;
  atomic_int sleepers; /* workers that sleep or are about to; changed under the mutex */
  atomic_int stop;
  _Alignas(APART) atomic_uint state;
  _Alignas(APART) atomic_uint seen; /* the generation that a worker has noticed last */
  _Alignas(APART) atomic_int error;
  member members[];
} pool;

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

/* Watch a word for so long at most: is (word & mask) == value as wanted? */
static int spin(atomic_uint *word, unsigned mask, unsigned value, int wanted, int64_t duration, int yields) {
  for (int64_t start = 0;;) {
    for (int i = 0; i < 32; ++i) {
      if (((atomic_load_explicit(word, memory_order_acquire) & mask) == value) == wanted) return 1;
      if (duration == 0) return 0;
      rest();
    }
    const int64_t now = nanoseconds();
    if (start == 0) start = now;
    if (now - start >= duration) return 0;
    if (yields && now - start >= YIELD_NANOSECONDS) sched_yield();
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

/* Take pieces until none are left, one's own share first. */
static void take_part(pool *p, int32_t index) {
  for (int32_t k = 0; k < p->shares; ++k) {
    member *m = &p->members[(index + k) % p->shares];
    /* The first look spares the others' cache lines; next passes end at most once per thread, so it cannot wrap. */
    while (atomic_load_explicit(&m->next, memory_order_relaxed) < m->end) {
      if (atomic_load_explicit(&p->error, memory_order_relaxed) != ONNXC_OK) return;
      const uint32_t begin = atomic_fetch_add_explicit(&m->next, p->piece, memory_order_relaxed);
      if (begin >= m->end) break;
      const uint32_t end = m->end - begin < p->piece ? m->end : begin + p->piece;
      const onnxc_status status = p->task(p->arguments, (int32_t)begin, (int32_t)end);
      if (status != ONNXC_OK) {
        int none = ONNXC_OK;
        atomic_compare_exchange_strong_explicit(&p->error, &none, status, memory_order_relaxed, memory_order_relaxed);
        return;
      }
    }
  }
}

static void wake_workers(pool *p, int32_t needed) {
  if (atomic_load(&p->sleepers) == 0) return;
  /* Who counts as a sleeper holds the mutex until it really waits: after this it can be woken. */
  pthread_mutex_lock(&p->mutex);
  const int32_t sleepers = atomic_load(&p->sleepers);
  pthread_mutex_unlock(&p->mutex);
  if (needed >= sleepers) {
    pthread_cond_broadcast(&p->work);
    return;
  }
  for (int32_t i = 0; i < needed; ++i) pthread_cond_signal(&p->work);
}

/* After OPEN is cleared: return when no worker is inside. */
static void await_workers(pool *p) {
  if (spin(&p->state, ~(WORKER - 1u), 0, 1, p->spin, 1)) return;
  atomic_fetch_or(&p->state, CALLER_SLEEPS);
  pthread_mutex_lock(&p->mutex);
  while (atomic_load_explicit(&p->state, memory_order_acquire) >= WORKER) pthread_cond_wait(&p->done, &p->mutex);
  pthread_mutex_unlock(&p->mutex);
  atomic_fetch_and(&p->state, ~(unsigned)CALLER_SLEEPS);
}

/* Ask the workers for a sign, PINGS times, and see how long that takes. Those that sleep do not hear it. */
static void measure_distance(pool *p, int64_t now) {
  const int64_t start = nanoseconds();
  int answers = 0;
  while (answers < PINGS) {
    const unsigned asked = atomic_fetch_add(&p->generation, 1) + 1;
    if (!spin(&p->seen, ~0u, asked, 1, 5000, 0)) break;
    ++answers;
  }
  /* Some answers come by chance as if from near by: their sum tells. */
  if (answers == PINGS) p->far = nanoseconds() - start > PINGS * FAR_NANOSECONDS;
  p->measured = now;
}

static onnxc_status pool_parallel_shares(const onnxc_parallel *self, onnxc_task task, void *arguments, int32_t count,
                                         int64_t worthwhile) {
  pool *p = self->state;
  if (task == NULL) return ONNXC_ERROR_ARGUMENT;
  if (count <= 0) return ONNXC_OK;
  if (count == 1 || p->threads == 1 || atomic_flag_test_and_set_explicit(&p->busy, memory_order_acquire)) {
    return task(arguments, 0, count);
  }
  const int64_t now = nanoseconds();
  const int due = now - p->measured >= MEASURE_NANOSECONDS; /* then the workers are woken, to be asked behind the loop */
  if (p->far && !due && worthwhile < INT64_MAX) {
    worthwhile /= FAR_FACTOR;
    if (worthwhile < 2) {
      atomic_flag_clear_explicit(&p->busy, memory_order_release);
      return task(arguments, 0, count);
    }
  }
  const int32_t most = count < p->threads ? count : p->threads;
  const int32_t shares = worthwhile < most ? (int32_t)worthwhile : most;
  p->task = task;
  p->arguments = arguments;
  p->shares = shares;
  p->piece = ((uint32_t)count / (uint32_t)shares + PIECES - 1) / PIECES;
  for (int32_t i = 0; i < shares; ++i) {
    atomic_store_explicit(&p->members[i].next, (uint32_t)((int64_t)count * i / shares), memory_order_relaxed);
    p->members[i].end = (uint32_t)((int64_t)count * (i + 1) / shares);
  }
  atomic_store_explicit(&p->error, ONNXC_OK, memory_order_relaxed);
  p->processor = this_processor();

  /* Added, not stored: a worker that came too late for the last loop may be inside, on its way out. */
  atomic_fetch_or_explicit(&p->state, OPEN, memory_order_release);
  /* Before the look at sleepers, in the one order of all such operations: else a worker could fall asleep between. */
  atomic_fetch_add(&p->generation, 1);
  wake_workers(p, shares - 1);
  take_part(p, 0);
  atomic_fetch_and_explicit(&p->state, ~(unsigned)OPEN, memory_order_relaxed);
  await_workers(p);
  if (due) measure_distance(p, now);

  const onnxc_status status = atomic_load_explicit(&p->error, memory_order_relaxed);
  atomic_flag_clear_explicit(&p->busy, memory_order_release);
  return status;
}

static onnxc_status pool_parallel_for(const onnxc_parallel *self, onnxc_task task, void *arguments, int32_t count) {
  return pool_parallel_shares(self, task, arguments, count, INT64_MAX);
}

/* ------------------------------------------------------------------------------------------------ a worker */

/* Return when there is another generation than that one. */
static unsigned await_generation(pool *p, unsigned seen) {
  if (spin(&p->generation, ~0u, seen, 0, p->spin, 0)) return atomic_load_explicit(&p->generation, memory_order_acquire);
  unsigned found;
  pthread_mutex_lock(&p->mutex);
  atomic_fetch_add(&p->sleepers, 1);
  while ((found = atomic_load(&p->generation)) == seen) pthread_cond_wait(&p->work, &p->mutex);
  atomic_fetch_sub(&p->sleepers, 1);
  pthread_mutex_unlock(&p->mutex);
  return found;
}

static void *worker(void *argument) {
  const member *self = argument;
  pool *p = self->pool;
  unsigned seen = 0;
  for (;;) {
    seen = await_generation(p, seen);
    if (atomic_load_explicit(&p->stop, memory_order_acquire)) return NULL;
    atomic_store_explicit(&p->seen, seen, memory_order_release);
    if (atomic_fetch_add_explicit(&p->state, WORKER, memory_order_acquire) & OPEN) {
      const int processor = this_processor();
      if (processor >= 0 && processor == p->processor) leave_processor(processor);
      if (self->index < p->shares) take_part(p, self->index);
    }
    const unsigned before = atomic_fetch_sub_explicit(&p->state, WORKER, memory_order_acq_rel);
    if ((before & CALLER_SLEEPS) && before < 2 * WORKER) {
      pthread_mutex_lock(&p->mutex); /* the caller is either before its look at state, or waits */
      pthread_cond_signal(&p->done);
      pthread_mutex_unlock(&p->mutex);
    }
  }
}

/* ------------------------------------------------------------------------------------------------ life and death */

static int32_t count_processors(void) {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return CPU_COUNT(&set);
#endif
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online < 1 ? 1 : online > ONNXC_MAX_THREADS ? ONNXC_MAX_THREADS : (int32_t)online;
}

/* End the workers before that member, and free everything. */
static void destroy(pool *p, int32_t end) {
  atomic_store(&p->stop, 1);
  atomic_fetch_add(&p->generation, 1);
  wake_workers(p, p->threads);
  for (int32_t i = 1; i < end; ++i) pthread_join(p->members[i].thread, NULL);
  pthread_cond_destroy(&p->done);
  pthread_cond_destroy(&p->work);
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
  p->spin = threads > count_processors() ? 0 : SPIN_NANOSECONDS;
  atomic_flag_clear(&p->busy);
  atomic_init(&p->generation, 0);
  atomic_init(&p->sleepers, 0);
  atomic_init(&p->stop, 0);
  atomic_init(&p->state, 0);
  atomic_init(&p->seen, 0);
  p->far = 0;
  p->measured = nanoseconds() - MEASURE_NANOSECONDS;
  atomic_init(&p->error, ONNXC_OK);
  for (int32_t i = 0; i < threads; ++i) {
    p->members[i].pool = p;
    p->members[i].index = i;
    atomic_init(&p->members[i].next, 0);
  }
  if (pthread_mutex_init(&p->mutex, NULL) != 0) goto no_mutex;
  if (pthread_cond_init(&p->work, NULL) != 0) goto no_work;
  if (pthread_cond_init(&p->done, NULL) != 0) goto no_done;
  return p;
no_done:
  pthread_cond_destroy(&p->work);
no_work:
  pthread_mutex_destroy(&p->mutex);
no_mutex:
  free(p);
  return NULL;
}

onnxc_status onnxc_pool_create(int32_t threads, onnxc_parallel **result) {
  if (result == NULL) return ONNXC_ERROR_ARGUMENT;
  *result = NULL;
  if (threads < 1) threads = count_processors();
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
