/* The first-party metric `token-accuracy` in C: the same graph. */
#include "trainyard_plugin.h"

static trainyard_status create(const trainyard_host *host, trainyard_settings settings, void **instance) {
    if (settings.len > 0) return trainyard_unknown(host, settings.ptr, "");
    *instance = NULL; /* it has no state */
    return TRAINYARD_OK;
}

static void destroy(void *instance) {
    (void)instance;
}

static trainyard_status info(void *instance, const trainyard_host *host) {
    (void)instance;
    host->info(host->context, trainyard_text(""), TRAINYARD_HIGHER_IS_BETTER, trainyard_text("mean"));
    return TRAINYARD_OK;
}

static trainyard_status describe(void *instance, const trainyard_host *host) {
    (void)instance;
    trainyard_graph g = { 0 };
    uint32_t best = trainyard_op1(&g, "argmax", trainyard_input(&g, "input.logits"));
    return trainyard_mean(&g, host, trainyard_op2(&g, "index_equal", best, trainyard_input(&g, "input.target")));
}

const trainyard_metric_table TRAINYARD_SYMBOL = {
    .header = TRAINYARD_HEADER(trainyard_metric_table, TRAINYARD_METRIC, create, destroy),
    .info = info,
    .describe = describe,
};
