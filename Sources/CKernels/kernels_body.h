// The kernels, written once over a vector of LANES floats and included once per variant. LANES and VARIANT(name) are set by
// the including file; everything is static.

typedef float VARIANT(vec) __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int32_t VARIANT(ivec) __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
#define vec VARIANT(vec)
#define INLINE static inline __attribute__((always_inline))

INLINE vec VARIANT(load)(const float *p) { return *(const vec *)p; }
INLINE void VARIANT(store)(float *p, vec v) { *(vec *)p = v; }
INLINE vec VARIANT(splat)(float x) { return x - (vec){}; }
#define load VARIANT(load)
#define store VARIANT(store)
#define splat VARIANT(splat)

// By halves: the additions of one level do not wait for each other.
INLINE float VARIANT(sum)(vec v) {
#if LANES == 16
  typedef float half __attribute__((vector_size(32)));
  half e = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) + __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
#elif LANES == 8
  typedef float half __attribute__((vector_size(32)));
  half e = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7);
#endif
  typedef float quarter __attribute__((vector_size(16)));
#if LANES > 4
  quarter q = __builtin_shufflevector(e, e, 0, 1, 2, 3) + __builtin_shufflevector(e, e, 4, 5, 6, 7);
#else
  quarter q = __builtin_shufflevector(v, v, 0, 1, 2, 3);
#endif
  return (q[0] + q[2]) + (q[1] + q[3]);
}

static float VARIANT(dot)(const float *a, const float *b, int padded) {
  vec s0 = {}, s1 = {};
  int i = 0;
  for (; i + 2 * LANES <= padded; i += 2 * LANES) {
    s0 += load(a + i) * load(b + i);
    s1 += load(a + i + LANES) * load(b + i + LANES);
  }
  if (i < padded) s0 += load(a + i) * load(b + i);
  return VARIANT(sum)(s0 + s1);
}

static void VARIANT(axpy)(float *y, const float *x, float scale, int padded) {
  vec s = splat(scale);
  for (int i = 0; i < padded; i += LANES) store(y + i, load(y + i) + s * load(x + i));
}

// tile[r][c] (+/-)= sum over m of left[m * stride + r] * right[m * stride + c * LANES], R rows, C vectors of columns.
INLINE void VARIANT(tile)(float *out, int out_stride, const float *left, const float *right, int stride, int count, float sign,
                          const int R, const int C) {
  vec acc[8][4];
#pragma clang loop unroll(full)
  for (int r = 0; r < R; r++)
#pragma clang loop unroll(full)
    for (int c = 0; c < C; c++) acc[r][c] = (vec){};
  for (int m = 0; m < count; m++) {
    vec b[4];
#pragma clang loop unroll(full)
    for (int c = 0; c < C; c++) b[c] = load(right + (size_t)m * stride + c * LANES);
#pragma clang loop unroll(full)
    for (int r = 0; r < R; r++) {
      vec a = splat(left[(size_t)m * stride + r]);
#pragma clang loop unroll(full)
      for (int c = 0; c < C; c++) acc[r][c] += a * b[c];
    }
  }
  vec s = splat(sign);
#pragma clang loop unroll(full)
  for (int r = 0; r < R; r++)
#pragma clang loop unroll(full)
    for (int c = 0; c < C; c++) {
      float *p = out + (size_t)r * out_stride + c * LANES;
      store(p, load(p) + s * acc[r][c]);
    }
}

// Rows [row, row + 8) of an update of the upper triangle: columns from the vector that holds the diagonal to the end.
INLINE void VARIANT(row_block)(float *matrix, const float *left, const float *right, int padded, int row, int count, float sign) {
  int column = row / LANES * LANES;
#if LANES == 16
  for (; column + 4 * LANES <= padded; column += 4 * LANES) {
    VARIANT(tile)(matrix + (size_t)row * padded + column, padded, left + row, right + column, padded, count, sign, 4, 4);
    VARIANT(tile)(matrix + (size_t)(row + 4) * padded + column, padded, left + row + 4, right + column, padded, count, sign, 4, 4);
  }
  if (column + 3 * LANES <= padded) {
    VARIANT(tile)(matrix + (size_t)row * padded + column, padded, left + row, right + column, padded, count, sign, 8, 3);
    column += 3 * LANES;
  }
  if (column + 2 * LANES <= padded) {
    VARIANT(tile)(matrix + (size_t)row * padded + column, padded, left + row, right + column, padded, count, sign, 8, 2);
    column += 2 * LANES;
  }
#else
  for (; column + 2 * LANES <= padded; column += 2 * LANES) {
    VARIANT(tile)(matrix + (size_t)row * padded + column, padded, left + row, right + column, padded, count, sign, 4, 2);
    VARIANT(tile)(matrix + (size_t)(row + 4) * padded + column, padded, left + row + 4, right + column, padded, count, sign, 4, 2);
  }
#endif
  if (column + LANES <= padded)
    VARIANT(tile)(matrix + (size_t)row * padded + column, padded, left + row, right + column, padded, count, sign, 8, 1);
}

