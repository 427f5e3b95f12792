/* See fsdd_front_end.h. Rounding is half up where it says so, else down; nothing clips but where it says so. */
#include "fsdd_front_end.h"

#include "fsdd_front_end_tables.h"

/* The one thing that C leaves to the compiler and this file needs: >> of a negative number is arithmetic. */
typedef char fsdd_front_end_shift_right_is_arithmetic[((int32_t)-3 >> 1) == -2 && ((int64_t)-3 >> 1) == -2 ? 1 : -1];

#define FSDD_LEVEL_BITS 8
#define FSDD_ONE_Q14 16384
#define FSDD_QUARTER (FSDD_WINDOW / 4u)

/* Armv6-M (Cortex-M0) has no product of 64 bits: several of 32 bits give the same. */
#if defined(__ARM_ARCH_6M__)
#define FSDD_NARROW_PRODUCTS
#endif

/* --- samples to levels --- */

/* Of a value that is not 0. */
static unsigned fsdd_bit_length(uint32_t value)
{
#if !defined(__GNUC__) || defined(FSDD_NO_BUILTINS)
    unsigned bits = 0;
    for (; value != 0u; value >>= 1)
        bits++;
    return bits;
#else
    return (unsigned)(8u * sizeof(unsigned)) - (unsigned)__builtin_clz(value);
#endif
}

/* What all samples of a window are treated with. */
typedef struct {
    int32_t mean; /* half up */
    int32_t half;
    unsigned bits; /* that a sample less the mean may take, beside its sign: 2...16 */
} fsdd_scale;

static fsdd_scale fsdd_frame_bits(const int16_t *samples)
{
    fsdd_scale scale;
    int32_t mask = 1, sum = 0;
    unsigned n;
    for (n = 0; n < FSDD_WINDOW; n += 4u) { /* the compiler unrolls nothing by itself */
        const int32_t a = samples[n], b = samples[n + 1u], c = samples[n + 2u], d = samples[n + 3u];
        sum += a + b + c + d;
        mask |= (a ^ (a >> 15)) | (b ^ (b >> 15)) | (c ^ (c >> 15)) | (d ^ (d >> 15));
    }
    scale.mean = (sum + (int32_t)(FSDD_WINDOW / 2u)) >> FSDD_WINDOW_BITS;
    scale.bits = 1u + fsdd_bit_length((uint32_t)mask);
    scale.half = (int32_t)1 << (scale.bits - 1u);
    return scale;
}

/* (sample - mean) * hann * 2^(15 - bits), half up. */
static inline int32_t fsdd_windowed(int32_t sample, const fsdd_scale *scale, int32_t hann_q15)
{
    return ((sample - scale->mean) * hann_q15 + scale->half) >> scale->bits;
}

/* Samples n and n + 1 of the window as one complex number. */
static inline fsdd_complex fsdd_windowed_pair(const int16_t *sample, const fsdd_scale *scale, int32_t hann_q15,
                                              int32_t next_hann_q15)
{
    fsdd_complex pair;
    pair.re = fsdd_windowed(sample[0], scale, hann_q15);
    pair.im = fsdd_windowed(sample[1], scale, next_hann_q15);
    return pair;
}

/* Windows eight samples and takes the first two stages of the transform, whose factors are 1 and -i. */
static inline void fsdd_first_stages(const int16_t *sample, const int16_t *cosine, const fsdd_scale *scale,
                                     fsdd_complex *z)
{
    const int32_t c0 = cosine[0], c1 = cosine[1], q0 = cosine[FSDD_QUARTER], q1 = cosine[FSDD_QUARTER + 1u];
    const fsdd_complex a = fsdd_windowed_pair(sample, scale, FSDD_ONE_Q14 - c0, FSDD_ONE_Q14 - c1);
    const fsdd_complex b = fsdd_windowed_pair(sample + 2u * FSDD_QUARTER, scale, FSDD_ONE_Q14 + c0, FSDD_ONE_Q14 + c1);
    const fsdd_complex c = fsdd_windowed_pair(sample + FSDD_QUARTER, scale, FSDD_ONE_Q14 - q0, FSDD_ONE_Q14 - q1);
    const fsdd_complex d = fsdd_windowed_pair(sample + 3u * FSDD_QUARTER, scale, FSDD_ONE_Q14 + q0, FSDD_ONE_Q14 + q1);
    z[0].re = a.re + b.re + c.re + d.re, z[0].im = a.im + b.im + c.im + d.im;
    z[2].re = a.re + b.re - c.re - d.re, z[2].im = a.im + b.im - c.im - d.im;
    z[1].re = a.re - b.re + c.im - d.im, z[1].im = a.im - b.im - c.re + d.re;
    z[3].re = a.re - b.re - c.im + d.im, z[3].im = a.im - b.im + c.re - d.re;
}

