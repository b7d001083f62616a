/* The pool of threads: every iteration once, errors, loops in loops, many callers, sleep and wake, life and death. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "expect.h"
#include "onnxc_runtime.h"

enum { MAX_COUNT = 3000 };

/* Plain, not atomic: if two threads met in an iteration, or the caller read too early, the sanitizers would say so. */
typedef struct {
  int hits[MAX_COUNT];
  int32_t count;
  const onnxc_parallel *parallel;
} work;

static onnxc_status count_hits(void *arguments, int32_t begin, int32_t end) {
  work *w = arguments;
  EXPECT(0 <= begin && begin < end && end <= w->count);
  for (int32_t i = begin; i < end; ++i) ++w->hits[i];
  return ONNXC_OK;
}

static void check_loop(const onnxc_parallel *parallel, work *w, int32_t count) {
  memset(w->hits, 0, sizeof(w->hits));
  w->count = count;
  EXPECT(onnxc_parallel_for(parallel, count_hits, w, count) == ONNXC_OK);
  for (int32_t i = 0; i < MAX_COUNT; ++i) EXPECT(w->hits[i] == (i < count));
}

static void rest(long microseconds) {
  const struct timespec time = {0, microseconds * 1000};
  nanosleep(&time, NULL);
}

static onnxc_parallel *create(int32_t threads) {
  onnxc_parallel *pool;
  EXPECT(onnxc_pool_create(threads, &pool) == ONNXC_OK);
  EXPECT(pool != NULL && pool->threads >= 1 && (threads < 1 || pool->threads == threads));
  return pool;
}

static void test_every_iteration_once(int32_t threads) {
  static const int32_t counts[] = {0, 1, 2, 3, 7, 8, 9, 64, 1000, MAX_COUNT, -5};
  onnxc_parallel *pool = create(threads);
  static work w;
  for (int repeat = 0; repeat < 20; ++repeat) {
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); ++i) check_loop(pool, &w, counts[i]);
  }
  onnxc_pool_destroy(pool);
}

/* Loops right after each other, and after times at which workers are about to sleep or asleep. */
static void test_sleep_and_wake(void) {
  onnxc_parallel *pool = create(3);
  static work w;
  for (int repeat = 0; repeat < 150; ++repeat) {
    check_loop(pool, &w, 16 + repeat % 50);
    if (repeat % 3) rest(repeat % 3 == 1 ? 60 + repeat : 400);
  }
  onnxc_pool_destroy(pool);
}

static onnxc_status fail_at_13(void *arguments, int32_t begin, int32_t end) {
  atomic_int *calls = arguments;
  atomic_fetch_add(calls, 1);
  return begin <= 13 && 13 < end ? ONNXC_ERROR_KERNEL : ONNXC_OK;
}

static onnxc_status fail_always(void *arguments, int32_t begin, int32_t end) {
  (void)arguments;
  (void)end;
  return 100 + begin;
}

static void test_errors(void) {
  onnxc_parallel *pool = create(4);
  atomic_int calls = 0;
  for (int repeat = 0; repeat < 100; ++repeat) {
    EXPECT(onnxc_parallel_for(pool, fail_at_13, &calls, 100) == ONNXC_ERROR_KERNEL);
    const onnxc_status status = onnxc_parallel_for(pool, fail_always, NULL, 100);
    EXPECT(100 <= status && status < 200);
  }
  EXPECT(atomic_load(&calls) >= 100);
  static work w;
  check_loop(pool, &w, 100); /* an error leaves nothing behind */
  EXPECT(onnxc_parallel_for(pool, NULL, NULL, 4) == ONNXC_ERROR_ARGUMENT);
  EXPECT(pool->parallel_for(pool, NULL, NULL, 4) == ONNXC_ERROR_ARGUMENT);
  onnxc_pool_destroy(pool);
  EXPECT(onnxc_pool_create(1, NULL) == ONNXC_ERROR_ARGUMENT);
  onnxc_pool_destroy(NULL);
}

/* Loops of so many shares: every iteration once, on no more threads at once than that. */
typedef struct {
  work work;
  atomic_int pieces, inside, most;
} counted_work;

static onnxc_status count_shares(void *arguments, int32_t begin, int32_t end) {
  counted_work *c = arguments;
  atomic_fetch_add(&c->pieces, 1);
  const int inside = atomic_fetch_add(&c->inside, 1) + 1;
  int most = atomic_load(&c->most);
  while (most < inside && !atomic_compare_exchange_weak(&c->most, &most, inside)) {
  }
  const onnxc_status status = count_hits(&c->work, begin, end);
  atomic_fetch_sub(&c->inside, 1);
  return status;
}

