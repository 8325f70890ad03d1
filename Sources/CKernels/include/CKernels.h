// Numeric kernels of Freshet, in variants for AVX-512, AVX2+FMA and plain vectors (SSE2, NEON).
//
// A variant is a table of function pointers. The best one that the processor offers is chosen once, at the first call of
// freshet_kernels(); tests and benchmarks ask for each by name. Rows of factors are padded with zeros to a multiple of
// FRESHET_PAD floats, so that no kernel needs a masked tail; `padded` below is such a count.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "freshet_peak.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FRESHET_PAD 16
#define FRESHET_PANEL 32

/// Rows that conjugate_gradients moves together.
#define FRESHET_GROUP 8

/// One row of a training: its factors, its ridge and its entries.
typedef struct freshet_row {
  float *x;
  float ridge;
  int32_t count;
  const int32_t *indices;
  const float *weights;
  const float *targets;
  /// What conjugate_gradients found: whether the tolerance was reached, and, of two steps or more, what the first one left of the
  /// residual (squared, weighed by the diagonal).
  int32_t converged;
  float left;
} freshet_row_t;

typedef struct freshet_kernels {
  const char *name;

  /// Sum of a[i] * b[i], i < padded.
  float (*dot)(const float *a, const float *b, int padded);

  /// y[i] += scale * x[i], i < padded.
  void (*axpy)(float *y, const float *x, float scale, int padded);

  /// The upper triangle of `matrix` (padded x padded, row-major) += sum over m of weights[m] * row_m row_m', where row_m =
  /// rows + indices[m] * padded (indices == NULL: row m itself); and, unless rhs is NULL, rhs += sum of targets[m] * row_m.
  /// Tiles may also touch entries just below the diagonal: only the upper triangle means anything.
  /// `scratch` holds freshet_gather_scratch(padded) floats.
  void (*rank_update)(float *matrix, float *rhs, int padded, const float *rows, const int32_t *indices, const float *weights,
                      const float *targets, int count, float *scratch);

  /// Solves matrix x = x in place, with the symmetric positive definite matrix given by its upper triangle (destroyed).
  /// Returns 0, or 1 + the index of the first pivot that is not positive.
  int (*cholesky_solve)(float *matrix, float *x, int padded);

  /// Moves each row of the group towards the solution of its own (A + ridge I + sum of weights[m] y_m y_m') x = sum of targets[m] y_m,
  /// y_m = factors + indices[m] * padded, by `steps` steps of conjugate gradients, preconditioned with the diagonal of its matrix.
  /// A is symmetric: `panels` holds it as score_panels reads items (item j = column j), `diagonal` its diagonal. At most
  /// FRESHET_GROUP rows; `scratch` holds freshet_group_scratch(padded) floats. With a tolerance above 0 a row stops, and is marked
  /// `converged`, where the correction that its residual asks for is at most that part of x (both weighed by the diagonal).
  void (*conjugate_gradients)(const float *panels, const float *diagonal, int padded, freshet_row_t *group, int group_count,
                              const float *factors, int steps, float tolerance, float *scratch);

  /// scores[u * score_stride + p * FRESHET_PANEL + lane] = users[u] . item, for panels of FRESHET_PANEL items laid out as
  /// [panel][dimension][lane]; `users` has `user_stride` floats a row.
  void (*score_panels)(const float *panels, int panel_count, int dimensions, const float *users, int user_stride, int user_count,
                       float *scores, size_t score_stride);

  /// Offers scores[0 ..< count] of items items[i] (items == NULL: i) to a heap of at most `capacity` entries, worst first (lower
  /// score, then higher item). Returns the new number of entries. -INFINITY is never taken.
  int (*select_top)(const float *scores, int count, const int32_t *items, float *heap_scores, int32_t *heap_items, int entries,
                    int capacity);

  /// How many of scores[0 ..< count] are greater than and how many are equal to `score`.
  void (*count_above)(const float *scores, int count, float score, int64_t *greater, int64_t *equal);
} freshet_kernels_t;

/// Rows gathered at a time by rank_update.
#define FRESHET_GATHER_ROWS 64

/// Floats of a row of scores over panels that hold `items` items.
static inline int freshet_wide(int items) { return (items + FRESHET_PANEL - 1) / FRESHET_PANEL * FRESHET_PANEL; }

/// Floats of the scratch that rank_update wants.
static inline int freshet_gather_scratch(int padded) { return 2 * FRESHET_GATHER_ROWS * padded; }

/// Floats of the scratch that conjugate_gradients wants.
static inline int freshet_group_scratch(int padded) { return FRESHET_GROUP * (4 * padded + freshet_wide(padded)); }

/// The best variant for this processor.
const freshet_kernels_t *freshet_kernels(void);

/// "avx512", "avx2" or "plain"; NULL when this processor or this build does not have it.
const freshet_kernels_t *freshet_kernels_named(const char *name);

/// Asks the system to back the memory with huge pages, where it has them; `bytes` begin on a boundary of one.
void freshet_advise_huge_pages(void *memory, size_t bytes);

/// CRC-32C (Castagnoli), starting from `crc` (0 for the first piece).
uint32_t freshet_crc32c(uint32_t crc, const void *bytes, size_t count);

#ifdef __cplusplus
}
#endif
