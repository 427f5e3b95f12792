/* x86 processors with AVX2: rows of weights 16 or 32 columns at a time, and what follows 8 units at a time. Included by
 * fsdd_lstm.c, where the compiler may use AVX2 everywhere, and where it may not: then these functions alone are compiled for
 * it, and called where the processor is found to have it. */
#ifndef FSDD_LSTM_AVX2_H
#define FSDD_LSTM_AVX2_H

#include <immintrin.h>

#ifdef __AVX2__
#define FSDD_FOR_AVX2
static inline int fsdd_has_avx2(void) { return 1; }
#else
#define FSDD_FOR_AVX2 __attribute__((target("avx2")))
static inline int fsdd_has_avx2(void) { return __builtin_cpu_supports("avx2"); } /* one load: it was asked at start-up */
#endif
#define FSDD_INLINE_AVX2 FSDD_FOR_AVX2 FSDD_INLINE static

#define FSDD_LANES 8    /* int32_t in a vector */
#define FSDD_AT_ONCE 32 /* units */
#define FSDD_TWO_UNITS (2 * FSDD_GATES)

FSDD_INLINE_AVX2 __m256i fsdd_load_avx2(const void *source) { return _mm256_loadu_si256((const __m256i *)source); }

FSDD_INLINE_AVX2 __m128i fsdd_load_half_avx2(const void *source) { return _mm_loadu_si128((const __m128i *)source); }

FSDD_INLINE_AVX2 __m128i fsdd_load_quarter_avx2(const void *source) { return _mm_loadl_epi64((const __m128i *)source); }

/* value / 2^shift, rounded half up; shift >= 1. */
FSDD_INLINE_AVX2 __m256i fsdd_rounding_shift_right_avx2(__m256i value, int shift)
{
    return _mm256_srai_epi32(_mm256_add_epi32(value, _mm256_set1_epi32((int32_t)1 << (shift - 1))), shift);
}

/* The nearest value in [-2^(bits - 1), 2^(bits - 1)). */
FSDD_INLINE_AVX2 __m256i fsdd_saturate_avx2(__m256i value, int bits)
{
    const int32_t high = ((int32_t)1 << (bits - 1)) - 1;
    return _mm256_max_epi32(_mm256_min_epi32(value, _mm256_set1_epi32(high)), _mm256_set1_epi32(-high - 1));
}

/* Both neighbors in the table are read as one int32_t; left * (2^n - fraction) + right * fraction is 2^n * left + (right -
 * left) * fraction, so one rounding shift gives what fsdd_interpolate gives. */
FSDD_INLINE_AVX2 __m256i fsdd_interpolate_avx2(const int16_t *table, __m256i offset, int fraction_bits)
{
    const __m256i one = _mm256_set1_epi32((int32_t)1 << fraction_bits);
    const __m256i index = _mm256_srli_epi32(offset, fraction_bits);
    const __m256i fraction = _mm256_and_si256(offset, _mm256_sub_epi32(one, _mm256_set1_epi32(1)));
    const __m256i weights = _mm256_or_si256(_mm256_sub_epi32(one, fraction), _mm256_slli_epi32(fraction, 16));
    const __m256i neighbors = _mm256_i32gather_epi32((const int *)(const void *)table, index, sizeof *table);
    return fsdd_rounding_shift_right_avx2(_mm256_madd_epi16(neighbors, weights), fraction_bits);
}

FSDD_INLINE_AVX2 __m256i fsdd_sigmoid_q15_avx2(const fsdd_model *model, __m256i z_q11)
{
    const __m256i offset = _mm256_add_epi32(z_q11, _mm256_set1_epi32(FSDD_SIGMOID_ZERO));
    return fsdd_interpolate_avx2(model->sigmoid_table, offset, FSDD_SIGMOID_FRACTION_BITS);
}

