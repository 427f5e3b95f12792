/* The same calls with the C library of an operating system. */
#include <stdio.h>
#include <stdlib.h>

#include "semihosting.h"

#define MOST_FILES 4

static FILE *files[MOST_FILES];
static uint32_t count;

uint32_t file_open(const char *name, open_mode mode)
{
    FILE *const file = count < MOST_FILES ? fopen(name, mode == OPEN_READ ? "rb" : "wb") : NULL;
    if (file == NULL) {
        exit_with(EXIT_FILE);
    }
    files[count] = file;
    return count++;
}

uint32_t file_read(uint32_t handle, void *data, uint32_t size)
{
    return (uint32_t)fread(data, 1, size, files[handle]);
}

void file_write(uint32_t handle, const void *data, uint32_t size)
{
    if (fwrite(data, 1, size, files[handle]) != size) {
        exit_with(EXIT_FILE);
    }
}

void print_number(const char *name, uint32_t value)
{
    fprintf(stderr, "%s %lu\n", name, (unsigned long)value);
}

void exit_with(uint32_t status)
{
    exit((int)status);
}
