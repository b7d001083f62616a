/* The functions of <math.h> that Zig's runtime lacks on bare metal: it has exp, exp2, log, log2, log10, sin, cos, tan,
 * sqrt, fmod, fma, fmin, fmax and the roundings, in float and double. Other toolchains bring a whole library: leave this
 * file out there.
 *
 * Errors are within 4 units in the last place, unless a function says otherwise; zeros, infinities and NaNs come out as
 * C99 wants them. tanhf and erff, of which networks are fond, stay in float; the rarer ones go through double.
 */
#include <math.h>
#include <stdint.h>

static const double pi = 3.14159265358979323846;
static const double half_pi = 1.57079632679489661923;
static const double half_pi_low = 6.123233995736765886e-17; /* pi/2 less its double */
static const double ln_2 = 0.693147180559945309417;

/* Horner's scheme, highest power first. */
static double polynomial(double x, const double *coefficients, int count) {
  double result = coefficients[0];
  for (int i = 1; i < count; ++i) result = result * x + coefficients[i];
  return result;
}

static float polynomialf(float x, const float *coefficients, int count) {
  float result = coefficients[0];
  for (int i = 1; i < count; ++i) result = result * x + coefficients[i];
  return result;
}

#define COUNT(array) ((int)(sizeof(array) / sizeof(*(array))))

/* ------------------------------------------------------------------------------------------------ signs, rounding */

double copysign(double x, double y) {
  union { double value; uint64_t bits; } u = {x}, v = {y};
  u.bits = (u.bits & (UINT64_MAX >> 1)) | (v.bits & ~(UINT64_MAX >> 1));
  return u.value;
}

float copysignf(float x, float y) {
  union { float value; uint32_t bits; } u = {x}, v = {y};
  u.bits = (u.bits & (UINT32_MAX >> 1)) | (v.bits & ~(UINT32_MAX >> 1));
  return u.value;
}

/* To the nearest integer, ties to even: the sum with a number whose last place is 1 is so rounded. */
double rint(double x) {
  const double big = 4503599627370496.0; /* 2**52 */
  if (!(fabs(x) < big)) return x;
  return copysign((fabs(x) + big) - big, x);
}

float rintf(float x) {
  const float big = 8388608.0f; /* 2**23 */
  if (!(fabsf(x) < big)) return x;
  return copysignf((fabsf(x) + big) - big, x);
}

double nearbyint(double x) { return rint(x); }
float nearbyintf(float x) { return rintf(x); }

/* A fraction of at least 1/2 and less than 1, and the power of two that it is to be multiplied by. */
double frexp(double x, int *exponent) {
  union { double value; uint64_t bits; } u = {x};
  *exponent = 0;
  if (x == 0.0 || !(fabs(x) <= 1.7976931348623157e308)) return x;
  if (fabs(x) < 2.2250738585072014e-308) { /* subnormal */
    u.value = x * 18446744073709551616.0;  /* 2**64 */
    *exponent = -64;
  }
  *exponent += (int)(u.bits >> 52 & 0x7ffu) - 1022;
  u.bits = (u.bits & ~((uint64_t)0x7ff << 52)) | (uint64_t)1022 << 52;
  return u.value;
}

float frexpf(float x, int *exponent) { return (float)frexp((double)x, exponent); }

/* ------------------------------------------------------------------------------------------------ exponentials */

/* Kahan: the rounding error of exp(x) is undone by the logarithm of what was rounded. */
double expm1(double x) {
  if (x > 40.0) return exp(x);
  const double u = exp(x);
  if (u == 1.0) return x;
  const double difference = u - 1.0;
  return difference == -1.0 ? -1.0 : difference * x / log(u);
}

float expm1f(float x) {
  if (x > 20.0f) return expf(x);
  const float u = expf(x);
  if (u == 1.0f) return x;
  const float difference = u - 1.0f;
  return difference == -1.0f ? -1.0f : difference * x / logf(u);
}

double log1p(double x) {
  const double u = 1.0 + x;
  if (u == 1.0) return x;
  return u > 1e300 ? log(u) : log(u) * x / (u - 1.0);
}

float log1pf(float x) {
  const float u = 1.0f + x;
  if (u == 1.0f) return x;
  return u > 1e30f ? logf(u) : logf(u) * x / (u - 1.0f);
}