FSDD_INLINE_AVX2 __m256i fsdd_tanh_q15_avx2(const fsdd_model *model, __m256i z_q11)
{
    const __m256i clipped = fsdd_saturate_avx2(z_q11, FSDD_TANH_BITS);
    const __m256i offset = _mm256_add_epi32(clipped, _mm256_set1_epi32(FSDD_TANH_ZERO));
    return fsdd_interpolate_avx2(model->tanh_table, offset, FSDD_TANH_FRACTION_BITS);
}

/* --- sums of rows --- */

/* The fields of four bits of 8 bytes, the lower one of a byte first. */
FSDD_INLINE_AVX2 __m128i fsdd_nibbles_avx2(__m128i bytes)
{
    const __m128i mask = _mm_set1_epi8(15);
    return _mm_unpacklo_epi8(_mm_and_si128(bytes, mask), _mm_and_si128(_mm_srli_epi16(bytes, 4), mask));
}

/* 16 weights as int8_t. */
FSDD_INLINE_AVX2 __m128i fsdd_levels_avx2(unsigned code, const uint8_t *weights)
{
    static const int8_t int4[16] = {0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1};
    static const int8_t pot[16] = {0, 1, 2, 4, 8, 16, 32, 64, 0, -1, -2, -4, -8, -16, -32, -64};
    static const int8_t ternary[16] = {0, 1, -2, -1, 0, 1, -2, -1, 0, 1, -2, -1, 0, 1, -2, -1};
    static const int8_t next_ternary[16] = {0, 0, 0, 0, 1, 1, 1, 1, -2, -2, -2, -2, -1, -1, -1, -1};
    if (code == FSDD_INT4)
        return _mm_shuffle_epi8(fsdd_load_half_avx2(int4), fsdd_nibbles_avx2(fsdd_load_quarter_avx2(weights)));
    if (code == FSDD_POT)
        return _mm_shuffle_epi8(fsdd_load_half_avx2(pot), fsdd_nibbles_avx2(fsdd_load_quarter_avx2(weights)));
    if (code == FSDD_TERNARY) {
        int32_t bytes;
        __m128i pairs;
        __builtin_memcpy(&bytes, weights, sizeof bytes);
        pairs = fsdd_nibbles_avx2(_mm_cvtsi32_si128(bytes));
        return _mm_unpacklo_epi8(_mm_shuffle_epi8(fsdd_load_half_avx2(ternary), pairs),
                                 _mm_shuffle_epi8(fsdd_load_half_avx2(next_ternary), pairs));
    }
    return fsdd_load_half_avx2(weights);
}

/* sum (8) += 16 weights times 16 entries of the vector; two products of neighbors meet in one int32_t. */
FSDD_INLINE_AVX2 __m256i fsdd_add_16_avx2(unsigned code, __m256i sum, const uint8_t *weights, __m256i vector_q7)
{
    const __m256i levels = _mm256_cvtepi8_epi16(fsdd_levels_avx2(code, weights));
#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
    return _mm256_dpwssd_epi32(sum, levels, vector_q7);
#elif defined(__AVXVNNI__)
    return _mm256_dpwssd_avx_epi32(sum, levels, vector_q7);
#else
    return _mm256_add_epi32(sum, _mm256_madd_epi16(levels, vector_q7));
#endif
}

/* The same for the four rows of a unit, `row` bytes apart. */
FSDD_INLINE_AVX2 void fsdd_add_16_of_unit_avx2(unsigned code, __m256i *sum, const uint8_t *weights, size_t row,
                                               __m256i vector_q7)
{
    sum[0] = fsdd_add_16_avx2(code, sum[0], weights, vector_q7);
    sum[1] = fsdd_add_16_avx2(code, sum[1], weights + row, vector_q7);
    sum[2] = fsdd_add_16_avx2(code, sum[2], weights + 2u * row, vector_q7);
    sum[3] = fsdd_add_16_avx2(code, sum[3], weights + 3u * row, vector_q7);
}

