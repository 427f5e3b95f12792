/* The same bits faster, with the vectors of Arm's MVE (Helium): Cortex-M52, M55, M85. Included by fsdd_lstm.c for models with
 * weights of 8 bits in FSDD_ROWS.
 *
 * One instruction multiplies 16 bytes by 16 bytes and adds the products to a sum. Weights are bytes; hidden values are, too,
 * but for being kept as int16_t, and the features of a frame before they are shifted. So a step packs what it reads into bytes,
 * sums the features apart and shifts their sum. The activations of four units are computed at once, in lanes of 32 bits.
 *
 * Counts that are no multiple of the lanes need no code of their own: the processor predicates what is left over.
 */
#ifndef FSDD_LSTM_ARM_MVE_H
#define FSDD_LSTM_ARM_MVE_H

#include <arm_mve.h>

#include "fsdd_lstm.h"

#define FSDD_MVE_UNITS 4u /* whose activations are computed at once */

/* --- bytes and words --- */

/* to (count) = from (count); hidden values are in the range of bytes. */
static inline void fsdd_pack_arm_mve(const int16_t *from, size_t count, int8_t *to)
{
    size_t k;
    for (k = 0; k < count; k += 8u) {
        const mve_pred16_t left = vctp16q((uint32_t)(count - k));
        vstrbq_p_s16(to + k, vldrhq_z_s16(from + k, left), left);
    }
}

/* to (count) = from (count) in another step. */
static inline void fsdd_unpack_features_arm_mve(const int8_t *from, size_t count, int16_t *to)
{
    size_t k;
    for (k = 0; k < count; k += 8u) {
        const mve_pred16_t left = vctp16q((uint32_t)(count - k));
        vstrhq_p_s16(to + k, vshlq_n_s16(vldrbq_z_s16(from + k, left), FSDD_FEATURE_SHIFT), left);
    }
}

/* to (count) = from (count). */
static inline void fsdd_copy_arm_mve(const int16_t *from, size_t count, int16_t *to)
{
    size_t k;
    for (k = 0; k < count; k += 8u) {
        const mve_pred16_t left = vctp16q((uint32_t)(count - k));
        vstrhq_p_s16(to + k, vldrhq_z_s16(from + k, left), left);
    }
}

/* --- sums --- */

/* What the units of a layer read: the columns of a row of weights, in bytes. */
typedef struct {
    const int8_t *frame_q4; /* (inputs) of the lowest layer; above it there are none */
    size_t inputs;
    const int8_t *vector_q7; /* (columns) [input, hidden]; in the lowest layer hidden alone */
    size_t columns;
} fsdd_bytes_arm_mve;

/* Adds weights * vector (count) of four rows, `stride` bytes apart, to sum (4). The vector is loaded once for all of them, and
 * the loop's last turn takes as many bytes as are left. In assembly language, as compilers do not keep the sums in the registers
 * with even numbers that the instruction wants. */
FSDD_INLINE static void fsdd_add_rows_arm_mve(const uint8_t *weights, size_t stride, const int8_t *vector, size_t count,
                                              int32_t *sum)
{
    const uint8_t *row_i = weights, *row_f = row_i + stride, *row_g = row_f + stride, *row_o = row_g + stride;
    int32_t i = sum[0], f = sum[1], g = sum[2], o = sum[3];
    __asm__("wlstp.8 lr, %[count], 2f\n"
            "1:\tvldrb.u8 q0, [%[vector]], #16\n\tvldrb.u8 q1, [%[row_i]], #16\n\tvmladava.s8 %[i], q0, q1\n\t"
            "vldrb.u8 q2, [%[row_f]], #16\n\tvmladava.s8 %[f], q0, q2\n\t"
            "vldrb.u8 q1, [%[row_g]], #16\n\tvmladava.s8 %[g], q0, q1\n\t"
            "vldrb.u8 q2, [%[row_o]], #16\n\tvmladava.s8 %[o], q0, q2\n\tletp lr, 1b\n2:"
            : [i] "+Te"(i), [f] "+Te"(f), [g] "+Te"(g), [o] "+Te"(o), [vector] "+r"(vector), [row_i] "+r"(row_i),
              [row_f] "+r"(row_f), [row_g] "+r"(row_g), [row_o] "+r"(row_o)
            : [count] "r"(count)
            : "lr", "q0", "q1", "q2", "memory");
    sum[0] = i, sum[1] = f, sum[2] = g, sum[3] = o;
}

