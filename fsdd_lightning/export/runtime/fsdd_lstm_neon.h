/* 64-bit Arm processors: rows of weights 16 columns at a time. Included by fsdd_lstm.c. */
#ifndef FSDD_LSTM_NEON_H
#define FSDD_LSTM_NEON_H

#include <arm_neon.h>

#define FSDD_CHUNK 16u       /* int8_t in a vector */
#define FSDD_MOST_CHUNKS 64u /* of a row: up to about 1,000 columns */

/* The vector of a layer as int8_t, once for all units: what is 0 in a chunk counts elsewhere. */
typedef struct {
    int8x16_t chunk[FSDD_MOST_CHUNKS];
    size_t start[FSDD_MOST_CHUNKS]; /* the first column of a chunk */
    size_t features;                /* the first chunks hold features, in steps of 2^-4 */
    size_t count;                   /* all; those behind the features hold hidden values */
} fsdd_chunks;

/* The 16 columns that start at `start`, but those in front of `first` and from `end` on as 0. */
static inline int8x16_t fsdd_chunk_neon(const int16_t *vector_q7, size_t start, size_t first, size_t end, int is_feature)
{
    static const uint8_t lanes[FSDD_CHUNK] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const int16x8_t low = vld1q_s16(vector_q7 + start), high = vld1q_s16(vector_q7 + start + 8);
    const int8x16_t hidden = vcombine_s8(vmovn_s16(low), vmovn_s16(high));
    const int8x16_t features = vcombine_s8(vshrn_n_s16(low, FSDD_FEATURE_SHIFT), vshrn_n_s16(high, FSDD_FEATURE_SHIFT));
    const size_t behind = end - start < FSDD_CHUNK ? end - start : FSDD_CHUNK;
    const uint8x16_t lane = vld1q_u8(lanes), from = vdupq_n_u8((uint8_t)(first - start)), to = vdupq_n_u8((uint8_t)behind);
    const uint8x16_t is_new = vandq_u8(vcgeq_u8(lane, from), vcltq_u8(lane, to));
    return vandq_s8(is_feature ? features : hidden, vreinterpretq_s8_u8(is_new));
}

/* Adds the columns first...end - 1 to the chunks. They start where a byte of the rows does, and end where these end at the
 * latest: a row of `columns`, which counts to the end of its last byte. */
static inline void fsdd_add_chunks_neon(fsdd_chunks *chunks, const int16_t *vector_q7, size_t first, size_t end,
                                        size_t columns, int is_feature)
{
    while (first < end) {
        const size_t aligned = first & ~(size_t)3u, latest = columns - FSDD_CHUNK;
        const size_t start = aligned < latest ? aligned : latest;
        chunks->chunk[chunks->count] = fsdd_chunk_neon(vector_q7, start, first, end, is_feature);
        chunks->start[chunks->count++] = start;
        first = start + FSDD_CHUNK;
    }
}

/* The columns of a row up to the end of its last byte. */
static inline size_t fsdd_columns_of_bytes(unsigned code, size_t columns)
{
    return fsdd_row_bytes(code, columns) * 8u / fsdd_bits(code);
}

/* Whether a layer of so many columns is computed here: features and hidden values make two chunks more than one row. */
static inline int fsdd_fits_neon(const fsdd_model *model, size_t columns)
{
    return FSDD_USES(model, FSDD_ROWS, FSDD_LAYOUTS) && columns >= FSDD_CHUNK &&
           columns <= FSDD_CHUNK * (FSDD_MOST_CHUNKS - 4u);
}

static inline void fsdd_chunks_neon(const fsdd_model *model, size_t k, const fsdd_lstm_input *input, fsdd_chunks *chunks)
{
    const size_t features = k > 0u ? 0u : model->inputs, columns = fsdd_columns_of_bytes(model->format, input->columns);
    chunks->count = 0;
    fsdd_add_chunks_neon(chunks, input->vector_q7, 0, features, columns, 1);
    chunks->features = chunks->count;
    fsdd_add_chunks_neon(chunks, input->vector_q7, features, input->columns, columns, 0);
}

/* The fields of four bits of 8 bytes, the lower one of a byte first. */
static inline uint8x16_t fsdd_nibbles_neon(uint8x8_t bytes)
{
    const uint8x8_t low = vand_u8(bytes, vdup_n_u8(15)), high = vshr_n_u8(bytes, 4);
    return vcombine_u8(vzip1_u8(low, high), vzip2_u8(low, high));
}

