/* The same bits faster, on processors with Arm's DSP extension: Cortex-M4, M7, M33 and larger. Included by fsdd_lstm.c.
 *
 * SMLAD adds two products of int16 pairs to a sum. The vector is int16 in memory already, two columns a word; FSDD_PAIRS has
 * weights from which few instructions make such words:
 *   int8     a word holds 256 * one + other of two columns and two gates. SMLAD with it sums 256 * one + other, SMLAD with
 *            its lower bytes, which SXTB16 extends, sums other: 3 instructions for 4 products, without unpacking. The
 *            difference of both is 256 times the sum of one, exactly where that is below 2^23.
 *   int4     AND with 0xF000F000 of a word, shifted left, leaves 2^12 times the levels of one gate in two columns.
 *   ternary  the same with 0xC000C000 and 2^14.
 *   pot      a byte is looked up in a table of 256 pairs, if there is room for it: FSDD_POT_TABLE.
 * That all sums fit was proven by the exporter, or it would have written no FSDD_PAIRS. Loops are written in assembly language
 * because compilers neither pair the loads nor keep all of it in registers.
 *
 * Weights and vectors must start at a multiple of four.
 */
#ifndef FSDD_LSTM_ARM_DSP_H
#define FSDD_LSTM_ARM_DSP_H

#include <arm_acle.h>

#include "fsdd_lstm.h"

/* a * b / 2^32, rounded half up, + c. */
static inline int32_t fsdd_rounded_high_word_plus(int32_t a, int32_t b, int32_t c)
{
    int32_t word;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(word) : "r"(a), "r"(b), "r"(c));
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

/* Two columns x of four gates. */
#define FSDD_ADD_INT8_PAIRS(x)                                                                                         \
    "ldrd %[one], %[other], [%[weights]], #8\n\t"                                                                      \
    "smlad %[i], %[one], " x ", %[i]\n\tsxtb16 %[one], %[one]\n\tsmlad %[f], %[one], " x ", %[f]\n\t"                    \
    "smlad %[g], %[other], " x ", %[g]\n\tsxtb16 %[other], %[other]\n\tsmlad %[o], %[other], " x ", %[o]\n\t"
#define FSDD_SUMS [i] "+r"(i), [f] "+r"(f), [g] "+r"(g), [o] "+r"(o), [vector] "+r"(vector_q7), [weights] "+r"(weights)

/* accumulator (4) += weights * vector_q7 (columns), then times 2^left. */
static inline const uint8_t *fsdd_accumulate_int8_arm_dsp(const uint8_t *weights, const int16_t *vector_q7, size_t columns,
                                                          unsigned left, int32_t *accumulator)
{
    const int16_t *const eights = vector_q7 + (columns & ~(size_t)7u), *const twos = vector_q7 + (columns & ~(size_t)1u);
    int32_t f = accumulator[1], i = (int32_t)((uint32_t)accumulator[0] * 256u + (uint32_t)f);
    int32_t o = accumulator[3], g = (int32_t)((uint32_t)accumulator[2] * 256u + (uint32_t)o);
    int32_t one, other, x;
    if (vector_q7 < eights)
        __asm__("1:\tldmia %[vector]!, {r4, r5, r6, r8}\n\t"
                FSDD_ADD_INT8_PAIRS("r4") FSDD_ADD_INT8_PAIRS("r5") FSDD_ADD_INT8_PAIRS("r6") FSDD_ADD_INT8_PAIRS("r8")
                "cmp %[vector], %[eights]\n\tblo 1b"
                : FSDD_SUMS, [one] "=&r"(one), [other] "=&r"(other)
                : [eights] "r"(eights)
                : "r4", "r5", "r6", "r8", "cc", "memory");
    while (vector_q7 < twos)
        __asm__("ldr %[x], [%[vector]], #4\n\t" FSDD_ADD_INT8_PAIRS("%[x]")
                : FSDD_SUMS, [one] "=&r"(one), [other] "=&r"(other), [x] "=&r"(x)
                :
                : "memory");
    if ((columns & 1u) != 0u)
        __asm__("ldr %[one], [%[weights]], #4\n\tldrsh %[x], [%[vector]]\n\t"
                "smlabb %[i], %[one], %[x], %[i]\n\tsmlatb %[g], %[one], %[x], %[g]\n\tsxtb16 %[one], %[one]\n\t"
                "smlabb %[f], %[one], %[x], %[f]\n\tsmlatb %[o], %[one], %[x], %[o]"
                : FSDD_SUMS, [one] "=&r"(one), [x] "=&r"(x)
                :
                : "memory");
    accumulator[0] = (int32_t)((uint32_t)i - (uint32_t)f) >> (8u - left);
    accumulator[1] = (int32_t)((uint32_t)f << left);
    accumulator[2] = (int32_t)((uint32_t)g - (uint32_t)o) >> (8u - left);
    accumulator[3] = (int32_t)((uint32_t)o << left);
    return weights;
}

