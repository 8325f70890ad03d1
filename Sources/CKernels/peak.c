#include "CKernels.h"
#include <string.h>

#pragma clang diagnostic ignored "-Wpsabi"

// Twelve chains: enough to fill two multiply-add units with a latency of four to six cycles, and few enough for 16 registers.
#define CHAINS 12

#define PEAK(name, LANES)                                                                   \
  static float name(long rounds) {                                                          \
    typedef float vec __attribute__((vector_size(LANES * 4)));                              \
    vec chain[CHAINS], factor = 0.999f - (vec){}, addend = 0.001f - (vec){};                \
    _Pragma("clang loop unroll(full)") for (int c = 0; c < CHAINS; c++) chain[c] = (float)(c + rounds) - (vec){}; \
    for (long round = 0; round < rounds; round++) {                                         \
      _Pragma("clang loop unroll(full)") for (int c = 0; c < CHAINS; c++) chain[c] = chain[c] * factor + addend; \
    }                                                                                       \
    vec sum = {};                                                                           \
    _Pragma("clang loop unroll(full)") for (int c = 0; c < CHAINS; c++) sum += chain[c];    \
    float total = 0;                                                                        \
    for (int lane = 0; lane < LANES; lane++) total += sum[lane];                            \
    return total;                                                                           \
  }

PEAK(plain_peak, 4)

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
PEAK(avx2_peak, 8)
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"), min_vector_width(512))), \
                             apply_to = function)
PEAK(avx512_peak, 16)
#pragma clang attribute pop
#endif

float freshet_peak_multiply_add(const char *variant, long rounds, double *operations) {
  const freshet_kernels_t *kernels = freshet_kernels_named(variant);
  if (!kernels) return 0;
  float (*peak)(long) = plain_peak;
  int lanes = 4;
#if defined(__x86_64__)
  if (strcmp(variant, "avx2") == 0) peak = avx2_peak, lanes = 8;
  if (strcmp(variant, "avx512") == 0) peak = avx512_peak, lanes = 16;
#endif
  *operations += 2.0 * CHAINS * lanes * (double)rounds;
  return peak(rounds);
}
