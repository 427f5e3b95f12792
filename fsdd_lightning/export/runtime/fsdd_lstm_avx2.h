/* int8 weights in plain rows on x86 processors with AVX2: the four rows of a unit side by side, 16 columns at a time.
 * Included by fsdd_lstm.c. */
#ifndef FSDD_LSTM_AVX2_H
#define FSDD_LSTM_AVX2_H

#include <immintrin.h>

/* sum (8) += 16 weights times 16 entries of the vector; two products of neighbours meet in one int32_t. */
static inline __m256i fsdd_add_16_avx2(__m256i sum, const uint8_t *weights, __m256i vector_q7)
{
    const __m256i levels = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)weights));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(levels, vector_q7));
}

/* accumulator (4) += the sums of four vectors of 8. */
static inline void fsdd_add_sums_avx2(const __m256i *sum, int32_t *accumulator)
{
    const __m256i pairs =
        _mm256_hadd_epi32(_mm256_hadd_epi32(sum[0], sum[1]), _mm256_hadd_epi32(sum[2], sum[3]));
    const __m128i sums = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
    const __m128i before = _mm_loadu_si128((const __m128i *)(const void *)accumulator);
    _mm_storeu_si128((__m128i *)(void *)accumulator, _mm_add_epi32(before, sums));
}

/* Columns beyond the last 16 are read with columns that were counted already, which count as zero this time; rows
 * shorter than 16 go the portable way. */
static inline const uint8_t *fsdd_int8_plain_rows_avx2(const uint8_t *weights, const int16_t *vector_q7,
                                                       size_t columns, int32_t *accumulator)
{
    static const int16_t counted_then_new[32] = {0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
                                                 -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
    __m256i sum[FSDD_GATES], vector;
    size_t gate, k;
    if (columns < 16u)
        return fsdd_accumulate_plain_rows(FSDD_INT8, weights, vector_q7, columns, accumulator);
    for (gate = 0; gate < FSDD_GATES; gate++)
        sum[gate] = _mm256_setzero_si256();
    for (k = 0; k + 16u <= columns; k += 16u) {
        vector = _mm256_loadu_si256((const __m256i *)(const void *)(vector_q7 + k));
        for (gate = 0; gate < FSDD_GATES; gate++)
            sum[gate] = fsdd_add_16_avx2(sum[gate], weights + gate * columns + k, vector);
    }
    if (k < columns) {
        const void *mask = counted_then_new + (columns - k);
        k = columns - 16u;
        vector = _mm256_loadu_si256((const __m256i *)(const void *)(vector_q7 + k));
        vector = _mm256_and_si256(vector, _mm256_loadu_si256((const __m256i *)mask));
        for (gate = 0; gate < FSDD_GATES; gate++)
            sum[gate] = fsdd_add_16_avx2(sum[gate], weights + gate * columns + k, vector);
    }
    fsdd_add_sums_avx2(sum, accumulator);
    return weights + FSDD_GATES * columns;
}

#endif
