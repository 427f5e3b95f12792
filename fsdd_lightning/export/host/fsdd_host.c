/* Many clips through one model, and a look at all its states: what Python calls. Not part of an export. */
#include "fsdd_model.h"

#define PUBLIC __attribute__((visibility("default")))

PUBLIC int fsdd_host_logits(const int8_t *features_q4, const int64_t *lengths, size_t clips, size_t frames,
                            int32_t *logits);
PUBLIC void fsdd_host_trace(const int8_t *features_q4, size_t frames, int16_t *cell_q11, int8_t *hidden_q7);

/* features_q4 (clips, frames, inputs), lengths (clips) to logits (clips, classes). 0 and nothing done for a length outside
 * of 1...frames; else 1. */
int fsdd_host_logits(const int8_t *features_q4, const int64_t *lengths, size_t clips, size_t frames, int32_t *logits)
{
    host_state state;
    size_t clip;
    for (clip = 0; clip < clips; clip++)
        if (lengths[clip] < 1 || (uint64_t)lengths[clip] > frames)
            return 0;
    for (clip = 0; clip < clips; clip++)
        fsdd_network_logits(&host_model, state.words, features_q4 + clip * frames * HOST_INPUTS, (size_t)lengths[clip],
                            logits + clip * HOST_CLASSES);
    return 1;
}

/* features_q4 (frames, inputs) to every cell and hidden value, (frames, layers, hidden). */
void fsdd_host_trace(const int8_t *features_q4, size_t frames, int16_t *cell_q11, int8_t *hidden_q7)
{
    host_state state;
    size_t frame, layer, unit;
    host_init(&state);
    for (frame = 0; frame < frames; frame++) {
        host_step(&state, features_q4 + frame * HOST_INPUTS);
        const int16_t *vector = state.words + FSDD_EVEN(HOST_HIDDEN);
        for (layer = 0; layer < HOST_LAYERS; layer++) {
            const size_t inputs = layer > 0 ? HOST_HIDDEN : HOST_INPUTS;
            const int16_t *hidden = vector + inputs, *cell = vector + FSDD_EVEN(inputs + HOST_HIDDEN);
            for (unit = 0; unit < HOST_HIDDEN; unit++) {
                *hidden_q7++ = (int8_t)hidden[unit];
                *cell_q11++ = cell[unit];
            }
            vector = cell + FSDD_EVEN(HOST_HIDDEN);
        }
    }
}

#ifdef FSDD_LISTEN_H

/* fsdd_event and the frame's other numbers, in one width. */
typedef struct {
    int64_t taken, kind, label, margin, frames, frames_ago;
} fsdd_host_event;

PUBLIC int fsdd_host_clip_logits(const int16_t *samples, const int64_t *counts, size_t clips, int32_t *logits);
PUBLIC size_t fsdd_host_listener_bytes(void);
PUBLIC void fsdd_host_listen_init(host_listener *listener);
PUBLIC void fsdd_host_listen_push(host_listener *listener, const int16_t *samples, size_t count,
                                  fsdd_host_event *event);

/* The samples of all clips one after another, counts (clips), to logits (clips, classes). 0 for a clip without a whole
 * window; else 1. */
int fsdd_host_clip_logits(const int16_t *samples, const int64_t *counts, size_t clips, int32_t *logits)
{
    host_listener listener;
    size_t clip;
    host_listen_init(&listener);
    for (clip = 0; clip < clips; samples += counts[clip++])
        if (host_clip_logits(&listener, samples, (size_t)counts[clip], logits + clip * HOST_CLASSES) == 0u)
            return 0;
    return 1;
}

size_t fsdd_host_listener_bytes(void) { return sizeof(host_listener); }

void fsdd_host_listen_init(host_listener *listener) { host_listen_init(listener); }

void fsdd_host_listen_push(host_listener *listener, const int16_t *samples, size_t count, fsdd_host_event *event)
{
    const fsdd_event found = host_listen_push(listener, samples, count);
    event->taken = (int64_t)found.taken;
    event->kind = found.kind;
    event->label = found.label;
    event->margin = found.margin;
    event->frames = found.frames;
    event->frames_ago = found.frames_ago;
}

#endif
