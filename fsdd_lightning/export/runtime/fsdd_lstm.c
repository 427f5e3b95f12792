/* See fsdd_lstm.h. Rounding is half up, once per operation; every saturation is named; nothing else clips. */
#include "fsdd_lstm.h"

/* The one thing that C leaves to the compiler and this file needs: >> of a negative number is arithmetic. */
typedef char fsdd_shift_right_is_arithmetic[((int32_t)-3 >> 1) == -2 && ((int64_t)-3 >> 1) == -2 ? 1 : -1];

/* Two's complement, as everywhere: what was summed modulo 2^32 is read as int32_t. */
typedef char fsdd_int32_is_modular[(int32_t)0xFFFFFFFEu == -2 ? 1 : -1];

/* Does this model use one of `formats`, of those in `choices`? Folds to a constant where FSDD_FORMATS leaves one answer. */
#define FSDD_USES(model, formats, choices)                                                                             \
    (((FSDD_FORMATS) & (choices) & ~(unsigned)(formats)) == 0u || ((FSDD_FORMATS) & (formats) & (model)->format) != 0u)
#define FSDD_NARROW_CODES (FSDD_INT4 | FSDD_POT | FSDD_TERNARY) /* 16 bits for each bias and multiplier */
#define FSDD_CODES (FSDD_INT8 | FSDD_INT8_POT_SCALE | FSDD_NARROW_CODES)
#define FSDD_LAYOUTS (FSDD_COLUMNS | FSDD_PAIRS | FSDD_ROWS)

/* No instruction that multiplies: power-of-two weights are summed without one. */
#if defined(__riscv) && !defined(__riscv_mul) && !defined(FSDD_NO_MULTIPLIER)
#define FSDD_NO_MULTIPLIER
#endif

/* A kernel's smallest parts, never called, also not in a small build; and a large function in a loop, which inlined would
 * leave both without registers. */
#if defined(__GNUC__)
#define FSDD_INLINE __attribute__((always_inline)) inline
#define FSDD_OUT_OF_LINE __attribute__((noinline))
#else
#define FSDD_INLINE inline
#define FSDD_OUT_OF_LINE
#endif

/* --- fixed_point.py --- */

#define FSDD_FEATURE_SHIFT 3 /* x from 2^-4 to 2^-7 */
#define FSDD_FORGET_SHIFT 15 /* f * c from 2^-26 to 2^-11 */
#define FSDD_INPUT_SHIFT 19  /* i * g from 2^-30 to 2^-11 */
#define FSDD_HIDDEN_SHIFT 23 /* o * tanh(c) from 2^-30 to 2^-7 */

/* value / 2^shift, rounded half up; shift >= 1. */
static inline int32_t fsdd_rounding_shift_right(int32_t value, unsigned shift)
{
    return (value + ((int32_t)1 << (shift - 1u))) >> shift;
}

/* value * 2^shift without a product; shifting a negative number left is not defined in C, so it is done unsigned. */
static inline int32_t fsdd_shift_left(int32_t value, unsigned shift) { return (int32_t)((uint32_t)value << shift); }

/* fsdd_saturate(value, bits): the nearest value in [-2^(bits - 1), 2^(bits - 1)).
 * fsdd_saturate_unsigned(value, bits): the nearest value in [0, 2^bits).
 * bits is a constant. Cortex-M3 and larger have an instruction for each. */
#if defined(__ARM_FEATURE_SAT)
#define fsdd_saturate(value, bits) ((int32_t)__builtin_arm_ssat(value, bits))
#define fsdd_saturate_unsigned(value, bits) ((int32_t)__builtin_arm_usat(value, bits))
#else
static inline int32_t fsdd_saturate(int32_t value, unsigned bits)
{
    const int32_t high = ((int32_t)1 << (bits - 1u)) - 1, low = -high - 1;
    return value < low ? low : value > high ? high : value;
}

static inline int32_t fsdd_saturate_unsigned(int32_t value, unsigned bits)
{
    const int32_t high = ((int32_t)1 << bits) - 1;
    return value < 0 ? 0 : value > high ? high : value;
}
#endif

static inline int32_t fsdd_sat16(int32_t value) { return fsdd_saturate(value, 16); }

static inline int32_t fsdd_sat8(int32_t value) { return fsdd_saturate(value, 8); }

