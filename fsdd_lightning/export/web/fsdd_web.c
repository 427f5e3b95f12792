/* Between a web page and the runtime, which is compiled as it is: a network comes as data, and after every frame the page
 * may look at all that it shows. One instance of this WebAssembly is one stream. */
#include "fsdd_front_end_tables.h"
#include "fsdd_listen.c" /* for fsdd_excess, which tells how close to a word a pause is */

#define PUBLIC(name) __attribute__((export_name(#name)))
#define FSDD_PAGE_BYTES 65536u /* of WebAssembly's memory */

/* A network as image.py writes it. Offsets count bytes from its start, where all arrays are as in an export for one layout. */
typedef struct {
    uint32_t format, inputs, hidden, layers, classes;
    int32_t least_margin;
    int32_t endpointer[10]; /* fsdd_endpointer_config */
    fsdd_front_end_constants front_end;
    uint32_t cosine, width, rise, segment_bins, log;
    uint32_t feature_multiplier, feature_bias; /* (2 * coefficients) */
    uint32_t layer_shifts, output_weights, output_bias, sigmoid_table, tanh_table;
    struct {
        uint32_t weights, bias, multiplier;
    } layer[];
} fsdd_image;

/* What the last samples made known; recognizer.js reads it. */
typedef struct {
    int32_t is_complete; /* a frame; else nothing below is new */
    int32_t kind, label, margin, frames, frames_ago; /* of fsdd_event */
    int32_t is_overlong; /* the word that ended, if one did, was none */
    int32_t excess_q8;   /* of the frame's levels above their floors */
    int32_t length, voiced; /* of the open word */
    int32_t levels_q8[FSDD_MOST_BANDS];
    int8_t features_q4[FSDD_MOST_CHANNELS]; /* of a frame within a word */
} fsdd_heard;

fsdd_front_end_constants fsdd_constants;
fsdd_front_end_tables fsdd_tables;

static fsdd_model fsdd_web_model;
static fsdd_listener_model fsdd_web_listener_model;
static fsdd_listener fsdd_web_listener;
static fsdd_front_end fsdd_web_view; /* hears the same: the listener's own scratch is the network's after a frame */
static fsdd_heard fsdd_web_last;
static int32_t *fsdd_web_word; /* logits (classes) up to the word's last frame with speech */

/* --- memory, which is never given back --- */

extern uint8_t __heap_base;
static uint8_t *fsdd_web_free = &__heap_base;

/* So many bytes, aligned to 8; 0 where there are no more. */
PUBLIC(room) void *fsdd_web_room(uint32_t bytes)
{
    uint8_t *const start = (uint8_t *)(((uintptr_t)fsdd_web_free + 7u) & ~(uintptr_t)7u);
    const uint64_t end = (uintptr_t)start + (uint64_t)bytes;
    const uint64_t pages = (end + FSDD_PAGE_BYTES - 1u) / FSDD_PAGE_BYTES, have = __builtin_wasm_memory_size(0);
    if (pages > have && __builtin_wasm_memory_grow(0, (uintptr_t)(pages - have)) == (uintptr_t)-1)
        return 0;
    fsdd_web_free = start + bytes;
    return start;
}

/* --- a network --- */

static void fsdd_web_open_front_end(const fsdd_image *image, const uint8_t *start)
{
    fsdd_constants = image->front_end;
    fsdd_tables.cosine_q14 = (const int16_t *)(start + image->cosine);
    fsdd_tables.width_q8 = (const int16_t *)(start + image->width);
    fsdd_tables.rise_q8 = start + image->rise;
    fsdd_tables.segment_bins = start + image->segment_bins;
    fsdd_tables.log_q8 = start + image->log;
}

/* 0 where there is no room for it. */
static int fsdd_web_open_layers(const fsdd_image *image, const uint8_t *start)
{
    fsdd_layer *const layers = fsdd_web_room(image->layers * sizeof(fsdd_layer));
    unsigned k;
    if (layers == 0)
        return 0;
    for (k = 0; k < image->layers; k++) {
        layers[k].weights = start + image->layer[k].weights;
        layers[k].bias = start + image->layer[k].bias;
        layers[k].multiplier = start + image->layer[k].multiplier;
    }
    fsdd_web_model.layers = layers;
    return 1;
}

static void fsdd_web_open_model(const fsdd_image *image, const uint8_t *start)
{
    fsdd_model *const model = &fsdd_web_model;
    model->layer_shifts = start + image->layer_shifts;
    model->output.weights = start + image->output_weights;
    model->output.bias = (const int32_t *)(start + image->output_bias);
    model->sigmoid_table = (const int16_t *)(start + image->sigmoid_table);
    model->tanh_table = (const int16_t *)(start + image->tanh_table);
    model->inputs = (uint16_t)image->inputs;
    model->hidden = (uint16_t)image->hidden;
    model->classes = (uint16_t)image->classes;
    model->layer_count = (uint8_t)image->layers;
    model->format = (uint8_t)image->format;
}

static void fsdd_web_open_listener(const fsdd_image *image, const uint8_t *start)
{
    fsdd_listener_model *const model = &fsdd_web_listener_model;
    const int32_t *const number = image->endpointer;
    const fsdd_endpointer_config endpointer = {
        (int16_t)number[0], (int16_t)number[1], (int16_t)number[2], (int16_t)number[3], (int16_t)number[4],
        (int16_t)number[5], (int16_t)number[6], (int16_t)number[7], (int16_t)number[8], (int16_t)number[9],
    };
    model->network = &fsdd_web_model;
    model->multiplier = (const int32_t *)(start + image->feature_multiplier);
    model->bias = (const int32_t *)(start + image->feature_bias);
    model->least_margin = image->least_margin;
    model->endpointer = endpointer;
}