/* All samples in the order of the reversed bits of their numbers: 32 to 256 points. */
static void fsdd_windowed_stages(const int16_t *samples, fsdd_scale scale, fsdd_complex *z)
{
    static const uint8_t reversed[8] = {0, 4, 2, 6, 1, 5, 3, 7};
    const unsigned outer_count = FSDD_POINTS / 32u;
    unsigned outer, inner;
    for (outer = 0; outer < outer_count; outer++)
        for (inner = 0; inner < 8u; inner++, z += 4) {
            const unsigned n = 2u * outer_count * reversed[inner] + reversed[outer] * outer_count / 4u;
            fsdd_first_stages(samples + n, fsdd_cosine_q14 + n, &scale, z);
        }
}

/* (a * c + b * d) / 2^14, rounded down; |c|, |d| at most 2^14, |a|, |b| below 2^25. */
static inline int32_t fsdd_sum_of_products(int32_t a, int32_t c, int32_t b, int32_t d)
{
#ifdef FSDD_NARROW_PRODUCTS
    const int32_t high = (a >> 9) * c + (b >> 9) * d;
    const int32_t low = (a & 511) * c + (b & 511) * d;
    return (high + (low >> 9)) >> 5;
#else
    return (int32_t)(((int64_t)(a * 4) * (c * 65536) + (int64_t)(b * 4) * (d * 65536)) >> 32);
#endif
}

/* value * exp(-2 pi i k / FSDD_WINDOW) with the cosine of k. */
static inline fsdd_complex fsdd_rotate(int32_t re, int32_t im, const int16_t *cosine)
{
    const int32_t c = cosine[0], minus_s = cosine[FSDD_QUARTER];
    fsdd_complex rotated;
    rotated.re = fsdd_sum_of_products(re, c, im, -minus_s);
    rotated.im = fsdd_sum_of_products(im, c, re, minus_s);
    return rotated;
}

/* Radix 2, decimation in time; no stage is scaled. */
static void fsdd_transform(const int16_t *samples, fsdd_scale scale, fsdd_complex *z)
{
    unsigned half, step, j;
    fsdd_windowed_stages(samples, scale, z);
    for (half = 4, step = FSDD_POINTS / 4u; half < FSDD_POINTS; half *= 2u, step /= 2u) {
        const int16_t *cosine = fsdd_cosine_q14;
        for (j = 0; j < half; j++, cosine += step) {
            fsdd_complex *a = z + j;
            do {
                fsdd_complex *const b = a + half;
                const fsdd_complex left = *a, t = fsdd_rotate(b->re, b->im, cosine);
                a->re = left.re + t.re, a->im = left.im + t.im;
                b->re = left.re - t.re, b->im = left.im - t.im;
                a = b + half;
            } while (a < z + FSDD_POINTS);
        }
    }
}

static inline int32_t fsdd_squared(int32_t re, int32_t im)
{
    re >>= FSDD_WINDOW_BITS - 1, im >>= FSDD_WINDOW_BITS - 1;
    return (int32_t)((uint32_t)re * (uint32_t)re + (uint32_t)im * (uint32_t)im);
}

/* Of the real signal, in place of its half as long complex transform: the power of bin k, a uint32_t, is re of number k. */
static void fsdd_power(fsdd_complex *z)
{
    unsigned k;
    for (k = 1; k <= FSDD_POINTS / 2u; k++) {
        fsdd_complex *const low = z + k, *const high = z + FSDD_POINTS - k;
        const int32_t even_re = low->re + high->re, even_im = low->im - high->im;
        const fsdd_complex odd = fsdd_rotate(low->re - high->re, low->im + high->im, fsdd_cosine_q14 + k);
        high->re = fsdd_squared(even_re - odd.im, even_im + odd.re);
        low->re = fsdd_squared(even_re + odd.im, even_im - odd.re);
    }
}