/* Where the compiler says that the processor has them: instructions for products of int16 pairs. */
#ifdef FSDD_ARM_DSP
#include "fsdd_lstm_arm_dsp.h"
#else
/* a * b / 2^32, rounded half up, + c; b is not negative. */
static inline int32_t fsdd_rounded_high_word_plus(int32_t a, int32_t b, int32_t c)
{
#if defined(__ARM_ARCH_ISA_THUMB) && __ARM_ARCH_ISA_THUMB == 1 /* no product of 64 bits: four of 32 */
    const uint32_t a_low = (uint32_t)a & 0xFFFFu, b_low = (uint32_t)b & 0xFFFFu, b_high = (uint32_t)b >> 16;
    const int32_t a_high = a >> 16;
    const int32_t middle = a_high * (int32_t)b_low + (int32_t)(a_low * b_low >> 16);
    const uint32_t rest = a_low * b_high + ((uint32_t)middle & 0xFFFFu) + 0x8000u;
    return a_high * (int32_t)b_high + (middle >> 16) + (int32_t)(rest >> 16) + c;
#else
    const int64_t product = (int64_t)a * b;
    return (int32_t)(product >> 32) + (int32_t)((uint32_t)product >> 31) + c; /* the highest bit that is left out */
#endif
}
#endif

/* --- activation_tables.py --- */

#define FSDD_SIGMOID_ZERO 32768 /* where z = 0 is in a table, in steps of 2^-11 */
#define FSDD_SIGMOID_BITS 16
#define FSDD_SIGMOID_FRACTION_BITS 8
#define FSDD_TANH_ZERO 16384
#define FSDD_TANH_BITS 15
#define FSDD_TANH_FRACTION_BITS 7

#ifndef FSDD_ARM_DSP
/* The chord through two neighbors of table (257), `offset` steps of 2^-11 from its start. */
static inline int32_t fsdd_interpolate(const int16_t *table, int32_t offset, unsigned fraction_bits)
{
    const int16_t *const neighbors = table + (offset >> fraction_bits);
    const int32_t fraction = offset & (((int32_t)1 << fraction_bits) - 1);
#if defined(FSDD_THUMB2) && defined(__ARM_FEATURE_UNALIGNED) && !defined(__ARM_BIG_ENDIAN)
    int32_t both, left; /* in one load */
    __builtin_memcpy(&both, neighbors, sizeof both);
    left = (int16_t)both;
    return left + fsdd_rounding_shift_right(((both >> 16) - left) * fraction, fraction_bits);
#else
    return neighbors[0] + fsdd_rounding_shift_right(((int32_t)neighbors[1] - neighbors[0]) * fraction, fraction_bits);
#endif
}
#endif

/* Of an offset in a table, FSDD_SIGMOID_ZERO + z: where it leaves the table z saturates, and tanh is flat outside [-8, 8). */
static inline int32_t fsdd_sigmoid_q15(const fsdd_model *model, int32_t offset)
{
    const int32_t inside = fsdd_saturate_unsigned(offset, FSDD_SIGMOID_BITS);
    return fsdd_interpolate(model->sigmoid_table, inside, FSDD_SIGMOID_FRACTION_BITS);
}

/* Of FSDD_TANH_ZERO + z. */
static inline int32_t fsdd_tanh_q15(const fsdd_model *model, int32_t offset)
{
    const int32_t inside = fsdd_saturate_unsigned(offset, FSDD_TANH_BITS);
    return fsdd_interpolate(model->tanh_table, inside, FSDD_TANH_FRACTION_BITS);
}

/* --- weight_codes.py --- */

/* The bits of one weight. Here and below `code` is a constant of the call, so that kernels decide nothing at run time. */
static inline unsigned fsdd_bits(unsigned code)
{
    return (code & FSDD_TERNARY) != 0u ? 2u : (code & (FSDD_INT4 | FSDD_POT)) != 0u ? 4u : 8u;
}

static inline size_t fsdd_row_bytes(unsigned code, size_t columns) { return (columns * fsdd_bits(code) + 7u) >> 3; }

/* The weight in the lowest bits of `field`, in two's complement. */
FSDD_INLINE static int32_t fsdd_level(unsigned code, unsigned field)
{
    const unsigned sign = 1u << (fsdd_bits(code) - 1u);
    return (int32_t)((field & ((sign << 1) - 1u)) ^ sign) - (int32_t)sign;
}

/* value times the power of two in the lowest bits of `field`. */
FSDD_INLINE static int32_t fsdd_pot_product(unsigned field, int32_t value)
{
    const int32_t magnitude = (field & 7u) == 0u ? 0 : fsdd_shift_left(value, (field & 7u) - 1u);
    return (field & 8u) != 0u ? -magnitude : magnitude;
}

