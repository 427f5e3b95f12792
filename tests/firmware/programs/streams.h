/* Where clips come from and results go: files (file_streams.c) or the program's own memory (memory_streams.c).
 *
 * What they are is the program's affair; for networks that get features (clips.c, count.c):
 * In:  for each model the number of clips (2 bytes); for each clip its frames (1 byte), then frames x inputs int8.
 * Out: for each frame the whole state after it, int16; for each clip its logits and then its class, int32. */
#ifndef STREAMS_H
#define STREAMS_H

#include <stdint.h>

#include "fsdd_lstm.h"

void streams_open(void);
void take_input(void *data, uint32_t size);
void give_output(const void *data, uint32_t size);
/* How many outputs were not the expected ones, or are missing. */
uint32_t streams_close(void);

/* Written by the driver. */
extern const fsdd_model *const models[];
extern const uint32_t model_count;

#endif
