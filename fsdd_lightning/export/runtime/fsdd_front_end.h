/* An integer MFCC front end: 16-bit samples in, frames of int8 features out. C99; no float, no malloc, no libm.
 *
 *     fsdd_front_end_reset(&front_end);                                        once, and before a clip that stands alone
 *     while (fsdd_front_end_levels(&front_end, &samples, &count)) {            any number of samples at a time
 *         fsdd_front_end_features(&front_end, multiplier, bias, frame_q4);
 *         fsdd_network_step(&model, state, frame_q4);
 *     }
 *
 * Its constants are those of fsdd_front_end_config.h: one front end for all models of a program. A frame is made of
 * FSDD_WINDOW samples and comes every FSDD_HOP; nothing is padded. The functions have the names of the Python reference,
 * fsdd_lightning/arithmetic/front_end.py; what they compute, and why nothing overflows, is in the README.md beside it.
 */
#ifndef FSDD_FRONT_END_H
#define FSDD_FRONT_END_H

#include <stddef.h>
#include <stdint.h>

#include "fsdd_front_end_config.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FSDD_POINTS (FSDD_WINDOW / 2u) /* of the complex transform, and bins of the spectrum */
#define FSDD_SCRATCH_WORDS (4u * FSDD_POINTS)

/* What arrays have room for: just as much. Where the constants of a front end are variables, as in a web page that hears any
 * model, this is their largest values. */
#ifndef FSDD_LARGEST_WINDOW
#define FSDD_LARGEST_WINDOW FSDD_WINDOW
#define FSDD_MOST_BANDS FSDD_BANDS
#define FSDD_MOST_COEFFICIENTS FSDD_COEFFICIENTS
#define FSDD_MOST_CHANNELS FSDD_CHANNELS
#endif

typedef struct {
    int32_t re, im;
} fsdd_complex;

/* Memory for what is computed next: it means nothing between frames. */
typedef union {
    fsdd_complex z[FSDD_LARGEST_WINDOW / 2u]; /* after fsdd_front_end_levels, im of number b is the level of band b */
    int16_t network[2u * FSDD_LARGEST_WINDOW];
} fsdd_scratch;

typedef struct {
    fsdd_scratch scratch;
    int32_t reference_q8; /* the highest level of the word so far */
#if FSDD_DELTAS
    int32_t before[FSDD_MOST_COEFFICIENTS]; /* the coefficients of the frame before */
#endif
    uint16_t filled; /* of samples */
    uint16_t fresh;  /* no frame of this word yet */
    int16_t samples[FSDD_LARGEST_WINDOW];
} fsdd_front_end;

/* Forgets all sound. */
void fsdd_front_end_reset(fsdd_front_end *front_end);

/* Forgets the word before, not the samples: where a word begins within a stream, after its first frame's levels. */
void fsdd_front_end_begin_word(fsdd_front_end *front_end);

/* Takes samples from *samples on until a frame is complete: 1, its levels are in the scratch; or until none is left: 0.
 * *samples and *count then are what is left. */
int fsdd_front_end_levels(fsdd_front_end *front_end, const int16_t **samples, size_t *count);

/* The features of that frame, frame_q4 (FSDD_CHANNELS), for a network with these constants (FSDD_CHANNELS). At most once
 * a frame: the levels are gone afterwards. */
void fsdd_front_end_features(fsdd_front_end *front_end, const int32_t *multiplier, const int32_t *bias,
                             int8_t *frame_q4);

#ifdef __cplusplus
}
#endif

#endif