#ifdef FSDD_NO_MULTIPLIER
/* The sum of powers of two times vector_q7 (columns), by additions alone: every entry is added to the sum of those with the
 * same weight, the seven differences of positive and negative sums are doubled into one another. A byte holds two columns,
 * and the bytes of the row are `stride` apart. sums (16) are zero before and after, but for those of weight zero. */
FSDD_OUT_OF_LINE static int32_t fsdd_pot_row_by_additions(const uint8_t *weights, size_t stride, const int16_t *vector_q7,
                                                          size_t columns, int32_t *sums)
{
    const int16_t *const end_q7 = vector_q7 + columns;
    int32_t sum = 0;
    unsigned field;
    for (; vector_q7 < end_q7; weights += stride, vector_q7 += 2) {
        sums[*weights & 15u] += vector_q7[0];
        sums[*weights >> 4] += vector_q7[1]; /* behind an odd column the weight is zero, and there is a word */
    }
    for (field = 7; field > 0u; field--) {
        sum += sum + sums[field] - sums[field + 8u];
        sums[field] = sums[field + 8u] = 0;
    }
    return sum;
}
#endif

/* The sum of a packed row of weights times vector_q7 (columns). */
static inline int32_t fsdd_row(unsigned code, const uint8_t *weights, const int16_t *vector_q7, size_t columns)
{
    const unsigned bits = fsdd_bits(code);
    int32_t sum = 0;
    size_t k;
#ifdef FSDD_NO_MULTIPLIER
    if (code == FSDD_POT) {
        int32_t sums[16] = {0};
        return fsdd_pot_row_by_additions(weights, 1, vector_q7, columns, sums);
    }
#endif
    for (k = 0; k < columns; k++) {
        const unsigned byte = weights[bits == 8u ? k : k * bits >> 3]; /* so plain that a compiler makes vectors of it */
        const unsigned field = bits == 8u ? byte : byte >> (k * bits & 7u);
        sum += code == FSDD_POT ? fsdd_pot_product(field, vector_q7[k]) : fsdd_level(code, field) * vector_q7[k];
    }
    return sum;
}

/* The layouts of the weights of one unit (4, columns), each as long as four packed rows. Each function adds weights *
 * vector_q7 (columns) to sum (4), modulo 2^32.
 *
 * FSDD_ROWS: the packed rows of the gates i, f, g, o follow one another. */
static inline void fsdd_accumulate_rows(unsigned code, const uint8_t *weights, const int16_t *vector_q7, size_t columns,
                                        uint32_t *sum)
{
    size_t gate;
    for (gate = 0; gate < FSDD_GATES; gate++, weights += fsdd_row_bytes(code, columns))
        sum[gate] += (uint32_t)fsdd_row(code, weights, vector_q7, columns);
}

/* Power-of-two weights, in FSDD_COLUMNS and in FSDD_PAIRS: four bytes, one for each gate, hold two columns of it. */
static inline void fsdd_accumulate_pot(const uint8_t *weights, const int16_t *vector_q7, size_t columns, uint32_t *sum)
{
#ifdef FSDD_NO_MULTIPLIER
    int32_t sums[16] = {0};
    size_t gate;
    for (gate = 0; gate < FSDD_GATES; gate++)
        sum[gate] += (uint32_t)fsdd_pot_row_by_additions(weights + gate, FSDD_GATES, vector_q7, columns, sums);
#else
    static const int8_t level[16] = {0, 1, 2, 4, 8, 16, 32, 64, 0, -1, -2, -4, -8, -16, -32, -64};
    size_t gate, k;
    for (k = 0; k < columns; k += 2u, weights += FSDD_GATES) {
        const int32_t first = vector_q7[k], second = k + 1u < columns ? vector_q7[k + 1u] : 0;
        for (gate = 0; gate < FSDD_GATES; gate++)
            sum[gate] += (uint32_t)(level[weights[gate] & 15u] * first + level[weights[gate] >> 4] * second);
    }
#endif
}

/* One column of FSDD_COLUMNS, `k` of them from weights and vector_q7 on. */
#define FSDD_ADD_INT8_COLUMN(k)                                                                                        \
    value = (uint32_t)(int32_t)vector_q7[k], i += weights[4 * (k)] * value, f += weights[4 * (k) + 1] * value,         \
    g += weights[4 * (k) + 2] * value, o += weights[4 * (k) + 3] * value
