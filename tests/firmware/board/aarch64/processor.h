/* What is this processor's own. */
#ifndef PROCESSOR_H
#define PROCESSOR_H

#include <stdint.h>

#define TAKE_STACK_POINTER "mov %0, sp"

static inline uintptr_t semihosting_call(uint32_t operation, const void *arguments)
{
    register uintptr_t x0 __asm__("x0") = operation;
    register const void *x1 __asm__("x1") = arguments;
    __asm__ volatile("hlt 0xf000" : "+r"(x0) : "r"(x1) : "memory");
    return x0;
}

#endif
