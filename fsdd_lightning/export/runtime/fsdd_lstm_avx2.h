/* x86 processors with AVX2: plain rows of int8 weights 16 columns at a time, and what follows of any model 8 units at a
 * time. Included by fsdd_lstm.c. */
#ifndef FSDD_LSTM_AVX2_H
#define FSDD_LSTM_AVX2_H

#include <immintrin.h>

#define FSDD_LANES 8 /* int32_t in a vector */

static inline __m256i fsdd_load_avx2(const void *source) { return _mm256_loadu_si256((const __m256i *)source); }

static inline __m128i fsdd_load_half_avx2(const void *source) { return _mm_loadu_si128((const __m128i *)source); }

/* value / 2^shift, rounded half up; shift >= 1. */
static inline __m256i fsdd_rounding_shift_right_avx2(__m256i value, int shift)
{
    return _mm256_srai_epi32(_mm256_add_epi32(value, _mm256_set1_epi32((int32_t)1 << (shift - 1))), shift);
}

/* The nearest value in [-2^(bits - 1), 2^(bits - 1)). */
static inline __m256i fsdd_saturate_avx2(__m256i value, int bits)
{
    const int32_t high = ((int32_t)1 << (bits - 1)) - 1;
    return _mm256_max_epi32(_mm256_min_epi32(value, _mm256_set1_epi32(high)), _mm256_set1_epi32(-high - 1));
}

/* Both neighbors in the table are read as one int32_t; left * (2^n - fraction) + right * fraction is 2^n * left + (right -
 * left) * fraction, so one rounding shift gives what fsdd_interpolate gives. */
static inline __m256i fsdd_interpolate_avx2(const int16_t *table, __m256i offset, int fraction_bits)
{
    const __m256i one = _mm256_set1_epi32((int32_t)1 << fraction_bits);
    const __m256i index = _mm256_srli_epi32(offset, fraction_bits);
    const __m256i fraction = _mm256_and_si256(offset, _mm256_sub_epi32(one, _mm256_set1_epi32(1)));
    const __m256i weights = _mm256_or_si256(_mm256_sub_epi32(one, fraction), _mm256_slli_epi32(fraction, 16));
    const __m256i neighbors = _mm256_i32gather_epi32((const int *)(const void *)table, index, sizeof *table);
    return fsdd_rounding_shift_right_avx2(_mm256_madd_epi16(neighbors, weights), fraction_bits);
}

static inline __m256i fsdd_sigmoid_q15_avx2(const fsdd_model *model, __m256i z_q11)
{
    const __m256i offset = _mm256_add_epi32(z_q11, _mm256_set1_epi32(FSDD_SIGMOID_ZERO));
    return fsdd_interpolate_avx2(model->sigmoid_table, offset, FSDD_SIGMOID_FRACTION_BITS);
}

static inline __m256i fsdd_tanh_q15_avx2(const fsdd_model *model, __m256i z_q11)
{
    const __m256i clipped = fsdd_saturate_avx2(z_q11, FSDD_TANH_BITS);
    const __m256i offset = _mm256_add_epi32(clipped, _mm256_set1_epi32(FSDD_TANH_ZERO));
    return fsdd_interpolate_avx2(model->tanh_table, offset, FSDD_TANH_FRACTION_BITS);
}

/* sum (8) += 16 weights times 16 entries of the vector; two products of neighbors meet in one int32_t. */
static inline __m256i fsdd_add_16_avx2(__m256i sum, const uint8_t *weights, __m256i vector_q7)
{
    const __m256i levels = _mm256_cvtepi8_epi16(fsdd_load_half_avx2(weights));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(levels, vector_q7));
}

/* In each 64 bits: the sum of one's two int32_t there, and of other's. (_mm256_hadd_epi32 would queue for the processor's
 * unit that widens weights.) */
static inline __m256i fsdd_add_neighbors_avx2(__m256i one, __m256i other)
{
    const __m256i even = _mm256_blend_epi32(one, _mm256_slli_epi64(other, 32), 0xAA);
    const __m256i odd = _mm256_blend_epi32(_mm256_srli_epi64(one, 32), other, 0xAA);
    return _mm256_add_epi32(even, odd);
}

/* accumulator (4) += the sums of four vectors of 8. */
static inline void fsdd_add_sums_avx2(const __m256i *sum, int32_t *accumulator)
{
    const __m256i i_f = fsdd_add_neighbors_avx2(sum[0], sum[1]), g_o = fsdd_add_neighbors_avx2(sum[2], sum[3]);
    const __m256i pairs = _mm256_add_epi32(_mm256_unpacklo_epi64(i_f, g_o), _mm256_unpackhi_epi64(i_f, g_o));
    const __m128i sums = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
    const __m128i before = fsdd_load_half_avx2(accumulator);
    _mm_storeu_si128((__m128i *)(void *)accumulator, _mm_add_epi32(before, sums));
}

