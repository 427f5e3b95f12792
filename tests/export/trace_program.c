/* Runs clips through several models and writes every state: the program that tests of the runtime compile.
 *
 * stdin, one record a clip: int32 model, int32 frames, int32 preset; if preset, the int16 state to start from; frames.
 * stdout: after every frame the whole int16 state; then int32 logits and class; unless preset, the logits of the same clip
 * read at once. The state lies alone on the heap, so that a sanitizer sees whoever leaves it.
 */
#include "records.h"

#include "models.h"

static void write_decision(const fsdd_model *model, const int32_t *logits)
{
    const int32_t decided = (int32_t)fsdd_classify(model, logits);
    write_exactly(logits, sizeof *logits * model->classes);
    write_exactly(&decided, sizeof decided);
}

static int run_clip(const int32_t *head)
{
    const fsdd_model *model = models[head[0]];
    const size_t frames = (size_t)head[1], words = FSDD_STATE_WORDS(model->inputs, model->hidden, model->layer_count);
    int16_t *state = allocated(words * sizeof *state);
    int8_t *features = allocated(frames * model->inputs);
    int32_t *logits = allocated(model->classes * sizeof *logits);
    size_t frame;
    fsdd_zero_state(model, state);
    if (head[2] && !read_exactly(state, words * sizeof *state))
        return 0;
    if (!read_exactly(features, frames * model->inputs))
        return 0;
    for (frame = 0; frame < frames; frame++) {
        fsdd_network_step(model, state, features + frame * model->inputs);
        write_exactly(state, words * sizeof *state);
    }
    fsdd_output_logits(model, state, logits);
    write_decision(model, logits);
    if (!head[2]) {
        fsdd_network_logits(model, state, features, frames, logits);
        write_decision(model, logits);
    }
    free(state), free(features), free(logits);
    return 1;
}

int main(int count, char **words) { return run_records(count, words, run_clip); }