// sum += sum over m of factors[m] * row_m; four sums at a time, so that none waits for the one before.
INLINE void VARIANT(add_rows)(float *sum, const float *rows, const float *factors, int count, int padded) {
  int i = 0;
  for (; i + 4 * LANES <= padded; i += 4 * LANES) {
    vec s0 = load(sum + i), s1 = load(sum + i + LANES), s2 = load(sum + i + 2 * LANES), s3 = load(sum + i + 3 * LANES);
    for (int m = 0; m < count; m++) {
      const float *row = rows + (size_t)m * padded + i;
      vec f = splat(factors[m]);
      s0 += f * load(row);
      s1 += f * load(row + LANES);
      s2 += f * load(row + 2 * LANES);
      s3 += f * load(row + 3 * LANES);
    }
    store(sum + i, s0);
    store(sum + i + LANES, s1);
    store(sum + i + 2 * LANES, s2);
    store(sum + i + 3 * LANES, s3);
  }
  for (; i < padded; i += LANES) {
    vec s = load(sum + i);
    for (int m = 0; m < count; m++) s += splat(factors[m]) * load(rows + (size_t)m * padded + i);
    store(sum + i, s);
  }
}

static void VARIANT(rank_update)(float *matrix, float *rhs, int padded, const float *rows, const int32_t *indices,
                                 const float *weights, const float *targets, int count, float *scratch) {
  float *plain = scratch, *scaled = scratch + (size_t)FRESHET_GATHER_ROWS * padded;
  for (int first = 0; first < count; first += FRESHET_GATHER_ROWS) {
    int n = count - first < FRESHET_GATHER_ROWS ? count - first : FRESHET_GATHER_ROWS;
    for (int m = 0; m < n; m++) {
      const float *row = rows + (size_t)(indices ? indices[first + m] : first + m) * padded;
      if (indices && first + m + 4 < count) {
        const char *ahead = (const char *)(rows + (size_t)indices[first + m + 4] * padded);
        for (int byte = 0; byte < padded * 4; byte += 64) __builtin_prefetch(ahead + byte);
      }
      vec w = splat(weights[first + m]);
      for (int i = 0; i < padded; i += LANES) {
        vec v = load(row + i);
        store(plain + (size_t)m * padded + i, v);
        store(scaled + (size_t)m * padded + i, w * v);
      }
    }
    if (rhs) VARIANT(add_rows)(rhs, plain, targets + first, n, padded);
    for (int row = 0; row < padded; row += 8) VARIANT(row_block)(matrix, scaled, plain, padded, row, n, 1.0f);
  }
}

#if LANES == 16
#define LOW(a, b) \
  __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define HIGH(a, b) \
  __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define LOW_PAIRS(a, b) \
  __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define HIGH_PAIRS(a, b) \
  __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#elif LANES == 8
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define HIGH(a, b) __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define LOW_PAIRS(a, b) __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define HIGH_PAIRS(a, b) __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#else
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define HIGH(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#define LOW_PAIRS(a, b) __builtin_shufflevector(a, b, 0, 1, 4, 5)
#define HIGH_PAIRS(a, b) __builtin_shufflevector(a, b, 2, 3, 6, 7)
#endif

typedef float VARIANT(four) __attribute__((vector_size(16), aligned(4), may_alias));
#define four VARIANT(four)

// The sums of four vectors at once: a third of the shuffles of four single sums.
INLINE four VARIANT(sums)(vec a, vec b, vec c, vec d) {
  vec ab = LOW(a, b) + HIGH(a, b), cd = LOW(c, d) + HIGH(c, d);
  vec v = LOW_PAIRS(ab, cd) + HIGH_PAIRS(ab, cd);
#if LANES == 16
  typedef float half __attribute__((vector_size(32)));
  half e = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) + __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
  return __builtin_shufflevector(e, e, 0, 1, 2, 3) + __builtin_shufflevector(e, e, 4, 5, 6, 7);
#elif LANES == 8
  return __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
#else
  return v;
#endif
}

