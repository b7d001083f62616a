/* Image 50 of the test set in examples/digits, a three: grey values from 0 to 16. */
#ifndef IMAGE_H
#define IMAGE_H

#include <stdint.h>

enum { IMAGE_SIZE = 8, IMAGE_WHITE = 16 };

static const uint8_t image[IMAGE_SIZE * IMAGE_SIZE] = {
     0,  0,  3, 12, 16, 14,  0,  0,
     0,  3, 15, 16, 15, 14,  0,  0,
     0,  3, 12,  1, 15,  8,  0,  0,
     0,  0,  0,  9, 16,  8,  0,  0,
     0,  0,  0, 10, 16, 16,  8,  0,
     0,  0,  0,  2,  5, 13,  8,  0,
     0,  0,  2, 11, 11, 15,  5,  0,
     0,  0,  3, 16, 16,  9,  0,  0,
};

#endif
