/* Instructions and stack of the way from samples to a word: by the front end alone, through the network, in a pause by the
 * levels alone and through the endpointer. */
#include "fsdd_model.h"
#include "measure.h"
#include "semihosting.h"

extern const int16_t spoken[], quiet[]; /* one clip, and as many samples of a pause */
extern const uint32_t sample_count;

static net_listener listener;
static int32_t logits[NET_CLASSES];
static int8_t frame_q4[NET_INPUTS];
static volatile uint32_t events;

static void front_end(void)
{
    const fsdd_listener_model *const model = &net_listener_model;
    fsdd_front_end *const own = &listener.listener.front_end;
    const int16_t *samples = spoken;
    size_t count = sample_count;
    fsdd_front_end_reset(own);
    while (fsdd_front_end_levels(own, &samples, &count)) {
        fsdd_front_end_features(own, model->multiplier, model->bias, frame_q4);
    }
}

static void levels(void)
{
    fsdd_front_end *const own = &listener.listener.front_end;
    const int16_t *samples = quiet;
    size_t count = sample_count;
    fsdd_front_end_reset(own);
    while (fsdd_front_end_levels(own, &samples, &count)) {
    }
}

static void clip(void) { net_clip_logits(&listener, spoken, sample_count, logits); }

static void listen(const int16_t *samples)
{
    size_t count = sample_count;
    net_listen_init(&listener);
    while (count > 0) {
        const fsdd_event event = net_listen_push(&listener, samples, count);
        samples += event.taken;
        count -= event.taken;
        events = events + event.kind;
    }
}

static void stream(void) { listen(spoken); }

static void pause(void) { listen(quiet); }

int main(void)
{
    net_listen_init(&listener);
    print_number("front_end", instructions(front_end));
    print_number("levels", instructions(levels));
    print_number("clip", instructions(clip));
    print_number("stream", instructions(stream));
    print_number("pause", instructions(pause));
    print_number("front_end_stack", stack_bytes(front_end));
    print_number("stream_stack", stack_bytes(stream));
    return 0;
}