/* The last 16 of at least 16 columns; those that were counted by 16 from the first count as zero this time. */
static inline __m256i fsdd_last_16_avx2(const int16_t *vector_q7, size_t columns)
{
    static const int16_t counted_then_new[32] = {0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
                                                 -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_and_si256(fsdd_load_avx2(vector_q7 + columns - 16), fsdd_load_avx2(counted_then_new + (columns - 1u) % 16u + 1));
}

/* fsdd_accumulate_plain_rows of int8 for FSDD_LANES units and at least 16 columns; accumulator (8, 4). */
static inline void fsdd_accumulate_int8_rows_avx2(const uint8_t *weights, const fsdd_lstm_input *input,
                                                   int32_t *accumulator)
{
    const int16_t *const vector_q7 = input->vector_q7;
    const size_t columns = input->columns;
    const __m256i last = fsdd_last_16_avx2(vector_q7, columns);
    size_t unit, k;
    for (unit = 0; unit < FSDD_LANES; unit++, weights += FSDD_GATES * columns, accumulator += FSDD_GATES) {
        const uint8_t *i = weights, *f = i + columns, *g = f + columns, *o = g + columns;
        __m256i sum[FSDD_GATES];
        sum[0] = fsdd_add_16_avx2(_mm256_setzero_si256(), i + columns - 16, last);
        sum[1] = fsdd_add_16_avx2(_mm256_setzero_si256(), f + columns - 16, last);
        sum[2] = fsdd_add_16_avx2(_mm256_setzero_si256(), g + columns - 16, last);
        sum[3] = fsdd_add_16_avx2(_mm256_setzero_si256(), o + columns - 16, last);
        for (k = 0; k + 16u < columns; k += 16u) {
            const __m256i vector = fsdd_load_avx2(vector_q7 + k);
            sum[0] = fsdd_add_16_avx2(sum[0], i + k, vector);
            sum[1] = fsdd_add_16_avx2(sum[1], f + k, vector);
            sum[2] = fsdd_add_16_avx2(sum[2], g + k, vector);
            sum[3] = fsdd_add_16_avx2(sum[3], o + k, vector);
        }
        fsdd_add_sums_avx2(sum, accumulator);
    }
}

/* 32 hidden values as int8_t. */
static inline __m256i fsdd_pack_32_avx2(const int16_t *hidden_q7)
{
    const __m256i packed = _mm256_packs_epi16(fsdd_load_avx2(hidden_q7), fsdd_load_avx2(hidden_q7 + 16));
    return _mm256_permute4x64_epi64(packed, 0xD8);
}

/* sum (8) += 32 weights times 32 hidden values, as their magnitudes times the weights with their signs: two products of
 * neighbors reach 2 * 127 * 128, which int16_t holds. */
static inline __m256i fsdd_add_32_avx2(__m256i sum, const uint8_t *weights, __m256i hidden_q7)
{
    const __m256i magnitudes = _mm256_abs_epi8(hidden_q7), signed_ = _mm256_sign_epi8(fsdd_load_avx2(weights), hidden_q7);
#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
    return _mm256_dpbusd_epi32(sum, magnitudes, signed_);
#else
    const __m256i pairs = _mm256_maddubs_epi16(magnitudes, signed_);
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#endif
}

/* fsdd_accumulate_int8_rows_avx2 for at least 32 columns that all read hidden values, as above the lowest layer. */
static inline void fsdd_accumulate_int8_hidden_avx2(const uint8_t *weights, const fsdd_lstm_input *input,
                                                   int32_t *accumulator)
{
    static const int8_t counted_then_new[64] = {0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
                                                0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
                                                -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                                -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
    const int16_t *const hidden_q7 = input->vector_q7;
    const size_t columns = input->columns;
    const __m256i mask = fsdd_load_avx2(counted_then_new + (columns - 1u) % 32u + 1);
    const __m256i last = _mm256_and_si256(fsdd_pack_32_avx2(hidden_q7 + columns - 32), mask);
    size_t unit, k;
    for (unit = 0; unit < FSDD_LANES; unit++, weights += FSDD_GATES * columns, accumulator += FSDD_GATES) {
        const uint8_t *i = weights, *f = i + columns, *g = f + columns, *o = g + columns;
        __m256i sum[FSDD_GATES];
        sum[0] = fsdd_add_32_avx2(_mm256_setzero_si256(), i + columns - 32, last);
        sum[1] = fsdd_add_32_avx2(_mm256_setzero_si256(), f + columns - 32, last);
        sum[2] = fsdd_add_32_avx2(_mm256_setzero_si256(), g + columns - 32, last);
        sum[3] = fsdd_add_32_avx2(_mm256_setzero_si256(), o + columns - 32, last);
        for (k = 0; k + 32u < columns; k += 32u) {
            const __m256i packed = fsdd_pack_32_avx2(hidden_q7 + k);
            sum[0] = fsdd_add_32_avx2(sum[0], i + k, packed);
            sum[1] = fsdd_add_32_avx2(sum[1], f + k, packed);
            sum[2] = fsdd_add_32_avx2(sum[2], g + k, packed);
            sum[3] = fsdd_add_32_avx2(sum[3], o + k, packed);
        }
        fsdd_add_sums_avx2(sum, accumulator);
    }
}

/* The four rows of one unit, beside the four of another. */
static inline __m256i fsdd_load_two_units_avx2(const int32_t *one, const int32_t *other)
{
    return _mm256_inserti128_si256(_mm256_castsi128_si256(fsdd_load_half_avx2(one)), fsdd_load_half_avx2(other), 1);
}

/* accumulator (8), shifted left, becomes z (8): fsdd_lstm_gate with multiplier (8). */
static inline void fsdd_lstm_gates_avx2(int32_t *accumulator, const int32_t *multiplier)
{
    const __m256i factor = fsdd_load_avx2(multiplier), half = _mm256_set1_epi64x((int64_t)1 << 31);
    const __m256i rows = fsdd_load_two_units_avx2(accumulator, accumulator + FSDD_GATES); /* as they were stored */
    const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(rows, factor), half);
    const __m256i odd_product = _mm256_mul_epi32(_mm256_srli_epi64(rows, 32), _mm256_srli_epi64(factor, 32));
    const __m256i odd = _mm256_add_epi64(odd_product, half);
    const __m256i high_words = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA);
    _mm256_storeu_si256((__m256i *)(void *)accumulator, fsdd_saturate_avx2(high_words, 16));
}