/* Two columns x of one gate, whose fields a shift brings to the top of both halves of word. */
#define FSDD_ADD_FIELDS(gate, word, shift, x)                                                                          \
    "and %[fields], %[mask], %[" word "]" shift "\n\tsmlad %[" gate "], %[fields], %[" x "], %[" gate "]\n\t"
#define FSDD_ADD_INT4_COLUMNS(word, x)                                                                                 \
    FSDD_ADD_FIELDS("i", word, ", lsl #12", x) FSDD_ADD_FIELDS("f", word, ", lsl #8", x)                               \
    FSDD_ADD_FIELDS("g", word, ", lsl #4", x) FSDD_ADD_FIELDS("o", word, "", x)

/* Sums of levels in fields of so many bits are 2^(16 - bits) times too large. */
static inline int32_t fsdd_fields_to_sum(int32_t sum, unsigned bits, unsigned left)
{
    return sum >> (16u - bits - left);
}

static inline const uint8_t *fsdd_accumulate_int4_arm_dsp(const uint8_t *weights, const int16_t *vector_q7, size_t columns,
                                                          unsigned left, int32_t *accumulator)
{
    const int16_t *const fours = vector_q7 + (columns & ~(size_t)3u), *const end = vector_q7 + columns;
    const uint32_t mask = 0xF000F000u;
    int32_t i = accumulator[0], f = accumulator[1], g = accumulator[2], o = accumulator[3]; /* times 2^12 */
    int32_t first, second, x01, x23, fields;
    if (vector_q7 < fours)
        __asm__("1:\tldrd %[x01], %[x23], [%[vector]], #8\n\tldrd %[first], %[second], [%[weights]], #8\n\t"
                FSDD_ADD_INT4_COLUMNS("first", "x01") FSDD_ADD_INT4_COLUMNS("second", "x23")
                "cmp %[vector], %[fours]\n\tblo 1b"
                : FSDD_SUMS, [first] "=&r"(first), [second] "=&r"(second), [x01] "=&r"(x01), [x23] "=&r"(x23),
                  [fields] "=&r"(fields)
                : [mask] "r"(mask), [fours] "r"(fours)
                : "cc", "memory");
    while (vector_q7 < end) /* behind an odd column weights are zero, and there is a word */
        __asm__("ldr %[x01], [%[vector]], #4\n\tldr %[first], [%[weights]], #4\n\t" FSDD_ADD_INT4_COLUMNS("first", "x01")
                : FSDD_SUMS, [first] "=&r"(first), [x01] "=&r"(x01), [fields] "=&r"(fields)
                : [mask] "r"(mask)
                : "memory");
    accumulator[0] = fsdd_fields_to_sum(i, 4, left), accumulator[1] = fsdd_fields_to_sum(f, 4, left);
    accumulator[2] = fsdd_fields_to_sum(g, 4, left), accumulator[3] = fsdd_fields_to_sum(o, 4, left);
    return weights;
}

