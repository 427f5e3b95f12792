/* Reset and faults, at exception level 1. Its memory is mapped as such, in one piece: else it must not be read across
 * the words' borders, which emulators check from QEMU 9 on. */
#include "program.h"
#include "semihosting.h"

#define ENTRIES 512
#define BLOCK (1u << 0)
#define SHARED (3u << 8)
#define ACCESSED (1u << 10)

extern const uint64_t memory_map[ENTRIES];
/* Each entry maps 1 GB to itself, or nothing. */
__attribute__((used, aligned(4096))) const uint64_t memory_map[ENTRIES] = {
    [1] = 0x40000000u | ACCESSED | SHARED | BLOCK,
};

__attribute__((noreturn)) void fault(void);

void fault(void)
{
    uint64_t syndrome;
    __asm__ volatile("mrs %0, esr_el1" : "=r"(syndrome));
    exit_with(EXIT_FAULT + (uint32_t)(syndrome >> 26)); /* its class */
}

__asm__(".section .vectors, \"ax\"\n\t"
        ".global reset\n"
        "reset:\n\t"
        "ldr x0, =stack_top\n\t"
        "mov sp, x0\n\t"
        "ldr x0, =vectors\n\t"
        "msr vbar_el1, x0\n\t"
        "mov x0, #(3 << 20)\n\t" /* vectors and floats do not trap */
        "msr cpacr_el1, x0\n\t"
        "ldr x0, =memory_map\n\t"
        "msr ttbr0_el1, x0\n\t"
        "ldr x0, =0x803519\n\t" /* 39 bits from 4 KB pages, write-back, no second half */
        "msr tcr_el1, x0\n\t"
        "mov x0, #0xff\n\t" /* the map's first kind: normal memory */
        "msr mair_el1, x0\n\t"
        "isb\n\t"
        "mrs x0, sctlr_el1\n\t"
        "orr x0, x0, #1\n\t"
        "msr sctlr_el1, x0\n\t"
        "isb\n\t"
        "b run_program\n\t"
        ".ltorg\n\t"
        ".balign 2048\n"
        "vectors:\n\t"
        ".rept 16\n\t"
        "b fault\n\t"
        ".balign 128\n\t"
        ".endr\n\t"
        ".text");