#define FSDD_ADD_INT4_COLUMN(k)                                                                                        \
    value = (uint32_t)(int32_t)vector_q7[k], i += (weights[2 * (k)] & 15u) * value,                                    \
    f += ((unsigned)weights[2 * (k)] >> 4) * value, g += (weights[2 * (k) + 1] & 15u) * value,                         \
    o += ((unsigned)weights[2 * (k) + 1] >> 4) * value
#define FSDD_ADD_TERNARY_COLUMN(k)                                                                                     \
    value = (uint32_t)(int32_t)vector_q7[k], i += (weights[k] & 3u) * value,                                           \
    f += ((unsigned)weights[k] >> 2 & 3u) * value, g += ((unsigned)weights[k] >> 4 & 3u) * value,                      \
    o += ((unsigned)weights[k] >> 6) * value
/* All columns, four at a time: at an address and constants behind it. */
#define FSDD_ADD_COLUMNS(add_column, column_bytes)                                                                     \
    for (; vector_q7 < fours; vector_q7 += 4, weights += 4 * (column_bytes))                                           \
        add_column(0), add_column(1), add_column(2), add_column(3);                                                    \
    for (; vector_q7 < end; vector_q7++, weights += (column_bytes))                                                    \
        add_column(0)

#if defined(FSDD_THUMB1) || defined(FSDD_THUMB2)
#include "fsdd_lstm_thumb.h"
#endif

/* FSDD_COLUMNS: the four gates of a column lie together, from the lowest bits on. A level is stored as what it exceeds the
 * least number of its bits by: nothing has to be extended by a sign, and fsdd_columns_excess is taken off at once. */
static inline void fsdd_accumulate_columns(unsigned code, const uint8_t *weights, const int16_t *vector_q7,
                                           size_t columns, uint32_t *sum)
{
    const int16_t *const fours = vector_q7 + (columns & ~(size_t)3u), *const end = vector_q7 + columns;
    uint32_t i = sum[0], f = sum[1], g = sum[2], o = sum[3], value;
    if (code == FSDD_POT) {
        fsdd_accumulate_pot(weights, vector_q7, columns, sum);
        return;
    }
#if defined(FSDD_THUMB1) || defined(FSDD_THUMB2)
    if (code == FSDD_INT8) {
        fsdd_accumulate_int8_columns_thumb(weights, vector_q7, columns, sum);
        return;
    }
#endif
    if (code == FSDD_INT4) {
        FSDD_ADD_COLUMNS(FSDD_ADD_INT4_COLUMN, 2);
    } else if (code == FSDD_TERNARY) {
        FSDD_ADD_COLUMNS(FSDD_ADD_TERNARY_COLUMN, 1);
    } else {
        FSDD_ADD_COLUMNS(FSDD_ADD_INT8_COLUMN, 4);
    }
    sum[0] = i, sum[1] = f, sum[2] = g, sum[3] = o;
}

/* What fsdd_accumulate_columns adds to each gate beside weights * vector_q7, as all levels are stored too large. */
static inline uint32_t fsdd_columns_excess(unsigned code, const int16_t *vector_q7, size_t columns)
{
    int32_t total = 0;
    if (code == FSDD_POT)
        return 0;
    for (; columns > 0u; columns--)
        total += *vector_q7++;
    return (uint32_t)total << (fsdd_bits(code) - 1u);
}

/* Two levels of FSDD_PAIRS in int8: 256 * one + other, in two bytes, the lower one first. */
static inline int32_t fsdd_other_of_pair(const uint8_t *pair) { return fsdd_level(FSDD_INT8, pair[0]); }

static inline int32_t fsdd_one_of_pair(const uint8_t *pair) { return fsdd_level(FSDD_INT8, pair[1]) + (pair[0] >> 7); }

/* FSDD_PAIRS in int8: of two columns the pairs i f of each, then the pairs g o; of a last single one both pairs. */
static inline void fsdd_accumulate_int8_pairs(const uint8_t *weights, const int16_t *vector_q7, size_t columns,
                                              uint32_t *sum)
{
    size_t k;
    for (k = 0; k < columns; k++) {
        const size_t apart = (columns & ~(size_t)1u) > k ? 4u : 2u; /* of this column's two pairs */
        const uint8_t *const i_f = weights + (k >> 1) * 8u + (k & 1u) * 2u, *const g_o = i_f + apart;
        sum[0] += (uint32_t)(fsdd_one_of_pair(i_f) * vector_q7[k]);
        sum[1] += (uint32_t)(fsdd_other_of_pair(i_f) * vector_q7[k]);
        sum[2] += (uint32_t)(fsdd_one_of_pair(g_o) * vector_q7[k]);
        sum[3] += (uint32_t)(fsdd_other_of_pair(g_o) * vector_q7[k]);
    }
}