static void check_shares(const onnxc_parallel *parallel, int32_t count, int64_t shares) {
  static counted_work c;
  memset(c.work.hits, 0, sizeof(c.work.hits));
  c.work.count = count;
  atomic_store(&c.pieces, 0);
  atomic_store(&c.most, 0);
  EXPECT(onnxc_parallel_shares(parallel, count_shares, &c, count, shares) == ONNXC_OK);
  for (int32_t i = 0; i < MAX_COUNT; ++i) EXPECT(c.work.hits[i] == (i < count));
  const int limit = shares < 2 ? 1 : shares < 4 ? (int)shares : 4;
  EXPECT(atomic_load(&c.most) <= limit);
  if (shares < 2) EXPECT(atomic_load(&c.pieces) == (count > 0));
  if (parallel != NULL && parallel->parallel_shares == NULL && shares < 4) EXPECT(atomic_load(&c.pieces) <= limit);
}

static void test_shares(void) {
  onnxc_parallel *pool = create(4), plain = *pool;
  plain.parallel_shares = NULL; /* as somebody else's, who knows of loops only */
  for (int32_t count = 0; count < 40; ++count) {
    for (int64_t shares = -1; shares < 6; ++shares) {
      check_shares(pool, count, shares);
      check_shares(&plain, count, shares);
      check_shares(NULL, count, shares);
    }
  }
  check_shares(pool, 40, INT64_MAX);
  EXPECT(onnxc_parallel_shares(pool, NULL, NULL, 30, 2) == ONNXC_ERROR_ARGUMENT);
  EXPECT(onnxc_parallel_shares(NULL, NULL, NULL, 30, 1) == ONNXC_ERROR_ARGUMENT);
  EXPECT(onnxc_parallel_shares(pool, fail_always, NULL, 100, 2) >= 100);
  EXPECT(onnxc_parallel_shares(&plain, fail_always, NULL, 100, 2) >= 100);
  onnxc_pool_destroy(pool);
}

/* Long enough for the distance of the threads to be measured some times. */
static void test_distance(void) {
  onnxc_parallel *pool = create(2);
  for (int repeat = 0; repeat < 40; ++repeat) {
    for (int32_t count = 1; count < 20; ++count) check_shares(pool, count, 3);
    rest(3000);
  }
  onnxc_pool_destroy(pool);
}

static onnxc_status loop_in_loop(void *arguments, int32_t begin, int32_t end) {
  work *w = arguments;
  for (int32_t i = begin; i < end; ++i) check_loop(w[i].parallel, &w[i], 50);
  return ONNXC_OK;
}

static void test_nesting(void) {
  onnxc_parallel *pool = create(3);
  static work w[8];
  for (int i = 0; i < 8; ++i) w[i].parallel = pool;
  for (int repeat = 0; repeat < 20; ++repeat) EXPECT(onnxc_parallel_for(pool, loop_in_loop, w, 8) == ONNXC_OK);
  onnxc_pool_destroy(pool);
}

static void *call_many(void *argument) {
  work *w = argument;
  for (int repeat = 0; repeat < 300; ++repeat) check_loop(w->parallel, w, 1 + repeat % 40);
  return NULL;
}

static void test_many_callers(void) {
  onnxc_parallel *pool = create(3);
  static work w[4];
  pthread_t callers[4];
  for (int i = 0; i < 4; ++i) {
    w[i].parallel = pool;
    EXPECT(pthread_create(&callers[i], NULL, call_many, &w[i]) == 0);
  }
  for (int i = 0; i < 4; ++i) pthread_join(callers[i], NULL);
  onnxc_pool_destroy(pool);
}

static onnxc_status dawdle(void *arguments, int32_t begin, int32_t end) {
  (void)arguments;
  (void)end;
  if (begin != 0) rest(3000); /* longer than the caller watches: it sleeps until the others are done */
  return ONNXC_OK;
}

/* Waits until another thread is in the loop too. */
static onnxc_status meet(void *arguments, int32_t begin, int32_t end) {
  atomic_int *inside = arguments;
  atomic_fetch_add(inside, end - begin);
  for (int i = 0; i < 50000 && atomic_load(inside) < 2; ++i) rest(100);
  return atomic_load(inside) < 2 ? ONNXC_ERROR_KERNEL : ONNXC_OK;
}

