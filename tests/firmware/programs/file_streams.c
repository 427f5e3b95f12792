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

static void compare(const uint8_t *bytes, uint32_t size)
{
    uint8_t wanted[64]; /* little RAM is left on the smallest board */
    if (file_read(expected, wanted, size) != size) {
        exit_with(EXIT_FILE);
    }
    for (uint32_t k = 0; k < size; k++) {
        mismatches += bytes[k] != wanted[k];
    }
}

void give_output(const void *data, uint32_t size)
{
    const uint8_t *bytes = data;
    file_write(output, data, size);
    for (; size > 64; bytes += 64, size -= 64) {
        compare(bytes, 64);
    }
    compare(bytes, size);
}

uint32_t streams_close(void)
{
    uint8_t more;
    return mismatches + file_read(expected, &more, 1);
}