// The 8 x 8 triangle on the diagonal, by itself: what every other column waits for. Its diagonal becomes the inverse of the factor's.
// Returns 0, or 1 + the index of the first pivot that is not positive.
INLINE int VARIANT(factor_triangle)(float u[8][8], const float *block, int stride) {
#pragma clang loop unroll(full)
  for (int r = 0; r < 8; r++)
#pragma clang loop unroll(full)
    for (int c = r; c < 8; c++) u[r][c] = block[(size_t)r * stride + c];
#pragma clang loop unroll(full)
  for (int r = 0; r < 8; r++) {
    float pivot = u[r][r];
    if (!(pivot > 0)) return r + 1;
    float inverse = 1.0f / __builtin_sqrtf(pivot);
    u[r][r] = inverse;
#pragma clang loop unroll(full)
    for (int c = r + 1; c < 8; c++) u[r][c] *= inverse;
#pragma clang loop unroll(full)
    for (int q = r + 1; q < 8; q++)
#pragma clang loop unroll(full)
      for (int c = q; c < 8; c++) u[q][c] -= u[r][q] * u[r][c];
  }
  return 0;
}

// Left-looking by blocks of 8 rows: each block is first brought up to date with all rows above it by the tiles of
// rank_update, then factored within itself. U'U = matrix, U stored in the upper triangle. Both substitutions go block by block, so that
// divisions and single sums, which wait for each other, are few; and nothing stored as single numbers is soon read as a vector.
static int VARIANT(cholesky_solve)(float *matrix, float *x, int padded) {
  float inverses[padded];
  float u[8][8], z[8];
  for (int block = 0; block < padded; block += 8) {
    if (block > 0) VARIANT(row_block)(matrix, matrix, matrix, padded, block, block, -1.0f);
    float *rows = matrix + (size_t)block * padded;
    int failed = VARIANT(factor_triangle)(u, rows + block, padded);
    if (failed) return block + failed;
#pragma clang loop unroll(full)
    for (int r = 0; r < 8; r++) {
      inverses[block + r] = u[r][r];
      z[r] = x[block + r];
#pragma clang loop unroll(full)
      for (int q = 0; q < r; q++) z[r] -= u[q][r] * z[q];
      z[r] *= u[r][r];
    }
    for (int j = block / LANES * LANES; j < padded; j += LANES) {
      vec v[8], rest = load(x + j), change = {};
#pragma clang loop unroll(full)
      for (int r = 0; r < 8; r++) {
        v[r] = load(rows + (size_t)r * padded + j);
#pragma clang loop unroll(full)
        for (int q = 0; q < r; q++) v[r] -= splat(u[q][r]) * v[q];
        v[r] *= splat(u[r][r]);
        store(rows + (size_t)r * padded + j, v[r]);
        change += v[r] * splat(z[r]);
      }
      if (j >= block + 8) {
        store(x + j, rest - change);
      }
#if LANES == 16
      // The vector that holds the diagonal: only what comes after the block moves.
      else if (block + 8 < j + LANES)
        store(x + j, rest - (vec)((VARIANT(ivec))change & *(const VARIANT(ivec) *)upper_half));
#endif
    }
    for (int r = 0; r < 8; r++) x[block + r] = z[r];
  }
  for (int block = padded - 8; block >= 0; block -= 8) {
    const float *rows = matrix + (size_t)block * padded;
    vec total[8];
#pragma clang loop unroll(full)
    for (int r = 0; r < 8; r++) total[r] = (vec){};
    int j = block + 8;
#if LANES == 16
    // The second half of a vector: what stands in the first, below the diagonal too, does not belong to the sums.
    if (j % LANES != 0) {
      VARIANT(ivec) mask = *(const VARIANT(ivec) *)upper_half;
      vec v = load(x + block);
#pragma clang loop unroll(full)
      for (int r = 0; r < 8; r++) total[r] = (vec)((VARIANT(ivec))load(rows + (size_t)r * padded + block) & mask) * v;
      j = block + LANES;
    }
#endif
    for (; j < padded; j += LANES) {
      vec v = load(x + j);
#pragma clang loop unroll(full)
      for (int r = 0; r < 8; r++) total[r] += load(rows + (size_t)r * padded + j) * v;
    }
    four low = VARIANT(sums)(total[0], total[1], total[2], total[3]);
    four high = VARIANT(sums)(total[4], total[5], total[6], total[7]);
#pragma clang loop unroll(full)
    for (int r = 7; r >= 0; r--) {
      z[r] = x[block + r] - (r < 4 ? low[r] : high[r - 4]);
#pragma clang loop unroll(full)
      for (int q = 7; q > r; q--) z[r] -= rows[(size_t)r * padded + block + q] * z[q];
      z[r] *= inverses[block + r];
    }
    for (int r = 0; r < 8; r++) x[block + r] = z[r];
  }
  return 0;
}

