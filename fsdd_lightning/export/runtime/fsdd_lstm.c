/* See fsdd_lstm.h. Rounding is half up, once per operation; every saturation is named; nothing else clips. */
#include "fsdd_lstm.h"

/* The one thing that C leaves to the compiler and this file needs: >> of a negative number is arithmetic. */
typedef char fsdd_shift_right_is_arithmetic[((int32_t)-3 >> 1) == -2 && ((int64_t)-3 >> 1) == -2 ? 1 : -1];

/* Does this model use `format`, one of the formats in `choices`? Folds to a constant where FSDD_FORMATS leaves one. */
#define FSDD_USES(model, format_, choices)                                                                             \
    (((FSDD_FORMATS) & (choices)) == (format_) || (((FSDD_FORMATS) & (format_)) & (model)->format) != 0)
#define FSDD_CODES (FSDD_INT8 | FSDD_INT8_POT_SCALE | FSDD_INT4 | FSDD_POT | FSDD_TERNARY)
#define FSDD_LAYOUTS (FSDD_INTERLEAVED | FSDD_PLAIN_ROWS)

/* Faster ways to compute the same, where the compiler says that the processor has them. */
#if (defined(__clang__) || __GNUC__ >= 10) && defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_UNALIGNED)
#define FSDD_ARM_DSP
#include "fsdd_lstm_arm_dsp.h"
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

#ifndef FSDD_ARM_DSP
/* The nearest value in [-2^(bits - 1), 2^(bits - 1)). */
static inline int32_t fsdd_saturate(int32_t value, unsigned bits)
{
    const int32_t high = ((int32_t)1 << (bits - 1u)) - 1, low = -high - 1;
    return value < low ? low : value > high ? high : value;
}

/* a * b / 2^32, rounded half up. */
static inline int32_t fsdd_rounded_high_word(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 31)) >> 32);
}
#endif

static inline int32_t fsdd_sat16(int32_t value) { return fsdd_saturate(value, 16); }

static inline int32_t fsdd_sat8(int32_t value) { return fsdd_saturate(value, 8); }

/* --- activation_tables.py --- */

#define FSDD_TANH_DOMAIN_BITS 15
#define FSDD_SIGMOID_FRACTION_BITS 8
#define FSDD_TANH_FRACTION_BITS 7

/* The chord through two neighbors of table (257), `offset` steps of 2^-11 from its start. */
#ifndef FSDD_ARM_DSP
static inline int32_t fsdd_interpolate(const int16_t *table, int32_t offset, unsigned fraction_bits)
{
    const int16_t *left = table + (offset >> fraction_bits);
    const int32_t fraction = offset & (((int32_t)1 << fraction_bits) - 1);
    const int32_t rise = ((int32_t)left[1] - left[0]) * fraction;
    return left[0] + fsdd_rounding_shift_right(rise, fraction_bits);
}
#endif

static inline int32_t fsdd_sigmoid_q15(const fsdd_model *model, int32_t z_q11)
{
    return fsdd_interpolate(model->sigmoid_table, z_q11 + 32768, FSDD_SIGMOID_FRACTION_BITS);
}

/* Flat outside [-8, 8). */
static inline int32_t fsdd_tanh_q15(const fsdd_model *model, int32_t z_q11)
{
    const int32_t clipped = fsdd_saturate(z_q11, FSDD_TANH_DOMAIN_BITS);
    return fsdd_interpolate(model->tanh_table, clipped + 16384, FSDD_TANH_FRACTION_BITS);
}

#ifdef __AVX2__
#define FSDD_AVX2
#include "fsdd_lstm_avx2.h"
#endif

/* --- weight_codes.py --- */

/* The bits of one weight. Here and below `code` is a constant of the call, so that kernels decide nothing at run time. */
static inline unsigned fsdd_bits(unsigned code)
{
    return (code & FSDD_TERNARY) != 0u ? 2u : (code & (FSDD_INT4 | FSDD_POT)) != 0u ? 4u : 8u;
}

