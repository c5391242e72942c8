/* cc -I. test_plugin.c -o target/test && target/test */
#include "plugin.c"
#include <stdio.h>

static size_t n_nodes, n_outputs, n_errors;

static void on_graph(void *context, uint32_t op_set, trainyard_nodes nodes, trainyard_outputs outputs) {
    (void)context, (void)op_set;
    n_nodes = nodes.len;
    n_outputs = outputs.len;
}

static void on_error(void *context, uint32_t kind, trainyard_str message) {
    (void)context, (void)kind, (void)message;
    n_errors++;
}

int main(void) {
    trainyard_host host = { .size = sizeof host, .graph = on_graph, .error = on_error };
    void *instance = NULL;
    if (create(&host, (trainyard_settings){ NULL, 0 }, &instance) != TRAINYARD_OK) return 1;
    if (describe(instance, &host) != TRAINYARD_OK || n_nodes == 0 || n_outputs != 2) return 1;
    free(instance);
    trainyard_setting wrong = { .key = trainyard_text("gamma"), .tag = TRAINYARD_NUMBER, .number = -1 };
    if (create(&host, (trainyard_settings){ &wrong, 1 }, &instance) != TRAINYARD_FAILED || n_errors != 1) return 1;
    puts("ok");
    return 0;
}
