/* SysTick under -icount shift=0, where an instruction takes 1 ns: one tick of an mps2's 25 MHz is 40 instructions, of
 * the mps3-an547's 32 MHz 31.25. What is left of a tick is counted by waiting for its end in a loop of known length. */
#include "counter.h"

#ifndef TIMER_MHZ
#define TIMER_MHZ 25u
#endif

#define SYSTICK_CONTROL (*(volatile uint32_t *)0xe000e010u)
#define SYSTICK_RELOAD (*(volatile uint32_t *)0xe000e014u)
#define SYSTICK_COUNT ((volatile uint32_t *)0xe000e018u)
#define SYSTICK_MOST 0xffffffu
#define WAITING_LOOP 4u

/* Turns of the loop until the counter changes, and the instructions of each are WAITING_LOOP. */
static inline uint32_t wait_for_tick(void)
{
    uint32_t turns = 0, first, now;
    __asm__ volatile(".syntax unified\n\t"
                     "ldr %[first], [%[timer]]\n\t"
                     "1: adds %[turns], %[turns], #1\n\t"
                     "ldr %[now], [%[timer]]\n\t"
                     "cmp %[now], %[first]\n\t"
                     "beq 1b"
                     : [turns] "+l"(turns), [first] "=&l"(first), [now] "=&l"(now)
                     : [timer] "l"(SYSTICK_COUNT)
                     : "cc");
    return turns;
}

static uint32_t start;

void counter_start(void)
{
    SYSTICK_RELOAD = SYSTICK_MOST;
    *SYSTICK_COUNT = 0;  /* any write empties it */
    SYSTICK_CONTROL = 5; /* on, processor clock, no interrupt */
    wait_for_tick();     /* the first reloads it */
    wait_for_tick();
    start = *SYSTICK_COUNT;
}

uint32_t counter_value(void)
{
    const uint32_t waited = WAITING_LOOP * wait_for_tick();
    const uint32_t ticks = (start - *SYSTICK_COUNT) & SYSTICK_MOST;
    return (uint32_t)((uint64_t)ticks * 1000u / TIMER_MHZ) - waited;
}
