/* Builds a network for a plugin of kind `model`, layer by layer. What it makes are the structs of trainyard_plugin.h; a
 * plugin may also fill them itself. The ops are those of op set 1 of networks.
 *
 *     trainyard_net net = { 0 };
 *     uint32_t x = trainyard_embedding(&net, "embed", trainyard_net_input(&net, "input.ids"), vocab, width);
 *     x = trainyard_add(&net, x, trainyard_silu(&net, trainyard_linear(&net, "h", x, width, true)));
 *     trainyard_net_head(&net, "logits", trainyard_tied(&net, "embed", x));
 *     return trainyard_net_deliver(&net, host, to);
 *
 * Names are relative to the block or scope that is open. Layers and parameters are numbers. The first mistake is kept
 * and `trainyard_net_deliver` fails with it; types of values are checked by the host. */
#ifndef TRAINYARD_NETWORK_H
#define TRAINYARD_NETWORK_H

#include "trainyard_plugin.h"
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Longest name, most inputs, parameters and attributes of a layer. */
enum { TRAINYARD_NAME = 512, TRAINYARD_EDGES = 8, TRAINYARD_ATTRIBUTES = 8, TRAINYARD_HEADS = 8 };

/* Memory of a network, aligned for whatever it holds. */
typedef union trainyard_piece { union trainyard_piece *next; double number; int64_t integer; } trainyard_piece;

typedef struct {
    trainyard_piece *pieces; /* all memory, freed at the end */
    trainyard_parameter *parameters;
    trainyard_layer *layers;
    uint32_t *columns; /* of each layer's result */
    trainyard_str *blocks;
    size_t n_parameters, n_layers, n_blocks, n_heads;
    trainyard_head heads[TRAINYARD_HEADS];
    char scope[TRAINYARD_NAME], error[TRAINYARD_NAME];
} trainyard_net;

static inline void *trainyard_net_memory(trainyard_net *net, const void *from, size_t size) {
    trainyard_piece *piece = (trainyard_piece *)malloc(sizeof(trainyard_piece) + size);
    if (piece == NULL) __builtin_trap();
    piece->next = net->pieces;
    net->pieces = piece;
    void *memory = piece + 1;
    if (size > 0 && from != NULL) memcpy(memory, from, size);
    return memory;
}

/* Room for one more item: lists double, and the old ones are freed at the end. */
static inline void *trainyard_net_grown(trainyard_net *net, void *list, size_t n, size_t size) {
    if (n != 0 && (n < 16 || (n & (n - 1)) != 0)) return list;
    void *grown = trainyard_net_memory(net, NULL, (n < 16 ? 16 : 2 * n) * size);
    if (n > 0) memcpy(grown, list, n * size);
    return grown;
}

static inline void trainyard_net_free(trainyard_net *net) {
    while (net->pieces != NULL) {
        trainyard_piece *next = net->pieces->next;
        free(net->pieces);
        net->pieces = next;
    }
}

static inline void trainyard_net_fail(trainyard_net *net, const char *what, const char *name) {
    if (net->error[0] != 0) return;
    strncat(net->error, what, TRAINYARD_NAME - 1);
    strncat(net->error, name, TRAINYARD_NAME - 1 - strlen(net->error));
}

/* `name` in the scope that is open. */
static inline trainyard_str trainyard_net_path(trainyard_net *net, const char *name, const char *end) {
    char path[TRAINYARD_NAME] = { 0 };
    const char *parts[3] = { net->scope, name, end };
    for (int i = 0; i < 3; i++) {
        size_t used = strlen(path);
        if (parts[i][0] == 0) continue;
        if (used + strlen(parts[i]) + 2 > TRAINYARD_NAME) {
            trainyard_net_fail(net, "a name is longer than 510 bytes: ", name);
            break;
        }
        if (used > 0) path[used] = '.';
        strcpy(path + strlen(path), parts[i]);
    }
    size_t len = strlen(path);
    trainyard_str str = { (const uint8_t *)trainyard_net_memory(net, path, len), len };
    return str;
}

/* Opens the scope `name.number`, in which layers are until `trainyard_net_end`. */
static inline void trainyard_net_scope(trainyard_net *net, const char *name, uint32_t number) {
    char digits[12] = { 0 };
    size_t at = 11;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    trainyard_str path = trainyard_net_path(net, name, digits + at);
    memcpy(net->scope, path.ptr, path.len);
    net->scope[path.len] = 0;
}

