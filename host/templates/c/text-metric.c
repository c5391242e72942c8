/* Text metric {{name}}: words per generated text. */
#include "trainyard_plugin.h"
#include <math.h>
#include <stdlib.h>

/* The counts so far; the state is these two, 8 bytes each, in the order of the machine (WASM: little endian). */
typedef struct { uint64_t texts, words; } plugin;

static trainyard_status create(const trainyard_host *host, trainyard_settings settings, void **instance) {
    if (settings.len > 0) return trainyard_unknown(host, settings.ptr, "");
    plugin *made = calloc(1, sizeof *made);
    if (made == NULL) return trainyard_fail(host, TRAINYARD_INTERNAL, "out of memory");
    *instance = made;
    return TRAINYARD_OK;
}

static trainyard_status info(void *instance, const trainyard_host *host) {
    (void)instance;
    host->info(host->context, trainyard_text("words"), TRAINYARD_HIGHER_IS_BETTER, trainyard_text("mean"));
    return TRAINYARD_OK;
}

static trainyard_status update(void *instance, const trainyard_host *host, trainyard_text_pairs pairs) {
    plugin *self = instance;
    (void)host;
    for (size_t i = 0; i < pairs.len; i++) {
        trainyard_str text = pairs.ptr[i].hypothesis;
        bool in_word = false;
        self->texts++;
        for (size_t j = 0; j < text.len; j++) {
            bool is_word = text.ptr[j] > ' ';
            self->words += is_word && !in_word;
            in_word = is_word;
        }
    }
    return TRAINYARD_OK;
}

static trainyard_status state(void *instance, const trainyard_host *host) {
    host->bytes(host->context, (trainyard_str){ instance, sizeof(plugin) });
    return TRAINYARD_OK;
}

static trainyard_status merge(void *instance, const trainyard_host *host, trainyard_str state) {
    plugin *self = instance, other;
    if (state.len != sizeof other) return trainyard_fail(host, TRAINYARD_INPUT, "state: expected 16 bytes");
    memcpy(&other, state.ptr, sizeof other);
    self->texts += other.texts;
    self->words += other.words;
    return TRAINYARD_OK;
}

static trainyard_status value(void *instance, const trainyard_host *host) {
    const plugin *self = instance;
    host->number(host->context, self->texts > 0 ? (double)self->words / (double)self->texts : (double)NAN);
    return TRAINYARD_OK;
}

const trainyard_text_metric_table TRAINYARD_SYMBOL = {
    .header = TRAINYARD_HEADER(trainyard_text_metric_table, TRAINYARD_TEXT_METRIC, create, free),
    .info = info,
    .update = update,
    .state = state,
    .merge = merge,
    .value = value,
};
