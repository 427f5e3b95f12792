#include "semihosting.h"

enum { SYS_OPEN = 1, SYS_WRITE0 = 4, SYS_WRITE = 5, SYS_READ = 6, SYS_EXIT_EXTENDED = 0x20 };
#define APPLICATION_EXIT 0x20026u

static uint32_t call(uint32_t operation, const void *arguments)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

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
    const uint32_t arguments[] = {(uint32_t)name, (uint32_t)mode, length_of(name)};
    const uint32_t handle = call(SYS_OPEN, arguments);
    if (handle == UINT32_MAX) {
        exit_with(EXIT_FILE);
    }
    return handle;
}

uint32_t file_read(uint32_t handle, void *data, uint32_t size)
{
    const uint32_t arguments[] = {handle, (uint32_t)data, size};
    return size - call(SYS_READ, arguments); /* it returns the bytes that it did not read */
}

void file_write(uint32_t handle, const void *data, uint32_t size)
{
    const uint32_t arguments[] = {handle, (uint32_t)data, size};
    if (call(SYS_WRITE, arguments) != 0) {
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
    call(SYS_WRITE0, name);
    call(SYS_WRITE0, text);
}

void exit_with(uint32_t status)
{
    const uint32_t arguments[] = {APPLICATION_EXIT, status};
    for (;;) {
        call(SYS_EXIT_EXTENDED, arguments);
    }
}
