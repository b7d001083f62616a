/* How many processors a process may use: those that it is bound to, and what its control groups leave it of them.
 *
 * A container on a machine of 64 processors may be given the time of one. Threads for all would use that up in the first
 * part of each period, and then all stand still together for the rest of it.
 */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* sched_getaffinity */
#endif
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "onnxc_runtime.h"

/* Where the system tells it; tests have folders of their own. */
#if !defined(ONNXC_CGROUP_FILE)
#define ONNXC_CGROUP_FILE "/proc/self/cgroup"
#endif
#if !defined(ONNXC_CGROUP_FOLDER)
#define ONNXC_CGROUP_FOLDER "/sys/fs/cgroup"
#endif

enum { MOST_PATH = 4096 };

static int32_t bound_processors(void) {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return CPU_COUNT(&set);
#endif
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online < 1 ? 1 : online > ONNXC_MAX_THREADS ? ONNXC_MAX_THREADS : (int32_t)online;
}

#if defined(__linux__)

/* The numbers at the begin of a file; how many there are of them. "max" is no number. */
static int read_numbers(const char *folder, const char *group, const char *name, long long *first, long long *second) {
  char path[MOST_PATH];
  const int length = snprintf(path, sizeof(path), "%s%s/%s", folder, group, name);
  FILE *file = length < 0 || length >= (int)sizeof(path) ? NULL : fopen(path, "r");
  if (file == NULL) return 0;
  const int count = fscanf(file, "%lld %lld", first, second);
  fclose(file);
  return count < 0 ? 0 : count;
}

/* Processors that a group has the time of, rounded up; INT32_MAX where there is no limit. */
static int32_t group_limit(const char *folder, const char *group, int version) {
  long long quota, period, none;
  const int known = version == 2
                        ? read_numbers(folder, group, "cpu.max", &quota, &period) == 2
                        : read_numbers(folder, group, "cpu.cfs_quota_us", &quota, &none) == 1 &&
                              read_numbers(folder, group, "cpu.cfs_period_us", &period, &none) == 1;
  if (!known || quota <= 0 || period <= 0 || quota / period >= INT32_MAX) return INT32_MAX;
  return (int32_t)(quota / period + (quota % period != 0));
}

/* The least limit of a group and of those that it lies in; its path is cut off on the way. */
static int32_t path_limit(const char *folder, char *group, int version) {
  int32_t least = INT32_MAX;
  for (;;) {
    char *last = strrchr(group, '/');
    if (last != NULL && last[1] == '\0') *last = '\0'; /* "/" is "" */
    const int32_t limit = group_limit(folder, group, version);
    if (limit < least) least = limit;
    last = strrchr(group, '/');
    if (last == NULL) return least;
    *last = '\0';
  }
}

/* Is that controller among those of a line of the file, which are separated by commas? */
static int has_controller(const char *list, const char *name) {
  const size_t length = strlen(name);
  for (const char *at = list; at != NULL; at = strchr(at, ',')) {
    if (*at == ',') ++at;
    if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0')) return 1;
  }
  return 0;
}

/* Of all groups of this process: lines "number:controllers:path", where version 2 has no controllers. */
static int32_t groups_limit(void) {
  FILE *file = fopen(ONNXC_CGROUP_FILE, "r");
  if (file == NULL) return INT32_MAX;
  char line[MOST_PATH];
  int32_t least = INT32_MAX;
  while (fgets(line, sizeof(line), file) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':');
    char *group = controllers == NULL ? NULL : strchr(controllers + 1, ':');
    if (group == NULL) continue;
    *group++ = '\0';
    ++controllers;
    const int version = *controllers == '\0' ? 2 : 1;
    if (version == 1 && !has_controller(controllers, "cpu")) continue;
    const int32_t limit = path_limit(version == 2 ? ONNXC_CGROUP_FOLDER : ONNXC_CGROUP_FOLDER "/cpu", group, version);
    if (limit < least) least = limit;
  }
  fclose(file);
  return least;
}

#else

static int32_t groups_limit(void) { return INT32_MAX; }

#endif

int32_t onnxc_count_processors(void) {
  const int32_t bound = bound_processors(), limit = groups_limit();
  return limit < bound ? limit : bound < 1 ? 1 : bound;
}