#define AT_ONCE 4
#define AHEAD 12

// The dot products of four rows with p.
INLINE four VARIANT(dots)(const float *const r[AT_ONCE], const float *p, int padded) {
  vec s0 = {}, s1 = {}, s2 = {}, s3 = {};
#pragma clang loop unroll_count(4)
  for (int i = 0; i < padded; i += LANES) {
    vec v = load(p + i);
    s0 += load(r[0] + i) * v;
    s1 += load(r[1] + i) * v;
    s2 += load(r[2] + i) * v;
    s3 += load(r[3] + i) * v;
  }
  return VARIANT(sums)(s0, s1, s2, s3);
}

// Asks for the rows first ..< first + many, as far as there are any.
INLINE void VARIANT(fetch)(const float *factors, const int32_t *indices, int first, int many, int count, int padded) {
  for (int m = first; m < first + many && m < count; m++) {
    const char *ahead = (const char *)(factors + (size_t)indices[m] * padded);
    for (int byte = 0; byte < padded * 4; byte += 64) __builtin_prefetch(ahead + byte);
  }
}

// out += sum of (targets[m] - weights[m] (y_m . x)) y_m, and squares += sum of weights[m] y_m y_m (element by element).
INLINE void VARIANT(add_residual)(float *out, float *squares, const float *x, int padded, const freshet_row_t *row,
                                  const float *factors) {
  int m = 0;
  for (; m + AT_ONCE <= row->count; m += AT_ONCE) {
    const float *r[AT_ONCE];
    for (int j = 0; j < AT_ONCE; j++) r[j] = factors + (size_t)row->indices[m + j] * padded;
    VARIANT(fetch)(factors, row->indices, m + AHEAD, AT_ONCE, row->count, padded);
    four weights = *(const four *)(row->weights + m);
    four errors = *(const four *)(row->targets + m) - weights * VARIANT(dots)(r, x, padded);
    vec e0 = splat(errors[0]), e1 = splat(errors[1]), e2 = splat(errors[2]), e3 = splat(errors[3]);
    vec w0 = splat(weights[0]), w1 = splat(weights[1]), w2 = splat(weights[2]), w3 = splat(weights[3]);
#pragma clang loop unroll_count(4)
    for (int i = 0; i < padded; i += LANES) {
      vec l0 = load(r[0] + i), l1 = load(r[1] + i), l2 = load(r[2] + i), l3 = load(r[3] + i);
      vec o = load(out + i), s = load(squares + i);
      o += e0 * l0;
      s += (w0 * l0) * l0;
      o += e1 * l1;
      s += (w1 * l1) * l1;
      o += e2 * l2;
      s += (w2 * l2) * l2;
      o += e3 * l3;
      s += (w3 * l3) * l3;
      store(out + i, o);
      store(squares + i, s);
    }
  }
  for (; m < row->count; m++) {
    const float *r = factors + (size_t)row->indices[m] * padded;
    vec e = splat(row->targets[m] - row->weights[m] * VARIANT(dot)(r, x, padded)), w = splat(row->weights[m]);
    for (int i = 0; i < padded; i += LANES) {
      vec l = load(r + i);
      store(out + i, load(out + i) + e * l);
      store(squares + i, load(squares + i) + (w * l) * l);
    }
  }
}