/* Of numbers below 2^48: the highest bit and the 7 bits below it. */
static inline int32_t fsdd_log2_q8(uint64_t energy)
{
    int32_t level_q8 = 31 << FSDD_LEVEL_BITS;
    uint32_t high;
    unsigned zeros;
    if ((energy >> 32) != 0u) {
        energy >>= 16;
        level_q8 += 16 << FSDD_LEVEL_BITS;
    }
    high = (uint32_t)energy;
    if (high == 0u)
        return 0;
    zeros = 32u - fsdd_bit_length(high);
    high <<= zeros;
    return level_q8 - (int32_t)(zeros << FSDD_LEVEL_BITS) + fsdd_log_q8[(high >> 24) & 127u];
}

/* The sum of the powers of some bins, and with each times its rise. */
typedef struct {
    uint64_t whole, rising;
} fsdd_segment;

static inline fsdd_segment fsdd_sum_of_bins(const fsdd_complex *z, unsigned k, unsigned end)
{
    fsdd_segment sum = {0, 0};
#ifdef FSDD_NARROW_PRODUCTS
    uint32_t high = 0, low = 0;
    for (; k < end; k++) {
        const uint32_t power = (uint32_t)z[k].re;
        sum.whole += power;
        high += (power >> 16) * fsdd_rise_q8[k];
        low += (power & 0xffffu) * fsdd_rise_q8[k];
    }
    sum.rising = ((uint64_t)high << 16) + low;
#else
    for (; k < end; k++) {
        const uint32_t power = (uint32_t)z[k].re;
        sum.whole += power;
        sum.rising += (uint64_t)power * fsdd_rise_q8[k];
    }
#endif
    return sum;
}

/* The levels of all bands, to im. A bin rises towards the center above it and falls from the one below; bin 0 is in none. */
static void fsdd_mel_levels(fsdd_complex *z, unsigned bits)
{
    const int32_t frame_q8 = (int32_t)(bits << (FSDD_LEVEL_BITS + 1));
    unsigned band, end = fsdd_segment_bins[0];
    uint64_t rising = fsdd_sum_of_bins(z, 1, end).rising;
    for (band = 0; band < FSDD_BANDS; band++) {
        const unsigned k = end;
        fsdd_segment sum;
        end += fsdd_segment_bins[band + 1u];
        sum = fsdd_sum_of_bins(z, k, end);
        z[band].im = fsdd_log2_q8(rising + (sum.whole << 8) - sum.rising) + frame_q8 - fsdd_width_q8[band];
        rising = sum.rising;
    }
}

static void fsdd_levels(const int16_t *samples, fsdd_complex *z)
{
    const fsdd_scale scale = fsdd_frame_bits(samples);
    fsdd_transform(samples, scale, z);
    fsdd_power(z);
    fsdd_mel_levels(z, scale.bits);
}

static void fsdd_copy_samples(const int16_t *from, size_t count, int16_t *to)
{
    size_t n;
    for (n = 0; n < count; n++)
        to[n] = from[n];
}

int fsdd_front_end_levels(fsdd_front_end *front_end, const int16_t **samples, size_t *count)
{
    const size_t wanted = FSDD_WINDOW - front_end->filled, taken = *count < wanted ? *count : wanted;
    fsdd_copy_samples(*samples, taken, front_end->samples + front_end->filled);
    *samples += taken;
    *count -= taken;
    front_end->filled = (uint16_t)(front_end->filled + taken);
    if (taken < wanted)
        return 0;
    fsdd_levels(front_end->samples, front_end->scratch.z);
    fsdd_copy_samples(front_end->samples + FSDD_HOP, FSDD_WINDOW - FSDD_HOP, front_end->samples);
    front_end->filled = (uint16_t)(FSDD_WINDOW - FSDD_HOP);
    return 1;
}

