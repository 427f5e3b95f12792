/* The first event counter of the performance monitor counts retired instructions, under -icount shift=0 alone. */
#include "counter.h"

#define RETIRED 0x08ul
#define FIRST_COUNTER 1ul

static uint64_t start;

static inline uint64_t retired(void)
{
    uint64_t now;
    __asm__ volatile("isb\n\tmrs %0, pmevcntr0_el0" : "=r"(now)::"memory");
    return now;
}

void counter_start(void)
{
    __asm__ volatile("msr pmevtyper0_el0, %0\n\t"
                     "msr pmcntenset_el0, %1\n\t"
                     "msr pmcr_el0, %1\n\t"
                     "isb"
                     :
                     : "r"(RETIRED), "r"(FIRST_COUNTER));
    start = retired();
}

uint32_t counter_value(void)
{
    return (uint32_t)(retired() - start);
}
