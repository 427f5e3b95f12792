/* Reads where no board has memory: the fault handler must end the program, with its own status. */
#include <stdint.h>

int main(void)
{
    return (int)*(volatile uint32_t *)0xe8000000u & 0; /* "success", were it to go on */
}
