/* From 16-bit samples to words: front end, endpointer, network and rejection as one stream. C99; no float, no malloc.
 *
 *     fsdd_listener listener;                            model and state words set, all else by fsdd_listen_reset
 *     fsdd_listen_reset(&listener);
 *     for (; count > 0; samples += event.taken, count -= event.taken) {
 *         event = fsdd_listen_push(&listener, samples, count);
 *         if (event.kind == FSDD_WORD_ENDS && event.label != FSDD_NONE)
 *             printf("%s\n", labels[event.label]);
 *     }
 *
 * The exported fsdd_model.h wraps this for its model. What is answered does not depend on where the pieces of a stream
 * begin and end. The functions have the names of the Python reference, fsdd_lightning/arithmetic/endpointer.py and
 * listener.py.
 */
#ifndef FSDD_LISTEN_H
#define FSDD_LISTEN_H

#include "fsdd_front_end.h"
#include "fsdd_lstm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where words begin and end; levels are in steps of 2^-8 octave, times in frames. See arithmetic/endpointer.py. */
typedef struct {
    int16_t margin;          /* a band's level counts as far as it exceeds its floor by more than this */
    int16_t quiet;           /* speech: the mean excess of all bands is larger */
    int16_t loud;            /* a word exceeds this somewhere */
    int16_t rise;            /* of a floor per frame, at most, in a pause */
    int16_t rise_in_word;    /* the same within a word */
    int16_t fall;            /* of a floor per frame, at most */
    int16_t settle_frames;   /* after a reset floors follow the level faster */
    int16_t hangover_frames; /* without speech within a word; one more ends it */
    int16_t shortest_frames; /* shorter is a click */
    int16_t longest_frames;  /* longer is no word */
} fsdd_endpointer_config;

typedef struct {
    int16_t floor_q8[FSDD_MOST_BANDS];
    uint16_t age;    /* frames since the reset, counted to settle_frames */
    uint16_t length; /* frames of the open word so far, 0 in a pause */
    uint16_t voiced; /* its frames up to the last one with speech */
    uint16_t loud;   /* whether it was loud somewhere */
} fsdd_endpointer;

/* A network with all that a listener needs beside it; constant. */
typedef struct {
    const fsdd_model *network;
    const int32_t *multiplier, *bias; /* (FSDD_CHANNELS) */
    int32_t least_margin;             /* with which the largest logit must lead the second one, or the word is FSDD_NONE */
    fsdd_endpointer_config endpointer;
} fsdd_listener_model;

/* What a listener needs beside fsdd_listener: the network's state, and its scratch words where those of the front end are
 * too few. */
#define FSDD_LISTENER_WORDS(inputs, hidden, layer_count)                                                               \
    (FSDD_STATE_WORDS_IN(inputs, hidden, layer_count) + ((hidden) > FSDD_SCRATCH_WORDS ? (size_t)(hidden) : 0u))

/* One stream. */
typedef struct {
    const fsdd_listener_model *model;
    int16_t *state; /* FSDD_LISTENER_WORDS(inputs, hidden, layers), aligned to 4 bytes */
    fsdd_front_end front_end;
    fsdd_endpointer endpointer;
    int32_t margin; /* of the open word up to its last frame with speech */
    int16_t label;
} fsdd_listener;

#define FSDD_NOTHING 0u
#define FSDD_WORD_BEGINS 1u
#define FSDD_WORD_ENDS 2u

#define FSDD_NONE (-1) /* the label of what is none of the labels, and of a word that has not ended */

/* What the last of the samples taken made known. */
typedef struct {
    size_t taken;        /* samples; all, if nothing happened */
    int32_t margin;      /* of a word that ended: the lead of its largest logit; 0 if it was too long to be a word */
    int16_t label;
    uint16_t frames;     /* of the word up to its last one with speech */
    uint16_t frames_ago; /* the word's first frame, from this one */
    uint8_t kind;
} fsdd_event;

/* Forgets all sound. */
void fsdd_listen_reset(fsdd_listener *listener);

/* Takes samples up to the first event among them. */
fsdd_event fsdd_listen_push(fsdd_listener *listener, const int16_t *samples, size_t count);

/* A clip that stands alone, without an endpointer: logits (classes) after every whole window of it. Forgets all sound
 * before. Returns the number of frames; where there is none, the logits mean nothing. */
size_t fsdd_clip_logits(fsdd_listener *listener, const int16_t *samples, size_t count, int32_t *logits);

#ifdef __cplusplus
}
#endif

#endif