/* Columns in a word of four bytes; a power of two. */
static inline size_t fsdd_word_columns(unsigned code)
{
    return code == FSDD_TERNARY ? 16u : (code & (FSDD_INT4 | FSDD_POT)) != 0u ? 8u : 4u;
}

/* value * 2^shift without a product; shifting a negative number left is not defined in C, so it is done unsigned. */
static inline int32_t fsdd_shift_left(int16_t value, unsigned shift)
{
    const uint32_t bits = (uint32_t)(int32_t)value << shift;
    return bits <= (uint32_t)INT32_MAX ? (int32_t)bits : -(int32_t)~bits - 1;
}

/* value times the weight in the lowest bits of `field`. */
FSDD_INLINE static int32_t fsdd_product(unsigned code, unsigned field, int16_t value)
{
    const unsigned sign = 1u << (fsdd_bits(code) - 1u);
    if (code == FSDD_POT) {
        const int32_t magnitude = (field & 7u) == 0u ? 0 : fsdd_shift_left(value, (field & 7u) - 1u);
        return (field & sign) != 0u ? -magnitude : magnitude;
    }
    return ((int32_t)(field ^ sign) - (int32_t)sign) * value;
}

/* The sum of a packed row of weights times vector_q7 (columns). */
static inline int32_t fsdd_row(unsigned code, const uint8_t *weights, const int16_t *vector_q7, size_t columns)
{
    const unsigned bits = fsdd_bits(code), mask = (1u << bits) - 1u;
    int32_t sum = 0;
    size_t k;
    for (k = 0; k < columns; k++) {
        const unsigned byte = weights[bits == 8u ? k : k * bits >> 3]; /* so plain that a compiler makes vectors of it */
        const unsigned field = bits == 8u ? byte : byte >> (k * bits & 7u);
        sum += fsdd_product(code, field & mask, vector_q7[k]);
    }
    return sum;
}

static inline size_t fsdd_row_bytes(unsigned code, size_t columns) { return (columns * fsdd_bits(code) + 7u) >> 3; }

/* The two layouts of the weights of one unit (4, columns). Each adds weights * vector_q7 (columns) to accumulator (4) and
 * returns the weights of the next unit.
 *
 * FSDD_PLAIN_ROWS: the packed rows of the gates i, f, g, o follow one another. */
static inline const uint8_t *fsdd_accumulate_plain_rows(unsigned code, const uint8_t *weights, const int16_t *vector_q7,
                                                        size_t columns, int32_t *accumulator)
{
    size_t gate;
    for (gate = 0; gate < FSDD_GATES; gate++, weights += fsdd_row_bytes(code, columns))
        accumulator[gate] += fsdd_row(code, weights, vector_q7, columns);
    return weights;
}

/* sum + the weights in one byte times every fourth entry of vector_q7. */
FSDD_INLINE static int32_t fsdd_add_byte(int32_t sum, unsigned code, unsigned byte, const int16_t *vector_q7)
{
    const unsigned bits = fsdd_bits(code), mask = (1u << bits) - 1u;
    unsigned shift;
    for (shift = 0; shift < 8u; shift += bits, vector_q7 += 4)
        sum += fsdd_product(code, (byte >> shift) & mask, *vector_q7);
    return sum;
}

/* FSDD_INTERLEAVED: words of four bytes, one for each gate in turn. The bytes of a word hold the columns 0, 2, 1, 3 in
 * their lowest bits, the columns 4, 6, 5, 7 in the next, and so on. Columns that fill no word follow as plain rows. */
