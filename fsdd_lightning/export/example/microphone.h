/* What main.c needs of a board: two functions, to be replaced by its own. */
#ifndef MICROPHONE_H
#define MICROPHONE_H

#include <stddef.h>
#include <stdint.h>

/* Waits for the next samples, FSDD_SAMPLE_RATE_HZ a second, and writes at most `most` of them. Returns how many: at least
 * 1 while there is sound; 0 ends the program. */
size_t microphone(int16_t *samples, size_t most);

/* A word has ended: its label. */
void print_word(const char *label);

#endif
