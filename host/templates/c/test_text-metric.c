/* cc -I. test_plugin.c -o target/test && target/test */
#include "plugin.c"
#include <stdio.h>

static double number;
static plugin counted;

static void on_number(void *context, double got) {
    (void)context;
    number = got;
}

static void on_bytes(void *context, trainyard_str bytes) {
    (void)context;
    memcpy(&counted, bytes.ptr, sizeof counted);
}

int main(void) {
    trainyard_host host = { .size = sizeof host, .number = on_number, .bytes = on_bytes };
    trainyard_text_pair pairs[] = { { trainyard_text("one two"), { NULL, 0 } }, { trainyard_text("three"), { NULL, 0 } } };
    void *some = NULL, *rest = NULL;
    if (create(&host, (trainyard_settings){ NULL, 0 }, &some) != TRAINYARD_OK) return 1;
    if (create(&host, (trainyard_settings){ NULL, 0 }, &rest) != TRAINYARD_OK) return 1;
    if (update(some, &host, (trainyard_text_pairs){ pairs, 1 }) != TRAINYARD_OK) return 1;
    if (update(rest, &host, (trainyard_text_pairs){ pairs + 1, 1 }) != TRAINYARD_OK) return 1;
    /* merging equals updating */
    if (state(some, &host) != TRAINYARD_OK) return 1;
    if (merge(rest, &host, (trainyard_str){ (const uint8_t *)&counted, sizeof counted }) != TRAINYARD_OK) return 1;
    if (value(rest, &host) != TRAINYARD_OK || number != 1.5) return 1;
    free(some);
    free(rest);
    puts("ok");
    return 0;
}