/* FSDD_PAIRS: what two factors of 16 bits in one word can be read from, in two's complement. int4: two bytes a column, the
 * lowest bits for gate i. Ternary: one byte a column, in the order 0, 2, 1, 3. */
static inline void fsdd_accumulate_pairs(unsigned code, const uint8_t *weights, const int16_t *vector_q7, size_t columns,
                                         uint32_t *sum)
{
    const unsigned bits = fsdd_bits(code);
    size_t gate, k;
    if (code == FSDD_POT) {
        fsdd_accumulate_pot(weights, vector_q7, columns, sum);
        return;
    }
    if (bits == 8u) {
        fsdd_accumulate_int8_pairs(weights, vector_q7, columns, sum);
        return;
    }
    for (k = 0; k < columns; k++)
        for (gate = 0; gate < FSDD_GATES; gate++) {
            const size_t ternary_byte = (k & ~(size_t)3u) + ((k & 1u) << 1) + (k >> 1 & 1u);
            const unsigned byte = bits == 4u ? weights[2u * k + (gate >> 1)] : weights[ternary_byte];
            const unsigned field = bits == 4u ? byte >> (gate & 1u) * 4u : byte >> gate * 2u;
            sum[gate] += (uint32_t)(fsdd_level(code, field) * vector_q7[k]);
        }
}

/* --- integer_lstm.py --- */

/* What the units of a layer share. */
typedef struct {
    const int16_t *vector_q7; /* (columns) */
    size_t columns;
    uint32_t excess; /* see fsdd_columns_excess */
    unsigned left;   /* 32 - shift: with it, the rounded high word of two int32_t is acc * multiplier >> shift, rounded */
} fsdd_lstm_input;

/* Four words to target, and the address of the next: one instruction where the processor has it. */
#ifndef FSDD_THUMB2
static inline const void *fsdd_load_four(const void *words, int32_t *target)
{
    const int32_t *const from = words;
    target[0] = from[0], target[1] = from[1], target[2] = from[2], target[3] = from[3];
    return from + 4;
}
#endif

/* The same of int16, times 2^shift, a constant. */
#ifndef FSDD_ARM_DSP
static inline const void *fsdd_load_four_halves(const void *halves, unsigned shift, int32_t *target)
{
    const int16_t *const from = halves;
    const int32_t factor = (int32_t)1 << shift;
    target[0] = from[0] * factor, target[1] = from[1] * factor, target[2] = from[2] * factor, target[3] = from[3] * factor;
    return from + 4;
}
#endif

/* The biases of four rows, and the address of the next. */
static inline const void *fsdd_load_biases(const fsdd_model *model, const void *bias, int32_t *accumulator)
{
    if (FSDD_USES(model, FSDD_NARROW_CODES, FSDD_CODES))
        return fsdd_load_four_halves(bias, 0, accumulator);
    return fsdd_load_four(bias, accumulator);
}

/* The same for multipliers, or for the right shifts of FSDD_INT8_POT_SCALE. */
static inline const void *fsdd_load_multipliers(const fsdd_model *model, const void *multiplier, int32_t *factor)
{
    const int8_t *const shift = multiplier;
    if (FSDD_USES(model, FSDD_INT8, FSDD_CODES))
        return fsdd_load_four(multiplier, factor);
    if (FSDD_USES(model, FSDD_NARROW_CODES, FSDD_CODES))
        return fsdd_load_four_halves(multiplier, 16, factor);
    factor[0] = shift[0], factor[1] = shift[1], factor[2] = shift[2], factor[3] = shift[3];
    return shift + FSDD_GATES;
}

/* `call` with the model's code as a constant. */
#define FSDD_WITH_CODE(model, call)                                                                                    \
    (FSDD_USES(model, FSDD_POT, FSDD_CODES)       ? call(FSDD_POT)                                                     \
     : FSDD_USES(model, FSDD_INT4, FSDD_CODES)    ? call(FSDD_INT4)                                                    \
     : FSDD_USES(model, FSDD_TERNARY, FSDD_CODES) ? call(FSDD_TERNARY)                                                 \
                                                  : call(FSDD_INT8))