/* Is x an odd integer? From 2**53 on, all are even. */
static int is_odd(double x) { return fabs(x) < 9007199254740992.0 && floor(x) == x && fmod(x, 2.0) != 0.0; }

/* By squaring where y is a small integer (exact wherever the result is), else e**(y log x), of relative error
 * |y log x| 2**-52: at most 2e-13. */
double pow(double x, double y) {
  if (y == 0.0 || x == 1.0) return 1.0;
  if (x != x || y != y) return x + y;
  if (fabs(y) <= 64.0 && floor(y) == y) {
    double base = x, result = 1.0;
    for (int n = (int)fabs(y); n > 0; n /= 2, base *= base) {
      if (n % 2 != 0) result *= base;
    }
    return y < 0.0 ? 1.0 / result : result;
  }
  const double magnitude = fabs(x);
  if (x < 0.0 && floor(y) != y && magnitude <= 1.7976931348623157e308 && fabs(y) <= 1.7976931348623157e308) {
    return (x - x) / (x - x); /* NaN */
  }
  double result;
  if (magnitude == 1.0) {
    result = 1.0;
  } else if (magnitude == 0.0) {
    result = y < 0.0 ? 1.0 / magnitude : 0.0;
  } else {
    result = exp(y * log(magnitude));
  }
  return x <= 0.0 && is_odd(y) ? copysign(result, x) : result;
}

float powf(float x, float y) { return (float)pow(x, y); }

/* ------------------------------------------------------------------------------------------------ hyperbolic */

double tanh(double x) {
  const double magnitude = fabs(x);
  if (magnitude > 22.0) return copysign(1.0, x);
  const double e = expm1(2.0 * magnitude);
  return x != x ? x : copysign(e / (e + 2.0), x);
}

float tanhf(float x) {
  const float magnitude = fabsf(x);
  if (magnitude < 0.625f) {
    static const float coefficients[] = {-5.70498872745e-3f, 2.06390887954e-2f, -5.37397155531e-2f,
                                         1.33314422036e-1f, -3.33332819422e-1f};
    const float square = x * x;
    return x * (1.0f + square * polynomialf(square, coefficients, COUNT(coefficients)));
  }
  if (magnitude > 9.1f) return copysignf(1.0f, x);
  const float result = 1.0f - 2.0f / (expf(2.0f * magnitude) + 1.0f);
  return x != x ? x : copysignf(result, x);
}

double sinh(double x) {
  const double magnitude = fabs(x);
  if (magnitude > 700.0) { /* e**x overflows before sinh x does */
    const double root = exp(0.5 * magnitude);
    return copysign(0.5 * root * root, x);
  }
  const double e = expm1(magnitude);
  return x != x ? x : copysign(0.5 * (e + e / (e + 1.0)), x);
}

double cosh(double x) {
  const double magnitude = fabs(x);
  if (magnitude > 700.0) {
    const double root = exp(0.5 * magnitude);
    return 0.5 * root * root;
  }
  const double e = exp(magnitude);
  return 0.5 * (e + 1.0 / e);
}

double asinh(double x) {
  const double magnitude = fabs(x);
  if (magnitude > 1e8) return copysign(log(magnitude) + ln_2, x);
  const double square = magnitude * magnitude;
  return copysign(log1p(magnitude + square / (1.0 + sqrt(square + 1.0))), x);
}

double acosh(double x) {
  if (x > 1e8) return log(x) + ln_2;
  if (x < 1.0) return (x - x) / (x - x); /* NaN */
  const double above = x - 1.0;
  return log1p(above + sqrt(2.0 * above + above * above));
}

double atanh(double x) {
  const double magnitude = fabs(x);
  return copysign(0.5 * log1p(2.0 * magnitude / (1.0 - magnitude)), x);
}

float sinhf(float x) { return (float)sinh(x); }
float coshf(float x) { return (float)cosh(x); }
float asinhf(float x) { return (float)asinh(x); }
float acoshf(float x) { return (float)acosh(x); }
float atanhf(float x) { return (float)atanh(x); }

/* ------------------------------------------------------------------------------------------------ circular */

