/* Instructions of every model: of the frames of its first clip one after the other, and of all that is done once a clip. */
#include "measure.h"
#include "semihosting.h"
#include "streams.h"

#define MOST_STATE_WORDS 2048
#define MOST_INPUTS 64
#define MOST_FRAMES 36
#define MOST_CLASSES 64

static int16_t state[MOST_STATE_WORDS];
static uint8_t frame_count;
static int8_t frames_q4[MOST_FRAMES * MOST_INPUTS]; /* (frame_count, inputs) */
static int32_t logits[MOST_CLASSES];
static const fsdd_model *model;
static volatile size_t chosen;

static void zero(void) { fsdd_zero_state(model, state); }

static void steps(void)
{
    for (uint32_t k = 0; k < frame_count; k++) {
        fsdd_network_step(model, state, frames_q4 + k * model->inputs);
    }
}

static void decide(void)
{
    fsdd_output_logits(model, state, logits);
    chosen = fsdd_classify(model, logits);
}

int main(void)
{
    for (uint32_t k = 0; k < model_count; k++) {
        uint16_t clips;
        model = models[k];
        take_input(&clips, sizeof clips);
        take_input(&frame_count, 1);
        take_input(frames_q4, (uint32_t)frame_count * model->inputs);
        print_number("zero", instructions(zero));
        print_number("steps", instructions(steps));
        print_number("decide", instructions(decide));
    }
    return 0;
}