// sum of weights[m] (y_m . p)^2.
INLINE float VARIANT(curvature)(const float *p, int padded, const freshet_row_t *row, const float *factors) {
  four total = {};
  int m = 0;
  for (; m + AT_ONCE <= row->count; m += AT_ONCE) {
    const float *r[AT_ONCE];
    for (int j = 0; j < AT_ONCE; j++) r[j] = factors + (size_t)row->indices[m + j] * padded;
    VARIANT(fetch)(factors, row->indices, m + AHEAD, AT_ONCE, row->count, padded);
    four s = VARIANT(dots)(r, p, padded);
    total += *(const four *)(row->weights + m) * s * s;
  }
  float sum = (total[0] + total[2]) + (total[1] + total[3]);
  for (; m < row->count; m++) {
    float s = VARIANT(dot)(factors + (size_t)row->indices[m] * padded, p, padded);
    sum += row->weights[m] * s * s;
  }
  return sum;
}

// out += sum of weights[m] (y_m . p) y_m.
INLINE void VARIANT(add_product)(float *out, const float *p, int padded, const freshet_row_t *row, const float *factors) {
  int m = 0;
  for (; m + AT_ONCE <= row->count; m += AT_ONCE) {
    const float *r[AT_ONCE];
    for (int j = 0; j < AT_ONCE; j++) r[j] = factors + (size_t)row->indices[m + j] * padded;
    four f = *(const four *)(row->weights + m) * VARIANT(dots)(r, p, padded);
    vec f0 = splat(f[0]), f1 = splat(f[1]), f2 = splat(f[2]), f3 = splat(f[3]);
#pragma clang loop unroll_count(4)
    for (int i = 0; i < padded; i += LANES)
      store(out + i, load(out + i) + (f0 * load(r[0] + i) + f1 * load(r[1] + i)) + (f2 * load(r[2] + i) + f3 * load(r[3] + i)));
  }
  for (; m < row->count; m++) {
    const float *r = factors + (size_t)row->indices[m] * padded;
    VARIANT(axpy)(out, r, row->weights[m] * VARIANT(dot)(r, p, padded), padded);
  }
}

static void VARIANT(score_panels)(const float *panels, int panel_count, int dimensions, const float *users, int user_stride,
                                  int user_count, float *scores, size_t score_stride);

