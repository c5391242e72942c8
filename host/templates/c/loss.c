/* Loss {{name}}: cross-entropy with less weight on tokens that are already probable (focal loss, Lin et al. 2017). */
#include "trainyard_plugin.h"
#include <stdlib.h>

typedef struct { double gamma; } plugin;

static trainyard_status create(const trainyard_host *host, trainyard_settings settings, void **instance) {
    plugin new = { .gamma = 2.0 }; /* the default, as in plugin.toml */
    for (size_t i = 0; i < settings.len; i++) {
        const trainyard_setting *setting = &settings.ptr[i];
        if (!trainyard_is(setting, "gamma")) return trainyard_unknown(host, setting, "gamma");
        new.gamma = setting->tag == TRAINYARD_INTEGER ? (double)setting->integer : setting->number;
        bool is_number = setting->tag == TRAINYARD_INTEGER || setting->tag == TRAINYARD_NUMBER;
        if (!is_number || !(new.gamma >= 0 && new.gamma <= 1e6)) {
            return trainyard_fail(host, TRAINYARD_CONFIG, "gamma: expected a number, 0 to 1000000");
        }
    }
    plugin *made = malloc(sizeof *made);
    if (made == NULL) return trainyard_fail(host, TRAINYARD_INTERNAL, "out of memory");
    *made = new;
    *instance = made;
    return TRAINYARD_OK;
}

/* -(1 - p)^gamma ln p, the mean over all tokens that count. */
static trainyard_status describe(void *instance, const trainyard_host *host) {
    const plugin *self = instance;
    trainyard_graph g = { 0 };
    uint32_t logits = trainyard_input(&g, "input.logits"), target = trainyard_input(&g, "input.target");
    uint32_t logp = trainyard_op2(&g, "gather", trainyard_op1(&g, "log_softmax", logits), target);
    /* 1 - p, exact near p = 1; with a floor, because powers of less than 1 are steep at 0 */
    uint32_t miss = trainyard_op1(&g, "neg", trainyard_op1(&g, "expm1", logp));
    trainyard_log_mean(&g, "cross_entropy", trainyard_op1(&g, "neg", logp));
    uint32_t power = trainyard_powf(&g, trainyard_clamp(&g, miss, 1e-12, 1.0), self->gamma);
    return trainyard_mean(&g, host, trainyard_op1(&g, "neg", trainyard_op2(&g, "mul", power, logp)));
}

const trainyard_loss_table TRAINYARD_SYMBOL = {
    .header = TRAINYARD_HEADER(trainyard_loss_table, TRAINYARD_LOSS, create, free),
    .describe = describe,
};
