/* Tokenizer {{name}}: one token per byte, ids 0 to 255, and <|endoftext|> as id 256. */
#include "trainyard_plugin.h"
#include <stdlib.h>

enum { END_OF_TEXT = 256 };

typedef struct { bool is_loaded; } plugin;

static trainyard_status create(const trainyard_host *host, trainyard_settings settings, void **instance) {
    if (settings.len > 0) return trainyard_unknown(host, settings.ptr, "");
    plugin *made = calloc(1, sizeof *made);
    if (made == NULL) return trainyard_fail(host, TRAINYARD_INTERNAL, "out of memory");
    *instance = made;
    return TRAINYARD_OK;
}

/* The tokenizer needs no training: its model is empty. */
static trainyard_status observe(void *instance, const trainyard_host *host, trainyard_strs texts) {
    (void)instance, (void)host, (void)texts;
    return TRAINYARD_OK;
}

static trainyard_status train(void *instance, const trainyard_host *host) {
    (void)instance;
    host->bytes(host->context, trainyard_text(""));
    return TRAINYARD_OK;
}

static trainyard_status load(void *instance, const trainyard_host *host, trainyard_str model) {
    if (model.len > 0) return trainyard_fail(host, TRAINYARD_INPUT, "model: expected no bytes, it is another's");
    ((plugin *)instance)->is_loaded = true;
    return TRAINYARD_OK;
}

static trainyard_status check_loaded(const plugin *self, const trainyard_host *host) {
    return self->is_loaded ? TRAINYARD_OK : trainyard_fail(host, TRAINYARD_STATE, "no model, call load first");
}

static trainyard_status vocabulary(void *instance, const trainyard_host *host) {
    if (check_loaded(instance, host) != TRAINYARD_OK) return TRAINYARD_FAILED;
    for (int i = 0; i < 256; i++) {
        uint8_t byte = (uint8_t)i;
        host->bytes(host->context, (trainyard_str){ &byte, 1 });
    }
    host->bytes(host->context, trainyard_text("")); /* a special token has no bytes */
    host->special(host->context, trainyard_text("<|endoftext|>"), END_OF_TEXT);
    return TRAINYARD_OK;
}

static trainyard_status encode(void *instance, const trainyard_host *host, trainyard_strs texts) {
    if (check_loaded(instance, host) != TRAINYARD_OK) return TRAINYARD_FAILED;
    size_t n = 0;
    for (size_t i = 0; i < texts.len; i++) n += texts.ptr[i].len;
    uint32_t *ids = malloc((n + 1) * sizeof *ids), *ends = malloc((texts.len + 1) * sizeof *ends);
    bool fits = ids != NULL && ends != NULL && n <= UINT32_MAX;
    if (fits) {
        uint32_t end = 0;
        for (size_t i = 0; i < texts.len; i++) {
            for (size_t j = 0; j < texts.ptr[i].len; j++) ids[end++] = texts.ptr[i].ptr[j];
            ends[i] = end;
        }
        host->tokens(host->context, (trainyard_token_batch){ { ids, n }, { ends, texts.len } });
    }
    free(ids);
    free(ends);
    return fits ? TRAINYARD_OK : trainyard_fail(host, TRAINYARD_INPUT, "texts are too long, pass fewer per call");
}

static trainyard_status decode(void *instance, const trainyard_host *host, trainyard_token_batch batch) {
    if (check_loaded(instance, host) != TRAINYARD_OK) return TRAINYARD_FAILED;
    uint8_t *bytes = malloc(batch.ids.len + 1);
    if (bytes == NULL) return trainyard_fail(host, TRAINYARD_INPUT, "out of memory, pass fewer ids per call");
    size_t start = 0;
    bool is_known = true;
    for (size_t i = 0; i < batch.ends.len && is_known; i++) {
        size_t n = 0;
        for (; start < batch.ends.ptr[i]; start++) {
            uint32_t id = batch.ids.ptr[start];
            is_known = is_known && id <= END_OF_TEXT;
            if (id < 256) bytes[n++] = (uint8_t)id;
        }
        host->bytes(host->context, (trainyard_str){ bytes, n });
    }
    free(bytes);
    return is_known ? TRAINYARD_OK : trainyard_fail(host, TRAINYARD_INPUT, "an id is outside the vocabulary of 257");
}

const trainyard_tokenizer_table TRAINYARD_SYMBOL = {
    .header = TRAINYARD_HEADER(trainyard_tokenizer_table, TRAINYARD_TOKENIZER, create, free),
    .observe = observe,
    .train = train,
    .load = load,
    .vocabulary = vocabulary,
    .encode = encode,
    .decode = decode,
};
