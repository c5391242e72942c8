/* Metric {{name}}: the share of tokens that the model gives at least a probability of `threshold`. */
#include "trainyard_plugin.h"
#include <stdlib.h>

typedef struct { double threshold; } plugin;

static trainyard_status create(const trainyard_host *host, trainyard_settings settings, void **instance) {
    plugin new = { .threshold = 0.5 }; /* the default, as in plugin.toml */
    for (size_t i = 0; i < settings.len; i++) {
        const trainyard_setting *setting = &settings.ptr[i];
        if (!trainyard_is(setting, "threshold")) return trainyard_unknown(host, setting, "threshold");
        new.threshold = setting->tag == TRAINYARD_INTEGER ? (double)setting->integer : setting->number;
        bool is_number = setting->tag == TRAINYARD_INTEGER || setting->tag == TRAINYARD_NUMBER;
        if (!is_number || !(new.threshold >= 0 && new.threshold <= 1)) {
            return trainyard_fail(host, TRAINYARD_CONFIG, "threshold: expected 0 to 1");
        }
    }
    plugin *made = malloc(sizeof *made);
    if (made == NULL) return trainyard_fail(host, TRAINYARD_INTERNAL, "out of memory");
    *made = new;
    *instance = made;
    return TRAINYARD_OK;
}

static trainyard_status info(void *instance, const trainyard_host *host) {
    (void)instance;
    host->info(host->context, trainyard_text(""), TRAINYARD_HIGHER_IS_BETTER, trainyard_text("mean"));
    return TRAINYARD_OK;
}

static trainyard_status describe(void *instance, const trainyard_host *host) {
    const plugin *self = instance;
    trainyard_graph g = { 0 };
    uint32_t logits = trainyard_input(&g, "input.logits"), target = trainyard_input(&g, "input.target");
    uint32_t logp = trainyard_op2(&g, "gather", trainyard_op1(&g, "log_softmax", logits), target);
    uint32_t threshold = trainyard_constant(&g, self->threshold);
    return trainyard_mean(&g, host, trainyard_op2(&g, "less_equal", threshold, trainyard_op1(&g, "exp", logp)));
}

const trainyard_metric_table TRAINYARD_SYMBOL = {
    .header = TRAINYARD_HEADER(trainyard_metric_table, TRAINYARD_METRIC, create, free),
    .info = info,
    .describe = describe,
};
