/* One stream of samples, in pieces, through the listener.
 *
 * In:  pieces, each the number of its samples (2 bytes) and so many int16; a piece of 0 samples ends them.
 * Out: for each event kind, label, margin, frames, frames_ago and the samples taken until then, int32. */
#include "fsdd_model.h"
#include "semihosting.h"
#include "streams.h"

#define MOST_SAMPLES 1000

static net_listener listener;
static int16_t piece[MOST_SAMPLES];
static uint32_t taken;

static void give_event(const fsdd_event *event)
{
    const int32_t numbers[] = {event->kind,   event->label,      event->margin,
                               event->frames, event->frames_ago, (int32_t)taken};
    give_output(numbers, sizeof numbers);
}

static void push(const int16_t *samples, size_t count)
{
    while (count > 0) {
        const fsdd_event event = net_listen_push(&listener, samples, count);
        samples += event.taken;
        count -= event.taken;
        taken += (uint32_t)event.taken;
        if (event.kind != FSDD_NOTHING) {
            give_event(&event);
        }
    }
}

int main(void)
{
    uint16_t count;
    streams_open();
    net_listen_init(&listener);
    for (take_input(&count, sizeof count); count > 0; take_input(&count, sizeof count)) {
        if (count > MOST_SAMPLES) {
            exit_with(EXIT_FILE);
        }
        take_input(piece, count * (uint32_t)sizeof *piece);
        push(piece, count);
    }
    return streams_close() == 0 ? 0 : EXIT_MISMATCH;
}
