/* clips.bin in, output.bin out, compared with expected.bin: files of the folder that QEMU runs in. */
#include "semihosting.h"
#include "streams.h"

static uint32_t clips, expected, output, mismatches;

void streams_open(void)
{
    clips = file_open("clips.bin", OPEN_READ);
    expected = file_open("expected.bin", OPEN_READ);
    output = file_open("output.bin", OPEN_WRITE);
}

void take_input(void *data, uint32_t size)
{
    if (file_read(clips, data, size) != size) {
        exit_with(EXIT_FILE);
    }
}

void give_output(const void *data, uint32_t size)
{
    static uint8_t wanted[2048];
    const uint8_t *const bytes = data;
    file_write(output, data, size);
    if (size > sizeof wanted || file_read(expected, wanted, size) != size) {
        exit_with(EXIT_FILE);
    }
    for (uint32_t k = 0; k < size; k++) {
        mismatches += bytes[k] != wanted[k];
    }
}

uint32_t streams_close(void)
{
    uint8_t more;
    return mismatches + file_read(expected, &more, 1);
}
