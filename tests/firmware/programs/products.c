/* What a search for instructions must tell apart. */
#include <stdint.h>

int32_t product(int32_t a, int32_t b);
int32_t shifted_sum(int32_t a, int32_t b);
int32_t uses(int32_t a, int32_t b);

int32_t product(int32_t a, int32_t b)
{
    return a * b;
}

int32_t shifted_sum(int32_t a, int32_t b)
{
    return (a << 3) + b; /* mul is not the name of an instruction here, nor is this product */
}

int32_t uses(int32_t a, int32_t b)
{
    return product(a, b) - shifted_sum(a, b);
}
