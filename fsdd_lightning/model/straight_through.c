/* The steps of straight_through_lstm.py, in the layout of its `Memory`: see compiled_engine.py.

   Every sum has one order, and nothing is contracted but where fmaf stands: the bits do not depend on the compiler. A
   layer of H units has vectors of V = I + H + 1 values and spans of n steps and W clips. */

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TABLE 32768.0f /* the position of 0 */
#define END (1.0f - 1.0f / 32768.0f)
#define CELL 2048.0f
#define LARGEST 127.0f

#ifdef __FMA__
#define MULTIPLY_ADD(a, b, c) __builtin_fmaf(a, b, c)
#else
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#endif

/* c[m][n] = sum over k of a[m][k] * b[k][n], for ROWS rows and COLUMNS columns that stay in registers. */
#define TILE(ROWS, COLUMNS)                                                                                        \
    static inline void tile_##ROWS##_##COLUMNS(const float *restrict a, size_t lda, const float *restrict b,       \
                                               size_t ldb, float *restrict c, size_t ldc, size_t depth)            \
    {                                                                                                              \
        float sum[ROWS][COLUMNS] = {{0.0f}};                                                                       \
        for (size_t k = 0; k < depth; k++)                                                                         \
            for (size_t row = 0; row < ROWS; row++)                                                                \
                for (size_t at = 0; at < COLUMNS; at++)                                                            \
                    sum[row][at] = MULTIPLY_ADD(a[row * lda + k], b[k * ldb + at], sum[row][at]);                  \
        for (size_t row = 0; row < ROWS; row++) memcpy(c + row * ldc, sum[row], sizeof sum[row]);                  \
    }

TILE(8, 32)
TILE(8, 8)
TILE(8, 1)
TILE(1, 32)
TILE(1, 8)
TILE(1, 1)

#define TILES(ROWS)                                                                                                \
    static void rows_##ROWS(const float *a, size_t lda, const float *b, size_t ldb, float *c, size_t ldc,          \
                            size_t depth, size_t columns)                                                          \
    {                                                                                                              \
        size_t at = 0;                                                                                             \
        for (; at + 32 <= columns; at += 32) tile_##ROWS##_32(a, lda, b + at, ldb, c + at, ldc, depth);            \
        for (; at + 8 <= columns; at += 8) tile_##ROWS##_8(a, lda, b + at, ldb, c + at, ldc, depth);               \
        for (; at < columns; at++) tile_##ROWS##_1(a, lda, b + at, ldb, c + at, ldc, depth);                       \
    }

TILES(8)
TILES(1)

static void product(const float *a, size_t rows, size_t depth, const float *b, size_t ldb, float *c, size_t columns)
{
    size_t row = 0;
    for (; row + 8 <= rows; row += 8) rows_8(a + row * depth, depth, b, ldb, c + row * columns, columns, depth, columns);
    for (; row < rows; row++) rows_1(a + row * depth, depth, b, ldb, c + row * columns, columns, depth, columns);
}

static inline float limited(float x)
{
    x = x < -32768.0f ? -32768.0f : x;
    return x > 32767.0f ? 32767.0f : x;
}

static inline int32_t place(float x) { return (int32_t)(limited(x) + TABLE); }

/* z: room for 4 H W. vector, steps, tanh_cell: see Memory; sigmoid, tanh: of every int16, the latter real. */
void fsdd_forward(const float *matrix, float *vector, float *steps, float *tanh_cell, const float *restrict sigmoid,
                  const float *restrict tanh, float *z, size_t n, size_t V, size_t H, size_t W)
{
    const size_t gate = H * W, inputs = V - H - 1;
    for (size_t t = 0; t < n; t++) {
        float *restrict o = steps + t * 5 * gate, *restrict i = o + gate, *restrict f = i + gate, *restrict g = f + gate;
        const float *restrict before = g + gate, *restrict at = z;
        float *restrict after = o + 9 * gate, *restrict real = tanh_cell + t * gate;
        float *restrict h = vector + ((t + 1) * V + inputs) * W;
        product(matrix, 4 * H, V, vector + t * V * W, W, z, W);
        for (size_t e = 0; e < gate; e++) {
            o[e] = sigmoid[place(floorf(at[e]))];
            i[e] = sigmoid[place(floorf(at[gate + e]))];
            f[e] = sigmoid[place(floorf(at[2 * gate + e]))];
            g[e] = tanh[place(floorf(at[3 * gate + e]))] * CELL;
        }
        for (size_t e = 0; e < gate; e++) {
            const float cell = limited(floorf(f[e] * before[e] + 0.5f) + floorf(i[e] * g[e] + 0.5f));
            const float value = tanh[place(cell)], state = floorf(o[e] * value * 128.0f + 0.5f);
            after[e] = cell;
            real[e] = value;
            h[e] = state > LARGEST ? LARGEST : state;
        }
    }
}

/* transposed: (R, 4 H), R = I + H or H; by_hidden: n matrices (H, W), a stride apart, as are their rows; by_vector:
   (n + 1, R, W), of which the last H rows of the last step are given; by_cell (H, W): given, and left for the span
   before. by_z: (n, 4 H, W). */
void fsdd_back(const float *transposed, const float *steps, const float *tanh_cell, const float *by_hidden,
               size_t by_step, size_t by_row, float *by_vector, float *restrict by_cell, float *by_z, size_t n,
               size_t R, size_t H, size_t W)
{
    const size_t gate = H * W;
    for (size_t t = n; t-- > 0;) {
        const float *o = steps + t * 5 * gate, *i = o + gate, *f = i + gate, *g = f + gate, *before = g + gate;
        const float *after = o + 9 * gate, *real = tanh_cell + t * gate;
        const float *from_next = by_vector + ((t + 1) * R + R - H) * W;
        float *restrict z_o = by_z + t * 4 * gate, *restrict z_i = z_o + gate, *restrict z_f = z_i + gate,
              *restrict z_g = z_f + gate;
        for (size_t unit = 0; unit < H; unit++) {
            const float *restrict upstream = by_hidden + t * by_step + unit * by_row;
            for (size_t clip = 0; clip < W; clip++) {
                const size_t e = unit * W + clip;
                const float y = real[e], passed = o[e] * y < (LARGEST + 0.5f) / 128.0f ? o[e] : 0.0f;
                const float h = (upstream[clip] + from_next[e]) * passed * (1.0f / 16.0f), tanh_g = g[e] / CELL;
                float c = by_cell[e] + h * (1.0f + y) * (END - y);
                c = after[e] > -32768.0f && after[e] < 32767.0f ? c : 0.0f;
                z_o[e] = h * (END - o[e]) * y;
                z_i[e] = c * i[e] * (END - i[e]) * tanh_g;
                z_f[e] = c * f[e] * (END - f[e]) * (before[e] / CELL);
                z_g[e] = c * (1.0f + tanh_g) * (END - tanh_g) * i[e];
                by_cell[e] = c * f[e];
            }
        }
        product(transposed, R, 4 * H, z_o, W, by_vector + t * R * W, W);
    }
}
