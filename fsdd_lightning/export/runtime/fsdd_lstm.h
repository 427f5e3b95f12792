/* An integer LSTM that reads one frame of features at a time. C99; no float, no malloc, no libm.
 *
 * Three structs describe a network, all of it constant; its state is a block of int16_t that the caller owns:
 *
 *     int16_t state[FSDD_STATE_WORDS(13, 24, 2)];        inputs, hidden units, layers
 *     fsdd_zero_state(&model, state);                    before each clip
 *     fsdd_network_step(&model, state, frame_q4);        for each frame
 *     fsdd_output_logits(&model, state, logits);         whenever you need a decision
 *     word = fsdd_classify(&model, logits);
 *
 * A name that ends in _qN counts in steps of 2^-N: a feature of 1.0 is 16 in q4. The functions stand in the order, and
 * have the names, of the Python reference, fsdd_lightning/arithmetic/integer_lstm.py; what they compute is specified in
 * the README.md beside that file. Nothing here can overflow: that was proven for these weights before they were exported.
 */
#ifndef FSDD_LSTM_H
#define FSDD_LSTM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How the weights of a model are written: one code and one layout. */
#define FSDD_INT8 0x01u           /* one a byte, two's complement */
#define FSDD_INT8_POT_SCALE 0x02u /* the same; a row is rescaled by a shift */
#define FSDD_INT4 0x04u           /* two a byte, low nibble first, two's complement */
#define FSDD_POT 0x08u            /* two a byte: bit 3 is the sign, bits 0-2 are 0 for zero, else log2 + 1 */
#define FSDD_TERNARY 0x10u        /* four a byte, lowest bits first, two's complement */
#define FSDD_INTERLEAVED 0x20u    /* for microcontrollers; see fsdd_accumulate_interleaved */
#define FSDD_PLAIN_ROWS 0x40u     /* for processors with long vectors; see fsdd_accumulate_plain_rows */

/* The codes and layouts that a program needs: -DFSDD_FORMATS='(FSDD_INT8 | FSDD_INTERLEAVED)' leaves out the others. */
#ifndef FSDD_FORMATS
#define FSDD_FORMATS 0x7Fu
#endif

#define FSDD_GATES 4 /* i, f, g, o: rows 4 * unit ... 4 * unit + 3 of a layer belong to one hidden unit */

/* One LSTM layer: H hidden units that read C = I + H columns, [input, hidden]. */
typedef struct {
    const uint8_t *weights;    /* (H, 4, C) in the model's format */
    const int32_t *bias;       /* (H, 4), in the step of the accumulator */
    const int32_t *multiplier; /* (H, 4), from that step to 2^-11; FSDD_INT8_POT_SCALE: the right shift that does so */
} fsdd_layer;

/* The output layer. */
typedef struct {
    const uint8_t *weights; /* (classes, H), packed rows */
    const int32_t *bias;    /* (classes) */
} fsdd_output;

/* The network. */
typedef struct {
    const fsdd_layer *layers;     /* (layer_count), from the input up */
    const uint8_t *layer_shifts;  /* (layer_count), 2...32: z is acc * multiplier >> shift, rounded */
    fsdd_output output;
    const int16_t *sigmoid_table; /* (257) */
    const int16_t *tanh_table;    /* (257) */
    uint16_t inputs;              /* I of the lowest layer: features of a frame */
    uint16_t hidden;              /* H of every layer */
    uint16_t classes;
    uint8_t layer_count;
    uint8_t format;               /* FSDD_INT8 | FSDD_INTERLEAVED, ... */
} fsdd_model;

/* The state: first the (H) hidden values that a step is about to write, then for each layer its input (I), its hidden
 * values (H) and its cells (H). All are int16_t, so that no compiler pads it. */
#define FSDD_STATE_WORDS(inputs, hidden, layer_count) ((size_t)(inputs) + (size_t)3 * (hidden) * (layer_count))

/* For the functions that end in _in: the state without the (H) words in front. A step gets them as `scratch`, memory that
 * its caller needs for nothing else meanwhile. */
#define FSDD_STATE_WORDS_IN(inputs, hidden, layer_count) (FSDD_STATE_WORDS(inputs, hidden, layer_count) - (size_t)(hidden))

/* logits (classes): of the clip up to the last frame. */
void fsdd_output_logits(const fsdd_model *model, const int16_t *state, int32_t *logits);

/* The class with the largest of logits (classes); the lowest on ties. */
size_t fsdd_classify(const fsdd_model *model, const int32_t *logits);

/* Logit k of them. */
int32_t fsdd_output_logit_in(const fsdd_model *model, const int16_t *state, size_t k);

/* Forgets all frames. */
void fsdd_zero_state(const fsdd_model *model, int16_t *state);

/* Reads one frame: frame_q4 (inputs); what is in scratch (H) before does not matter. */
void fsdd_network_step(const fsdd_model *model, int16_t *state, const int8_t *frame_q4);
void fsdd_network_step_in(const fsdd_model *model, int16_t *scratch, int16_t *state, const int8_t *frame_q4);

/* A whole clip at once: frames_q4 (frame_count, inputs) to logits (classes). */
void fsdd_network_logits(const fsdd_model *model, int16_t *state, const int8_t *frames_q4, size_t frame_count,
                         int32_t *logits);

#ifdef __cplusplus
}
#endif

#endif
