/* See fsdd_listen.h. */
#include "fsdd_listen.h"

/* --- endpointer.py --- */

#define FSDD_SETTLE_SHIFT 3
#define FSDD_AUDIBLE_DEPTH_Q8 2048

/* What a frame did to the open word: fsdd_endpointer_step returns a sum of these. */
#define FSDD_OPENS 1u    /* it may be the first one of a word */
#define FSDD_BEGINS 2u   /* from this frame on it counts as a word */
#define FSDD_ENDS 4u     /* it counted, and ended */
#define FSDD_OVERLONG 8u /* it counted, and was given up */

static void fsdd_reset_endpointer(fsdd_endpointer *state)
{
    state->age = 0;
    state->length = 0;
    state->voiced = 0;
    state->loud = 0;
}

/* The level of a band as the endpointer hears it: silence of zeros is as quiet as a quiet converter. */
static int32_t fsdd_audible_q8(fsdd_complex band)
{
    const int32_t least_q8 = FSDD_QUIETEST_LEVEL_Q8 - FSDD_AUDIBLE_DEPTH_Q8;
    return band.im < least_q8 ? least_q8 : band.im;
}

/* By how much all bands exceed their floors and the margin, on average; the levels are the im of z (FSDD_BANDS). Floors
 * are audible, so a level that is not lies below them. */
static int32_t fsdd_excess(const fsdd_endpointer_config *config, const fsdd_endpointer *state, const fsdd_complex *z)
{
    const int32_t margin = config->margin;
    int32_t sum = 0;
    unsigned band;
    for (band = 0; band < FSDD_BANDS; band++) {
        const int32_t above = z[band].im - state->floor_q8[band] - margin;
        sum += above > 0 ? above : 0;
    }
    return sum >> FSDD_BAND_BITS;
}

/* In the first frame, the floors are its levels. */
static void fsdd_first_floors(fsdd_endpointer *state, const fsdd_complex *z)
{
    unsigned band;
    for (band = 0; band < FSDD_BANDS; band++)
        state->floor_q8[band] = (int16_t)fsdd_audible_q8(z[band]);
}

static void fsdd_settled(fsdd_endpointer *state, const fsdd_complex *z)
{
    unsigned band;
    for (band = 0; band < FSDD_BANDS; band++) {
        const int32_t floor_q8 = state->floor_q8[band];
        state->floor_q8[band] = (int16_t)(floor_q8 + ((fsdd_audible_q8(z[band]) - floor_q8) >> FSDD_SETTLE_SHIFT));
    }
}

static void fsdd_followed(fsdd_endpointer *state, const fsdd_complex *z, int32_t fall, int32_t rise)
{
    unsigned band;
    for (band = 0; band < FSDD_BANDS; band++) {
        const int32_t floor_q8 = state->floor_q8[band], distance = fsdd_audible_q8(z[band]) - floor_q8;
        const int32_t slow = distance < -fall ? -fall : distance > rise ? rise : distance;
        state->floor_q8[band] = (int16_t)(floor_q8 + slow);
    }
}

/* Has the open word what makes it one? */
static int fsdd_counts(const fsdd_endpointer_config *config, const fsdd_endpointer *state)
{
    return state->loud != 0u && state->voiced >= config->shortest_frames;
}

/* Adds a frame with this excess to the open word, or opens one. */
static unsigned fsdd_lengthen(const fsdd_endpointer_config *config, fsdd_endpointer *state, int32_t excess)
{
    if (state->length == 0u && excess <= config->quiet)
        return 0;
    state->length++;
    if (excess > config->quiet)
        state->voiced = state->length;
    if (excess > config->loud)
        state->loud = 1;
    return state->length == 1u ? FSDD_OPENS : 0u;
}

/* The floors after a frame, and their age. */
static void fsdd_follow(const fsdd_endpointer_config *config, fsdd_endpointer *state, const fsdd_complex *z)
{
    if (state->length > 0u)
        fsdd_followed(state, z, config->fall, config->rise_in_word);
    else if (state->age < config->settle_frames)
        fsdd_settled(state, z);
    else
        fsdd_followed(state, z, config->fall, config->rise);
    if (state->age < config->settle_frames)
        state->age++;
}

static unsigned fsdd_endpointer_step(const fsdd_endpointer_config *config, fsdd_endpointer *state, const fsdd_complex *z)
{
    const int counted = fsdd_counts(config, state);
    unsigned endpoint;
    int over, overlong;
    if (state->age == 0u)
        fsdd_first_floors(state, z);
    endpoint = fsdd_lengthen(config, state, fsdd_excess(config, state, z));
    over = state->length - state->voiced > config->hangover_frames; /* in a pause that is not positive */
    overlong = !over && state->length >= config->longest_frames;
    if (over || overlong) {
        endpoint = !counted ? 0u : over ? FSDD_ENDS : FSDD_OVERLONG;
        state->length = state->loud = 0;
    } else if (!counted && fsdd_counts(config, state)) {
        endpoint |= FSDD_BEGINS;
    }
    fsdd_follow(config, state, z);
    if (overlong)
        state->age = 0;
    return endpoint;
}

