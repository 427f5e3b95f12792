/* On a computer: a WAV file, or 16-bit little-endian samples without a header, on standard input; words on standard output.
 *
 *     listen < phone_number.wav
 *     arecord -t raw -f S16_LE -r 8000 -c 1 | listen            speak to it */
#include <stdio.h>
#include <stdlib.h>

#include "microphone.h"
#include "wav.h"

static size_t read_bytes(void *bytes, size_t most) { return fread(bytes, 1, most, stdin); }

size_t microphone(int16_t *samples, size_t most)
{
    static int begun;
    const char *const problem = begun ? NULL : wav_begin();
    begun = 1;
    if (problem != NULL) {
        fprintf(stderr, "%s\n", problem);
        exit(EXIT_FAILURE);
    }
    return wav_samples(samples, most);
}

void print_word(const char *label)
{
    puts(label);
    fflush(stdout);
}