/* sum (8) += 32 weights of int8 times 32 hidden values, as the magnitudes of these times the weights with their signs: two
 * products of neighbors reach 2 * 127 * 128, which int16_t holds. */
FSDD_INLINE_AVX2 __m256i fsdd_add_32_avx2(__m256i sum, const uint8_t *weights, __m256i hidden_q7)
{
    const __m256i magnitudes = _mm256_abs_epi8(hidden_q7), signed_ = _mm256_sign_epi8(fsdd_load_avx2(weights), hidden_q7);
#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
    return _mm256_dpbusd_epi32(sum, magnitudes, signed_);
#elif defined(__AVXVNNI__)
    return _mm256_dpbusd_avx_epi32(sum, magnitudes, signed_);
#else
    const __m256i pairs = _mm256_maddubs_epi16(magnitudes, signed_);
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#endif
}

FSDD_INLINE_AVX2 void fsdd_add_32_of_unit_avx2(__m256i *sum, const uint8_t *weights, size_t row, __m256i hidden_q7)
{
    sum[0] = fsdd_add_32_avx2(sum[0], weights, hidden_q7);
    sum[1] = fsdd_add_32_avx2(sum[1], weights + row, hidden_q7);
    sum[2] = fsdd_add_32_avx2(sum[2], weights + 2u * row, hidden_q7);
    sum[3] = fsdd_add_32_avx2(sum[3], weights + 3u * row, hidden_q7);
}

/* 32 hidden values as int8_t. */
FSDD_INLINE_AVX2 __m256i fsdd_pack_32_avx2(const int16_t *hidden_q7)
{
    const __m256i packed = _mm256_packs_epi16(fsdd_load_avx2(hidden_q7), fsdd_load_avx2(hidden_q7 + 16));
    return _mm256_permute4x64_epi64(packed, 0xD8);
}

/* In each 64 bits: the sum of one's two int32_t there, and of other's. */
FSDD_INLINE_AVX2 __m256i fsdd_add_neighbors_avx2(__m256i one, __m256i other)
{
    const __m256i crossed = _mm256_shuffle_epi32(_mm256_blend_epi32(other, one, 0xAA), 0xB1);
    return _mm256_add_epi32(_mm256_blend_epi32(one, other, 0xAA), crossed);
}

/* The sums of four vectors of 8, those of the halves of each apart. */
FSDD_INLINE_AVX2 __m256i fsdd_sums_of_unit_avx2(const __m256i *sum)
{
    const __m256i i_f = fsdd_add_neighbors_avx2(sum[0], sum[1]), g_o = fsdd_add_neighbors_avx2(sum[2], sum[3]);
    const __m256i crossed = _mm256_shuffle_epi32(_mm256_blend_epi32(g_o, i_f, 0xCC), 0x4E);
    return _mm256_add_epi32(_mm256_blend_epi32(i_f, g_o, 0xCC), crossed);
}

/* The sums of 8 vectors of 8: the four gates of one unit, then of another. */
FSDD_INLINE_AVX2 __m256i fsdd_sums_avx2(const __m256i *sum)
{
    const __m256i one = fsdd_sums_of_unit_avx2(sum), other = fsdd_sums_of_unit_avx2(sum + FSDD_GATES);
    return _mm256_add_epi32(_mm256_permute2x128_si256(one, other, 0x20), _mm256_permute2x128_si256(one, other, 0x31));
}