/* accumulator (4) = bias (4) + weights (4, inputs + columns) * input. */
FSDD_INLINE static void fsdd_accumulate_arm_mve(const uint8_t *weights, const fsdd_bytes_arm_mve *input, const int32_t *bias,
                                                int32_t *accumulator)
{
    const size_t stride = input->inputs + input->columns;
    int32_t sum[FSDD_GATES] = {0, 0, 0, 0};
    size_t gate;
    if (input->inputs > 0u)
        fsdd_add_rows_arm_mve(weights, stride, input->frame_q4, input->inputs, sum);
    for (gate = 0; gate < FSDD_GATES; gate++)
        sum[gate] = bias[gate] + sum[gate] * (1 << FSDD_FEATURE_SHIFT);
    fsdd_add_rows_arm_mve(weights + input->inputs, stride, input->vector_q7, input->columns, sum);
    for (gate = 0; gate < FSDD_GATES; gate++)
        accumulator[gate] = sum[gate];
}

/* --- activations, in each of four lanes --- */

/* The nearest uint16_t, and the nearest int16_t. */
FSDD_INLINE static uint32x4_t fsdd_saturate_unsigned_arm_mve(int32x4_t value)
{
    return vmovlbq_u16(vqmovunbq_s32(vreinterpretq_u16_s32(value), value));
}

FSDD_INLINE static int32x4_t fsdd_sat16_arm_mve(int32x4_t value)
{
    return vmovlbq_s16(vqmovnbq_s32(vreinterpretq_s16_s32(value), value));
}

/* fsdd_interpolate with 8 bits of fraction; offset_q8 is below 2^16. Two gathers, as entries at odd places start at no word. */
FSDD_INLINE static int32x4_t fsdd_interpolate_arm_mve(const int16_t *table, uint32x4_t offset_q8)
{
    const uint32x4_t index = vshrq_n_u32(offset_q8, 8);
    const int32x4_t fraction = vreinterpretq_s32_u32(vbicq_n_u32(offset_q8, 0xFF00));
    const int32x4_t left = vldrhq_gather_shifted_offset_s32(table, index);
    const int32x4_t right = vldrhq_gather_shifted_offset_s32(table + 1, index);
    return vaddq_s32(left, vrshrq_n_s32(vmulq_s32(vsubq_s32(right, left), fraction), 8));
}

FSDD_INLINE static int32x4_t fsdd_sigmoid_arm_mve(const fsdd_model *model, int32x4_t z_q11)
{
    return fsdd_interpolate_arm_mve(model->sigmoid_table, fsdd_saturate_unsigned_arm_mve(vqaddq_n_s32(z_q11, 32768)));
}

/* Twice the offset has 8 bits of fraction, too, the last of them 0. */
FSDD_INLINE static int32x4_t fsdd_tanh_arm_mve(const fsdd_model *model, int32x4_t z_q11)
{
    const int32x4_t doubled = vqaddq_n_s32(vqshlq_n_s32(z_q11, 1), 32768);
    return fsdd_interpolate_arm_mve(model->tanh_table, vbicq_n_u32(fsdd_saturate_unsigned_arm_mve(doubled), 1));
}

/* --- a layer --- */

/* The accumulators of up to four units to z; what saturates in 32 bits does so in 16. A lane's shift is the lowest byte. */
FSDD_INLINE static int32x4x4_t fsdd_gates_arm_mve(const fsdd_model *model, const int32_t *accumulator, const void *multiplier,
                                                  size_t units, unsigned left)
{
    int32x4x4_t z = vld4q_s32(accumulator);
    if (FSDD_USES(model, FSDD_INT8_POT_SCALE, FSDD_CODES)) {
        const int8x16_t right = vldrbq_z_s8(multiplier, vctp8q((uint32_t)(FSDD_GATES * units)));
        const int32x4_t shifts = vreinterpretq_s32_s8(vnegq_s8(right));
        z.val[0] = vqrshlq_s32(z.val[0], shifts);
        z.val[1] = vqrshlq_s32(z.val[1], vshrq_n_s32(shifts, 8));
        z.val[2] = vqrshlq_s32(z.val[2], vshrq_n_s32(shifts, 16));
        z.val[3] = vqrshlq_s32(z.val[3], vshrq_n_s32(shifts, 24));
    } else {
        const mve_pred16_t present = vctp32q((uint32_t)units);
        const uint32x4_t of_units = vidupq_n_u32(0, 4);
        size_t gate;
        for (gate = 0; gate < FSDD_GATES; gate++) {
            const int32_t *const factor = (const int32_t *)multiplier + gate;
            z.val[gate] = vrmulhq_s32(vshlq_r_s32(z.val[gate], (int32_t)left),
                                      vldrwq_gather_shifted_offset_z_s32(factor, of_units, present));
        }
    }
    return z;
}

