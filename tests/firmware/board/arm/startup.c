/* Reset and faults. */
#include "program.h"
#include "semihosting.h"

extern uint32_t stack_top[];

#define COPROCESSOR_ACCESS (*(volatile uint32_t *)0xe000ed88u)
#define VECTORS_AND_FLOATS (0xfu << 20) /* coprocessors 10 and 11: of some, M55's vectors among them, off after reset */

__attribute__((noreturn)) void reset(void);

/* Nothing that the compiler makes of this may need the vectors. */
void reset(void)
{
#ifdef __ARM_FEATURE_MVE
    COPROCESSOR_ACCESS |= VECTORS_AND_FLOATS;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
    run_program();
}

__attribute__((noreturn)) static void fault(void)
{
    uint32_t exception;
    __asm__ volatile("mrs %0, ipsr" : "=r"(exception));
    exit_with(EXIT_FAULT + exception);
}

#define HANDLERS 15 /* reset, the faults and calls; nothing here enables an interrupt */

__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack_top;
    void (*handlers[HANDLERS])(void);
} vectors = {
    stack_top,
    {reset, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault},
};
