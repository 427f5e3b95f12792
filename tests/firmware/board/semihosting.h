/* What a program without an operating system asks of the emulator: files of the folder QEMU runs in, text, an end. */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stdint.h>

#define EXIT_MISMATCH 1 /* an output differs from the expected one */
#define EXIT_FILE 2     /* a file is missing, too short or can't be written */
#define EXIT_FAULT 64   /* plus the number of the exception: 67 is HardFault */

typedef enum { OPEN_READ = 1, OPEN_WRITE = 5 } open_mode; /* fopen's "rb" and "wb" */

/* A handle; the program ends with EXIT_FILE when the file can't be opened. */
uint32_t file_open(const char *name, open_mode mode);
/* How many bytes were read: fewer than `size` at the file's end. */
uint32_t file_read(uint32_t handle, void *data, uint32_t size);
/* All of it, else the program ends with EXIT_FILE. */
void file_write(uint32_t handle, const void *data, uint32_t size);
/* `name value` on one line of QEMU's stderr, in decimal. */
void print_number(const char *name, uint32_t value);
__attribute__((noreturn)) void exit_with(uint32_t status);

#endif
