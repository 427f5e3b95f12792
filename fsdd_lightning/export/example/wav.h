/* 16-bit samples of a WAV file, or of a stream without any header, that is read from its beginning on in pieces. Included
 * by a file that defines read_bytes before. */
#ifndef WAV_H
#define WAV_H

#include <stddef.h>
#include <stdint.h>

#include "fsdd_front_end_config.h"

static size_t read_bytes(void *bytes, size_t most); /* fewer than `most` at the end alone */

static uint8_t wav_head[12];   /* of what turned out to be samples alone */
static size_t wav_held;        /* bytes of it that are still to be given */
static uint32_t wav_left;      /* bytes of samples after those */

static uint32_t wav_number(const uint8_t *bytes, unsigned count)
{
    uint32_t number = 0;
    while (count-- > 0)
        number = number << 8 | bytes[count];
    return number;
}

static int wav_is(const uint8_t *bytes, const char *name)
{
    unsigned k;
    for (k = 0; k < 4; k++)
        if (bytes[k] != (uint8_t)name[k])
            return 0;
    return 1;
}

/* Chunks have even lengths. */
static void wav_skip(uint32_t count)
{
    uint8_t bytes[16];
    for (count += count & 1u; count > 0;) {
        const uint32_t some = count < sizeof bytes ? count : (uint32_t)sizeof bytes;
        if (read_bytes(bytes, some) < some)
            return;
        count -= some;
    }
}

/* Reads the format chunk. */
static const char *wav_format(uint32_t size)
{
    uint8_t format[16];
    if (size < sizeof format || read_bytes(format, sizeof format) < sizeof format)
        return "the WAV file has a broken header";
    wav_skip(size - (uint32_t)sizeof format);
    if (wav_number(format + 2, 2) != 1)
        return "the WAV file has more than one channel";
    if (wav_number(format + 4, 4) != FSDD_SAMPLE_RATE_HZ)
        return "the WAV file has another sample rate than this network";
    if (wav_number(format, 2) == 3 || wav_number(format + 14, 2) != 16)
        return "the samples of the WAV file do not have 16 bits";
    return NULL;
}

/* Reads up to the first sample: NULL, or why there is none for this network. */
static const char *wav_begin(void)
{
    const char *problem = "the WAV file has no format";
    uint8_t chunk[8];
    wav_held = read_bytes(wav_head, sizeof wav_head);
    wav_left = UINT32_MAX;
    if (wav_held < sizeof wav_head || !wav_is(wav_head, "RIFF") || !wav_is(wav_head + 8, "WAVE"))
        return NULL;
    wav_held = 0;
    while (read_bytes(chunk, sizeof chunk) == sizeof chunk) {
        wav_left = wav_number(chunk + 4, 4);
        if (wav_is(chunk, "data"))
            return problem;
        if (!wav_is(chunk, "fmt "))
            wav_skip(wav_left);
        else if ((problem = wav_format(wav_left)) != NULL)
            return problem;
    }
    return "the WAV file has no samples";
}

/* At most `most` bytes of samples; a whole number of samples where `most` is one. */
static size_t wav_bytes(uint8_t *bytes, size_t most)
{
    size_t count = 0;
    for (; wav_held > 0 && count < most; wav_held--)
        bytes[count++] = wav_head[sizeof wav_head - wav_held];
    if (most - count > wav_left)
        most = count + wav_left;
    most = read_bytes(bytes + count, most - count);
    wav_left -= wav_left == UINT32_MAX ? 0u : (uint32_t)most; /* a recorder that streams does not know the length */
    return count + most;
}

/* At most `most` samples; 0 at the end. */
static size_t wav_samples(int16_t *samples, size_t most)
{
    uint8_t *const bytes = (uint8_t *)samples;
    const size_t count = wav_bytes(bytes, 2 * most) / 2;
    size_t k;
    for (k = 0; k < count; k++)
        samples[k] = (int16_t)(uint16_t)wav_number(bytes + 2 * k, 2);
    return count;
}

#endif
