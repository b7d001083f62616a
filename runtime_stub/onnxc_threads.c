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
 * In how many shares it is worth cutting a loop is decided in onnxc_shares.c.
 *
 * What that costs is cache lines that go from one processor to the other, 50 to 200 ns each: one with the loop, one with
 * the worker's own words, and those of the arguments. Everything else is written by one thread alone, or seldom.
 */
#include "onnxc_pool.h"

#include <signal.h>
#include <stdlib.h>

/* A thread takes its share in so many pieces. More even out more, and cost a call of the kernel each. */
#define PIECES 4u

/* An idle worker watches for so long before it sleeps, and a caller that waits for a worker: so that waiting is never
 * much dearer than the better choice would have been. Between the kernels of a running model workers stay awake. Nobody
 * yields the processor while he watches: Linux gives it to others for milliseconds then, however unimportant they are. */
#define SPIN_NANOSECONDS 100000

uint64_t onnxc_now(void) { return (uint64_t)nanoseconds(); }

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

/* Return when a worker that has claimed a loop has left it. */
static void await_worker(pool *p, const loop *l, member *m) {
  if (spin(&m->left, l->number, 1, p->spin)) return;
  const int64_t from = nanoseconds(), used = onnxc_processor_time(m->thread);
  (void)atomic_exchange(&p->caller_sleeps, 1);
  pthread_mutex_lock(&p->mutex);
  while (atomic_load(&m->left) != l->number) pthread_cond_wait(&p->done, &p->mutex);
  pthread_mutex_unlock(&p->mutex);
  atomic_store(&p->caller_sleeps, 0);
  onnxc_judge_wait(p, l, from, used, m);
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
  const int32_t shares = onnxc_choose_shares(p, count, worthwhile, &now, &due);
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
  if (due) onnxc_measure_distance(p, now);

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
