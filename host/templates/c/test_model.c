/* cc -I. test_plugin.c -o target/test && target/test */
#include "plugin.c"
#include <stdio.h>

static size_t n_layers, n_parameters, n_blocks, n_errors;

static void on_network(void *context, const trainyard_network *network) {
    (void)context;
    n_layers = network->layers.len;
    n_parameters = network->parameters.len;
    n_blocks = network->blocks.len;
}

static void on_error(void *context, uint32_t kind, trainyard_str message) {
    (void)context, (void)kind, (void)message;
    n_errors++;
}

int main(void) {
    trainyard_host host = { .size = sizeof host, .error = on_error };
    trainyard_networks to = { .size = sizeof to, .network = on_network };
    trainyard_size sizes[2] = { { trainyard_text("vocab"), 100 }, { trainyard_text("context"), 16 } };
    void *instance = NULL;
    if (create(&host, (trainyard_settings){ NULL, 0 }, &instance) != TRAINYARD_OK) return 1;
    if (describe(instance, &host, (trainyard_sizes){ sizes, 2 }, &to) != TRAINYARD_OK) return 1;
    /* input, embedding, eight layers in each of two blocks, norm, head */
    if (n_layers != 20 || n_parameters != 20 || n_blocks != 2) return 1;
    free(instance);
    trainyard_setting wrong = { .key = trainyard_text("layers"), .tag = TRAINYARD_INTEGER, .integer = 0 };
    if (create(&host, (trainyard_settings){ &wrong, 1 }, &instance) != TRAINYARD_FAILED || n_errors != 1) return 1;
    puts("ok");
    return 0;
}
