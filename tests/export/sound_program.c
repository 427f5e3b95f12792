/* Runs front end and listeners over samples and writes all that they answer: the program that their tests compile.
 *
 * stdin, records of int32 kind, listener, count and then count int16 samples. Listener k hears with model k.
 * stdout, all int32 but for features:
 *     RESET, BEGIN_WORD, LISTEN_RESET: nothing;
 *     LEVELS: the levels of each frame; FEATURES: the same and then its int8 features;
 *     LISTEN: of each event, the last one FSDD_NOTHING, kind, label, margin, frames, frames_ago, taken;
 *     STEP: what fsdd_endpointer_step answers to levels, the samples of this record, and its whole state;
 *     CLIP: frames and, if there are any, logits.
 * Samples and listeners lie alone on the heap, so that a sanitizer sees whoever leaves them.
 */
#include "records.h"

#include "models.h"

#include "fsdd_listen.c" /* for its static functions */

static fsdd_listener *listeners[sizeof models / sizeof models[0]];

enum { RESET, BEGIN_WORD, LEVELS, FEATURES, LISTEN_RESET, LISTEN, STEP, CLIP };

static void make_listeners(void)
{
    size_t k;
    for (k = 0; k < sizeof models / sizeof models[0]; k++) {
        const fsdd_model *network = models[k]->network;
        const size_t words = FSDD_LISTENER_WORDS(network->inputs, network->hidden, network->layer_count);
        listeners[k] = allocated(sizeof *listeners[k]);
        listeners[k]->model = models[k];
        listeners[k]->state = allocated(words * sizeof(int16_t));
        fsdd_listen_reset(listeners[k]);
    }
}

static void run_front_end(fsdd_listener *listener, int with_features, const int16_t *samples, size_t count)
{
    const int16_t *const end = samples + count;
    int8_t *features = allocated(FSDD_CHANNELS);
    unsigned band;
    int complete;
    while ((complete = fsdd_front_end_levels(&listener->front_end, &samples, &count)) != 0) {
        if (complete != 1 || samples + count != end)
            exit(6);
        for (band = 0; band < FSDD_BANDS; band++)
            write_exactly(&listener->front_end.scratch.z[band].im, sizeof(int32_t));
        if (!with_features)
            continue;
        fsdd_front_end_features(&listener->front_end, listener->model->multiplier, listener->model->bias, features);
        write_exactly(features, FSDD_CHANNELS);
    }
    if (samples != end || count != 0)
        exit(6);
    free(features);
}

static void run_listener(fsdd_listener *listener, const int16_t *samples, size_t count)
{
    int32_t answer[6];
    do {
        const fsdd_event event = fsdd_listen_push(listener, samples, count);
        answer[0] = event.kind, answer[1] = event.label, answer[2] = event.margin;
        answer[3] = event.frames, answer[4] = event.frames_ago, answer[5] = (int32_t)event.taken;
        write_exactly(answer, sizeof answer);
        samples += event.taken;
        count -= event.taken;
    } while (answer[0] != (int32_t)FSDD_NOTHING);
    if (count != 0)
        exit(6);
}

static void run_step(fsdd_listener *listener, const int16_t *levels)
{
    fsdd_endpointer *const state = &listener->endpointer;
    int32_t answer[5];
    unsigned band;
    for (band = 0; band < FSDD_BANDS; band++)
        listener->front_end.scratch.z[band].im = levels[band];
    answer[0] = (int32_t)fsdd_endpointer_step(&listener->model->endpointer, state, listener->front_end.scratch.z);
    answer[1] = state->age, answer[2] = state->length, answer[3] = state->voiced, answer[4] = state->loud;
    write_exactly(answer, sizeof answer);
    write_exactly(state->floor_q8, sizeof state->floor_q8);
}

static void run_clip(fsdd_listener *listener, const int16_t *samples, size_t count)
{
    int32_t *logits = allocated(listener->model->network->classes * sizeof *logits);
    const int32_t frames = (int32_t)fsdd_clip_logits(listener, samples, count, logits);
    write_exactly(&frames, sizeof frames);
    if (frames > 0)
        write_exactly(logits, listener->model->network->classes * sizeof *logits);
    free(logits);
}

static int run_record(const int32_t *head)
{
    fsdd_listener *listener = listeners[head[1]];
    const size_t count = (size_t)head[2];
    int16_t *samples = allocated(count * sizeof *samples);
    if (!read_exactly(samples, count * sizeof *samples))
        return 0;
    switch (head[0]) {
    case RESET: fsdd_front_end_reset(&listener->front_end); break;
    case BEGIN_WORD: fsdd_front_end_begin_word(&listener->front_end); break;
    case LISTEN_RESET: fsdd_listen_reset(listener); break;
    case LISTEN: run_listener(listener, samples, count); break;
    case STEP: run_step(listener, samples); break;
    case CLIP: run_clip(listener, samples, count); break;
    default: run_front_end(listener, head[0] == FEATURES, samples, count);
    }
    free(samples);
    return 1;
}

int main(int count, char **words)
{
    make_listeners();
    return run_records(count, words, run_record);
}
