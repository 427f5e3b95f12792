/* An integer LSTM that reads one frame of features at a time. C99; no float, no malloc, no libm.
 *
 * Three structs describe a network, all of it constant; its state is a block of int16_t that the caller owns:
 *
 *     int16_t state[FSDD_STATE_WORDS(13, 24, 2)];        inputs, hidden units, layers; aligned to 4 bytes
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
#define FSDD_INT4 0x04u           /* two a byte, two's complement */
#define FSDD_POT 0x08u            /* two a byte: bit 3 is the sign, bits 0-2 are 0 for zero, else log2 + 1 */
#define FSDD_TERNARY 0x10u        /* four a byte, two's complement */
#define FSDD_COLUMNS 0x20u        /* for small processors; see fsdd_accumulate_columns */
#define FSDD_PAIRS 0x40u          /* for Arm's DSP instructions; see fsdd_accumulate_pairs */
#define FSDD_ROWS 0x80u           /* for processors with vectors; see fsdd_accumulate_rows */

/* Instructions that the compiler says the processor has. */
#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1) && !defined(__ARM_BIG_ENDIAN)
#define FSDD_ARM_MVE
#endif
#if (defined(__clang__) || __GNUC__ >= 10) && defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_UNALIGNED) &&        \
    !defined(__ARM_BIG_ENDIAN)
#define FSDD_HAS_ARM_DSP
#endif
/* Code in assembly language for them needs registers that compilers keep for other things unless they optimize. */
#if defined(FSDD_HAS_ARM_DSP) && defined(__OPTIMIZE__)
#define FSDD_ARM_DSP
#endif
#if defined(__GNUC__) && defined(__ARM_ARCH_ISA_THUMB) && __ARM_ARCH_ISA_THUMB == 1 && defined(__OPTIMIZE__) &&        \
    !defined(__OPTIMIZE_SIZE__)
#define FSDD_THUMB1 /* Cortex-M0; for small code GCC leaves half of its registers alone */
#endif
#if defined(__GNUC__) && defined(__ARM_ARCH_ISA_THUMB) && __ARM_ARCH_ISA_THUMB == 2 && defined(__OPTIMIZE__)
#define FSDD_THUMB2 /* Cortex-M3 and larger */
#endif
#if defined(__aarch64__) && defined(__ARM_NEON) && !defined(__ARM_BIG_ENDIAN)
#define FSDD_NEON
#endif
#if defined(__AVX2__) || (defined(__GNUC__) && defined(__x86_64__) && defined(__SSE2__) && __STDC_HOSTED__)
#define FSDD_AVX2 /* or it is looked for at run time, where there is an operating system */
#endif
#if defined(FSDD_AVX2) || defined(FSDD_NEON)
#define FSDD_LONG_VECTORS
#endif

/* The layout that the processor reads fastest, for a code; without FSDD_PAIRS, which not all weights allow. Any processor
 * reads all three, with the same result. */
#define FSDD_IS_INT8(code) (((code) & (FSDD_INT8 | FSDD_INT8_POT_SCALE)) != 0u)
#if defined(FSDD_LONG_VECTORS)
#define FSDD_FASTEST_UNPAIRED(code) FSDD_ROWS
#elif defined(FSDD_ARM_MVE)
#define FSDD_FASTEST_UNPAIRED(code) (FSDD_IS_INT8(code) ? FSDD_ROWS : FSDD_COLUMNS)
#else
#define FSDD_FASTEST_UNPAIRED(code) FSDD_COLUMNS
#endif
#if defined(FSDD_ARM_MVE) && !defined(FSDD_LONG_VECTORS)
#define FSDD_FASTEST(code) (FSDD_IS_INT8(code) ? FSDD_ROWS : FSDD_PAIRS)
#elif defined(FSDD_HAS_ARM_DSP) && !defined(FSDD_LONG_VECTORS)
#define FSDD_FASTEST(code) FSDD_PAIRS
#else
#define FSDD_FASTEST(code) FSDD_FASTEST_UNPAIRED(code)
#endif

/* The codes and layouts that a program needs: -DFSDD_FORMATS='(FSDD_INT8 | FSDD_FASTEST(FSDD_INT8))' leaves out the others. */
#ifndef FSDD_FORMATS
#define FSDD_FORMATS 0x1FFu
#endif

/* Beside these: power-of-two weights in pairs are looked up in a table of 1,024 bytes, which is otherwise left out. */
#define FSDD_POT_TABLE 0x100u
#define FSDD_POT_TABLE_BYTES 1024u

#define FSDD_GATES 4 /* i, f, g, o: rows 4 * unit ... 4 * unit + 3 of a layer belong to one hidden unit */

/* One LSTM layer: H hidden units that read C = I + H columns, [input, hidden]. A row's multiplier takes its accumulator's
 * step to 2^-11; its upper half is all of it with FSDD_INT4, FSDD_POT and FSDD_TERNARY. */
typedef struct {
    const uint8_t *weights; /* (H, 4, C) in the model's format */
    const void *bias;       /* (H, 4) int32_t, in the step of the accumulator; int16_t with the three codes above */
    const void *multiplier; /* (H, 4) int32_t; those codes: int16_t; FSDD_INT8_POT_SCALE: int8_t, the right shift that does so */
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
    uint8_t format;               /* FSDD_INT8 | FSDD_COLUMNS, ... */
} fsdd_model;

/* The state: first the (H) hidden values that a step is about to write, then for each layer its input (I) and hidden values
 * (H), and its cells (H). All are int16_t, and each of these three takes an even number: what is aligned to 32 bits in front
 * stays so, which some processors read faster. */
#define FSDD_EVEN(count) (((size_t)(count) + 1u) & ~(size_t)1u)
#define FSDD_STATE_WORDS(inputs, hidden, layer_count) (FSDD_EVEN(hidden) + FSDD_STATE_WORDS_IN(inputs, hidden, layer_count))

/* For the functions that end in _in: the state without the words in front. A step gets them as `scratch`, memory that its
 * caller needs for nothing else meanwhile. */
#define FSDD_STATE_WORDS_IN(inputs, hidden, layer_count)                                                               \
    (FSDD_EVEN((size_t)(inputs) + (hidden)) + (size_t)2 * (hidden) * ((layer_count) - 1u) +                            \
     FSDD_EVEN(hidden) * (layer_count))

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
