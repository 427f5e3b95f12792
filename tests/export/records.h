/* What the programs of these tests share: records from stdin, answers to stdout.
 *
 * A record begins with three int32. With two words, the number of a bug and the file of the expected output, nothing is
 * written, and the first difference ends the program. */
#ifndef RECORDS_H
#define RECORDS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef MUTANT
int fsdd_mutant;
#endif
static FILE *expected;

/* Alone on the heap, so that a sanitizer sees whoever leaves it; never zero before somebody zeroes it. */
static void *allocated(size_t bytes)
{
    unsigned char *block = malloc(bytes + !bytes);
    if (block == NULL)
        exit(3);
    memset(block, 0x5A, bytes);
    return block;
}

static int read_exactly(void *target, size_t bytes) { return fread(target, 1, bytes, stdin) == bytes; }

static void expect(const void *source, size_t bytes)
{
    void *right = allocated(bytes);
    if (fread(right, 1, bytes, expected) != bytes || memcmp(source, right, bytes) != 0)
        exit(5);
    free(right);
}

static void write_exactly(const void *source, size_t bytes)
{
    if (expected != NULL)
        expect(source, bytes);
    else if (fwrite(source, 1, bytes, stdout) != bytes)
        exit(4);
}

/* The program: run(head) reads the rest of a record and is false where it ends too early. */
static int run_records(int count, char **words, int (*run)(const int32_t *head))
{
    int32_t head[3];
    if (count > 2) {
#ifdef MUTANT
        fsdd_mutant = atoi(words[1]);
#endif
        expected = fopen(words[2], "rb");
        if (expected == NULL)
            return 6;
    }
    while (read_exactly(head, sizeof head))
        if (!run(head))
            return 2;
    return expected != NULL && fgetc(expected) != EOF ? 5 : 0;
}

#endif
