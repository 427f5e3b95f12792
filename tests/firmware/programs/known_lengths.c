/* Counts what has a known number of instructions. */
#include "measure.h"
#include "semihosting.h"

#define TURNS 1000000u

/* As long as a function that does nothing, and `count` instructions. */
#define STRAIGHT(count) \
    static void straight_##count(void) { __asm__ volatile(".rept " #count "\n\tnop\n\t.endr"); }
/* Two of them differ by TURNS times the difference of their counts. */
#define LOOP(count) \
    static void loop_##count(void) \
    { \
        for (uint32_t k = 0; k < TURNS; k++) { \
            __asm__ volatile(".rept " #count "\n\tnop\n\t.endr"); \
        } \
    }
#define PRINT(name) print_number(#name, instructions(name))

STRAIGHT(1)
STRAIGHT(2)
STRAIGHT(39)
STRAIGHT(997)
STRAIGHT(12345)
LOOP(1)
LOOP(11)
LOOP(101)

int main(void)
{
    PRINT(straight_1);
    PRINT(straight_2);
    PRINT(straight_39);
    PRINT(straight_997);
    PRINT(straight_12345);
    PRINT(loop_1);
    PRINT(loop_11);
    PRINT(loop_101);
    return 0;
}