/* The same as a block: its border is one at which activations may be computed again. */
static inline void trainyard_net_block(trainyard_net *net, const char *name, uint32_t number) {
    trainyard_net_scope(net, name, number);
    net->blocks = (trainyard_str *)trainyard_net_grown(net, net->blocks, net->n_blocks, sizeof(trainyard_str));
    net->blocks[net->n_blocks++] = trainyard_net_path(net, "", "");
}

/* Closes all scopes that are open. */
static inline void trainyard_net_end(trainyard_net *net) {
    net->scope[0] = 0;
}

/* A parameter `name.end` of one or two dimensions (`shape[1]` is 0 for one); the earlier one, if there is one of this
 * name. `init` is "zeros", "ones", "normal" (deviation `scale`) or "uniform" (within `scale`). */
static inline uint32_t trainyard_net_parameter(
    trainyard_net *net, const char *name, const char *end, uint32_t rows, uint32_t columns, const char *init, double scale) {
    trainyard_str path = trainyard_net_path(net, name, end);
    uint32_t shape[2] = { rows, columns };
    for (size_t i = 0; i < net->n_parameters; i++) {
        trainyard_parameter *known = &net->parameters[i];
        if (known->name.len != path.len || memcmp(known->name.ptr, path.ptr, path.len) != 0) continue;
        if (known->shape.len != (columns > 0 ? 2u : 1u) || memcmp(known->shape.ptr, shape, known->shape.len * 4) != 0) {
            trainyard_net_fail(net, "used with two shapes: parameter ", name);
        }
        return (uint32_t)i;
    }
    net->parameters = (trainyard_parameter *)trainyard_net_grown(
        net, net->parameters, net->n_parameters, sizeof(trainyard_parameter));
    trainyard_parameter *new_one = &net->parameters[net->n_parameters];
    memset(new_one, 0, sizeof *new_one);
    new_one->name = path;
    new_one->shape.len = columns > 0 ? 2 : 1;
    new_one->shape.ptr = (const uint32_t *)trainyard_net_memory(net, shape, new_one->shape.len * 4);
    new_one->init = trainyard_text(init);
    new_one->scale = scale;
    new_one->decay = columns > 0;
    return (uint32_t)net->n_parameters++;
}

/* Attributes of a layer. */
static inline trainyard_setting trainyard_number(const char *key, double value) {
    trainyard_setting setting = { 0 };
    setting.key = trainyard_text(key);
    setting.tag = TRAINYARD_NUMBER;
    setting.number = value;
    return setting;
}
static inline trainyard_setting trainyard_integer(const char *key, int64_t value) {
    trainyard_setting setting = { 0 };
    setting.key = trainyard_text(key);
    setting.tag = TRAINYARD_INTEGER;
    setting.integer = value;
    return setting;
}
static inline trainyard_setting trainyard_boolean(const char *key, bool value) {
    trainyard_setting setting = trainyard_integer(key, value);
    setting.tag = TRAINYARD_BOOLEAN;
    return setting;
}
static inline trainyard_setting trainyard_word(const char *key, const char *value) {
    trainyard_setting setting = { 0 };
    setting.key = trainyard_text(key);
    setting.tag = TRAINYARD_TEXT;
    setting.text = trainyard_text(value);
    return setting;
}

/* Any op: inputs, parameters and attributes are lists of these lengths, and `columns` is the width of its result. */
static inline uint32_t trainyard_net_layer(
    trainyard_net *net, const char *op, const char *name, const uint32_t *inputs, size_t n_inputs,
    const uint32_t *parameters, size_t n_parameters, const trainyard_setting *attributes, size_t n_attributes,
    uint32_t columns) {
    size_t n = net->n_layers;
    net->layers = (trainyard_layer *)trainyard_net_grown(net, net->layers, n, sizeof(trainyard_layer));
    net->columns = (uint32_t *)trainyard_net_grown(net, net->columns, n, sizeof(uint32_t));
    trainyard_layer *layer = &net->layers[n];
    layer->op = trainyard_text(op);
    layer->scope = trainyard_net_path(net, name, "");
    layer->inputs.ptr = (const uint32_t *)trainyard_net_memory(net, inputs, n_inputs * sizeof(uint32_t));
    layer->inputs.len = n_inputs;
    layer->parameters.ptr = (const uint32_t *)trainyard_net_memory(net, parameters, n_parameters * sizeof(uint32_t));
    layer->parameters.len = n_parameters;
    layer->attributes.ptr =
        (const trainyard_setting *)trainyard_net_memory(net, attributes, n_attributes * sizeof(trainyard_setting));
    layer->attributes.len = n_attributes;
    net->columns[n] = columns;
    net->n_layers++;
    return (uint32_t)n;
}

