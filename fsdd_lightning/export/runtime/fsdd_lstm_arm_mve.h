/* The same bits faster, with the vectors of Arm's MVE (Helium): Cortex-M52, M55, M85. Included by fsdd_lstm.c, for models with
 * weights of 8 bits in FSDD_ROWS.
 *
 * One instruction multiplies 16 bytes by 16 bytes and adds up the products. Weights are bytes. So are hidden values, but for
 * being kept as int16_t, and features before they are shifted: a step packs what it reads into bytes, sums the features apart
 * and shifts their sum. The activations of four units are computed at once, in lanes of 32 bits.
 *
 * No count has to be a multiple of the lanes. Loops from WLSTP to LETP leave out the lanes behind the last one by themselves.
 */
#ifndef FSDD_LSTM_ARM_MVE_H
#define FSDD_LSTM_ARM_MVE_H

#include <arm_mve.h>

#include "fsdd_lstm.h"

#define FSDD_MVE_UNITS 4u /* whose activations are computed at once */

/* --- bytes and words --- */

/* A loop over `count` values of 16 bits, eight a turn, from and to where two pointers are moved on. */
#define FSDD_MOVE_ARM_MVE(turn)                                                                                        \
    __asm__ volatile("wlstp.16 lr, %[count], 2f\n1:\t" turn "letp lr, 1b\n2:"                                         \
                     : [from] "+l"(from), [to] "+l"(to)                                                                \
                     : [count] "r"(count), [feature_shift] "i"(FSDD_FEATURE_SHIFT)                                     \
                     : "lr", "q0", "memory")

/* to (count) = from (count), in the range of bytes. */
static inline void fsdd_pack_arm_mve(const int16_t *from, size_t count, int8_t *to)
{
    FSDD_MOVE_ARM_MVE("vldrh.u16 q0, [%[from]], #16\n\tvstrb.16 q0, [%[to]], #8\n\t");
}

/* to_q7 (count) = from_q4 (count). */
static inline void fsdd_unpack_features_arm_mve(const int8_t *from, size_t count, int16_t *to)
{
    FSDD_MOVE_ARM_MVE("vldrb.s16 q0, [%[from]], #8\n\tvshl.i16 q0, q0, %[feature_shift]\n\tvstrh.16 q0, [%[to]], #16\n\t");
}

/* to (count) = from (count). */
static inline void fsdd_copy_arm_mve(const int16_t *from, size_t count, int16_t *to)
{
    FSDD_MOVE_ARM_MVE("vldrh.u16 q0, [%[from]], #16\n\tvstrh.16 q0, [%[to]], #16\n\t");
}

/* --- sums --- */

/* What the units of a layer read, in bytes: the columns of a row of weights. */
typedef struct {
    const int8_t *frame_q4; /* (inputs) of the lowest layer; above it there are none */
    size_t inputs;
    const int8_t *vector_q7; /* (columns) [input, hidden]; in the lowest layer hidden alone */
    size_t columns;
    size_t row_bytes;                 /* inputs + columns */
    size_t past_inputs, past_columns; /* how far behind them 16 bytes at a time end */
} fsdd_bytes_arm_mve;

static inline void fsdd_set_counts_arm_mve(fsdd_bytes_arm_mve *input, size_t inputs, size_t columns)
{
    input->inputs = inputs, input->past_inputs = (0u - inputs) & 15u;
    input->columns = columns, input->past_columns = (0u - columns) & 15u;
    input->row_bytes = inputs + columns;
}

/* Adds the products of four rows with lr bytes of `vector`, which is loaded once for all of them, or jumps to `none` if there
 * are none. What is in `before` is done once. */
#define FSDD_ADD_ROW(sum, row, vector) "vldrb.u8 " vector ", [%[" row "]], #16\n\tvmladava.s8 %[" sum "], q0, " vector "\n\t"
#define FSDD_ADD_ROWS(none, before)                                                                                    \
    "wlstp.8 lr, lr, " none "\n\t" before "1:\tvldrb.u8 q0, [%[vector]], #16\n\t"                                     \
    FSDD_ADD_ROW("i", "row_i", "q1") FSDD_ADD_ROW("f", "row_f", "q2")                                                  \
    FSDD_ADD_ROW("g", "row_g", "q1") FSDD_ADD_ROW("o", "row_o", "q2") "letp lr, 1b\n\t"