/* The accumulators of one unit, shifted left, from its four biases, in any layout. */
static inline void fsdd_accumulate_code(const fsdd_model *model, unsigned code, const uint8_t *weights,
                                        const fsdd_lstm_input *input, int32_t *accumulator)
{
    uint32_t sum[FSDD_GATES];
    size_t gate;
    for (gate = 0; gate < FSDD_GATES; gate++)
        sum[gate] = (uint32_t)accumulator[gate] - input->excess;
    if (FSDD_USES(model, FSDD_ROWS, FSDD_LAYOUTS))
        fsdd_accumulate_rows(code, weights, input->vector_q7, input->columns, sum);
    else if (FSDD_USES(model, FSDD_PAIRS, FSDD_LAYOUTS))
        fsdd_accumulate_pairs(code, weights, input->vector_q7, input->columns, sum);
    else
        fsdd_accumulate_columns(code, weights, input->vector_q7, input->columns, sum);
    for (gate = 0; gate < FSDD_GATES; gate++)
        accumulator[gate] = (int32_t)(sum[gate] << input->left);
}

static inline void fsdd_accumulate(const fsdd_model *model, const uint8_t *weights, const fsdd_lstm_input *input,
                                   int32_t *accumulator)
{
#define FSDD_ACCUMULATE(code) fsdd_accumulate_code(model, code, weights, input, accumulator)
    FSDD_WITH_CODE(model, FSDD_ACCUMULATE);
#undef FSDD_ACCUMULATE
}

/* The pre-activation z of one gate, step 2^-11, from its accumulator, shifted left, + offset; not yet saturated. Where the
 * multiplier is a right shift (-15...32) no product is needed, and no sum overflows: (a + 2^(n-1)) >> n is
 * ((a >> (n-1)) + 1) >> 1. */
static inline int32_t fsdd_lstm_gate(const fsdd_model *model, int32_t accumulator, int32_t multiplier, int32_t offset)
{
    if (!FSDD_USES(model, FSDD_INT8_POT_SCALE, FSDD_CODES))
        return fsdd_rounded_high_word_plus(accumulator, multiplier, offset);
    if (multiplier > 0)
        return fsdd_sat16(((accumulator >> (multiplier - 1)) + 1) >> 1) + offset;
    return fsdd_sat16(fsdd_shift_left(fsdd_sat16(accumulator), (unsigned)-multiplier)) + offset;
}

/* What follows the sums of a unit: accumulator (4), shifted left, and multiplier (4). */
static inline void fsdd_lstm_unit(const fsdd_model *model, const int32_t *accumulator, const int32_t *multiplier,
                                  int16_t *cell_q11, int16_t *next_q7)
{
    const int32_t i = fsdd_lstm_gate(model, accumulator[0], multiplier[0], FSDD_SIGMOID_ZERO);
    const int32_t f = fsdd_lstm_gate(model, accumulator[1], multiplier[1], FSDD_SIGMOID_ZERO);
    const int32_t g = fsdd_lstm_gate(model, accumulator[2], multiplier[2], FSDD_TANH_ZERO);
    const int32_t o = fsdd_lstm_gate(model, accumulator[3], multiplier[3], FSDD_SIGMOID_ZERO);
    const int32_t i_q15 = fsdd_sigmoid_q15(model, i), f_q15 = fsdd_sigmoid_q15(model, f);
    const int32_t g_q15 = fsdd_tanh_q15(model, g), o_q15 = fsdd_sigmoid_q15(model, o);
    const int32_t kept = fsdd_rounding_shift_right(f_q15 * *cell_q11, FSDD_FORGET_SHIFT);
    const int32_t added = fsdd_rounding_shift_right(i_q15 * g_q15, FSDD_INPUT_SHIFT);
    const int32_t cell = fsdd_sat16(kept + added);
    const int32_t squashed_q15 = fsdd_tanh_q15(model, cell + FSDD_TANH_ZERO);
    *cell_q11 = (int16_t)cell;
    *next_q7 = (int16_t)fsdd_sat8(fsdd_rounding_shift_right(o_q15 * squashed_q15, FSDD_HIDDEN_SHIFT));
}

