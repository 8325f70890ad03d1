#include "CKernels.h"
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

// Wide vectors are only passed between functions that are inlined into one another.
#pragma clang diagnostic ignored "-Wpsabi"

#define CONCATENATE_(a, b) a##_##b
#define CONCATENATE(a, b) CONCATENATE_(a, b)

static inline int heap_worse(float a_score, int32_t a_item, float b_score, int32_t b_item) {
  return a_score < b_score || (a_score == b_score && a_item > b_item);
}

/// A binary heap with the worst entry first. A full heap replaces its worst entry (the caller has checked that the new one is
/// better); returns the number of entries.
static int heap_offer(float *scores, int32_t *items, int entries, int capacity, float score, int32_t item) {
  int at;
  if (entries < capacity) {
    at = entries++;
    while (at > 0) {
      int parent = (at - 1) / 2;
      if (!heap_worse(score, item, scores[parent], items[parent])) break;
      scores[at] = scores[parent];
      items[at] = items[parent];
      at = parent;
    }
  } else {
    at = 0;
    for (;;) {
      int child = 2 * at + 1;
      if (child >= entries) break;
      if (child + 1 < entries && heap_worse(scores[child + 1], items[child + 1], scores[child], items[child])) child++;
      if (!heap_worse(scores[child], items[child], score, item)) break;
      scores[at] = scores[child];
      items[at] = items[child];
      at = child;
    }
  }
  scores[at] = score;
  items[at] = item;
  return entries;
}

/// Selects lanes 8 to 15.
static const int32_t upper_half[16] __attribute__((unused)) = {0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1};

#define LANES 4
#define VARIANT_NAME "plain"
#define VARIANT(name) CONCATENATE(plain, name)
#include "kernels_body.h"
#undef LANES
#undef VARIANT_NAME
#undef VARIANT

#if defined(__x86_64__)
#include <nmmintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define LANES 8
#define VARIANT_NAME "avx2"
#define VARIANT(name) CONCATENATE(avx2, name)
#include "kernels_body.h"
#undef LANES
#undef VARIANT_NAME
#undef VARIANT
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"), min_vector_width(512))), \
                             apply_to = function)
#define LANES 16
#define VARIANT_NAME "avx512"
#define VARIANT(name) CONCATENATE(avx512, name)
#include "kernels_body.h"
#undef LANES
#undef VARIANT_NAME
#undef VARIANT
#pragma clang attribute pop
#endif

const freshet_kernels_t *freshet_kernels_named(const char *name) {
  if (strcmp(name, "plain") == 0) return &plain_kernels;
#if defined(__x86_64__)
  __builtin_cpu_init();
  int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (strcmp(name, "avx2") == 0 && avx2) return &avx2_kernels;
  if (strcmp(name, "avx512") == 0 && avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return &avx512_kernels;
#endif
  return NULL;
}

const freshet_kernels_t *freshet_kernels(void) {
  static const freshet_kernels_t *chosen;
  const freshet_kernels_t *known = __atomic_load_n(&chosen, __ATOMIC_ACQUIRE);
  if (known) return known;
  known = freshet_kernels_named("avx512");
  if (!known) known = freshet_kernels_named("avx2");
  if (!known) known = freshet_kernels_named("plain");
  __atomic_store_n(&chosen, known, __ATOMIC_RELEASE);
  return known;
}

void freshet_advise_huge_pages(void *memory, size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  madvise(memory, bytes, MADV_HUGEPAGE);
#else
  (void)memory, (void)bytes;
#endif
}

static uint32_t crc32c_plain(uint32_t crc, const unsigned char *bytes, size_t count) {
  static uint32_t table[256];
  static int ready;
  if (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE)) {
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t c = i;
      for (int bit = 0; bit < 8; bit++) c = c & 1 ? (c >> 1) ^ 0x82F63B78u : c >> 1;
      __atomic_store_n(&table[i], c, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
  }
  for (size_t i = 0; i < count; i++) crc = table[(crc ^ bytes[i]) & 0xff] ^ (crc >> 8);
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const unsigned char *bytes, size_t count) {
  uint64_t wide = crc;
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    uint64_t word;
    memcpy(&word, bytes + i, 8);
    wide = _mm_crc32_u64(wide, word);
  }
  crc = (uint32_t)wide;
  for (; i < count; i++) crc = _mm_crc32_u8(crc, bytes[i]);
  return crc;
}
#endif

uint32_t freshet_crc32c(uint32_t crc, const void *bytes, size_t count) {
  crc = ~crc;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("sse4.2")) return ~crc32c_sse42(crc, bytes, count);
#endif
  return ~crc32c_plain(crc, bytes, count);
}
