#include "measure.h"

#include "counter.h"
#include "processor.h"

#define PAINT 0xa5c3f00du
#define PAINTED_WORDS 512u

__attribute__((noinline)) uint32_t stack_bytes(void (*work)(void))
{
    uint32_t *top;
    __asm__ volatile(TAKE_STACK_POINTER : "=r"(top));
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

__attribute__((noinline)) static void nothing(void)
{
    __asm__ volatile("");
}

__attribute__((noinline)) static uint32_t counted(void (*work)(void))
{
    counter_start();
    work();
    return counter_value();
}

uint32_t instructions(void (*work)(void))
{
    return counted(work) - counted(nothing);
}