static inline const uint8_t *fsdd_accumulate_ternary_arm_dsp(const uint8_t *weights, const int16_t *vector_q7, size_t columns,
                                                             unsigned left, int32_t *accumulator)
{
    const int16_t *const end = vector_q7 + columns; /* up to three behind it, weights are zero, and there are cells */
    const uint32_t mask = 0xC000C000u;
    int32_t i = accumulator[0], f = accumulator[1], g = accumulator[2], o = accumulator[3]; /* times 2^14 */
    int32_t word, x01, x23, fields;
    __asm__("1:\tldrd %[x01], %[x23], [%[vector]], #8\n\tldr %[word], [%[weights]], #4\n\t"
            FSDD_ADD_FIELDS("i", "word", ", lsl #14", "x01") FSDD_ADD_FIELDS("f", "word", ", lsl #12", "x01")
            FSDD_ADD_FIELDS("g", "word", ", lsl #10", "x01") FSDD_ADD_FIELDS("o", "word", ", lsl #8", "x01")
            FSDD_ADD_FIELDS("i", "word", ", lsl #6", "x23") FSDD_ADD_FIELDS("f", "word", ", lsl #4", "x23")
            FSDD_ADD_FIELDS("g", "word", ", lsl #2", "x23") FSDD_ADD_FIELDS("o", "word", "", "x23")
            "cmp %[vector], %[end]\n\tblo 1b"
            : FSDD_SUMS, [word] "=&r"(word), [x01] "=&r"(x01), [x23] "=&r"(x23), [fields] "=&r"(fields)
            : [mask] "r"(mask), [end] "r"(end)
            : "cc", "memory");
    accumulator[0] = fsdd_fields_to_sum(i, 2, left), accumulator[1] = fsdd_fields_to_sum(f, 2, left);
    accumulator[2] = fsdd_fields_to_sum(g, 2, left), accumulator[3] = fsdd_fields_to_sum(o, 2, left);
    return weights;
}

#if ((FSDD_FORMATS) & FSDD_POT_TABLE) == 0u
/* Without a table: with multiplications, as any other processor. */
static inline void fsdd_accumulate_pot(const uint8_t *weights, const int16_t *vector_q7, size_t columns, uint32_t *sum);

static inline const uint8_t *fsdd_accumulate_pot_arm_dsp(const uint8_t *weights, const int16_t *vector_q7, size_t columns,
                                                         unsigned left, int32_t *accumulator)
{
    uint32_t sum[FSDD_GATES];
    size_t gate;
    for (gate = 0; gate < FSDD_GATES; gate++)
        sum[gate] = (uint32_t)accumulator[gate];
    fsdd_accumulate_pot(weights, vector_q7, columns, sum);
    for (gate = 0; gate < FSDD_GATES; gate++)
        accumulator[gate] = (int32_t)(sum[gate] << left);
    return weights + FSDD_GATES * ((columns + 1u) >> 1);
}
#else
/* A byte of weights to its two levels, the column of the lower bits first. */
#define FSDD_POT_LEVEL(field) ((((field) & 7) == 0 ? 0 : 1 << (((field) & 7) - 1) & 0xFFFF) * ((field) < 8 ? 1 : -1) & 0xFFFF)
#define FSDD_POT_PAIR(high, low) ((uint32_t)FSDD_POT_LEVEL(high) << 16 | (uint32_t)FSDD_POT_LEVEL(low))
#define FSDD_POT_PAIRS_4(high, low)                                                                                    \
    FSDD_POT_PAIR(high, low), FSDD_POT_PAIR(high, low + 1), FSDD_POT_PAIR(high, low + 2), FSDD_POT_PAIR(high, low + 3)