/* sum (4) += weights (4, inputs + columns) * input; returns the weights of the next unit. In assembly language, as compilers
 * neither keep the sums in registers with even numbers, which the instruction wants, nor all the rest in those that remain.
 * Without inputs the sums begin at once with what is in `sum`. */
static inline const uint8_t *fsdd_accumulate_arm_mve(const uint8_t *weights, const fsdd_bytes_arm_mve *input, int32_t *sum)
{
    const uint8_t *row_f, *row_g, *row_o;
    const int8_t *vector;
    int32_t i, f, g, o;
    __asm__ volatile(
        "ldr %[row_o], [%[input], %[row_bytes]]\n\tadd %[row_f], %[row_i], %[row_o]\n\t"
        "add %[row_g], %[row_f], %[row_o]\n\tadd %[row_o], %[row_g], %[row_o]\n\t"
        "ldrd %[vector], lr, [%[input], %[frame]]\n\t"
        FSDD_ADD_ROWS("3f", "mov %[i], #0\n\tmov %[f], #0\n\tmov %[g], #0\n\tmov %[o], #0\n")
        "ldr lr, [%[input], %[past_inputs]]\n\tsub %[row_i], lr\n\tsub %[row_f], lr\n\t"
        "sub %[row_g], lr\n\tsub %[row_o], lr\n\tldrd %[vector], lr, [%[sum]]\n\t"
        "add %[i], %[vector], %[i], lsl %[feature_shift]\n\tadd %[f], lr, %[f], lsl %[feature_shift]\n\t"
        "ldrd %[vector], lr, [%[sum], #8]\n\t"
        "add %[g], %[vector], %[g], lsl %[feature_shift]\n\tadd %[o], lr, %[o], lsl %[feature_shift]\n\tb 4f\n"
        "3:\tldrd %[i], %[f], [%[sum]]\n\tldrd %[g], %[o], [%[sum], #8]\n"
        "4:\tldrd %[vector], lr, [%[input], %[hidden]]\n\t"
        FSDD_ADD_ROWS("2f", "")
        "2:\tstrd %[i], %[f], [%[sum]]\n\tstrd %[g], %[o], [%[sum], #8]\n\t"
        "ldr lr, [%[input], %[past_columns]]\n\tsub %[row_i], %[row_o], lr"
        : [i] "=&Te"(i), [f] "=&Te"(f), [g] "=&Te"(g), [o] "=&Te"(o), [vector] "=&r"(vector), [row_i] "+&r"(weights),
          [row_f] "=&r"(row_f), [row_g] "=&r"(row_g), [row_o] "=&r"(row_o)
        : [input] "r"(input), [sum] "r"(sum), [feature_shift] "i"(FSDD_FEATURE_SHIFT),
          [frame] "i"(offsetof(fsdd_bytes_arm_mve, frame_q4)), [hidden] "i"(offsetof(fsdd_bytes_arm_mve, vector_q7)),
          [row_bytes] "i"(offsetof(fsdd_bytes_arm_mve, row_bytes)),
          [past_inputs] "i"(offsetof(fsdd_bytes_arm_mve, past_inputs)),
          [past_columns] "i"(offsetof(fsdd_bytes_arm_mve, past_columns))
        : "lr", "q0", "q1", "q2", "memory");
    return weights;
}

/* --- activations, in each of four lanes --- */

/* The nearest uint16_t, int16_t and int8_t: what does not fit the lower half of a lane saturates there, and fills it again. */
FSDD_INLINE static uint32x4_t fsdd_saturate_unsigned_arm_mve(int32x4_t value)
{
    return vmovlbq_u16(vqmovunbq_s32(vreinterpretq_u16_s32(value), value));
}

FSDD_INLINE static int32x4_t fsdd_sat16_arm_mve(int32x4_t value)
{
    return vmovlbq_s16(vqmovnbq_s32(vreinterpretq_s16_s32(value), value));
}

FSDD_INLINE static int32x4_t fsdd_sat8_arm_mve(int32x4_t value)
{
    return vreinterpretq_s32_s16(vmovlbq_s8(vqmovnbq_s16(vreinterpretq_s8_s32(value), vreinterpretq_s16_s32(value))));
}

/* fsdd_interpolate with 8 bits of fraction; offset_q8 is below 2^16. No table decreases: rise * fraction / 2^8, rounded, is the
 * high word of rise and the fraction in the highest bits. Entries at odd places start at no word: hence two gathers. */
