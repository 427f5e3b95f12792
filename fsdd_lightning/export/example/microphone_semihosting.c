/* On a Cortex-M with a debugger or in an emulator: the file MICROPHONE_WAV of the host, through Arm semihosting; words go to
 * the debugger's console. No C library. */
#include "microphone.h"
#include "wav.h"

#ifndef MICROPHONE_WAV
#define MICROPHONE_WAV "microphone.wav"
#endif

enum { SYS_OPEN = 0x01, SYS_WRITE0 = 0x04, SYS_READ = 0x06, SYS_EXIT_EXTENDED = 0x20 };
enum { OPEN_READ = 1 }; /* fopen's "rb" */
#define APPLICATION_EXIT 0x20026u

static uint32_t call(uint32_t operation, const void *arguments)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void fail(const char *problem)
{
    const uint32_t arguments[] = {APPLICATION_EXIT, 1};
    print_word(problem);
    for (;;)
        call(SYS_EXIT_EXTENDED, arguments);
}

static uint32_t file(void)
{
    static const char name[] = MICROPHONE_WAV;
    static uint32_t handle = UINT32_MAX;
    const uint32_t arguments[] = {(uint32_t)name, OPEN_READ, sizeof name - 1u};
    if (handle == UINT32_MAX)
        handle = call(SYS_OPEN, arguments);
    if (handle == UINT32_MAX)
        fail(MICROPHONE_WAV " can't be opened");
    return handle;
}

static size_t read_bytes(void *bytes, size_t most)
{
    const uint32_t arguments[] = {file(), (uint32_t)bytes, most};
    return most - call(SYS_READ, arguments); /* it returns how many bytes it did not read */
}

size_t microphone(int16_t *samples, size_t most)
{
    static int begun;
    const char *const problem = begun ? NULL : wav_begin();
    begun = 1;
    if (problem != NULL)
        fail(problem);
    return wav_samples(samples, most);
}

void print_word(const char *label)
{
    call(SYS_WRITE0, label);
    call(SYS_WRITE0, "\n");
}
