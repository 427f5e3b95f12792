/* The constants of a front end as variables, with the names that fsdd_front_end.c and fsdd_listen.c know: the page of a
 * network sets them, so that one WebAssembly hears with all. */
#ifndef FSDD_FRONT_END_CONFIG_H
#define FSDD_FRONT_END_CONFIG_H

#include <stdint.h>

/* In the order of FRONT_END_FIELDS in image.py. */
typedef struct {
    uint32_t window, window_bits, hop, bands, band_bits, coefficients;
    int32_t depth_q8, quietest_level_q8, decay_q8;
} fsdd_front_end_constants;

extern fsdd_front_end_constants fsdd_constants;

#define FSDD_WINDOW fsdd_constants.window
#define FSDD_WINDOW_BITS fsdd_constants.window_bits
#define FSDD_HOP fsdd_constants.hop
#define FSDD_BANDS fsdd_constants.bands
#define FSDD_BAND_BITS fsdd_constants.band_bits
#define FSDD_COEFFICIENTS fsdd_constants.coefficients
#define FSDD_DELTAS 1 /* always computed; a network without them does not read so far */
#define FSDD_CHANNELS (2u * FSDD_COEFFICIENTS)
#define FSDD_DEPTH_Q8 fsdd_constants.depth_q8
#define FSDD_QUIETEST_LEVEL_Q8 fsdd_constants.quietest_level_q8
#define FSDD_DECAY_Q8 fsdd_constants.decay_q8

/* The largest that arithmetic/front_end.py allows. */
#define FSDD_LARGEST_WINDOW 512
#define FSDD_MOST_BANDS 64
#define FSDD_MOST_COEFFICIENTS 64
#define FSDD_MOST_CHANNELS 128

#endif
