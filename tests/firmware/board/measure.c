#include "measure.h"

#define PAINT 0xa5c3f00du
#define PAINTED_WORDS 512u
#define INSTRUCTIONS_PER_TICK 40u

#define SYSTICK_CONTROL (*(volatile uint32_t *)0xe000e010u)
#define SYSTICK_RELOAD (*(volatile uint32_t *)0xe000e014u)
#define SYSTICK_COUNT (*(volatile uint32_t *)0xe000e018u)
#define SYSTICK_MOST 0xffffffu

__attribute__((noinline)) uint32_t stack_bytes(void (*work)(void))
{
    uint32_t *top;
    __asm__ volatile("mov %0, sp" : "=r"(top));
    volatile uint32_t *const bottom = top - PAINTED_WORDS;
    for (uint32_t k = 0; k < PAINTED_WORDS; k++) {
        bottom[k] = PAINT;
    }
    work();
    uint32_t untouched = 0;
    while (untouched < PAINTED_WORDS && bottom[untouched] == PAINT) {
        untouched++;
    }
    return 4u * (PAINTED_WORDS - untouched);
}

uint32_t instructions(void (*work)(void))
{
    SYSTICK_RELOAD = SYSTICK_MOST;
    SYSTICK_COUNT = 0;   /* any write empties it */
    SYSTICK_CONTROL = 5; /* on, processor clock, no interrupt */
    const uint32_t before = SYSTICK_COUNT;
    work();
    return ((before - SYSTICK_COUNT) & SYSTICK_MOST) * INSTRUCTIONS_PER_TICK;
}
