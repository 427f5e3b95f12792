/* The same bits faster, on processors with Arm's DSP extension: Cortex-M4, M7, M33 and larger. Included by fsdd_lstm.c.
 *
 * SMLAD adds two products of int16 pairs to an accumulator. The vector is int16 in memory already, two columns a word.
 * SXTB16 widens the bytes 0 and 2 of a word of weights, or 1 and 3 when it rotates the word by 8 first: that is why these
 * bytes hold neighboring columns. So the inner loop takes 22 instructions for 16 products of int8, 54 for 32 of int4. It
 * is written in assembly language because compilers neither pair the loads nor keep all of it in registers.
 *
 * Weights must start at a multiple of four, as they do in an exported model; the vector need not.
 */
#ifndef FSDD_LSTM_ARM_DSP_H
#define FSDD_LSTM_ARM_DSP_H

#include <arm_acle.h>

#include "fsdd_lstm.h"

/* The nearest value in [-2^(bits - 1), 2^(bits - 1)); bits is a constant (the __ssat of arm_acle.h does not pass -Wconversion). */
#define fsdd_saturate(value, bits) ((int32_t)__builtin_arm_ssat(value, bits))

/* a * b / 2^32, rounded half up. */
static inline int32_t fsdd_rounded_high_word(int32_t a, int32_t b)
{
    int32_t word;
    __asm__("smmulr %0, %1, %2" : "=r"(word) : "r"(a), "r"(b));
    return word;
}

/* left + (right - left) * fraction / 2^n is (left * (2^n - fraction) + right * fraction) / 2^n: two products of neighbors
 * in the table. The pair of factors comes from one product, too: fraction * 65535 is fraction * 65536 - fraction. */
static inline int32_t fsdd_interpolate(const int16_t *table, int32_t offset, unsigned fraction_bits)
{
    const int32_t one = (int32_t)1 << fraction_bits, fraction = offset & (one - 1);
    int16x2_t neighbors;
    __builtin_memcpy(&neighbors, table + (offset >> fraction_bits), sizeof neighbors);
    return __smlad(neighbors, fraction * 65535 + one, one >> 1) >> fraction_bits;
}

#define FSDD_LOAD_FOUR_COLUMNS "ldr %[x01], [%[vector]], #4\n\tldr %[x23], [%[vector]], #4\n\t"

/* sum += the four bytes of word * the four columns; uses spare, and word as well where spare is word. */
#define FSDD_ADD_PRODUCTS(sum, word, spare, last_spare)                                                                \
    "sxtb16 %[" spare "], %[" word "]\n\t"                                                                             \
    "smlad %[" sum "], %[" spare "], %[x01], %[" sum "]\n\t"                                                           \
    "sxtb16 %[" last_spare "], %[" word "], ror #8\n\t"                                                                \
    "smlad %[" sum "], %[" last_spare "], %[x23], %[" sum "]\n\t"

/* Adds the products of four columns at a time, from vector_q7 up to end_q7; returns the weights behind these words. */
static inline const uint8_t *fsdd_accumulate_int8_words_arm_dsp(const uint8_t *weights, const int16_t *vector_q7,
                                                                const int16_t *end_q7, int32_t *accumulator)
{
    int32_t i = accumulator[0], f = accumulator[1], g = accumulator[2], o = accumulator[3];
    while (vector_q7 < end_q7) {
        int32_t x01, x23, first, second, wide;
        __asm__(FSDD_LOAD_FOUR_COLUMNS
                "ldrd %[first], %[second], [%[weights]], #8\n\t"
                FSDD_ADD_PRODUCTS("i", "first", "wide", "wide")
                FSDD_ADD_PRODUCTS("f", "second", "wide", "wide")
                "ldrd %[first], %[second], [%[weights]], #8\n\t"
                FSDD_ADD_PRODUCTS("g", "first", "wide", "wide")
                FSDD_ADD_PRODUCTS("o", "second", "wide", "wide")
                : [i] "+r"(i), [f] "+r"(f), [g] "+r"(g), [o] "+r"(o), [vector] "+r"(vector_q7),
                  [weights] "+r"(weights), [x01] "=&r"(x01), [x23] "=&r"(x23), [first] "=&r"(first),
                  [second] "=&r"(second), [wide] "=&r"(wide)
                :
                : "memory");
    }
    accumulator[0] = i, accumulator[1] = f, accumulator[2] = g, accumulator[3] = o;
    return weights;
}

/* A nibble in the upper half of a byte is 16 times its level. */
#define FSDD_ADD_LOW_NIBBLES(sum)                                                                                      \
    "ldr %[word], [%[weights]], #4\n\t"                                                                                \
    "and %[nibbles], %[mask], %[word], lsl #4\n\t" FSDD_ADD_PRODUCTS(sum, "nibbles", "word", "nibbles")
#define FSDD_ADD_HIGH_NIBBLES(sum, bytes_back)                                                                         \
    "ldr %[word], [%[weights], #-" bytes_back "]\n\t"                                                                  \
    "and %[nibbles], %[mask], %[word]\n\t" FSDD_ADD_PRODUCTS(sum, "nibbles", "word", "nibbles")

/* The same for int4, eight columns at a time. That 16 times a sum fits was proven by the exporter. */
static inline const uint8_t *fsdd_accumulate_int4_words_arm_dsp(const uint8_t *weights, const int16_t *vector_q7,
                                                                const int16_t *end_q7, int32_t *accumulator)
{
    const uint32_t mask = 0xf0f0f0f0u;
    int32_t i_16 = 0, f_16 = 0, g_16 = 0, o_16 = 0;
    while (vector_q7 < end_q7) {
        int32_t x01, x23, word, nibbles;
        __asm__(FSDD_LOAD_FOUR_COLUMNS
                FSDD_ADD_LOW_NIBBLES("i") FSDD_ADD_LOW_NIBBLES("f") FSDD_ADD_LOW_NIBBLES("g") FSDD_ADD_LOW_NIBBLES("o")
                FSDD_LOAD_FOUR_COLUMNS
                FSDD_ADD_HIGH_NIBBLES("i", "16") FSDD_ADD_HIGH_NIBBLES("f", "12")
                FSDD_ADD_HIGH_NIBBLES("g", "8") FSDD_ADD_HIGH_NIBBLES("o", "4")
                : [i] "+r"(i_16), [f] "+r"(f_16), [g] "+r"(g_16), [o] "+r"(o_16), [vector] "+r"(vector_q7),
                  [weights] "+r"(weights), [x01] "=&r"(x01), [x23] "=&r"(x23), [word] "=&r"(word),
                  [nibbles] "=&r"(nibbles)
                : [mask] "r"(mask)
                : "memory");
    }
    accumulator[0] += i_16 >> 4, accumulator[1] += f_16 >> 4, accumulator[2] += g_16 >> 4, accumulator[3] += o_16 >> 4;
    return weights;
}

#endif
