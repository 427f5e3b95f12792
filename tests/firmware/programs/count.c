/* Instructions and stack of the first clip of the first model, from an empty state to its class. */
#include "measure.h"
#include "semihosting.h"
#include "streams.h"

#define MOST_STATE_WORDS 512
#define MOST_INPUTS 64
#define MOST_FRAMES 36
#define MOST_CLASSES 16

static int16_t state[MOST_STATE_WORDS] __attribute__((aligned(4)));
static uint8_t frame_count;
static int8_t frames_q4[MOST_FRAMES * MOST_INPUTS]; /* (frame_count, inputs) */
static int32_t logits[MOST_CLASSES];
static volatile size_t chosen;

static void clip(void)
{
    const fsdd_model *const model = models[0];
    fsdd_zero_state(model, state);
    for (uint32_t k = 0; k < frame_count; k++) {
        fsdd_network_step(model, state, frames_q4 + k * model->inputs);
    }
    fsdd_output_logits(model, state, logits);
    chosen = fsdd_classify(model, logits);
}

int main(void)
{
    uint16_t clips;
    take_input(&clips, sizeof clips);
    take_input(&frame_count, 1);
    take_input(frames_q4, (uint32_t)frame_count * models[0]->inputs);
    print_number("instructions", instructions(clip));
    print_number("stack_bytes", stack_bytes(clip));
    return 0;
}