FSDD_INLINE static int32x4_t fsdd_interpolate_arm_mve(const int16_t *table, uint32x4_t offset_q8)
{
    const uint32x4_t index = vshrq_n_u32(offset_q8, 8), fraction_q32 = vshlq_n_u32(offset_q8, 24);
    const int32x4_t left = vldrhq_gather_shifted_offset_s32(table, index);
    const int32x4_t rise = vsubq_s32(vldrhq_gather_shifted_offset_s32(table + 1, index), left);
    return vaddq_s32(left, vreinterpretq_s32_u32(vrmulhq_u32(vreinterpretq_u32_s32(rise), fraction_q32)));
}

FSDD_INLINE static int32x4_t fsdd_sigmoid_arm_mve(const fsdd_model *model, int32x4_t z_q11)
{
    return fsdd_interpolate_arm_mve(model->sigmoid_table, fsdd_saturate_unsigned_arm_mve(vaddq_n_s32(z_q11, 32768)));
}

/* Twice the offset has 8 bits of fraction, too. The last one is 0 but where it saturates, and there the table is flat. Twice z
 * fits, but the start of the table may be too far from it. */
FSDD_INLINE static int32x4_t fsdd_tanh_arm_mve(const fsdd_model *model, int32x4_t z_q11)
{
    const int32x4_t doubled = vqaddq_n_s32(vshlq_n_s32(z_q11, 1), 32768);
    return fsdd_interpolate_arm_mve(model->tanh_table, fsdd_saturate_unsigned_arm_mve(doubled));
}

/* --- a layer --- */

/* Where the lanes find up to four units. Those behind the last unit repeat it, and so may store it again. */
typedef struct {
    uint32x4_t units, rows; /* of gate i */
    unsigned left;          /* see fsdd_lstm_input */
} fsdd_lanes_arm_mve;

/* The z of one gate, in [-2^30, 2^30); the activations saturate it. Where the multiplier is a right shift, z is a sum that fits
 * int32_t when it is shifted left by 32 - shift, shifted by at least two less. */
FSDD_INLINE static int32x4_t fsdd_gate_arm_mve(const fsdd_model *model, fsdd_lanes_arm_mve lanes, const int32_t *accumulator,
                                               const void *multiplier, size_t gate)
{
    const int32x4_t sum = vldrwq_gather_shifted_offset_s32(accumulator + gate, lanes.rows);
    if (FSDD_USES(model, FSDD_INT8_POT_SCALE, FSDD_CODES)) {
        const int8_t *const right = (const int8_t *)multiplier + gate;
        return vrshlq_s32(sum, vnegq_s32(vldrbq_gather_offset_s32(right, lanes.rows)));
    } else {
        const int32_t *const factor = (const int32_t *)multiplier + gate;
        return vrmulhq_s32(vshlq_r_s32(sum, (int32_t)lanes.left), vldrwq_gather_shifted_offset_s32(factor, lanes.rows));
    }
}

/* Keeps compilers from beginning with what reads `pointer` before `value` is there: all at once needs too many registers. */
#define FSDD_FIRST(value, pointer) __asm__("" : "+w"(value), "+r"(pointer))

/* fsdd_lstm_unit for these units: accumulator (units, 4), multiplier (units, 4), cell_q11 (units), next_q7 (units). */
FSDD_INLINE static void fsdd_lstm_units_arm_mve(const fsdd_model *model, fsdd_lanes_arm_mve lanes, const int32_t *accumulator,
                                                const void *multiplier, int16_t *cell_q11, int16_t *next_q7)
{
    int32x4_t i_q15, f_q15, g_q15, o_q15, cell;
    i_q15 = fsdd_sigmoid_arm_mve(model, fsdd_gate_arm_mve(model, lanes, accumulator, multiplier, 0));
    FSDD_FIRST(i_q15, accumulator);
    g_q15 = fsdd_tanh_arm_mve(model, fsdd_gate_arm_mve(model, lanes, accumulator, multiplier, 2));
    cell = vrshrq_n_s32(vmulq_s32(i_q15, g_q15), FSDD_INPUT_SHIFT);
    FSDD_FIRST(cell, accumulator);
    f_q15 = fsdd_sigmoid_arm_mve(model, fsdd_gate_arm_mve(model, lanes, accumulator, multiplier, 1));
    f_q15 = vmulq_s32(f_q15, vldrhq_gather_shifted_offset_s32(cell_q11, lanes.units));
    cell = fsdd_sat16_arm_mve(vaddq_s32(cell, vrshrq_n_s32(f_q15, FSDD_FORGET_SHIFT)));
    vstrhq_scatter_shifted_offset_s32(cell_q11, lanes.units, cell);
    FSDD_FIRST(cell, accumulator);
    o_q15 = fsdd_sigmoid_arm_mve(model, fsdd_gate_arm_mve(model, lanes, accumulator, multiplier, 3));
    o_q15 = vrshrq_n_s32(vmulq_s32(o_q15, fsdd_tanh_arm_mve(model, cell)), FSDD_HIDDEN_SHIFT);
    vstrhq_scatter_shifted_offset_s32(next_q7, lanes.units, fsdd_sat8_arm_mve(o_q15));
}