static inline fsdd_lstm_input fsdd_layer_input(const fsdd_model *model, size_t k, const int16_t *vector_q7,
                                               size_t columns)
{
    fsdd_lstm_input input;
    input.vector_q7 = vector_q7, input.columns = columns, input.excess = 0, input.left = 0;
    if (!FSDD_USES(model, FSDD_INT8_POT_SCALE, FSDD_CODES))
        input.left = 32u - model->layer_shifts[k];
#define FSDD_EXCESS(code) fsdd_columns_excess(code, vector_q7, columns)
    if (FSDD_USES(model, FSDD_COLUMNS, FSDD_LAYOUTS))
        input.excess = FSDD_WITH_CODE(model, FSDD_EXCESS);
#undef FSDD_EXCESS
    return input;
}

#ifdef FSDD_AVX2
#include "fsdd_lstm_avx2.h"
#endif
#ifdef FSDD_NEON
#include "fsdd_lstm_neon.h"
#endif

/* One frame through layer k: vector_q7 (columns) is [input, hidden], cell_q11 (H) is updated, the new hidden values go to
 * next_q7 (H) because every unit reads all the old ones. */
FSDD_OUT_OF_LINE static void fsdd_lstm_step(const fsdd_model *model, size_t k, const int16_t *vector_q7, size_t columns,
                                            int16_t *cell_q11, int16_t *next_q7)
{
    const fsdd_lstm_input input = fsdd_layer_input(model, k, vector_q7, columns);
    const size_t stride = FSDD_GATES * fsdd_row_bytes(model->format, columns);
    const uint8_t *weights = model->layers[k].weights;
    const void *bias = model->layers[k].bias, *multiplier = model->layers[k].multiplier;
    size_t units = model->hidden;
#ifdef FSDD_AVX2
    if (units >= FSDD_LANES && fsdd_has_avx2()) {
        fsdd_lstm_step_avx2(model, k, &input, cell_q11, next_q7);
        return;
    }
#endif
#ifdef FSDD_NEON
    if (fsdd_fits_neon(model, columns)) {
        fsdd_lstm_step_neon(model, k, &input, cell_q11, next_q7);
        return;
    }
#endif
    for (; units > 0u; units--) {
        int32_t accumulator[FSDD_GATES], factor[FSDD_GATES];
        bias = fsdd_load_biases(model, bias, accumulator);
        fsdd_accumulate(model, weights, &input, accumulator);
        multiplier = fsdd_load_multipliers(model, multiplier, factor);
        fsdd_lstm_unit(model, accumulator, factor, cell_q11++, next_q7++);
        weights += stride;
    }
}

#ifdef FSDD_ARM_DSP
/* fsdd_load_biases, as many times too large as fsdd_accumulate_arm_dsp has its sums. */
static inline const void *fsdd_load_biases_arm_dsp(const fsdd_model *model, const void *bias, int32_t *accumulator)
{
    if (FSDD_USES(model, FSDD_INT4, FSDD_CODES))
        return fsdd_load_four_halves(bias, 12, accumulator);
    if (FSDD_USES(model, FSDD_TERNARY, FSDD_CODES))
        return fsdd_load_four_halves(bias, 14, accumulator);
    return fsdd_load_biases(model, bias, accumulator);
}

/* fsdd_lstm_step for FSDD_PAIRS. */
FSDD_OUT_OF_LINE static void fsdd_lstm_step_arm_dsp(const fsdd_model *model, size_t k, const int16_t *vector_q7,
                                                    size_t columns, int16_t *cell_q11, int16_t *next_q7)
{
    const unsigned left = FSDD_USES(model, FSDD_INT8_POT_SCALE, FSDD_CODES) ? 0u : 32u - model->layer_shifts[k];
    const uint8_t *weights = model->layers[k].weights;
    const void *bias = model->layers[k].bias, *multiplier = model->layers[k].multiplier;
    const int16_t *const end_q7 = next_q7 + model->hidden;
    while (next_q7 < end_q7) {
        int32_t accumulator[FSDD_GATES], factor[FSDD_GATES];
        bias = fsdd_load_biases_arm_dsp(model, bias, accumulator);
#define FSDD_ACCUMULATE(code) fsdd_accumulate_arm_dsp(code, weights, vector_q7, columns, left, accumulator)
        weights = FSDD_WITH_CODE(model, FSDD_ACCUMULATE);
#undef FSDD_ACCUMULATE
        multiplier = fsdd_load_multipliers(model, multiplier, factor);
        fsdd_lstm_unit(model, accumulator, factor, cell_q11++, next_q7++);
    }
}
#endif

