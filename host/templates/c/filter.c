/* Filter {{name}}: drops documents with few words. */
#include "trainyard_plugin.h"
#include <stdlib.h>

typedef struct { uint32_t min_words; } plugin;

static trainyard_status create(const trainyard_host *host, trainyard_settings settings, void **instance) {
    plugin new = { .min_words = 5 }; /* the default, as in plugin.toml */
    for (size_t i = 0; i < settings.len; i++) {
        const trainyard_setting *setting = &settings.ptr[i];
        if (!trainyard_is(setting, "min_words")) return trainyard_unknown(host, setting, "min_words");
        if (setting->tag != TRAINYARD_INTEGER || setting->integer < 1 || setting->integer > UINT32_MAX) {
            return trainyard_fail(host, TRAINYARD_CONFIG, "min_words: expected a whole number, 1 or more");
        }
        new.min_words = (uint32_t)setting->integer;
    }
    plugin *made = malloc(sizeof *made);
    if (made == NULL) return trainyard_fail(host, TRAINYARD_INTERNAL, "out of memory");
    *made = new;
    *instance = made;
    return TRAINYARD_OK;
}

/* Words are separated by ASCII spaces and control characters. */
static uint32_t count_words(trainyard_str text) {
    uint32_t words = 0;
    bool in_word = false;
    for (size_t i = 0; i < text.len; i++) {
        bool is_word = text.ptr[i] > ' ';
        words += is_word && !in_word;
        in_word = is_word;
    }
    return words;
}

static trainyard_status judge(void *instance, const trainyard_host *host, trainyard_strs documents) {
    const plugin *self = instance;
    for (size_t i = 0; i < documents.len; i++) {
        uint32_t words = count_words(documents.ptr[i]);
        trainyard_verdict verdict = { .keep = words >= self->min_words };
        if (!verdict.keep) {
            verdict.reason = trainyard_text("too_few_words");
            verdict.has_score = 1;
            verdict.score = words;
        }
        host->verdict(host->context, &verdict);
    }
    return TRAINYARD_OK;
}

/* This filter judges each document by itself: it has no first pass. */
static trainyard_status two_pass(void *instance, const trainyard_host *host) {
    (void)instance;
    host->number(host->context, 0);
    return TRAINYARD_OK;
}

static trainyard_status observe(void *instance, const trainyard_host *host, trainyard_strs documents) {
    (void)instance, (void)documents;
    return trainyard_fail(host, TRAINYARD_UNSUPPORTED, "this filter has no first pass");
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

const trainyard_filter_table TRAINYARD_SYMBOL = {
    .header = TRAINYARD_HEADER(trainyard_filter_table, TRAINYARD_FILTER, create, free),
    .two_pass = two_pass,
    .observe = observe,
    .state = state,
    .merge = merge,
    .judge = judge,
};