/* -1 for the last `count` <= 32 of 32 numbers; those of 16 bits take the last 32 of these bytes. */
FSDD_INLINE_AVX2 __m256i fsdd_last_avx2(size_t count)
{
    static const int8_t mask[64] = {0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
                                    0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
                                    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
    return fsdd_load_avx2(mask + count);
}

/* fsdd_accumulate_rows for two units, from 0. The columns of a row that ends within a byte count to the end of that byte: at
 * least 16. The last 16 may have been counted in part: what was counts as zero the second time. */
FSDD_INLINE_AVX2 __m256i fsdd_accumulate_16_avx2(unsigned code, const uint8_t *weights, const fsdd_lstm_input *input)
{
    const size_t row = fsdd_row_bytes(code, input->columns), bits = fsdd_bits(code), columns = row * 8u / bits;
    const __m256i is_new = fsdd_last_avx2(2u * ((columns - 1u) % 16u + 1u));
    const __m256i last = _mm256_and_si256(fsdd_load_avx2(input->vector_q7 + columns - 16), is_new), zero = _mm256_setzero_si256();
    const uint8_t *const other = weights + FSDD_GATES * row, *const end = weights + row;
    __m256i sum[FSDD_TWO_UNITS] = {zero, zero, zero, zero, zero, zero, zero, zero};
    size_t k;
    fsdd_add_16_of_unit_avx2(code, sum, end - 2u * bits, row, last);
    fsdd_add_16_of_unit_avx2(code, sum + FSDD_GATES, other + row - 2u * bits, row, last);
    for (k = 0; k + 16u < columns; k += 16u) {
        const __m256i vector = fsdd_load_avx2(input->vector_q7 + k);
        fsdd_add_16_of_unit_avx2(code, sum, weights + k * bits / 8u, row, vector);
        fsdd_add_16_of_unit_avx2(code, sum + FSDD_GATES, other + k * bits / 8u, row, vector);
    }
    return fsdd_sums_avx2(sum);
}

/* The same for int8 and at least 32 columns that all read hidden values, as above the lowest layer. */
FSDD_INLINE_AVX2 __m256i fsdd_accumulate_32_avx2(const uint8_t *weights, const fsdd_lstm_input *input)
{
    const size_t columns = input->columns;
    const __m256i is_new = fsdd_last_avx2((columns - 1u) % 32u + 1u), zero = _mm256_setzero_si256();
    const __m256i last = _mm256_and_si256(fsdd_pack_32_avx2(input->vector_q7 + columns - 32), is_new);
    const uint8_t *const other = weights + FSDD_GATES * columns;
    __m256i sum[FSDD_TWO_UNITS] = {zero, zero, zero, zero, zero, zero, zero, zero};
    size_t k;
    fsdd_add_32_of_unit_avx2(sum, weights + columns - 32, columns, last);
    fsdd_add_32_of_unit_avx2(sum + FSDD_GATES, other + columns - 32, columns, last);
    for (k = 0; k + 32u < columns; k += 32u) {
        const __m256i hidden_q7 = fsdd_pack_32_avx2(input->vector_q7 + k);
        fsdd_add_32_of_unit_avx2(sum, weights + k, columns, hidden_q7);
        fsdd_add_32_of_unit_avx2(sum + FSDD_GATES, other + k, columns, hidden_q7);
    }
    return fsdd_sums_avx2(sum);
}

/* The same for any columns. */
FSDD_FOR_AVX2 FSDD_OUT_OF_LINE static __m256i fsdd_accumulate_few_avx2(const fsdd_model *model, const uint8_t *weights,
                                                                       const fsdd_lstm_input *input)
{
    const size_t row = fsdd_row_bytes(model->format, input->columns);
    fsdd_lstm_input unshifted = *input;
    int32_t sum[FSDD_TWO_UNITS] = {0, 0, 0, 0, 0, 0, 0, 0};
    unshifted.left = 0;
    fsdd_accumulate(model, weights, &unshifted, sum);
    fsdd_accumulate(model, weights + FSDD_GATES * row, &unshifted, sum + FSDD_GATES);
    return fsdd_load_avx2(sum);
}

FSDD_INLINE_AVX2 __m256i fsdd_accumulate_avx2(const fsdd_model *model, int is_hidden, const uint8_t *weights,
                                              const fsdd_lstm_input *input)
{
    if (!FSDD_USES(model, FSDD_ROWS, FSDD_LAYOUTS) || input->columns < 16u)
        return fsdd_accumulate_few_avx2(model, weights, input);
    if (is_hidden && input->columns >= 32u && fsdd_bits(model->format) == 8u)
        return fsdd_accumulate_32_avx2(weights, input);
#define FSDD_ACCUMULATE(code) fsdd_accumulate_16_avx2(code, weights, input)
    return FSDD_WITH_CODE(model, FSDD_ACCUMULATE);
#undef FSDD_ACCUMULATE
}

/* --- what follows the sums --- */

/* The biases of two units, from row `row` on. */
FSDD_INLINE_AVX2 __m256i fsdd_biases_avx2(const fsdd_model *model, const void *bias, size_t row)
{
    if (FSDD_USES(model, FSDD_NARROW_CODES, FSDD_CODES))
        return _mm256_cvtepi16_epi32(fsdd_load_half_avx2((const int16_t *)bias + row));
    return fsdd_load_avx2((const int32_t *)bias + row);
}

/* Their multipliers. */
FSDD_INLINE_AVX2 __m256i fsdd_multipliers_avx2(const fsdd_model *model, const void *multiplier, size_t row)
{
    if (FSDD_USES(model, FSDD_INT8_POT_SCALE, FSDD_CODES))
        return _mm256_cvtepi8_epi32(fsdd_load_quarter_avx2((const int8_t *)multiplier + row));
    if (FSDD_USES(model, FSDD_NARROW_CODES, FSDD_CODES))
        return _mm256_slli_epi32(_mm256_cvtepi16_epi32(fsdd_load_half_avx2((const int16_t *)multiplier + row)), 16);
    return fsdd_load_avx2((const int32_t *)multiplier + row);
}

/* The upper halves of the products, rounded half up. */
FSDD_INLINE_AVX2 __m256i fsdd_rounded_high_words_avx2(__m256i one, __m256i other)
{
    const __m256i half = _mm256_set1_epi64x((int64_t)1 << 31);
    const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(one, other), half);
    const __m256i odd_product = _mm256_mul_epi32(_mm256_srli_epi64(one, 32), _mm256_srli_epi64(other, 32));
    return _mm256_blend_epi32(_mm256_srli_epi64(even, 32), _mm256_add_epi64(odd_product, half), 0xAA);
}