static inline void fsdd_store_int16_avx2(int16_t *target, __m256i value)
{
    const __m128i packed = _mm_packs_epi32(_mm256_castsi256_si128(value), _mm256_extracti128_si256(value, 1));
    _mm_storeu_si128((__m128i *)(void *)target, packed);
}

/* What follows the gates, for 8 units: z (8, 4), cell_q11 (8), next_q7 (8). A product of two int16_t is one of
 * _mm256_madd_epi16 where one of them is not negative: its upper half, the other factor of the second product, is 0. */
static inline void fsdd_lstm_units_avx2(const fsdd_model *model, const int32_t *z, int16_t *cell_q11, int16_t *next_q7)
{
    const __m256i z04 = fsdd_load_two_units_avx2(z, z + 16), z15 = fsdd_load_two_units_avx2(z + 4, z + 20);
    const __m256i z26 = fsdd_load_two_units_avx2(z + 8, z + 24), z37 = fsdd_load_two_units_avx2(z + 12, z + 28);
    const __m256i if0145 = _mm256_unpacklo_epi32(z04, z15), if2367 = _mm256_unpacklo_epi32(z26, z37);
    const __m256i go0145 = _mm256_unpackhi_epi32(z04, z15), go2367 = _mm256_unpackhi_epi32(z26, z37);
    const __m256i i_q15 = fsdd_sigmoid_q15_avx2(model, _mm256_unpacklo_epi64(if0145, if2367));
    const __m256i f_q15 = fsdd_sigmoid_q15_avx2(model, _mm256_unpackhi_epi64(if0145, if2367));
    const __m256i g_q15 = fsdd_tanh_q15_avx2(model, _mm256_unpacklo_epi64(go0145, go2367));
    const __m256i o_q15 = fsdd_sigmoid_q15_avx2(model, _mm256_unpackhi_epi64(go0145, go2367));
    const __m256i before = _mm256_cvtepi16_epi32(fsdd_load_half_avx2(cell_q11));
    const __m256i kept = fsdd_rounding_shift_right_avx2(_mm256_madd_epi16(f_q15, before), FSDD_FORGET_SHIFT);
    const __m256i added = fsdd_rounding_shift_right_avx2(_mm256_madd_epi16(i_q15, g_q15), FSDD_INPUT_SHIFT);
    const __m256i cell = fsdd_saturate_avx2(_mm256_add_epi32(kept, added), 16);
    const __m256i product = _mm256_madd_epi16(o_q15, fsdd_tanh_q15_avx2(model, cell));
    fsdd_store_int16_avx2(cell_q11, cell);
    fsdd_store_int16_avx2(next_q7, fsdd_saturate_avx2(fsdd_rounding_shift_right_avx2(product, FSDD_HIDDEN_SHIFT), 8));
}

#endif