static inline const uint8_t *fsdd_accumulate_words(unsigned code, const uint8_t *weights, const int16_t *vector_q7,
                                                   const int16_t *end_q7, int32_t *accumulator)
{
    size_t gate;
#ifdef FSDD_ARM_DSP
    if (code == FSDD_INT8)
        return fsdd_accumulate_int8_words_arm_dsp(weights, vector_q7, end_q7, accumulator);
    if (code == FSDD_INT4)
        return fsdd_accumulate_int4_words_arm_dsp(weights, vector_q7, end_q7, accumulator);
#endif
    for (; vector_q7 < end_q7; vector_q7 += fsdd_word_columns(code))
        for (gate = 0; gate < FSDD_GATES; gate++, weights += 4) {
            int32_t sum = accumulator[gate]; /* one running sum: several would not fit into the registers */
            sum = fsdd_add_byte(sum, code, weights[0], vector_q7);
            sum = fsdd_add_byte(sum, code, weights[1], vector_q7 + 2);
            sum = fsdd_add_byte(sum, code, weights[2], vector_q7 + 1);
            accumulator[gate] = fsdd_add_byte(sum, code, weights[3], vector_q7 + 3);
        }
    return weights;
}

static inline const uint8_t *fsdd_accumulate_interleaved(unsigned code, const uint8_t *weights,
                                                         const int16_t *vector_q7, size_t columns,
                                                         int32_t *accumulator)
{
    const size_t rest = columns & (fsdd_word_columns(code) - 1u);
    const int16_t *const rest_q7 = vector_q7 + (columns - rest);
    weights = fsdd_accumulate_words(code, weights, vector_q7, rest_q7, accumulator);
    return fsdd_accumulate_plain_rows(code, weights, rest_q7, rest, accumulator);
}

/* --- integer_lstm.py --- */

/* Adds the weights of one unit, times vector_q7 (columns), to accumulator (4); returns the weights of the next unit. */
static inline const uint8_t *fsdd_accumulate(const fsdd_model *model, const uint8_t *weights, const int16_t *vector_q7,
                                             size_t columns, int32_t *accumulator)
{
    const int plain = FSDD_USES(model, FSDD_PLAIN_ROWS, FSDD_LAYOUTS);
#define FSDD_ACCUMULATE(code)                                                                                          \
    (plain ? fsdd_accumulate_plain_rows(code, weights, vector_q7, columns, accumulator)                                \
           : fsdd_accumulate_interleaved(code, weights, vector_q7, columns, accumulator))
    if (FSDD_USES(model, FSDD_POT, FSDD_CODES))
        return FSDD_ACCUMULATE(FSDD_POT);
    if (FSDD_USES(model, FSDD_INT4, FSDD_CODES))
        return FSDD_ACCUMULATE(FSDD_INT4);
    if (FSDD_USES(model, FSDD_TERNARY, FSDD_CODES))
        return FSDD_ACCUMULATE(FSDD_TERNARY);
    return FSDD_ACCUMULATE(FSDD_INT8);
#undef FSDD_ACCUMULATE
}

/* The pre-activation z of one row, step 2^-11, from its accumulator. With left = 32 - shift, the rounded high word of the
 * product of two int32_t is acc * multiplier >> shift, rounded. Where the multiplier is a right shift (-15...32) no
 * product is needed, and no sum overflows: (a + 2^(n-1)) >> n is ((a >> (n-1)) + 1) >> 1. */
static inline int32_t fsdd_lstm_gate(const fsdd_model *model, int32_t accumulator, int32_t multiplier, unsigned left)
{
    if (FSDD_USES(model, FSDD_INT8_POT_SCALE, FSDD_CODES)) {
        if (multiplier > 0)
            return fsdd_sat16(((accumulator >> (multiplier - 1)) + 1) >> 1);
        return fsdd_sat16(fsdd_shift_left((int16_t)fsdd_sat16(accumulator), (unsigned)-multiplier));
    }
    accumulator *= (int32_t)1 << left;
    return fsdd_sat16(fsdd_rounded_high_word(accumulator, multiplier));
}