/* The sum of a packed row of the model's code times vector_q7 (H). */
static int32_t fsdd_output_row(const fsdd_model *model, const uint8_t *weights, const int16_t *vector_q7)
{
#define FSDD_ROW(code) fsdd_row(code, weights, vector_q7, model->hidden)
    return FSDD_WITH_CODE(model, FSDD_ROW);
#undef FSDD_ROW
}

int32_t fsdd_output_logit_in(const fsdd_model *model, const int16_t *state, size_t k)
{
    const size_t inputs = model->layer_count > 1u ? model->hidden : model->inputs;
    const size_t words = FSDD_STATE_WORDS_IN(model->inputs, model->hidden, model->layer_count);
    const size_t top_words = FSDD_EVEN(inputs + model->hidden) + FSDD_EVEN(model->hidden);
    const int16_t *top_hidden_q7 = state + (words - top_words) + inputs;
    const size_t row_bytes = fsdd_row_bytes(model->format, model->hidden);
    return model->output.bias[k] + fsdd_output_row(model, model->output.weights + k * row_bytes, top_hidden_q7);
}

void fsdd_output_logits(const fsdd_model *model, const int16_t *state, int32_t *logits)
{
    size_t k;
    for (k = 0; k < model->classes; k++)
        logits[k] = fsdd_output_logit_in(model, state + FSDD_EVEN(model->hidden), k);
}

size_t fsdd_classify(const fsdd_model *model, const int32_t *logits)
{
    size_t best = 0, k;
    for (k = 1; k < model->classes; k++)
        if (logits[k] > logits[best])
            best = k;
    return best;
}

void fsdd_zero_state(const fsdd_model *model, int16_t *state)
{
    size_t k;
    for (k = 0; k < FSDD_STATE_WORDS(model->inputs, model->hidden, model->layer_count); k++)
        state[k] = 0;
}

/* Two copies a layer: inlined and unrolled they would cost stack, not save time. */
FSDD_OUT_OF_LINE static void fsdd_copy(const int16_t *from, size_t count, int16_t *to)
{
    for (; count > 0u; count--)
        *to++ = *from++;
}

#ifdef FSDD_ARM_MVE
#include "fsdd_lstm_arm_mve.h"
#endif

void fsdd_network_step_in(const fsdd_model *model, int16_t *scratch, int16_t *state, const int8_t *frame_q4)
{
    const size_t hidden = model->hidden;
    size_t inputs = model->inputs, k;
    int16_t *next_q7 = scratch, *vector_q7 = state;
#ifdef FSDD_ARM_MVE
    if (FSDD_USES(model, FSDD_ROWS, FSDD_LAYOUTS) && FSDD_USES(model, FSDD_INT8 | FSDD_INT8_POT_SCALE, FSDD_CODES)) {
        fsdd_network_step_arm_mve(model, scratch, state, frame_q4);
        return;
    }
#endif
    for (k = 0; k < inputs; k++)
        vector_q7[k] = (int16_t)(frame_q4[k] * (1 << FSDD_FEATURE_SHIFT));
    for (k = 0; k < model->layer_count; k++, inputs = hidden) {
        int16_t *hidden_q7 = vector_q7 + inputs, *cell_q11 = vector_q7 + FSDD_EVEN(inputs + hidden);
        int16_t *above_q7 = cell_q11 + FSDD_EVEN(hidden);
#ifdef FSDD_ARM_DSP
        if (FSDD_USES(model, FSDD_PAIRS, FSDD_LAYOUTS))
            fsdd_lstm_step_arm_dsp(model, k, vector_q7, inputs + hidden, cell_q11, next_q7);
        else
#endif
            fsdd_lstm_step(model, k, vector_q7, inputs + hidden, cell_q11, next_q7);
        fsdd_copy(next_q7, hidden, hidden_q7);
        if (k + 1u < model->layer_count)
            fsdd_copy(next_q7, hidden, above_q7);
        vector_q7 = above_q7;
    }
}

void fsdd_network_step(const fsdd_model *model, int16_t *state, const int8_t *frame_q4)
{
    fsdd_network_step_in(model, state, state + FSDD_EVEN(model->hidden), frame_q4);
}

void fsdd_network_logits(const fsdd_model *model, int16_t *state, const int8_t *frames_q4, size_t frame_count,
                         int32_t *logits)
{
    fsdd_zero_state(model, state);
    for (; frame_count > 0u; frame_count--, frames_q4 += model->inputs)
        fsdd_network_step(model, state, frames_q4);
    fsdd_output_logits(model, state, logits);
}
