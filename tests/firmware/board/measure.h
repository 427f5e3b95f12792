/* Instructions and stack of one call. */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdint.h>

/* Bytes below the caller's stack pointer that `work` overwrites, its own frame included. */
uint32_t stack_bytes(void (*work)(void));
/* Instructions of `work`, to the next 40. Only under -icount shift=0, on mps2 boards: one instruction is then 1 ns
   and one tick of the 25 MHz timer is 40 of them. */
uint32_t instructions(void (*work)(void));

#endif