#ifdef FSDD_AVX2
/* fsdd_lstm_step for the FSDD_LANES units from `unit` on, whose weights these are; returns those of the next unit. */
static const uint8_t *fsdd_lstm_step_avx2(const fsdd_model *model, size_t k, size_t unit, const uint8_t *weights,
                                          const int16_t *vector_q7, size_t columns, int16_t *cell_q11, int16_t *next_q7)
{
    const int32_t *bias = model->layers[k].bias + FSDD_GATES * unit;
    const int32_t *multiplier = model->layers[k].multiplier + FSDD_GATES * unit;
    const unsigned left = 32u - model->layer_shifts[k];
    const int bytes = FSDD_USES(model, FSDD_PLAIN_ROWS, FSDD_LAYOUTS) && fsdd_bits(model->format) == 8u;
    int32_t z[FSDD_LANES * FSDD_GATES];
    size_t row;
    for (row = 0; row < FSDD_LANES * FSDD_GATES; row++)
        z[row] = bias[row];
    if (bytes && columns >= 32u && k > 0u)
        weights = fsdd_accumulate_int8_hidden_avx2(weights, vector_q7, columns, z);
    else if (bytes && columns >= 16u)
        weights = fsdd_accumulate_int8_rows_avx2(weights, vector_q7, columns, z);
    else
        for (row = 0; row < FSDD_LANES * FSDD_GATES; row += FSDD_GATES)
            weights = fsdd_accumulate(model, weights, vector_q7, columns, z + row);
    if (FSDD_USES(model, FSDD_INT8_POT_SCALE, FSDD_CODES))
        for (row = 0; row < FSDD_LANES * FSDD_GATES; row++)
            z[row] = fsdd_lstm_gate(model, z[row], multiplier[row], left);
    else
        for (row = 0; row < FSDD_LANES * FSDD_GATES; row += FSDD_LANES)
            fsdd_lstm_gates_avx2(z + row, multiplier + row, left);
    fsdd_lstm_units_avx2(model, z, cell_q11 + unit, next_q7 + unit);
    return weights;
}
#endif

/* One frame through layer k: vector_q7 (columns) is [input, hidden], cell_q11 (H) is updated, the new hidden values go to
 * next_q7 (H) because every unit reads all the old ones. */
FSDD_OUT_OF_LINE static void fsdd_lstm_step(const fsdd_model *model, size_t k, const int16_t *vector_q7, size_t columns,
                                            int16_t *cell_q11, int16_t *next_q7)
{
    const uint8_t *weights = model->layers[k].weights;
    const int32_t *bias = model->layers[k].bias, *multiplier = model->layers[k].multiplier;
    const unsigned left = 32u - model->layer_shifts[k];
    size_t unit = 0;
#ifdef FSDD_AVX2
    for (; unit + FSDD_LANES <= model->hidden; unit += FSDD_LANES)
        weights = fsdd_lstm_step_avx2(model, k, unit, weights, vector_q7, columns, cell_q11, next_q7);
    bias += FSDD_GATES * unit, multiplier += FSDD_GATES * unit;
#endif
    for (; unit < model->hidden; unit++, bias += FSDD_GATES, multiplier += FSDD_GATES) {
        int32_t accumulator[FSDD_GATES], i_q15, f_q15, g_q15, o_q15, kept, added, cell;
        accumulator[0] = bias[0], accumulator[1] = bias[1], accumulator[2] = bias[2], accumulator[3] = bias[3];
        weights = fsdd_accumulate(model, weights, vector_q7, columns, accumulator);
        i_q15 = fsdd_sigmoid_q15(model, fsdd_lstm_gate(model, accumulator[0], multiplier[0], left));
        f_q15 = fsdd_sigmoid_q15(model, fsdd_lstm_gate(model, accumulator[1], multiplier[1], left));
        g_q15 = fsdd_tanh_q15(model, fsdd_lstm_gate(model, accumulator[2], multiplier[2], left));
        o_q15 = fsdd_sigmoid_q15(model, fsdd_lstm_gate(model, accumulator[3], multiplier[3], left));
        kept = fsdd_rounding_shift_right(f_q15 * cell_q11[unit], FSDD_FORGET_SHIFT);
        added = fsdd_rounding_shift_right(i_q15 * g_q15, FSDD_INPUT_SHIFT);
        cell = fsdd_sat16(kept + added);
        cell_q11[unit] = (int16_t)cell;
        next_q7[unit] =
            (int16_t)fsdd_sat8(fsdd_rounding_shift_right(o_q15 * fsdd_tanh_q15(model, cell), FSDD_HIDDEN_SHIFT));
    }
}