/* fsdd_lstm_unit for up to four units: accumulator (4, 4), multiplier (units, 4), cell_q11 (units), next_q7 (units). */
FSDD_INLINE static void fsdd_lstm_units_arm_mve(const fsdd_model *model, const int32x4x4_t *z, size_t units, int16_t *cell_q11,
                                                int16_t *next_q7)
{
    const mve_pred16_t present = vctp32q((uint32_t)units);
    const int32x4_t i_q15 = fsdd_sigmoid_arm_mve(model, z->val[0]), f_q15 = fsdd_sigmoid_arm_mve(model, z->val[1]);
    const int32x4_t g_q15 = fsdd_tanh_arm_mve(model, z->val[2]), o_q15 = fsdd_sigmoid_arm_mve(model, z->val[3]);
    const int32x4_t kept = vrshrq_n_s32(vmulq_s32(f_q15, vldrhq_z_s32(cell_q11, present)), FSDD_FORGET_SHIFT);
    const int32x4_t added = vrshrq_n_s32(vmulq_s32(i_q15, g_q15), FSDD_INPUT_SHIFT);
    const int32x4_t cell = fsdd_sat16_arm_mve(vaddq_s32(kept, added));
    const int32x4_t next = vrshrq_n_s32(vmulq_s32(o_q15, fsdd_tanh_arm_mve(model, cell)), FSDD_HIDDEN_SHIFT);
    vstrhq_p_s32(cell_q11, cell, present);
    vstrhq_p_s32(next_q7, vminq_s32(next, vdupq_n_s32(127)), present); /* it is at least -128 */
}

/* One frame through layer k: cell_q11 (H) is updated, hidden_q7 (H) is written, as `input` holds the old values. */
FSDD_OUT_OF_LINE static void fsdd_lstm_step_arm_mve(const fsdd_model *model, size_t k, const fsdd_bytes_arm_mve *input,
                                                    int16_t *cell_q11, int16_t *hidden_q7)
{
    const size_t unit_bytes = FSDD_GATES * (input->inputs + input->columns);
    const size_t multiplier_bytes = FSDD_MVE_UNITS * fsdd_multiplier_bytes(model);
    const unsigned left = FSDD_USES(model, FSDD_INT8_POT_SCALE, FSDD_CODES) ? 0u : 32u - model->layer_shifts[k];
    const uint8_t *weights = model->layers[k].weights;
    const int32_t *bias = model->layers[k].bias;
    const char *multiplier = model->layers[k].multiplier;
    size_t first;
    for (first = 0; first < model->hidden; first += FSDD_MVE_UNITS, multiplier += multiplier_bytes) {
        const size_t rest = model->hidden - first, units = rest < FSDD_MVE_UNITS ? rest : FSDD_MVE_UNITS;
        int32_t accumulator[FSDD_MVE_UNITS * FSDD_GATES];
        int32x4x4_t z;
        size_t unit;
        for (unit = 0; unit < units; unit++, weights += unit_bytes, bias += FSDD_GATES)
            fsdd_accumulate_arm_mve(weights, input, bias, accumulator + FSDD_GATES * unit);
        z = fsdd_gates_arm_mve(model, accumulator, multiplier, units, left);
        fsdd_lstm_units_arm_mve(model, &z, units, cell_q11 + first, hidden_q7 + first);
    }
}

/* fsdd_network_step_in. A layer's old values are packed into scratch, which is 2 * H bytes; its new ones go where the old ones
 * were, and from there to the layer above. */
static void fsdd_network_step_arm_mve(const fsdd_model *model, int16_t *scratch, int16_t *state, const int8_t *frame_q4)
{
    const size_t hidden = model->hidden;
    int8_t *const packed = (int8_t *)scratch;
    fsdd_bytes_arm_mve input = {frame_q4, model->inputs, packed, hidden};
    int16_t *hidden_q7 = state + model->inputs, *cell_q11 = state + FSDD_EVEN(model->inputs + hidden);
    size_t k;
    fsdd_unpack_features_arm_mve(frame_q4, model->inputs, state);
    for (k = 0; k < model->layer_count; k++) {
        int16_t *const above_q7 = k + 1u < model->layer_count ? cell_q11 + FSDD_EVEN(hidden) : scratch;
        fsdd_pack_arm_mve(hidden_q7 + hidden - input.columns, input.columns, packed);
        fsdd_lstm_step_arm_mve(model, k, &input, cell_q11, hidden_q7);
        fsdd_copy_arm_mve(hidden_q7, hidden, above_q7);
        input.inputs = 0, input.columns = 2u * hidden;
        hidden_q7 = above_q7 + hidden, cell_q11 = hidden_q7 + hidden;
    }
}

#endif
