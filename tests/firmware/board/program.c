/* No C library: what the compiler itself may call (memcpy, memset) is here. */
#include "program.h"

#include <stddef.h>

#include "semihosting.h"

extern uint32_t data_start[], data_end[], data_image[], bss_start[], bss_end[];
extern int main(void);

void *memcpy(void *restrict target, const void *restrict source, size_t size);
void *memset(void *target, int value, size_t size);

void *memcpy(void *restrict target, const void *restrict source, size_t size)
{
    unsigned char *to = target;
    const unsigned char *from = source;
    while (size-- > 0) {
        *to++ = *from++;
    }
    return target;
}

void *memset(void *target, int value, size_t size)
{
    unsigned char *to = target;
    while (size-- > 0) {
        *to++ = (unsigned char)value;
    }
    return target;
}

void run_program(void)
{
    const uint32_t *image = data_image;
    for (uint32_t *word = data_start; word < data_end; word++) {
        *word = *image++;
    }
    for (uint32_t *word = bss_start; word < bss_end; word++) {
        *word = 0;
    }
    exit_with((uint32_t)main());
}