#define FSDD_POT_PAIRS_16(high)                                                                                        \
    FSDD_POT_PAIRS_4(high, 0), FSDD_POT_PAIRS_4(high, 4), FSDD_POT_PAIRS_4(high, 8), FSDD_POT_PAIRS_4(high, 12)
#define FSDD_POT_PAIRS_64(high)                                                                                        \
    FSDD_POT_PAIRS_16(high), FSDD_POT_PAIRS_16(high + 1), FSDD_POT_PAIRS_16(high + 2), FSDD_POT_PAIRS_16(high + 3)
static const uint32_t fsdd_pot_pairs[256] = {FSDD_POT_PAIRS_64(0), FSDD_POT_PAIRS_64(4), FSDD_POT_PAIRS_64(8),
                                             FSDD_POT_PAIRS_64(12)};

#define FSDD_ADD_POT_BYTE(gate, x)                                                                                     \
    "ldrb %[pair], [%[weights]], #1\n\tldr %[pair], [%[pairs], %[pair], lsl #2]\n\t"                                   \
    "smlad %[" gate "], %[pair], %[" x "], %[" gate "]\n\t"
#define FSDD_ADD_POT_COLUMNS(x)                                                                                        \
    FSDD_ADD_POT_BYTE("i", x) FSDD_ADD_POT_BYTE("f", x) FSDD_ADD_POT_BYTE("g", x) FSDD_ADD_POT_BYTE("o", x)

static inline const uint8_t *fsdd_accumulate_pot_arm_dsp(const uint8_t *weights, const int16_t *vector_q7, size_t columns,
                                                         unsigned left, int32_t *accumulator)
{
    const int16_t *const fours = vector_q7 + (columns & ~(size_t)3u), *const end = vector_q7 + columns;
    int32_t i = accumulator[0], f = accumulator[1], g = accumulator[2], o = accumulator[3];
    int32_t x01, x23, pair;
    if (vector_q7 < fours)
        __asm__("1:\tldrd %[x01], %[x23], [%[vector]], #8\n\t" FSDD_ADD_POT_COLUMNS("x01") FSDD_ADD_POT_COLUMNS("x23")
                "cmp %[vector], %[fours]\n\tblo 1b"
                : FSDD_SUMS, [x01] "=&r"(x01), [x23] "=&r"(x23), [pair] "=&r"(pair)
                : [pairs] "r"(fsdd_pot_pairs), [fours] "r"(fours)
                : "cc", "memory");
    while (vector_q7 < end)
        __asm__("ldr %[x01], [%[vector]], #4\n\t" FSDD_ADD_POT_COLUMNS("x01")
                : FSDD_SUMS, [x01] "=&r"(x01), [pair] "=&r"(pair)
                : [pairs] "r"(fsdd_pot_pairs)
                : "memory");
    accumulator[0] = (int32_t)((uint32_t)i << left), accumulator[1] = (int32_t)((uint32_t)f << left);
    accumulator[2] = (int32_t)((uint32_t)g << left), accumulator[3] = (int32_t)((uint32_t)o << left);
    return weights;
}
#endif

/* Adds weights * vector (columns) of one unit to accumulator (4), shifts it left, and returns the weights of the next unit. */
static inline const uint8_t *fsdd_accumulate_arm_dsp(unsigned code, const uint8_t *weights, const int16_t *vector_q7,
                                                     size_t columns, unsigned left, int32_t *accumulator)
{
    if (code == FSDD_INT4)
        return fsdd_accumulate_int4_arm_dsp(weights, vector_q7, columns, left, accumulator);
    if (code == FSDD_TERNARY)
        return fsdd_accumulate_ternary_arm_dsp(weights, vector_q7, columns, left, accumulator);
    if (code == FSDD_POT)
        return fsdd_accumulate_pot_arm_dsp(weights, vector_q7, columns, left, accumulator);
    return fsdd_accumulate_int8_arm_dsp(weights, vector_q7, columns, left, accumulator);
}

#endif