/* One frame through layer k: cell_q11 (H) is updated, hidden_q7 (H) is written, as `input` holds the old values. */
FSDD_OUT_OF_LINE static void fsdd_lstm_step_arm_mve(const fsdd_model *model, size_t k, const fsdd_bytes_arm_mve *input,
                                                    int16_t *cell_q11, int16_t *hidden_q7)
{
    const unsigned left = 32u - model->layer_shifts[k];
    const size_t multiplier_bytes = FSDD_USES(model, FSDD_INT8_POT_SCALE, FSDD_CODES) ? sizeof(int8_t) : sizeof(int32_t);
    const uint8_t *weights = model->layers[k].weights;
    const int32_t *bias = model->layers[k].bias;
    const char *multiplier = model->layers[k].multiplier;
    size_t rest, units;
    for (rest = model->hidden; rest > 0u; rest -= units, cell_q11 += units, hidden_q7 += units) {
        int32_t accumulator[FSDD_MVE_UNITS * FSDD_GATES], *sum = accumulator;
        fsdd_lanes_arm_mve lanes;
        units = rest < FSDD_MVE_UNITS ? rest : FSDD_MVE_UNITS;
        for (; sum < accumulator + FSDD_GATES * units; sum += FSDD_GATES, bias += FSDD_GATES) {
            vstrwq_s32(sum, vldrwq_s32(bias));
            weights = fsdd_accumulate_arm_mve(weights, input, sum);
        }
        lanes.units = vminq_u32(vidupq_n_u32(0, 1), vdupq_n_u32((uint32_t)units - 1u));
        lanes.rows = vshlq_n_u32(lanes.units, 2), lanes.left = left;
        fsdd_lstm_units_arm_mve(model, lanes, accumulator, multiplier, cell_q11, hidden_q7);
        multiplier += FSDD_MVE_UNITS * FSDD_GATES * multiplier_bytes;
    }
}

/* fsdd_network_step_in. A layer's old values are packed into scratch, which is 2 * H bytes; its new ones go where the old ones
 * were, and from there to the layer above. */
static void fsdd_network_step_arm_mve(const fsdd_model *model, int16_t *scratch, int16_t *state, const int8_t *frame_q4)
{
    const size_t hidden = model->hidden;
    int8_t *const packed = (int8_t *)scratch;
    fsdd_bytes_arm_mve input;
    int16_t *hidden_q7 = state + model->inputs, *cell_q11 = state + FSDD_EVEN(model->inputs + hidden);
    size_t k;
    input.frame_q4 = frame_q4, input.vector_q7 = packed;
    fsdd_set_counts_arm_mve(&input, model->inputs, hidden);
    fsdd_unpack_features_arm_mve(frame_q4, model->inputs, state);
    for (k = 0; k < model->layer_count; k++) {
        int16_t *const above_q7 = k + 1u < model->layer_count ? cell_q11 + FSDD_EVEN(hidden) : scratch;
        fsdd_pack_arm_mve(hidden_q7 + hidden - input.columns, input.columns, packed);
        fsdd_lstm_step_arm_mve(model, k, &input, cell_q11, hidden_q7);
        fsdd_copy_arm_mve(hidden_q7, hidden, above_q7);
        fsdd_set_counts_arm_mve(&input, 0, 2u * hidden);
        hidden_q7 = above_q7 + hidden, cell_q11 = hidden_q7 + hidden;
    }
}

#endif
