/* The little that C tests need: stop at the first thing that is not as expected. */
#ifndef EXPECT_H
#define EXPECT_H

#include <stdio.h>
#include <stdlib.h>

#define EXPECT(condition)                                                                \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);            \
      exit(1);                                                                           \
    }                                                                                    \
  } while (0)

#endif