/* An input of the batch, such as "input.ids" or "input.positions". */
static inline uint32_t trainyard_net_input(trainyard_net *net, const char *op) {
    for (size_t i = 0; i < net->n_layers; i++) {
        if (trainyard_equals(net->layers[i].op, op)) return (uint32_t)i;
    }
    return trainyard_net_layer(net, op, "", NULL, 0, NULL, 0, NULL, 0, 0);
}

/* [row, columns]: rows of the table `name.weight` [n, columns]. */
static inline uint32_t trainyard_embedding(
    trainyard_net *net, const char *name, uint32_t index, uint32_t n, uint32_t columns) {
    uint32_t table = trainyard_net_parameter(net, name, "weight", n, columns, "normal", 0.02);
    return trainyard_net_layer(net, "embedding", name, &index, 1, &table, 1, NULL, 0, columns);
}

/* [row, columns]: `name.weight` [columns, columns of x], and `name.bias`. */
static inline uint32_t trainyard_linear(trainyard_net *net, const char *name, uint32_t x, uint32_t columns, bool bias) {
    uint32_t parameters[2] = { trainyard_net_parameter(net, name, "weight", columns, net->columns[x], "normal", 0.02), 0 };
    if (bias) parameters[1] = trainyard_net_parameter(net, name, "bias", columns, 0, "zeros", 0);
    return trainyard_net_layer(net, "linear", name, &x, 1, parameters, bias ? 2 : 1, NULL, 0, columns);
}

/* [row, n]: x times the table of the embedding `name` (in full), transposed. */
static inline uint32_t trainyard_tied(trainyard_net *net, const char *name, uint32_t x) {
    size_t len = strlen(name);
    for (size_t i = 0; i < net->n_parameters; i++) {
        trainyard_str known = net->parameters[i].name;
        if (known.len != len + 7 || memcmp(known.ptr, name, len) != 0 || memcmp(known.ptr + len, ".weight", 7) != 0) continue;
        uint32_t table = (uint32_t)i;
        uint32_t columns = net->parameters[i].shape.ptr[0];
        return trainyard_net_layer(net, "linear", name, &x, 1, &table, 1, NULL, 0, columns);
    }
    trainyard_net_fail(net, "there is no table to be tied to: ", name);
    return x;
}

/* Norms with `name.weight`, and `name.bias` of the layer norm. */
static inline uint32_t trainyard_layer_norm(trainyard_net *net, const char *name, uint32_t x, double epsilon) {
    uint32_t columns = net->columns[x];
    uint32_t parameters[2] = { trainyard_net_parameter(net, name, "weight", columns, 0, "ones", 0), 0 };
    parameters[1] = trainyard_net_parameter(net, name, "bias", columns, 0, "zeros", 0);
    trainyard_setting attribute = trainyard_number("epsilon", epsilon);
    return trainyard_net_layer(net, "layer_norm", name, &x, 1, parameters, 2, &attribute, 1, columns);
}
static inline uint32_t trainyard_rms_norm(trainyard_net *net, const char *name, uint32_t x, double epsilon) {
    uint32_t weight = trainyard_net_parameter(net, name, "weight", net->columns[x], 0, "ones", 0);
    trainyard_setting attribute = trainyard_number("epsilon", epsilon);
    return trainyard_net_layer(net, "rms_norm", name, &x, 1, &weight, 1, &attribute, 1, net->columns[x]);
}

/* Causal depthwise convolution over `taps` positions: `name.weight` [columns, taps], begun within 1/√taps, and
 * `name.bias`. */
static inline uint32_t trainyard_conv(trainyard_net *net, const char *name, uint32_t x, uint32_t taps, bool bias) {
    uint32_t columns = net->columns[x];
    double bound = 1.0 / __builtin_sqrt(taps > 0 ? taps : 1);
    uint32_t parameters[2] = { trainyard_net_parameter(net, name, "weight", columns, taps, "uniform", bound), 0 };
    if (bias) parameters[1] = trainyard_net_parameter(net, name, "bias", columns, 0, "zeros", 0);
    return trainyard_net_layer(net, "conv", name, &x, 1, parameters, bias ? 2 : 1, NULL, 0, columns);
}