/* Cephes: reduced at tan(pi/8) and tan(3 pi/8), then x + x**3 P(x**2) / Q(x**2). */
double atan(double x) {
  static const double p[] = {-8.750608600031904122785e-1, -1.615753718733365076637e1, -7.500855792314704667340e1,
                             -1.228866684490136173410e2, -6.485021904942025371773e1};
  static const double q[] = {1.0, 2.485846490142306297962e1, 1.650270098316988542046e2, 4.328810604912902668951e2,
                             4.853903996359136964868e2, 1.945506571482613964425e2};
  double magnitude = fabs(x), base = 0.0, low = 0.0;
  if (magnitude > 2.41421356237309504880) {
    base = half_pi, low = half_pi_low;
    magnitude = -1.0 / magnitude;
  } else if (magnitude > 0.66) {
    base = 0.5 * half_pi, low = 0.5 * half_pi_low;
    magnitude = (magnitude - 1.0) / (magnitude + 1.0);
  }
  const double square = magnitude * magnitude;
  const double ratio = square * polynomial(square, p, COUNT(p)) / polynomial(square, q, COUNT(q));
  return copysign(base + (magnitude * ratio + magnitude + low), x);
}

double atan2(double y, double x) {
  if (x != x || y != y) return x + y;
  const double infinity = HUGE_VAL;
  const int left = copysign(1.0, x) < 0.0;
  double angle;
  if (y == 0.0) {
    angle = left ? pi : 0.0;
  } else if (fabs(x) == infinity && fabs(y) == infinity) {
    angle = left ? 1.5 * half_pi : 0.5 * half_pi;
  } else if (x == 0.0) {
    angle = half_pi;
  } else {
    angle = atan(fabs(y) / fabs(x));
    if (left) angle = pi - (angle - 2.0 * half_pi_low);
  }
  return copysign(angle, y);
}

/* Outside of [-1, 1] the root, and so the result, is NaN. */
double asin(double x) { return atan2(x, sqrt((1.0 - x) * (1.0 + x))); }
double acos(double x) { return atan2(sqrt((1.0 - x) * (1.0 + x)), x); }

float atanf(float x) { return (float)atan(x); }
float atan2f(float y, float x) { return (float)atan2(y, x); }
float asinf(float x) { return (float)asin(x); }
float acosf(float x) { return (float)acos(x); }

/* ------------------------------------------------------------------------------------------------ error function */

/* The series 2/sqrt(pi) e**-x**2 sum of 2**n x**(2n+1) / (1 3 5 ... 2n+1): its terms have one sign, so none cancel.
 * The error reaches 20 units in the last place, where the function is all but 1. */
double erf(double x) {
  const double magnitude = fabs(x);
  if (magnitude > 6.0) return copysign(1.0, x);
  double term = magnitude, sum = magnitude;
  for (int n = 1; term > 1e-17 * sum; ++n) {
    term *= 2.0 * magnitude * magnitude / (2.0 * n + 1.0);
    sum += term;
  }
  const double result = 1.12837916709551257390 * exp(-magnitude * magnitude) * sum;
  return x != x ? x : copysign(result > 1.0 ? 1.0 : result, x);
}

/* Cephes: an odd polynomial below 1, then 1 - e**-x**2 / x P(1 / x**2). */
float erff(float x) {
  const float magnitude = fabsf(x);
  if (magnitude < 1.0f) {
    static const float coefficients[] = {7.853861353153693e-5f,  -8.010193625184903e-4f, 5.188327685732524e-3f,
                                         -2.685381193529856e-2f, 1.128358514861418e-1f,  -3.761262582423300e-1f,
                                         1.128379165726710f};
    return x * polynomialf(x * x, coefficients, COUNT(coefficients));
  }
  static const float below_2[] = {2.326819970068386e-2f, -1.387039388740657e-1f, 3.687424674597105e-1f,
                                  -5.824733027278666e-1f, 6.210004621745983e-1f, -4.944515323274145e-1f,
                                  3.404879937665872e-1f,  -2.741127028184656e-1f, 5.638259427386472e-1f};
  static const float above_2[] = {-1.047766399936249e1f, 1.297719955372516e1f,  -7.495518717768503f,
                                  2.921019019210786f,    -1.015265279202700f,   4.218463358204948e-1f,
                                  -2.820767439740514e-1f, 5.641895067754075e-1f};
  if (magnitude > 4.0f) return copysignf(1.0f, x);
  const float inverse = 1.0f / magnitude;
  const float series = magnitude < 2.0f ? polynomialf(inverse * inverse, below_2, COUNT(below_2))
                                        : polynomialf(inverse * inverse, above_2, COUNT(above_2));
  const float result = 1.0f - expf(-magnitude * magnitude) * inverse * series;
  return x != x ? x : copysignf(result, x);
}
