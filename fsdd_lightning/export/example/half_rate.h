/* Half of a sample rate, as from 16 kHz to 8 kHz: a low-pass of 15 taps, flat within 0.3 dB to 3/16 of the higher rate and
 * 30 dB down from 5/16 on, and every second sample of what it lets through. */
#ifndef HALF_RATE_H
#define HALF_RATE_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    int16_t samples[15]; /* the newest ones, oldest first; all 0 before the first one */
} half_rate;

static inline int16_t half_rate_filtered(const int16_t *x)
{
    const int32_t sum = 256 * x[7] + 163 * (x[6] + x[8]) - 46 * (x[4] + x[10]) + 20 * (x[2] + x[12]) - 9 * (x[0] + x[14]);
    const int32_t sample = (sum + 256) >> 9;
    return (int16_t)(sample > INT16_MAX ? INT16_MAX : sample < INT16_MIN ? INT16_MIN : sample);
}

/* Pairs of samples in, half as many out; `out` may be `in`. Returns how many. */
static inline size_t half_rate_samples(half_rate *filter, const int16_t *in, size_t pairs, int16_t *out)
{
    size_t pair, k;
    for (pair = 0; pair < pairs; pair++) {
        for (k = 0; k < 13; k++)
            filter->samples[k] = filter->samples[k + 2];
        filter->samples[13] = in[2 * pair];
        filter->samples[14] = in[2 * pair + 1];
        out[pair] = half_rate_filtered(filter->samples);
    }
    return pairs;
}

#endif