// The products with A of a group are one small matrix product. The last step needs the matrix along the direction only: one pass
// of dot products over the rows in place of a product with each.
static void VARIANT(conjugate_gradients)(const float *panels, const float *diagonal, int padded, freshet_row_t *group,
                                         int group_count, const float *factors, int steps, float tolerance, float *scratch) {
  int wide = freshet_wide(padded);
  float *x = scratch, *direction = x + FRESHET_GROUP * padded, *residual = direction + FRESHET_GROUP * padded;
  float *scale = residual + FRESHET_GROUP * padded, *product = scale + FRESHET_GROUP * padded;
  float sizes[FRESHET_GROUP];
  for (int g = 0; g < group_count; g++)
    for (int i = 0; i < padded; i += LANES) store(x + g * padded + i, load(group[g].x + i));
  // What the rows begin with comes while the product is made; most rows are short.
  for (int g = 0; g < group_count; g++) VARIANT(fetch)(factors, group[g].indices, 0, AHEAD, group[g].count, padded);
  VARIANT(score_panels)(panels, wide / FRESHET_PANEL, padded, x, padded, group_count, product, wide);
  for (int g = 0; g < group_count; g++) {
    const float *xg = x + g * padded, *q = product + g * wide;
    float *r = residual + g * padded, *s = scale + g * padded, *p = direction + g * padded;
    vec ridge = splat(group[g].ridge), size = {};
    for (int i = 0; i < padded; i += LANES) {
      store(r + i, -(load(q + i) + ridge * load(xg + i)));
      store(s + i, load(diagonal + i) + ridge);
    }
    VARIANT(add_residual)(r, s, xg, padded, &group[g], factors);
    for (int i = 0; i < padded; i += LANES) {
      vec inverse = 1.0f / (load(s + i) + 1e-30f);
      vec z = load(r + i) * inverse;
      store(s + i, inverse);
      store(p + i, z);
      size += z * load(r + i);
    }
    sizes[g] = VARIANT(sum)(size);
    group[g].converged = 0;
    group[g].left = 0;
  }
  for (int step = 0; step < steps; step++) {
    if (tolerance > 0) {
      int open = 0;
      for (int g = 0; g < group_count; g++) {
        const float *xg = x + g * padded, *s = scale + g * padded;
        vec length = {};
        for (int i = 0; i < padded; i += LANES) length += load(xg + i) * load(xg + i) / load(s + i);
        if (sizes[g] <= tolerance * tolerance * VARIANT(sum)(length)) {
          sizes[g] = 0;
          group[g].converged = 1;
        }
        open |= !group[g].converged;
      }
      if (!open) break;
    }
    VARIANT(score_panels)(panels, wide / FRESHET_PANEL, padded, direction, padded, group_count, product, wide);
    for (int g = 0; g < group_count; g++) {
      float *xg = x + g * padded, *q = product + g * wide, *p = direction + g * padded, *r = residual + g * padded;
      if (!(sizes[g] > 1e-30f)) continue;
      vec ridge = splat(group[g].ridge), along = {};
      for (int i = 0; i < padded; i += LANES) {
        vec v = load(q + i) + ridge * load(p + i);
        store(q + i, v);
        along += v * load(p + i);
      }
      if (step == steps - 1 && tolerance == 0) {
        float length = VARIANT(sum)(along) + VARIANT(curvature)(p, padded, &group[g], factors);
        VARIANT(axpy)(xg, p, sizes[g] / length, padded);
        continue;
      }
      VARIANT(add_product)(q, p, padded, &group[g], factors);
      float alpha = sizes[g] / VARIANT(dot)(p, q, padded);
      VARIANT(axpy)(xg, p, alpha, padded);
      VARIANT(axpy)(r, q, -alpha, padded);
      vec next = {};
      for (int i = 0; i < padded; i += LANES) next += load(r + i) * load(r + i) * load(scale + g * padded + i);
      float size = VARIANT(sum)(next);
      if (step == 0) group[g].left = size / sizes[g];
      vec beta = splat(size / sizes[g]);
      for (int i = 0; i < padded; i += LANES)
        store(p + i, load(r + i) * load(scale + g * padded + i) + beta * load(p + i));
      sizes[g] = size;
    }
  }
  for (int g = 0; g < group_count; g++)
    for (int i = 0; i < padded; i += LANES) store(group[g].x + i, load(x + g * padded + i));
}

#define PANEL_VECTORS (FRESHET_PANEL / LANES)

// U users against P panels at once; accumulators stay in registers.
INLINE void VARIANT(score_block)(const float *panels, int dimensions, const float *users, int user_stride, float *scores,
                                 size_t score_stride, const int U, const int P) {
  vec acc[8][PANEL_VECTORS * 4];
  const int C = PANEL_VECTORS;
#pragma clang loop unroll(full)
  for (int u = 0; u < U; u++)
#pragma clang loop unroll(full)
    for (int c = 0; c < C * P; c++) acc[u][c] = (vec){};
  for (int d = 0; d < dimensions; d++) {
#pragma clang loop unroll(full)
    for (int p = 0; p < P; p++) {
      const float *column = panels + ((size_t)p * dimensions + d) * FRESHET_PANEL;
      vec b[PANEL_VECTORS];
#pragma clang loop unroll(full)
      for (int c = 0; c < C; c++) b[c] = load(column + c * LANES);
#pragma clang loop unroll(full)
      for (int u = 0; u < U; u++) {
        vec a = splat(users[(size_t)u * user_stride + d]);
#pragma clang loop unroll(full)
        for (int c = 0; c < C; c++) acc[u][p * C + c] += a * b[c];
      }
    }
  }
#pragma clang loop unroll(full)
  for (int u = 0; u < U; u++)
#pragma clang loop unroll(full)
    for (int c = 0; c < C * P; c++) store(scores + u * score_stride + c * LANES, acc[u][c]);
}