/* fsdd_lstm_gate of two units, whose multipliers are right shifts. */
FSDD_INLINE_AVX2 __m256i fsdd_shifted_gates_avx2(__m256i accumulator, __m256i right)
{
    const __m256i one = _mm256_set1_epi32(1), zero = _mm256_setzero_si256();
    const __m256i less = _mm256_sub_epi32(_mm256_max_epi32(right, one), one), left = _mm256_max_epi32(_mm256_sub_epi32(zero, right), zero);
    const __m256i half = _mm256_srai_epi32(_mm256_add_epi32(_mm256_srav_epi32(accumulator, less), one), 1);
    const __m256i larger = _mm256_sllv_epi32(fsdd_saturate_avx2(accumulator, 16), left);
    return _mm256_blendv_epi8(larger, half, _mm256_cmpgt_epi32(right, zero));
}

/* z of two units from the sums of their rows, without biases. */
FSDD_INLINE_AVX2 __m256i fsdd_gates_avx2(const fsdd_model *model, const fsdd_layer *layer, size_t row, __m256i sums,
                                         unsigned left)
{
    const __m256i accumulator = _mm256_add_epi32(sums, fsdd_biases_avx2(model, layer->bias, row));
    const __m256i multiplier = fsdd_multipliers_avx2(model, layer->multiplier, row);
    const __m256i shifted = _mm256_sll_epi32(accumulator, _mm_cvtsi32_si128((int)left));
    if (FSDD_USES(model, FSDD_INT8_POT_SCALE, FSDD_CODES))
        return fsdd_saturate_avx2(fsdd_shifted_gates_avx2(accumulator, multiplier), 16);
    return fsdd_saturate_avx2(fsdd_rounded_high_words_avx2(shifted, multiplier), 16);
}

