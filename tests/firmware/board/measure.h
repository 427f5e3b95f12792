/* Instructions and stack of one call. */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdint.h>

/* Bytes below the caller's stack pointer that `work` overwrites, its own frame included. */
uint32_t stack_bytes(void (*work)(void));
/* Instructions of `work`, less those of calling one that does nothing. Only under -icount shift=0. */
uint32_t instructions(void (*work)(void));

#endif
