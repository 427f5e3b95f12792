/* The tables of a front end where the page put them; see templates/fsdd_front_end_tables.h.j2. */
#ifndef FSDD_FRONT_END_TABLES_H
#define FSDD_FRONT_END_TABLES_H

#include <stdint.h>

typedef struct {
    const int16_t *cosine_q14, *width_q8;
    const uint8_t *rise_q8, *segment_bins, *log_q8;
} fsdd_front_end_tables;

extern fsdd_front_end_tables fsdd_tables;

#define fsdd_cosine_q14 fsdd_tables.cosine_q14
#define fsdd_width_q8 fsdd_tables.width_q8
#define fsdd_rise_q8 fsdd_tables.rise_q8
#define fsdd_segment_bins fsdd_tables.segment_bins
#define fsdd_log_q8 fsdd_tables.log_q8

#endif
