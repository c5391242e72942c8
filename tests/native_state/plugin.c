/* A plugin that does to its process what a careless library does: it changes how its thread computes, prints, and ends
 * badly. With -DTEXT it is a text metric, else a metric. */
#include "trainyard_plugin.h"
#include <fenv.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef UNIT
#define UNIT "nats"
#endif

/* Rounds upwards, and takes and makes no subnormal numbers, as -ffast-math would have it. */
static void change(void) {
#ifdef STATE
    fesetround(FE_UPWARD);
#ifdef __x86_64__
    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040);
#endif
#endif
}

static void say(const char *where) {
    (void)where;
#ifdef LOUD
    printf("printed in %s\n", where);
    fflush(stdout);
#endif
}

#ifdef BESIDE
int beside(void); /* of a library in the same folder */
#endif

__attribute__((constructor)) static void loaded(void) {
    change();
    say("the constructor");
}

static trainyard_status create(const trainyard_host *host, trainyard_settings settings, void **instance) {
    if (settings.len > 0) return trainyard_unknown(host, settings.ptr, "");
    change();
    say("create");
    *instance = NULL;
    return TRAINYARD_OK;
}

static void destroy(void *instance) {
    (void)instance;
    change();
    say("destroy");
#ifdef ABORT
    abort();
#endif
}

static trainyard_status info(void *instance, const trainyard_host *host) {
    (void)instance;
    change();
    say("info");
    trainyard_str unit = trainyard_text(UNIT);
#ifdef BESIDE
    unit = trainyard_text(beside() == 7 ? "seven" : "none");
#endif
    host->info(host->context, unit, TRAINYARD_LOWER_IS_BETTER, trainyard_text("mean"));
    return TRAINYARD_OK;
}

#ifdef TEXT
static trainyard_status update(void *instance, const trainyard_host *host, trainyard_text_pairs pairs) {
    (void)instance, (void)host, (void)pairs;
    change();
#ifdef FAIL
    return trainyard_fail(host, TRAINYARD_INTERNAL, "it fails after the training");
#endif
    return TRAINYARD_OK;
}

static trainyard_status state(void *instance, const trainyard_host *host) {
    (void)instance;
    host->bytes(host->context, trainyard_text(""));
    return TRAINYARD_OK;
}

static trainyard_status merge(void *instance, const trainyard_host *host, trainyard_str state) {
    (void)instance, (void)host, (void)state;
    return TRAINYARD_OK;
}

static trainyard_status value(void *instance, const trainyard_host *host) {
    (void)instance;
    host->number(host->context, 42.0);
    return TRAINYARD_OK;
}

const trainyard_text_metric_table TRAINYARD_SYMBOL = {
    .header = TRAINYARD_HEADER(trainyard_text_metric_table, TRAINYARD_TEXT_METRIC, create, destroy),
    .info = info,
    .update = update,
    .state = state,
    .merge = merge,
    .value = value,
};
#else
static trainyard_status describe(void *instance, const trainyard_host *host) {
    (void)instance;
    change();
    trainyard_graph g = { 0 };
    uint32_t logp = trainyard_op1(&g, "log_softmax", trainyard_input(&g, "input.logits"));
    uint32_t right = trainyard_op2(&g, "gather", logp, trainyard_input(&g, "input.target"));
    return trainyard_mean(&g, host, trainyard_op1(&g, "neg", right));
}

const trainyard_metric_table TRAINYARD_SYMBOL = {
    .header = TRAINYARD_HEADER(trainyard_metric_table, TRAINYARD_METRIC, create, destroy),
    .info = info,
    .describe = describe,
};
#endif
