/* A count of instructions under -icount shift=0, or 0 where there is none. */
#ifndef COUNTER_H
#define COUNTER_H

#include <stdint.h>

void counter_start(void);
/* Since the start, and a constant. */
uint32_t counter_value(void);

#endif
