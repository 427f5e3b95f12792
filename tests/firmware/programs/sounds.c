/* Clips of samples through front end and network, each from silence.
 *
 * In:  the number of clips (2 bytes); for each clip its samples (2 bytes), then so many int16.
 * Out: for each clip its logits, its class and the number of its frames, int32. */
#include "fsdd_model.h"
#include "semihosting.h"
#include "streams.h"

#define MOST_SAMPLES 5856 /* 36 frames in 11.4 KB: the smallest board has 16 KB of RAM */

static net_listener listener;
static int16_t samples[MOST_SAMPLES];
static int32_t result[NET_CLASSES + 2];

static void run_clip(void)
{
    uint16_t count;
    take_input(&count, sizeof count);
    if (count > MOST_SAMPLES) {
        exit_with(EXIT_FILE);
    }
    take_input(samples, count * (uint32_t)sizeof *samples);
    result[NET_CLASSES + 1] = (int32_t)net_clip_logits(&listener, samples, count, result);
    result[NET_CLASSES] = (int32_t)net_classify(result);
    give_output(result, sizeof result);
}

int main(void)
{
    uint16_t clips;
    streams_open();
    net_listen_init(&listener);
    take_input(&clips, sizeof clips);
    for (; clips > 0; clips--) {
        run_clip();
    }
    return streams_close() == 0 ? 0 : EXIT_MISMATCH;
}