/* The sum of a packed row of the model's code times vector_q7 (columns). */
static int32_t fsdd_output_row(const fsdd_model *model, const uint8_t *weights, const int16_t *vector_q7)
{
    if (FSDD_USES(model, FSDD_POT, FSDD_CODES))
        return fsdd_row(FSDD_POT, weights, vector_q7, model->hidden);
    if (FSDD_USES(model, FSDD_INT4, FSDD_CODES))
        return fsdd_row(FSDD_INT4, weights, vector_q7, model->hidden);
    if (FSDD_USES(model, FSDD_TERNARY, FSDD_CODES))
        return fsdd_row(FSDD_TERNARY, weights, vector_q7, model->hidden);
    return fsdd_row(FSDD_INT8, weights, vector_q7, model->hidden);
}

int32_t fsdd_output_logit_in(const fsdd_model *model, const int16_t *state, size_t k)
{
    const size_t words = FSDD_STATE_WORDS_IN(model->inputs, model->hidden, model->layer_count);
    const int16_t *top_hidden_q7 = state + words - 2u * (size_t)model->hidden;
    const size_t row_bytes = fsdd_row_bytes(model->format, model->hidden);
    return model->output.bias[k] + fsdd_output_row(model, model->output.weights + k * row_bytes, top_hidden_q7);
}

void fsdd_output_logits(const fsdd_model *model, const int16_t *state, int32_t *logits)
{
    size_t k;
    for (k = 0; k < model->classes; k++)
        logits[k] = fsdd_output_logit_in(model, state + model->hidden, k);
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

void fsdd_network_step_in(const fsdd_model *model, int16_t *scratch, int16_t *state, const int8_t *frame_q4)
{
    const size_t hidden = model->hidden;
    size_t inputs = model->inputs, k;
    int16_t *next_q7 = scratch, *vector_q7 = state;
    for (k = 0; k < inputs; k++)
        vector_q7[k] = (int16_t)(frame_q4[k] * (1 << FSDD_FEATURE_SHIFT));
    for (k = 0; k < model->layer_count; k++, inputs = hidden) {
        int16_t *hidden_q7 = vector_q7 + inputs, *cell_q11 = hidden_q7 + hidden, *above_q7 = cell_q11 + hidden;
        fsdd_lstm_step(model, k, vector_q7, inputs + hidden, cell_q11, next_q7);
        fsdd_copy(next_q7, hidden, hidden_q7);
        if (k + 1u < model->layer_count)
            fsdd_copy(next_q7, hidden, above_q7);
        vector_q7 = above_q7;
    }
}

void fsdd_network_step(const fsdd_model *model, int16_t *state, const int8_t *frame_q4)
{
    fsdd_network_step_in(model, state, state + model->hidden, frame_q4);
}

void fsdd_network_logits(const fsdd_model *model, int16_t *state, const int8_t *frames_q4, size_t frame_count,
                         int32_t *logits)
{
    fsdd_zero_state(model, state);
    for (; frame_count > 0u; frame_count--, frames_q4 += model->inputs)
        fsdd_network_step(model, state, frames_q4);
    fsdd_output_logits(model, state, logits);
}
