/* Reset and faults. */
#include "processor.h"
#include "program.h"
#include "semihosting.h"

__attribute__((noreturn, aligned(4), used)) static void fault(void)
{
    uintptr_t cause;
    __asm__ volatile(CONTROL("csrr %0, mcause") : "=r"(cause));
    exit_with(EXIT_FAULT + (uint32_t)cause);
}

__attribute__((noreturn, naked, section(".vectors"))) void reset(void);

void reset(void)
{
    __asm__ volatile("la sp, stack_top\n\t"
                     "la t0, %0\n\t"
                     CONTROL("csrw mtvec, t0")
                     "j run_program"
                     :
                     : "i"(fault));
}
