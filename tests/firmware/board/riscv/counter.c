/* The counter of retired instructions, which is one under -icount shift=0. */
#include "counter.h"

#include "processor.h"

static uint32_t start;

static inline uint32_t retired(void)
{
    uintptr_t now; /* its lower half where a register has 32 bits */
    __asm__ volatile(CONTROL("csrr %0, minstret") : "=r"(now));
    return (uint32_t)now;
}

void counter_start(void)
{
    start = retired();
}

uint32_t counter_value(void)
{
    return retired() - start;
}