static void test_work_is_shared(void) {
  onnxc_parallel *pool = create(2);
  for (int repeat = 0; repeat < 20; ++repeat) {
    atomic_int inside = 0;
    EXPECT(onnxc_parallel_for(pool, meet, &inside, 2) == ONNXC_OK);
    EXPECT(onnxc_parallel_for(pool, dawdle, NULL, 8) == ONNXC_OK);
  }
  onnxc_pool_destroy(pool);
}

typedef struct {
  pthread_t caller;
  atomic_int helped;
} absence;

/* The caller waits for help, and who helps sleeps, as if others had its processor. */
static onnxc_status lose_processor(void *arguments, int32_t begin, int32_t end) {
  absence *a = arguments;
  (void)begin;
  (void)end;
  if (pthread_equal(pthread_self(), a->caller)) {
    for (int i = 0; i < 5000 && !atomic_load(&a->helped); ++i) rest(100);
  } else if (!atomic_exchange(&a->helped, 1)) {
    rest(200000);
  }
  return ONNXC_OK;
}

/* Where workers have no processors, loops do without them for a while; later they help again. */
static void test_lost_processor(void) {
  const int64_t worthwhile = 1000;
  onnxc_parallel *pool = create(2);
  static counted_work c;
  c.work.count = 40;
  int pieces = 0;
  /* On a busy machine the worker may come so late that the caller has waited for help for longer than for its end. */
  for (int i = 0; i < 50 && pieces != 1; ++i) {
    absence a = {pthread_self(), 0};
    EXPECT(onnxc_parallel_shares(pool, lose_processor, &a, 2, worthwhile) == ONNXC_OK);
    atomic_store(&c.pieces, 0);
    EXPECT(onnxc_parallel_shares(pool, count_shares, &c, 40, worthwhile) == ONNXC_OK);
    pieces = atomic_load(&c.pieces);
  }
  EXPECT(pieces == 1);
  for (int i = 0; i < 500 && pieces < 2; ++i) {
    rest(10000);
    atomic_store(&c.pieces, 0);
    EXPECT(onnxc_parallel_shares(pool, count_shares, &c, 40, worthwhile) == ONNXC_OK);
    pieces = atomic_load(&c.pieces);
  }
  EXPECT(pieces >= 2);
  onnxc_pool_destroy(pool);
}

static void test_life_and_death(void) {
  static work w;
  for (int repeat = 0; repeat < 60; ++repeat) {
    onnxc_parallel *pool = create(repeat % 5);
    if (repeat % 2) check_loop(pool, &w, 30);
    if (repeat % 3 == 0) rest(200);
    onnxc_pool_destroy(pool);
  }
}

static onnxc_status count_pieces(void *arguments, int32_t begin, int32_t end) {
  int *pieces = arguments;
  EXPECT(begin == 0 && end == 10);
  ++*pieces;
  return ONNXC_OK;
}

static void test_without_pool(void) {
  int pieces = 0;
  EXPECT(onnxc_parallel_for(NULL, count_pieces, &pieces, 10) == ONNXC_OK && pieces == 1);
  EXPECT(onnxc_parallel_for(NULL, count_pieces, &pieces, 0) == ONNXC_OK && pieces == 1);
  EXPECT(onnxc_parallel_for(NULL, NULL, &pieces, 1) == ONNXC_ERROR_ARGUMENT);
}

typedef struct {
  atomic_long sum, calls;
} totals;

static onnxc_status add_up(void *arguments, int32_t begin, int32_t end) {
  totals *t = arguments;
  atomic_fetch_add(&t->sum, (long)end - begin);
  atomic_fetch_add(&t->calls, 1);
  return ONNXC_OK;
}

static void test_largest_count(void) {
  onnxc_parallel *pool = create(4);
  totals t = {0, 0};
  EXPECT(onnxc_parallel_for(pool, add_up, &t, INT32_MAX) == ONNXC_OK);
  EXPECT(atomic_load(&t.sum) == INT32_MAX && atomic_load(&t.calls) <= 4 * 8);
  onnxc_pool_destroy(pool);
}

int main(void) {
  for (int32_t threads = 0; threads <= 5; ++threads) test_every_iteration_once(threads);
  test_sleep_and_wake();
  test_errors();
  test_shares();
  test_distance();
  test_nesting();
  test_many_callers();
  test_work_is_shared();
  test_lost_processor();
  test_life_and_death();
  test_without_pool();
  test_largest_count();
  return 0;
}
