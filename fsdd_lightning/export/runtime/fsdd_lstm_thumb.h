/* The same bits faster, on Cortex-M: columns of int8 weights, in assembly language because compilers do not keep four sums and
 * two addresses in the few registers that these have; and loads of four words at once. Included by fsdd_lstm.c. */
#ifndef FSDD_LSTM_THUMB_H
#define FSDD_LSTM_THUMB_H

#include "fsdd_lstm.h"

/* sum += byte number k of weights * value, and the value of column number k of the vector. */
#if __ARM_ARCH_ISA_THUMB == 1 /* products have two operands, of the lower eight registers */
#define FSDD_ADD_BYTE(sum, k)                                                                                          \
    "ldrb %[product], [%[weights], #" #k "]\n\tmuls %[product], %[value]\n\tadd %[" sum "], %[product]\n\t"
#define FSDD_LOAD_COLUMN(bytes) "ldrh %[value], [%[vector], #" #bytes "]\n\tsxth %[value], %[value]\n\t"
#else
#define FSDD_ADD_BYTE(sum, k)                                                                                          \
    "ldrb %[product], [%[weights], #" #k "]\n\tmla %[" sum "], %[product], %[value], %[" sum "]\n\t"
#define FSDD_LOAD_COLUMN(bytes) "ldrsh %[value], [%[vector], #" #bytes "]\n\t"
#endif
#define FSDD_ADD_COLUMN(bytes, i, f, g, o)                                                                             \
    FSDD_LOAD_COLUMN(bytes) FSDD_ADD_BYTE("i", i) FSDD_ADD_BYTE("f", f) FSDD_ADD_BYTE("g", g) FSDD_ADD_BYTE("o", o)

/* fsdd_accumulate_columns of int8; out of line where no register would be left for the caller. */
#if __ARM_ARCH_ISA_THUMB == 1
FSDD_OUT_OF_LINE static
#else
static inline
#endif
void fsdd_accumulate_int8_columns_thumb(const uint8_t *weights, const int16_t *vector_q7, size_t columns,
                                                      uint32_t *sum)
{
    const int16_t *const fours = vector_q7 + (columns & ~(size_t)3u), *const end = vector_q7 + columns;
    uint32_t i = sum[0], f = sum[1], g = sum[2], o = sum[3], value, product;
#define FSDD_OPERANDS                                                                                                  \
    [i] "+r"(i), [f] "+r"(f), [g] "+r"(g), [o] "+h"(o), [vector] "+l"(vector_q7), [weights] "+l"(weights),             \
        [value] "=&l"(value), [product] "=&l"(product)
    if (vector_q7 < fours)
        __asm__(".syntax unified\n1:\t"
                FSDD_ADD_COLUMN(0, 0, 1, 2, 3) FSDD_ADD_COLUMN(2, 4, 5, 6, 7)
                FSDD_ADD_COLUMN(4, 8, 9, 10, 11) FSDD_ADD_COLUMN(6, 12, 13, 14, 15)
                "adds %[weights], #16\n\tadds %[vector], #8\n\tcmp %[vector], %[fours]\n\tblo 1b"
                : FSDD_OPERANDS
                : [fours] "h"(fours)
                : "cc", "memory");
    while (vector_q7 < end)
        __asm__(".syntax unified\n\t" FSDD_ADD_COLUMN(0, 0, 1, 2, 3) "adds %[weights], #4\n\tadds %[vector], #2"
                : FSDD_OPERANDS
                :
                : "cc", "memory");
#undef FSDD_OPERANDS
    sum[0] = i, sum[1] = f, sum[2] = g, sum[3] = o;
}

#ifdef FSDD_THUMB2
/* Four words to target, and the address of the next. */
static inline const void *fsdd_load_four(const void *words, int32_t *target)
{
    register int32_t a __asm__("r0"), b __asm__("r1"), c __asm__("r2"), d __asm__("r3");
    __asm__("ldmia %[words]!, {%[a], %[b], %[c], %[d]}"
            : [words] "+r"(words), [a] "=r"(a), [b] "=r"(b), [c] "=r"(c), [d] "=r"(d)
            :
            : "memory");
    target[0] = a, target[1] = b, target[2] = c, target[3] = d;
    return words;
}
#endif

#ifdef FSDD_ARM_DSP
/* Four int16 times 2^shift to target, and the address of the next; they start at a multiple of four. */
static inline const void *fsdd_load_four_halves(const void *words, unsigned shift, int32_t *target)
{
    const int32_t factor = (int32_t)1 << shift;
    register int32_t a __asm__("r0"), b __asm__("r1");
    __asm__("ldmia %[words]!, {%[a], %[b]}" : [words] "+r"(words), [a] "=r"(a), [b] "=r"(b) : : "memory");
    if (shift == 16u) {
        target[0] = (int32_t)((uint32_t)a << 16), target[1] = (int32_t)((uint32_t)a & 0xFFFF0000u);
        target[2] = (int32_t)((uint32_t)b << 16), target[3] = (int32_t)((uint32_t)b & 0xFFFF0000u);
    } else {
        target[0] = (int16_t)a * factor, target[1] = (a >> 16) * factor;
        target[2] = (int16_t)b * factor, target[3] = (b >> 16) * factor;
    }
    return words;
}
#endif

#endif
