/* cc -I. test_plugin.c -o target/test && target/test */
#include "plugin.c"
#include <stdio.h>

static uint32_t ids[8], ends[2];
static size_t n_ids, n_errors;
static uint8_t text[8];

static void on_tokens(void *context, trainyard_token_batch batch) {
    (void)context;
    for (n_ids = 0; n_ids < batch.ids.len; n_ids++) ids[n_ids] = batch.ids.ptr[n_ids];
    for (size_t i = 0; i < batch.ends.len; i++) ends[i] = batch.ends.ptr[i];
}

static void on_bytes(void *context, trainyard_str bytes) {
    (void)context;
    if (bytes.len > 0) memcpy(text, bytes.ptr, bytes.len);
}

static void on_error(void *context, uint32_t kind, trainyard_str message) {
    (void)context, (void)kind, (void)message;
    n_errors++;
}

int main(void) {
    trainyard_host host = { .size = sizeof host, .tokens = on_tokens, .bytes = on_bytes, .error = on_error };
    trainyard_str texts[] = { trainyard_text("abc"), trainyard_text("") };
    void *instance = NULL;
    if (create(&host, (trainyard_settings){ NULL, 0 }, &instance) != TRAINYARD_OK) return 1;
    if (encode(instance, &host, (trainyard_strs){ texts, 2 }) != TRAINYARD_FAILED || n_errors != 1) return 1;
    if (load(instance, &host, trainyard_text("")) != TRAINYARD_OK) return 1;
    if (encode(instance, &host, (trainyard_strs){ texts, 2 }) != TRAINYARD_OK || n_ids != 3 || ends[1] != 3) return 1;
    if (decode(instance, &host, (trainyard_token_batch){ { ids, 3 }, { ends, 2 } }) != TRAINYARD_OK) return 1;
    if (memcmp(text, "abc", 3) != 0) return 1;
    free(instance);
    puts("ok");
    return 0;
}
