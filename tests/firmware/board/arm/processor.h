/* What is this processor's own. */
#ifndef PROCESSOR_H
#define PROCESSOR_H

#include <stdint.h>

#define TAKE_STACK_POINTER "mov %0, sp"

static inline uintptr_t semihosting_call(uint32_t operation, const void *arguments)
{
    register uintptr_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

#endif