/* Those of `value` (8) where the lanes of is_new are -1. */
FSDD_INLINE_AVX2 void fsdd_store_int16_avx2(int16_t *target, __m256i value, __m128i is_new)
{
    const __m128i packed = _mm_packs_epi32(_mm256_castsi256_si128(value), _mm256_extracti128_si256(value, 1));
    const __m128i stored = _mm_blendv_epi8(fsdd_load_half_avx2(target), packed, is_new);
    _mm_storeu_si128((__m128i *)(void *)target, stored);
}

/* What follows the gates, for 8 units: z (4) of two units each, cell_q11 (8), next_q7 (8). A product of two int16_t is one of
 * _mm256_madd_epi16 where one of them is not negative: its upper half, the other factor of the second product, is 0. */
FSDD_INLINE_AVX2 void fsdd_lstm_units_avx2(const fsdd_model *model, const __m256i *z, int16_t *cell_q11, int16_t *next_q7,
                                           __m128i is_new)
{
    const __m256i z04 = _mm256_permute2x128_si256(z[0], z[2], 0x20), z15 = _mm256_permute2x128_si256(z[0], z[2], 0x31);
    const __m256i z26 = _mm256_permute2x128_si256(z[1], z[3], 0x20), z37 = _mm256_permute2x128_si256(z[1], z[3], 0x31);
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
    const __m256i hidden = fsdd_saturate_avx2(fsdd_rounding_shift_right_avx2(product, FSDD_HIDDEN_SHIFT), 8);
    fsdd_store_int16_avx2(cell_q11, cell, is_new);
    fsdd_store_int16_avx2(next_q7, hidden, is_new);
}

/* z (4) of two units each, from `unit` of layer k on. */
FSDD_INLINE_AVX2 void fsdd_units_gates_avx2(const fsdd_model *model, size_t k, const fsdd_lstm_input *input, size_t unit,
                                            __m256i *z)
{
    const fsdd_layer *const layer = model->layers + k;
    const size_t row_bytes = fsdd_row_bytes(model->format, input->columns);
    size_t pair, row;
    for (pair = 0, row = FSDD_GATES * unit; pair < 4u; pair++, row += 2u * FSDD_GATES) {
        const __m256i sums = fsdd_accumulate_avx2(model, k > 0u, layer->weights + row * row_bytes, input);
        z[pair] = fsdd_gates_avx2(model, layer, row, sums, input->left);
    }
}

/* fsdd_lstm_step for at least 8 units; the last 8 may have been computed in part, what was stays as it is. What follows the
 * gates waits for its tables most of the time, so the processor gets it for several 8 units after one another. */
FSDD_FOR_AVX2 FSDD_OUT_OF_LINE static void fsdd_lstm_step_avx2(const fsdd_model *model, size_t k,
                                                               const fsdd_lstm_input *input, int16_t *cell_q11,
                                                               int16_t *next_q7)
{
    const size_t last = model->hidden - FSDD_LANES;
    __m256i z[FSDD_AT_ONCE / 2];
    size_t first, done;
    for (first = 0; first < model->hidden; first += FSDD_AT_ONCE) {
        const size_t end = model->hidden - first < FSDD_AT_ONCE ? model->hidden : first + FSDD_AT_ONCE;
        for (done = first; done < end; done += FSDD_LANES)
            fsdd_units_gates_avx2(model, k, input, done < last ? done : last, z + (done - first) / 2u);
        for (done = first; done < end; done += FSDD_LANES) {
            const size_t unit = done < last ? done : last;
            const __m256i is_new = fsdd_last_avx2(16u - 2u * (done - unit));
            fsdd_lstm_units_avx2(model, z + (done - first) / 2u, cell_q11 + unit, next_q7 + unit,
                                 _mm256_extracti128_si256(is_new, 1));
        }
    }
}

#endif