/* --- listener.py --- */

static const fsdd_event fsdd_nothing = {0, 0, FSDD_NONE, 0, 0, FSDD_NOTHING};

/* The class of the network's logits, the lowest on ties, and its lead over the second, at most INT32_MAX. */
static int16_t fsdd_decide(const fsdd_listener_model *model, const int16_t *network_state, int32_t *margin)
{
    const unsigned classes = model->network->classes;
    int32_t best = INT32_MIN, second = INT32_MIN;
    uint32_t lead;
    unsigned k, label = 0;
    for (k = 0; k < classes; k++) {
        const int32_t logit = fsdd_output_logit_in(model->network, network_state, k);
        if (logit > best)
            second = best, best = logit, label = k;
        else if (logit > second)
            second = logit;
    }
    lead = (uint32_t)best - (uint32_t)second;
    *margin = classes == 1u || lead > (uint32_t)INT32_MAX ? INT32_MAX : (int32_t)lead;
    return (int16_t)(*margin >= model->least_margin ? (int)label : FSDD_NONE);
}

/* The frame whose levels are in the scratch goes through the network, which takes the scratch in turn. */
static void fsdd_listener_step(fsdd_listener *listener)
{
    const fsdd_listener_model *const model = listener->model;
    const fsdd_model *const network = model->network;
    int16_t *scratch = listener->front_end.scratch.network;
    int8_t frame_q4[FSDD_MOST_CHANNELS];
    fsdd_front_end_features(&listener->front_end, model->multiplier, model->bias, frame_q4);
    if (network->hidden > FSDD_SCRATCH_WORDS)
        scratch = listener->state + FSDD_STATE_WORDS_IN(network->inputs, network->hidden, network->layer_count);
    fsdd_network_step_in(network, scratch, listener->state, frame_q4);
}

static void fsdd_begin_word(fsdd_listener *listener)
{
    const fsdd_model *const network = listener->model->network;
    size_t k;
    for (k = 0; k < FSDD_STATE_WORDS_IN(network->inputs, network->hidden, network->layer_count); k++)
        listener->state[k] = 0;
    fsdd_front_end_begin_word(&listener->front_end);
}

/* One frame, whose levels are in the scratch. The network hears all of an open word, also where there is no speech, as
 * the word may go on; it is asked before the first such frame, in case it does not. */
static fsdd_event fsdd_listen_frame(fsdd_listener *listener)
{
    fsdd_endpointer *const state = &listener->endpointer;
    const unsigned before = state->length;
    const unsigned endpoint =
        fsdd_endpointer_step(&listener->model->endpointer, state, listener->front_end.scratch.z);
    fsdd_event event = fsdd_nothing;
    if (before > 0u && state->voiced == before)
        listener->label = fsdd_decide(listener->model, listener->state, &listener->margin);
    if ((endpoint & FSDD_OPENS) != 0u)
        fsdd_begin_word(listener);
    if (state->length > 0u)
        fsdd_listener_step(listener);
    if ((endpoint & (FSDD_BEGINS | FSDD_ENDS | FSDD_OVERLONG)) == 0u)
        return event;
    event.kind = (endpoint & FSDD_BEGINS) != 0u ? FSDD_WORD_BEGINS : FSDD_WORD_ENDS;
    event.frames = state->voiced;
    event.frames_ago = (uint16_t)before;
    if ((endpoint & FSDD_ENDS) != 0u)
        event.label = listener->label, event.margin = listener->margin;
    return event;
}

void fsdd_listen_reset(fsdd_listener *listener)
{
    fsdd_front_end_reset(&listener->front_end);
    fsdd_reset_endpointer(&listener->endpointer);
}

fsdd_event fsdd_listen_push(fsdd_listener *listener, const int16_t *samples, size_t count)
{
    const int16_t *const first = samples;
    fsdd_event event = fsdd_nothing;
    while (event.kind == FSDD_NOTHING && fsdd_front_end_levels(&listener->front_end, &samples, &count))
        event = fsdd_listen_frame(listener);
    event.taken = (size_t)(samples - first);
    return event;
}

size_t fsdd_clip_logits(fsdd_listener *listener, const int16_t *samples, size_t count, int32_t *logits)
{
    const fsdd_model *const network = listener->model->network;
    size_t frames = 0;
    unsigned k;
    fsdd_listen_reset(listener);
    fsdd_begin_word(listener);
    for (; fsdd_front_end_levels(&listener->front_end, &samples, &count); frames++)
        fsdd_listener_step(listener);
    for (k = 0; k < network->classes; k++)
        logits[k] = fsdd_output_logit_in(network, listener->state, k);
    return frames;
}
