/* What is this processor's own. */
#ifndef PROCESSOR_H
#define PROCESSOR_H

#include <stdint.h>

#define TAKE_STACK_POINTER "mv %0, sp"
/* An instruction on a control register, which all have and few -march name. */
#define CONTROL(instruction) ".option push\n\t.option arch, +zicsr\n\t" instruction "\n\t.option pop\n\t"

static inline uintptr_t semihosting_call(uint32_t operation, const void *arguments)
{
    register uintptr_t a0 __asm__("a0") = operation;
    register const void *a1 __asm__("a1") = arguments;
    __asm__ volatile(".option push\n\t"
                     ".option norvc\n\t"
                     ".balign 16\n\t" /* the three are found in one page only */
                     "slli x0, x0, 0x1f\n\t"
                     "ebreak\n\t"
                     "srai x0, x0, 7\n\t"
                     ".option pop"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
    return a0;
}

#endif
