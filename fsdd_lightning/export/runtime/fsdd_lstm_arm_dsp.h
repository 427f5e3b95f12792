/* Faster ways to compute the same bits on Arm's DSP extension: Cortex-M4, M7, M33 and larger. Included by fsdd_lstm.c
 * where the compiler says that the processor has it.
 *
 * The inner loop is 22 instructions for 16 products of int8: SMLAD adds two products of int16 pairs. The vector is int16
 * in memory already, two columns a word; SXTB16 widens the bytes 0 and 2 of a word of weights, or 1 and 3 when it rotates
 * the word first. That is why those bytes hold neighbouring columns (fsdd_accumulate_interleaved in fsdd_lstm.c). It is
 * written in assembly language because compilers neither pair the loads nor keep all of it in registers.
 *
 * Weights must be aligned to four bytes, as the exporter writes them; the vector need not be.
 */
#ifndef FSDD_LSTM_ARM_DSP_H
#define FSDD_LSTM_ARM_DSP_H

#include "fsdd_lstm.h"

#define FSDD_INT8_INTERLEAVED fsdd_int8_interleaved_arm_dsp
#define FSDD_INT4_INTERLEAVED fsdd_int4_interleaved_arm_dsp

/* The next four columns of the vector, as the pairs x01 and x23. */
#define FSDD_LOAD_COLUMNS "ldr %[x01], [%[vector]], #4\n\tldr %[x23], [%[vector]], #4\n\t"
/* One word of four int8 weights of one gate, times those columns. */
#define FSDD_INT8_GATE(sum, word)                                                                                      \
    "sxtb16 %[wide], %[" word "]\n\tsmlad %[" sum "], %[wide], %[x01], %[" sum "]\n\t"                                 \
    "sxtb16 %[wide], %[" word "], ror #8\n\tsmlad %[" sum "], %[wide], %[x23], %[" sum "]\n\t"

static inline const uint8_t *fsdd_int8_interleaved_arm_dsp(const uint8_t *weights, const int16_t *vector_q7,
                                                           size_t columns, int32_t *accumulator)
{
    const int16_t *const end = vector_q7 + columns, *const words_end = vector_q7 + (columns & ~(size_t)3);
    const size_t rest = columns & 3u;
    int32_t i = accumulator[0], f = accumulator[1], g = accumulator[2], o = accumulator[3];
    while (vector_q7 < words_end) {
        int32_t x01, x23, first, second, wide;
        __asm__(FSDD_LOAD_COLUMNS
                "ldrd %[first], %[second], [%[weights]], #8\n\t" FSDD_INT8_GATE("i", "first") FSDD_INT8_GATE("f", "second")
                "ldrd %[first], %[second], [%[weights]], #8\n\t" FSDD_INT8_GATE("g", "first") FSDD_INT8_GATE("o", "second")
                : [vector] "+r"(vector_q7), [weights] "+r"(weights), [i] "+r"(i), [f] "+r"(f), [g] "+r"(g), [o] "+r"(o),
                  [x01] "=&r"(x01), [x23] "=&r"(x23), [first] "=&r"(first), [second] "=&r"(second), [wide] "=&r"(wide)
                :
                : "memory");
    }
    for (; vector_q7 < end; vector_q7++, weights++) {
        i += (int8_t)weights[0] * *vector_q7;
        f += (int8_t)weights[rest] * *vector_q7;
        g += (int8_t)weights[2u * rest] * *vector_q7;
        o += (int8_t)weights[3u * rest] * *vector_q7;
    }
    accumulator[0] = i, accumulator[1] = f, accumulator[2] = g, accumulator[3] = o;
    return weights + 3u * rest;
}

#endif
