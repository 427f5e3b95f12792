#include "semihosting.h"

#include "processor.h"

enum { SYS_OPEN = 1, SYS_WRITE0 = 4, SYS_WRITE = 5, SYS_READ = 6, SYS_EXIT_EXTENDED = 0x20 };
#define APPLICATION_EXIT 0x20026u

static uint32_t length_of(const char *text)
{
    uint32_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    return length;
}

uint32_t file_open(const char *name, open_mode mode)
{
    const uintptr_t arguments[] = {(uintptr_t)name, (uintptr_t)mode, length_of(name)};
    const uint32_t handle = (uint32_t)semihosting_call(SYS_OPEN, arguments);
    if (handle == UINT32_MAX) {
        exit_with(EXIT_FILE);
    }
    return handle;
}

uint32_t file_read(uint32_t handle, void *data, uint32_t size)
{
    const uintptr_t arguments[] = {handle, (uintptr_t)data, size};
    return size - (uint32_t)semihosting_call(SYS_READ, arguments); /* it returns the bytes that it did not read */
}

void file_write(uint32_t handle, const void *data, uint32_t size)
{
    const uintptr_t arguments[] = {handle, (uintptr_t)data, size};
    if (semihosting_call(SYS_WRITE, arguments) != 0) {
        exit_with(EXIT_FILE);
    }
}

void print_number(const char *name, uint32_t value)
{
    char digits[13];
    char *text = digits + sizeof digits;
    *--text = '\0';
    *--text = '\n';
    do {
        *--text = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    *--text = ' ';
    semihosting_call(SYS_WRITE0, name);
    semihosting_call(SYS_WRITE0, text);
}

void exit_with(uint32_t status)
{
    const uintptr_t arguments[] = {APPLICATION_EXIT, status};
    for (;;) {
        semihosting_call(SYS_EXIT_EXTENDED, arguments);
    }
}
