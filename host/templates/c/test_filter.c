/* cc -I. test_plugin.c -o target/test && target/test */
#include "plugin.c"
#include <stdio.h>

static trainyard_verdict verdicts[3];
static size_t n;

static void on_verdict(void *context, const trainyard_verdict *verdict) {
    (void)context;
    verdicts[n++] = *verdict;
}

static void on_error(void *context, uint32_t kind, trainyard_str message) {
    (void)context, (void)kind;
    fprintf(stderr, "%.*s\n", (int)message.len, (const char *)message.ptr);
}

int main(void) {
    trainyard_host host = { .size = sizeof host, .verdict = on_verdict, .error = on_error };
    trainyard_setting three = { .key = trainyard_text("min_words"), .tag = TRAINYARD_INTEGER, .integer = 3 };
    trainyard_str documents[] = { trainyard_text("one two three"), trainyard_text(" one\ntwo "), trainyard_text("") };
    void *instance = NULL;
    if (create(&host, (trainyard_settings){ &three, 1 }, &instance) != TRAINYARD_OK) return 1;
    if (judge(instance, &host, (trainyard_strs){ documents, 3 }) != TRAINYARD_OK || n != 3) return 1;
    if (!verdicts[0].keep || verdicts[1].keep || verdicts[1].score != 2 || verdicts[2].keep) return 1;
    free(instance);
    puts("ok");
    return 0;
}
