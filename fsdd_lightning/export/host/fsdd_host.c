/* Many clips through one model, and a look at all its states: what Python calls. Not part of an export. */
#include "fsdd_model.h"

#define PUBLIC __attribute__((visibility("default")))

PUBLIC void fsdd_host_logits(const int8_t *features_q4, const int64_t *lengths, size_t clips, size_t frames,
                             int32_t *logits);
PUBLIC void fsdd_host_trace(const int8_t *features_q4, size_t frames, int16_t *cell_q11, int8_t *hidden_q7);

/* features_q4 (clips, frames, inputs), lengths (clips) to logits (clips, classes). */
void fsdd_host_logits(const int8_t *features_q4, const int64_t *lengths, size_t clips, size_t frames, int32_t *logits)
{
    host_state state;
    size_t clip;
    for (clip = 0; clip < clips; clip++)
        fsdd_network_logits(&host_model, state.words, features_q4 + clip * frames * HOST_INPUTS, (size_t)lengths[clip],
                            logits + clip * HOST_CLASSES);
}

/* features_q4 (frames, inputs) to every cell and hidden value, (frames, layers, hidden). */
void fsdd_host_trace(const int8_t *features_q4, size_t frames, int16_t *cell_q11, int8_t *hidden_q7)
{
    host_state state;
    size_t frame, layer, unit;
    host_init(&state);
    for (frame = 0; frame < frames; frame++) {
        host_step(&state, features_q4 + frame * HOST_INPUTS);
        for (layer = 0; layer < HOST_LAYERS; layer++) {
            const int16_t *hidden = state.words + HOST_INPUTS + (3 * layer + 1) * HOST_HIDDEN;
            for (unit = 0; unit < HOST_HIDDEN; unit++) {
                *hidden_q7++ = (int8_t)hidden[unit];
                *cell_q11++ = hidden[HOST_HIDDEN + unit];
            }
        }
    }
}