/* An op of one value without attributes: "relu", "silu", "tanh", "sigmoid". */
static inline uint32_t trainyard_map(trainyard_net *net, const char *op, uint32_t x) {
    return trainyard_net_layer(net, op, "", &x, 1, NULL, 0, NULL, 0, net->columns[x]);
}
static inline uint32_t trainyard_silu(trainyard_net *net, uint32_t x) {
    return trainyard_map(net, "silu", x);
}

/* x + y and x · y. */
static inline uint32_t trainyard_add(trainyard_net *net, uint32_t x, uint32_t y) {
    uint32_t inputs[2] = { x, y };
    return trainyard_net_layer(net, "add", "", inputs, 2, NULL, 0, NULL, 0, net->columns[x]);
}
static inline uint32_t trainyard_mul(trainyard_net *net, uint32_t x, uint32_t y) {
    uint32_t inputs[2] = { x, y };
    return trainyard_net_layer(net, "mul", "", inputs, 2, NULL, 0, NULL, 0, net->columns[x]);
}

/* Heads of queries or keys turned by their positions. */
static inline uint32_t trainyard_rotary(trainyard_net *net, uint32_t x, uint32_t head_width, double theta) {
    trainyard_setting attributes[2] = { trainyard_integer("head_width", head_width), trainyard_number("theta", theta) };
    return trainyard_net_layer(net, "rotary", "", &x, 1, NULL, 0, attributes, 2, net->columns[x]);
}

/* Causal attention with `heads` heads of queries and `kv_heads` of keys and values. */
static inline uint32_t trainyard_attention(
    trainyard_net *net, uint32_t q, uint32_t k, uint32_t v, uint32_t heads, uint32_t kv_heads) {
    uint32_t inputs[3] = { q, k, v };
    trainyard_setting attributes[2] = { trainyard_integer("heads", heads), trainyard_integer("kv_heads", kv_heads) };
    return trainyard_net_layer(net, "attention", "", inputs, 3, NULL, 0, attributes, 2, net->columns[q]);
}

/* A named result: "logits" is what a loss reads. */
static inline void trainyard_net_head(trainyard_net *net, const char *name, uint32_t value) {
    if (net->n_heads == TRAINYARD_HEADS) __builtin_trap();
    trainyard_head *head = &net->heads[net->n_heads++];
    head->name = trainyard_text(name);
    head->value = value;
}

/* Delivers the network, or the first mistake, and frees what was built. */
static inline trainyard_status trainyard_net_deliver(
    trainyard_net *net, const trainyard_host *host, const trainyard_networks *to) {
    trainyard_status status = TRAINYARD_OK;
    trainyard_network network = { 0 };
    network.op_set = TRAINYARD_NETWORK_OP_SET;
    network.parameters.ptr = net->parameters;
    network.parameters.len = net->n_parameters;
    network.layers.ptr = net->layers;
    network.layers.len = net->n_layers;
    network.heads.ptr = net->heads;
    network.heads.len = net->n_heads;
    network.blocks.ptr = net->blocks;
    network.blocks.len = net->n_blocks;
    if (net->error[0] != 0) status = trainyard_fail(host, TRAINYARD_INTERNAL, net->error);
    else to->network(to->context, &network);
    trainyard_net_free(net);
    return status;
}

/* The size of this name, 0 if the host does not give it. */
static inline uint32_t trainyard_size_of(trainyard_sizes sizes, const char *name) {
    for (size_t i = 0; i < sizes.len; i++) {
        if (trainyard_equals(sizes.ptr[i].name, name)) return sizes.ptr[i].value;
    }
    return 0;
}

/* For models that neither read nor write the config.json of other programs. */
static inline trainyard_status trainyard_no_import(
    void *instance, const trainyard_host *host, trainyard_settings config, const trainyard_networks *to) {
    (void)instance, (void)config, (void)to;
    return trainyard_fail(host, TRAINYARD_UNSUPPORTED, "this model reads no config.json of other programs");
}
static inline trainyard_status trainyard_no_export(
    void *instance, const trainyard_host *host, trainyard_sizes sizes, const trainyard_networks *to) {
    (void)instance, (void)sizes, (void)to;
    return trainyard_fail(host, TRAINYARD_UNSUPPORTED, "this model has no form for other programs");
}

#ifdef __cplusplus
}
#endif
#endif