PUBLIC(reset) void fsdd_web_reset(void)
{
    fsdd_listen_reset(&fsdd_web_listener);
    fsdd_front_end_reset(&fsdd_web_view);
}

/* Once: the image must stay where it is. 1, or 0 where there is no room for its state. */
PUBLIC(open) int fsdd_web_open(const fsdd_image *image)
{
    const uint8_t *const start = (const uint8_t *)image;
    const size_t words = FSDD_LISTENER_WORDS(image->inputs, image->hidden, image->layers);
    fsdd_web_open_front_end(image, start);
    if (!fsdd_web_open_layers(image, start))
        return 0;
    fsdd_web_open_model(image, start);
    fsdd_web_open_listener(image, start);
    fsdd_web_listener.model = &fsdd_web_listener_model;
    fsdd_web_listener.state = fsdd_web_room(words * sizeof(int16_t));
    fsdd_web_word = fsdd_web_room(image->classes * sizeof(int32_t));
    if (fsdd_web_listener.state == 0 || fsdd_web_word == 0)
        return 0;
    fsdd_web_reset();
    return 1;
}

/* --- a stream --- */

PUBLIC(heard) const fsdd_heard *fsdd_web_heard(void) { return &fsdd_web_last; }

PUBLIC(logits) const int32_t *fsdd_web_logits(void) { return fsdd_web_word; }

/* The frame whose levels are in the view, before the listener hears it. */
static void fsdd_web_look_at_levels(void)
{
    const fsdd_endpointer *const before = &fsdd_web_listener.endpointer;
    unsigned band;
    for (band = 0; band < FSDD_BANDS; band++)
        fsdd_web_last.levels_q8[band] = fsdd_web_view.scratch.z[band].im;
    fsdd_web_last.excess_q8 = 0; /* the first frame is its own floor */
    if (before->age > 0u)
        fsdd_web_last.excess_q8 =
            fsdd_excess(&fsdd_web_listener_model.endpointer, before, fsdd_web_view.scratch.z);
}

/* The same features as the listener has made of it. */
static void fsdd_web_view_features(void)
{
    const fsdd_listener_model *const model = &fsdd_web_listener_model;
    fsdd_front_end_features(&fsdd_web_view, model->multiplier, model->bias, fsdd_web_last.features_q4);
}

/* After the listener has heard a whole frame. */
static void fsdd_web_look_at_word(const fsdd_event *event)
{
    const fsdd_endpointer *const state = &fsdd_web_listener.endpointer;
    unsigned k;
    fsdd_web_last.kind = event->kind;
    fsdd_web_last.label = event->label;
    fsdd_web_last.margin = event->margin;
    fsdd_web_last.frames = event->frames;
    fsdd_web_last.frames_ago = event->frames_ago;
    fsdd_web_last.is_overlong = state->age == 0u; /* then floors are set anew */
    fsdd_web_last.length = state->length;
    fsdd_web_last.voiced = state->voiced;
    if (state->length == 1u)
        fsdd_front_end_begin_word(&fsdd_web_view);
    if (state->length > 0u)
        fsdd_web_view_features();
    if (state->length > 0u && state->voiced == state->length)
        for (k = 0; k < fsdd_web_model.classes; k++)
            fsdd_web_word[k] = fsdd_output_logit_in(&fsdd_web_model, fsdd_web_listener.state, k);
}

/* Takes samples up to the end of the next frame, and returns how many; what they made known is in heard(). */
PUBLIC(push) uint32_t fsdd_web_push(const int16_t *samples, uint32_t count)
{
    const int16_t *rest = samples;
    size_t left = count;
    fsdd_event event;
    fsdd_web_last.is_complete = fsdd_front_end_levels(&fsdd_web_view, &rest, &left);
    if (fsdd_web_last.is_complete)
        fsdd_web_look_at_levels();
    event = fsdd_listen_push(&fsdd_web_listener, samples, count - left);
    if (fsdd_web_last.is_complete)
        fsdd_web_look_at_word(&event);
    return (uint32_t)(count - left);
}

/* --- a clip that stands alone --- */

/* Its logits are in logits(); returns the number of frames. Forgets all sound before and after. */
PUBLIC(clip) uint32_t fsdd_web_clip(const int16_t *samples, uint32_t count)
{
    const size_t frames = fsdd_clip_logits(&fsdd_web_listener, samples, count, fsdd_web_word);
    fsdd_web_reset();
    return (uint32_t)frames;
}

/* For networks that are not in here: the features of the next frame of a clip are in heard(). Returns how many samples were
 * taken; before the first, reset(). */
PUBLIC(clip_frame) uint32_t fsdd_web_clip_frame(const int16_t *samples, uint32_t count)
{
    const int16_t *rest = samples;
    size_t left = count;
    fsdd_web_last.is_complete = fsdd_front_end_levels(&fsdd_web_view, &rest, &left);
    if (fsdd_web_last.is_complete)
        fsdd_web_view_features();
    return (uint32_t)(count - left);
}