/* 16 weights as int8_t. */
FSDD_INLINE static int8x16_t fsdd_levels_neon(unsigned code, const uint8_t *weights)
{
    static const int8_t int4[16] = {0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1};
    static const int8_t pot[16] = {0, 1, 2, 4, 8, 16, 32, 64, 0, -1, -2, -4, -8, -16, -32, -64};
    static const int8_t ternary[16] = {0, 1, -2, -1, 0, 1, -2, -1, 0, 1, -2, -1, 0, 1, -2, -1};
    static const int8_t next_ternary[16] = {0, 0, 0, 0, 1, 1, 1, 1, -2, -2, -2, -2, -1, -1, -1, -1};
    if (code == FSDD_INT4)
        return vqtbl1q_s8(vld1q_s8(int4), fsdd_nibbles_neon(vld1_u8(weights)));
    if (code == FSDD_POT)
        return vqtbl1q_s8(vld1q_s8(pot), fsdd_nibbles_neon(vld1_u8(weights)));
    if (code == FSDD_TERNARY) {
        uint32_t bytes;
        uint8x16_t pairs;
        __builtin_memcpy(&bytes, weights, sizeof bytes);
        pairs = fsdd_nibbles_neon(vcreate_u8(bytes));
        return vzip1q_s8(vqtbl1q_s8(vld1q_s8(ternary), pairs), vqtbl1q_s8(vld1q_s8(next_ternary), pairs));
    }
    return vreinterpretq_s8_u8(vld1q_u8(weights));
}

/* sum (4) += 16 weights times 16 entries of the vector. Without the instruction for four products, two meet in an int16_t:
 * they reach 2 * 127 * 128, which it holds. */
FSDD_INLINE static int32x4_t fsdd_add_16_neon(unsigned code, int32x4_t sum, const uint8_t *weights, int8x16_t vector)
{
    const int8x16_t levels = fsdd_levels_neon(code, weights);
#ifdef __ARM_FEATURE_DOTPROD
    return vdotq_s32(sum, levels, vector);
#else
    const int16x8_t products = vmull_s8(vget_low_s8(levels), vget_low_s8(vector));
    return vpadalq_s16(sum, vmlal_high_s8(products, levels, vector));
#endif
}

/* Adds chunks first...end - 1 to the sums (4, 4) of the rows of a unit, `row` bytes apart. */
FSDD_INLINE static void fsdd_add_unit_neon(unsigned code, int32x4_t *sum, const uint8_t *weights, size_t row,
                                           const fsdd_chunks *chunks, size_t first, size_t end)
{
    for (; first < end; first++) {
        const uint8_t *const at = weights + (chunks->start[first] * fsdd_bits(code) >> 3);
        const int8x16_t vector = chunks->chunk[first];
        sum[0] = fsdd_add_16_neon(code, sum[0], at, vector);
        sum[1] = fsdd_add_16_neon(code, sum[1], at + row, vector);
        sum[2] = fsdd_add_16_neon(code, sum[2], at + 2u * row, vector);
        sum[3] = fsdd_add_16_neon(code, sum[3], at + 3u * row, vector);
    }
}

/* fsdd_accumulate_code. */
FSDD_INLINE static void fsdd_accumulate_neon(unsigned code, const uint8_t *weights, const fsdd_lstm_input *input,
                                             const fsdd_chunks *chunks, int32_t *accumulator)
{
    const size_t row = fsdd_row_bytes(code, input->columns);
    const int32x4_t zero = vdupq_n_s32(0);
    int32x4_t sum[FSDD_GATES] = {zero, zero, zero, zero}, all;
    fsdd_add_unit_neon(code, sum, weights, row, chunks, 0, chunks->features);
    sum[0] = vshlq_n_s32(sum[0], FSDD_FEATURE_SHIFT), sum[1] = vshlq_n_s32(sum[1], FSDD_FEATURE_SHIFT);
    sum[2] = vshlq_n_s32(sum[2], FSDD_FEATURE_SHIFT), sum[3] = vshlq_n_s32(sum[3], FSDD_FEATURE_SHIFT);
    fsdd_add_unit_neon(code, sum, weights, row, chunks, chunks->features, chunks->count);
    all = vpaddq_s32(vpaddq_s32(sum[0], sum[1]), vpaddq_s32(sum[2], sum[3]));
    all = vshlq_s32(vaddq_s32(vld1q_s32(accumulator), all), vdupq_n_s32((int32_t)input->left));
    vst1q_s32(accumulator, all);
}

/* fsdd_lstm_step. */
FSDD_OUT_OF_LINE static void fsdd_lstm_step_neon(const fsdd_model *model, size_t k, const fsdd_lstm_input *input,
                                                 int16_t *cell_q11, int16_t *next_q7)
{
    const size_t unit_bytes = FSDD_GATES * fsdd_row_bytes(model->format, input->columns);
    const uint8_t *weights = model->layers[k].weights;
    const void *bias = model->layers[k].bias, *multiplier = model->layers[k].multiplier;
    size_t units;
    fsdd_chunks chunks;
    fsdd_chunks_neon(model, k, input, &chunks);
    for (units = model->hidden; units > 0u; units--, weights += unit_bytes) {
        int32_t accumulator[FSDD_GATES], factor[FSDD_GATES];
        bias = fsdd_load_biases(model, bias, accumulator);
#define FSDD_ACCUMULATE(code) fsdd_accumulate_neon(code, weights, input, &chunks, accumulator)
        FSDD_WITH_CODE(model, FSDD_ACCUMULATE);
#undef FSDD_ACCUMULATE
        multiplier = fsdd_load_multipliers(model, multiplier, factor);
        fsdd_lstm_unit(model, accumulator, factor, cell_q11++, next_q7++);
    }
}

#endif