/* --- levels to features --- */

static int32_t fsdd_reference(int32_t reference_q8, const fsdd_complex *z)
{
    unsigned band;
    reference_q8 -= FSDD_DECAY_Q8;
    if (reference_q8 < FSDD_QUIETEST_LEVEL_Q8)
        reference_q8 = FSDD_QUIETEST_LEVEL_Q8;
    for (band = 0; band < FSDD_BANDS; band++)
        if (z[band].im > reference_q8)
            reference_q8 = z[band].im;
    return reference_q8;
}

static inline int32_t fsdd_relative(int32_t level_q8, int32_t reference_q8)
{
    const int32_t below_q8 = level_q8 - reference_q8 + FSDD_DEPTH_Q8 / 2;
    return below_q8 < -(FSDD_DEPTH_Q8 / 2) ? -(FSDD_DEPTH_Q8 / 2) : below_q8;
}

/* Band b becomes the sum of the relative levels of bands b and FSDD_BANDS - 1 - b, that one their difference: the cosines
 * of even coefficients are the same for both, those of odd ones opposite. */
static void fsdd_fold(fsdd_complex *z, int32_t reference_q8)
{
    fsdd_complex *low = z, *high = z + FSDD_BANDS - 1;
    for (; low < high; low++, high--) {
        const int32_t a = fsdd_relative(low->im, reference_q8), b = fsdd_relative(high->im, reference_q8);
        low->im = a + b;
        high->im = a - b;
    }
}

/* Coefficient k from folded levels. */
static int32_t fsdd_cepstrum(const fsdd_complex *z, unsigned k)
{
    const unsigned step = FSDD_WINDOW / (4u * FSDD_BANDS) * k;
    const fsdd_complex *level = (k & 1u) == 0u ? z : z + FSDD_BANDS - 1;
    const int next = (k & 1u) == 0u ? 1 : -1;
    unsigned band, angle = step;
    int32_t sum = 0;
    for (band = 0; band < FSDD_BANDS / 2u; band++, level += next, angle += 2u * step)
        sum += level->im * fsdd_cosine_q14[angle & (FSDD_WINDOW - 1u)];
    return sum;
}

/* sat8((channel * multiplier / 2^32 + bias) / 2^8), each division rounded half up; that of the sum, which may be
 * 2^31 - 1, is ((a >> 7) + 1) >> 1. */
static inline int8_t fsdd_standardized(int64_t channel, int32_t multiplier, int32_t bias)
{
    const int32_t scaled = (int32_t)((channel * multiplier + ((int64_t)1 << 31)) >> 32);
    const int32_t feature = (((scaled + bias) >> 7) + 1) >> 1;
    return (int8_t)(feature > 127 ? 127 : feature < -128 ? -128 : feature);
}

void fsdd_front_end_features(fsdd_front_end *front_end, const int32_t *multiplier, const int32_t *bias,
                             int8_t *frame_q4)
{
    fsdd_complex *const z = front_end->scratch.z;
    unsigned k;
    front_end->reference_q8 = fsdd_reference(front_end->reference_q8, z);
    fsdd_fold(z, front_end->reference_q8);
    for (k = 0; k < FSDD_COEFFICIENTS; k++) {
        const int32_t coefficient = fsdd_cepstrum(z, k);
        frame_q4[k] = fsdd_standardized(coefficient, multiplier[k], bias[k]);
#if FSDD_DELTAS
        {
            const unsigned d = FSDD_COEFFICIENTS + k;
            const int64_t change = front_end->fresh != 0u ? 0 : (int64_t)coefficient - front_end->before[k];
            frame_q4[d] = fsdd_standardized(change, multiplier[d], bias[d]);
            front_end->before[k] = coefficient;
        }
#endif
    }
    front_end->fresh = 0;
}

void fsdd_front_end_begin_word(fsdd_front_end *front_end)
{
    front_end->reference_q8 = FSDD_QUIETEST_LEVEL_Q8;
    front_end->fresh = 1;
}

void fsdd_front_end_reset(fsdd_front_end *front_end)
{
    fsdd_front_end_begin_word(front_end);
    front_end->filled = 0;
}
