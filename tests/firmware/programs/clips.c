/* Runs every clip through every model, frame by frame, and compares all that is to be seen. */
#include "semihosting.h"
#include "streams.h"

#define MOST_STATE_WORDS 512 /* 1 KB: the smallest board has 16 KB of RAM */
#define MOST_INPUTS 64
#define MOST_CLASSES 16

static int16_t state[MOST_STATE_WORDS] __attribute__((aligned(4)));
static int8_t frame_q4[MOST_INPUTS];
static int32_t result[MOST_CLASSES + 1]; /* logits, class */

static void run_clip(const fsdd_model *model, uint32_t state_bytes)
{
    uint8_t frames;
    take_input(&frames, 1);
    fsdd_zero_state(model, state);
    for (; frames > 0; frames--) {
        take_input(frame_q4, model->inputs);
        fsdd_network_step(model, state, frame_q4);
        give_output(state, state_bytes);
    }
    fsdd_output_logits(model, state, result);
    result[model->classes] = (int32_t)fsdd_classify(model, result);
    give_output(result, (model->classes + 1u) * (uint32_t)sizeof *result);
}

static void run_model(const fsdd_model *model)
{
    const size_t words = FSDD_STATE_WORDS((size_t)model->inputs, model->hidden, model->layer_count);
    uint16_t clips;
    if (words > MOST_STATE_WORDS || model->inputs > MOST_INPUTS || model->classes > MOST_CLASSES) {
        exit_with(EXIT_FILE);
    }
    take_input(&clips, sizeof clips);
    for (; clips > 0; clips--) {
        run_clip(model, (uint32_t)(words * sizeof *state));
    }
}

int main(void)
{
    streams_open();
    for (uint32_t k = 0; k < model_count; k++) {
        run_model(models[k]);
    }
    return streams_close() == 0 ? 0 : EXIT_MISMATCH;
}