#if LANES == 16
#define USERS_AT_ONCE 8
#define PANELS_AT_ONCE 4
#elif LANES == 8
#define USERS_AT_ONCE 3
#define PANELS_AT_ONCE 2
#else
#define USERS_AT_ONCE 1
#define PANELS_AT_ONCE 1
#endif

static void VARIANT(score_panels)(const float *panels, int panel_count, int dimensions, const float *users, int user_stride,
                                  int user_count, float *scores, size_t score_stride) {
  size_t panel_size = (size_t)dimensions * FRESHET_PANEL;
  int panel = 0;
  if (user_count == 1)
    for (; panel + PANELS_AT_ONCE <= panel_count; panel += PANELS_AT_ONCE)
      VARIANT(score_block)(panels + panel * panel_size, dimensions, users, user_stride, scores + panel * FRESHET_PANEL,
                           score_stride, 1, PANELS_AT_ONCE);
  for (; panel < panel_count; panel++) {
    const float *p = panels + panel * panel_size;
    float *out = scores + panel * FRESHET_PANEL;
    int u = 0;
    for (; u + USERS_AT_ONCE <= user_count; u += USERS_AT_ONCE)
      VARIANT(score_block)(p, dimensions, users + (size_t)u * user_stride, user_stride, out + u * score_stride, score_stride,
                           USERS_AT_ONCE, 1);
    for (; u < user_count; u++)
      VARIANT(score_block)(p, dimensions, users + (size_t)u * user_stride, user_stride, out + u * score_stride, score_stride, 1, 1);
  }
}

INLINE int VARIANT(any_from)(vec scores, vec floor) {
  VARIANT(ivec) reached = scores >= floor;
  int any = 0;
  for (int lane = 0; lane < LANES; lane++) any |= reached[lane];
  return any;
}

static int VARIANT(select_top)(const float *scores, int count, const int32_t *items, float *heap_scores, int32_t *heap_items,
                               int entries, int capacity) {
  if (capacity <= 0) return 0;
  int i = 0;
  // An equal score comes in where its item is the lower one: the order of the scores need not be that of the items.
  float lowest = entries == capacity && heap_scores[0] > -__FLT_MAX__ ? heap_scores[0] : -__FLT_MAX__;
  while (i < count) {
    vec floor = splat(lowest);
    while (i + LANES <= count && !VARIANT(any_from)(load(scores + i), floor)) i += LANES;
    int end = i + LANES < count ? i + LANES : count;
    for (; i < end; i++) {
      int32_t item = items ? items[i] : i;
      if (!(scores[i] >= lowest)) continue;
      if (entries == capacity && !heap_worse(heap_scores[0], heap_items[0], scores[i], item)) continue;
      entries = heap_offer(heap_scores, heap_items, entries, capacity, scores[i], item);
      if (entries == capacity) lowest = heap_scores[0];
    }
  }
  return entries;
}

static void VARIANT(count_above)(const float *scores, int count, float score, int64_t *greater, int64_t *equal) {
  VARIANT(ivec) above = {}, same = {};
  vec s = splat(score);
  int i = 0;
  for (; i + LANES <= count; i += LANES) {
    vec v = load(scores + i);
    above -= (VARIANT(ivec))(v > s);
    same -= (VARIANT(ivec))(v == s);
  }
  int64_t g = 0, e = 0;
  for (int lane = 0; lane < LANES; lane++) g += above[lane], e += same[lane];
  for (; i < count; i++) g += scores[i] > score, e += scores[i] == score;
  *greater = g;
  *equal = e;
}

static const freshet_kernels_t VARIANT(kernels) = {
    .name = VARIANT_NAME,
    .dot = VARIANT(dot),
    .axpy = VARIANT(axpy),
    .rank_update = VARIANT(rank_update),
    .cholesky_solve = VARIANT(cholesky_solve),
    .conjugate_gradients = VARIANT(conjugate_gradients),
    .score_panels = VARIANT(score_panels),
    .select_top = VARIANT(select_top),
    .count_above = VARIANT(count_above),
};

#undef vec
#undef load
#undef store
#undef splat
#undef INLINE
#undef PANEL_VECTORS
#undef LOW
#undef HIGH
#undef LOW_PAIRS
#undef HIGH_PAIRS
#undef four
#undef AT_ONCE
#undef AHEAD
#undef USERS_AT_ONCE
#undef PANELS_AT_ONCE
