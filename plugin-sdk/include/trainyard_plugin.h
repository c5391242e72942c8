/* The native form of the contract, version 0, for C and what can speak C. It says what `src/abi/mod.rs` says, with the
 * same sizes and offsets.
 *
 * A library exports one constant, a table of functions, whose name begins with `trainyard_plugin_v0_`, and carries the
 * identity of the plugin in the section `trainyard_plugin`. `trainyard plugin build` sees to both (and makes a sandboxed
 * WASM component of the same source): a plugin then is one file that ends with
 *
 *     const trainyard_filter_table TRAINYARD_SYMBOL = {
 *         .header = TRAINYARD_HEADER(trainyard_filter_table, TRAINYARD_FILTER, create, destroy),
 *         .two_pass = two_pass, .observe = observe, .state = state, .merge = merge, .judge = judge,
 *     };
 *
 * Growth: structs only grow at their end, and a table says its size, so that old plugins load in new hosts.
 *
 * Ownership: nothing is freed across the boundary. Arguments belong to the host and are valid until the call returns.
 * Results are handed to the functions in `trainyard_host`, which copy them; what they are given belongs to the plugin.
 *
 * Order and threads: `create` first; the other functions only with an instance that it made; `destroy` last, once. Calls
 * on one instance never overlap but may come from different threads; calls on different instances may overlap, so a
 * plugin has no variables outside of its instances.
 *
 * Failure: a function returns TRAINYARD_OK after it delivered its results, or delivers `error` and returns
 * TRAINYARD_FAILED. After TRAINYARD_PANICKED the host calls only `destroy`. */
#ifndef TRAINYARD_PLUGIN_H
#define TRAINYARD_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRAINYARD_ABI_VERSION 0

/* What a function of a plugin returns. */
typedef uint32_t trainyard_status;
enum { TRAINYARD_OK = 0, TRAINYARD_FAILED = 1, TRAINYARD_PANICKED = 2 };

/* Whose fault an error is: a setting; the documents, ids or model passed in; the order of calls; not offered; a defect of
 * the plugin. */
enum { TRAINYARD_CONFIG = 0, TRAINYARD_INPUT = 1, TRAINYARD_STATE = 2, TRAINYARD_UNSUPPORTED = 3, TRAINYARD_INTERNAL = 4 };

/* `len` items from `ptr` on; `ptr` may be null when `len` is 0. Text is UTF-8 without a zero at the end. */
typedef struct { const uint8_t *ptr; size_t len; } trainyard_str;
typedef struct { const trainyard_str *ptr; size_t len; } trainyard_strs;
typedef struct { const double *ptr; size_t len; } trainyard_f64s;
typedef struct { const uint32_t *ptr; size_t len; } trainyard_u32s;

/* Which field of a setting holds its value: 0 and 1 `integer`, 2 `number`, 3 `text`, 4 `numbers`, 5 `texts`. */
enum {
    TRAINYARD_BOOLEAN = 0, TRAINYARD_INTEGER = 1, TRAINYARD_NUMBER = 2,
    TRAINYARD_TEXT = 3, TRAINYARD_NUMBERS = 4, TRAINYARD_TEXTS = 5
};

typedef struct {
    trainyard_str key;
    uint32_t tag;
    int64_t integer; /* a whole number, or 0 for false and 1 for true */
    double number;
    trainyard_str text;
    trainyard_f64s numbers;
    trainyard_strs texts;
} trainyard_setting;
typedef struct { const trainyard_setting *ptr; size_t len; } trainyard_settings;

/* Sequences of token ids, one after the other: sequence i is ids[ends[i - 1]..ends[i]]. */
typedef struct { trainyard_u32s ids; trainyard_u32s ends; } trainyard_token_batch;

/* Half-open range of bytes in a document. */
typedef struct { uint32_t start; uint32_t end; } trainyard_span;
typedef struct { const trainyard_span *ptr; size_t len; } trainyard_spans;

/* What a filter says of one document. */
typedef struct {
    uint32_t keep;       /* 1 when the document stays, 0 when it goes */
    uint32_t has_score;  /* 1 when `score` holds a value */
    uint32_t has_text;   /* 1 when `text` holds the document rewritten */
    double score;        /* the value that was compared with the threshold */
    trainyard_str reason; /* a stable code; empty when nothing is to be said */
    trainyard_str text;
    trainyard_spans spans;
} trainyard_verdict;

/* One node of a graph: an op of the set, earlier nodes, constants. */
typedef struct { trainyard_str op; trainyard_u32s inputs; trainyard_f64s attributes; } trainyard_node;
typedef struct { const trainyard_node *ptr; size_t len; } trainyard_nodes;

/* A named quantity of a graph: sum / weight is its mean; both are scalar nodes. */
typedef struct { trainyard_str name; uint32_t sum; uint32_t weight; } trainyard_output;
typedef struct { const trainyard_output *ptr; size_t len; } trainyard_outputs;

/* A generated text and the texts it is compared with. */
typedef struct { trainyard_str hypothesis; trainyard_strs references; } trainyard_text_pair;
typedef struct { const trainyard_text_pair *ptr; size_t len; } trainyard_text_pairs;

/* A pair, and what the model was given before it wrote the hypothesis. */
typedef struct { trainyard_str prompt; trainyard_text_pair pair; } trainyard_prompted_pair;
typedef struct { const trainyard_prompted_pair *ptr; size_t len; } trainyard_prompted_pairs;

/* Where a plugin delivers its results; valid until the call returns. Every function takes `context` first. */
typedef struct {
    size_t size;
    void *context;
    /* Why the call failed: whose fault, and one line of text. At most once. */
    void (*error)(void *context, uint32_t kind, trainyard_str message);
    /* Once for `train`, `state` and `signature`; for `decode` once per sequence, for `vocabulary` once per token, in order. */
    void (*bytes)(void *context, trainyard_str bytes);
    /* A special token, for `vocabulary`. */
    void (*special)(void *context, trainyard_str name, uint32_t id);
    /* All sequences. Once, for `encode`. */
    void (*tokens)(void *context, trainyard_token_batch batch);
    /* For `judge`, once per document, in order. */
    void (*verdict)(void *context, const trainyard_verdict *verdict);
    /* A whole graph. Once, for `describe`. */
    void (*graph)(void *context, uint32_t op_set, trainyard_nodes nodes, trainyard_outputs outputs);
    /* Unit, direction and aggregation ("mean" or "exp-mean"). Once, for `info`. */
    void (*info)(void *context, trainyard_str unit, uint32_t direction, trainyard_str aggregation);
    /* Once, for `value`; for `two_pass` 1 or 0. */
    void (*number)(void *context, double number);
    /* A line for the log. At any time, any number of times. */
    void (*log)(void *context, uint32_t level, trainyard_str line);
} trainyard_host;

/* Functions without arguments of their own, with texts (valid UTF-8), with bytes. */
typedef trainyard_status (*trainyard_call)(void *instance, const trainyard_host *host);
typedef trainyard_status (*trainyard_texts_call)(void *instance, const trainyard_host *host, trainyard_strs texts);
typedef trainyard_status (*trainyard_bytes_call)(void *instance, const trainyard_host *host, trainyard_str bytes);

enum { TRAINYARD_LOWER_IS_BETTER = 0, TRAINYARD_HIGHER_IS_BETTER = 1 };
enum { TRAINYARD_ERROR = 0, TRAINYARD_WARN = 1, TRAINYARD_INFO = 2, TRAINYARD_DEBUG = 3 };

enum {
    TRAINYARD_TOKENIZER = 0, TRAINYARD_FILTER = 1, TRAINYARD_LOSS = 2, TRAINYARD_METRIC = 3, TRAINYARD_TEXT_METRIC = 4,
    TRAINYARD_MODEL = 5
};

/* How every table begins. No function but `ability` may be null. */
typedef struct {
    size_t size;
    uint32_t version;
    uint32_t kind;
    trainyard_str identity;
    /* Makes an instance and stores it through the last argument, which it leaves alone when it fails. */
    trainyard_status (*create)(const trainyard_host *host, trainyard_settings settings, void **instance);
    void (*destroy)(void *instance);
    /* The functions of an optional ability by its name, null for one that is not known. */
    const void *(*ability)(trainyard_str name);
} trainyard_header;

typedef struct {
    trainyard_header header;
    trainyard_texts_call observe;
    trainyard_call train;      /* delivers `bytes`, the model */
    trainyard_bytes_call load; /* takes the model */
    trainyard_call vocabulary; /* delivers `bytes` per token and `special` per special token */
    trainyard_texts_call encode; /* delivers `tokens` */
    trainyard_status (*decode)(void *instance, const trainyard_host *host, trainyard_token_batch batch);
} trainyard_tokenizer_table;

typedef struct {
    trainyard_header header;
    trainyard_call two_pass; /* delivers `number`: 1 when the corpus must be observed first */
    trainyard_texts_call observe;
    trainyard_call state; /* delivers `bytes` */
    trainyard_bytes_call merge;
    trainyard_texts_call judge; /* delivers `verdict` per document */
} trainyard_filter_table;

/* Where the functions of the ability `measures` deliver what `trainyard_host` has no function for. It grows only at its
 * end. */
enum { TRAINYARD_AT_LEAST = 0, TRAINYARD_AT_MOST = 1 };
typedef struct {
    size_t size;
    void *context;
    /* Reason, the setting that gives the limit, which side of it is allowed, and the limit. For `rules`, once per rule,
     * in order. */
    void (*rule)(void *context, trainyard_str reason, trainyard_str setting, uint32_t bound, double limit);
    /* What the rules compare, one document after the other. Once, for `measure`. */
    void (*values)(void *context, trainyard_f64s values);
} trainyard_measures;

/* What `ability` returns for `measures`, of a filter that only compares measured values with limits. */
typedef struct {
    size_t size;
    trainyard_status (*rules)(void *instance, const trainyard_host *host, const trainyard_measures *to);
    trainyard_status (*measure)(
        void *instance, const trainyard_host *host, trainyard_strs documents, const trainyard_measures *to);
} trainyard_measures_table;

typedef struct {
    trainyard_header header;
    trainyard_call describe; /* delivers `graph` */
} trainyard_loss_table;

typedef struct {
    trainyard_header header;
    trainyard_call info; /* delivers `info` */
    trainyard_call describe; /* delivers `graph` */
} trainyard_metric_table;

typedef struct {
    trainyard_header header;
    trainyard_call info; /* delivers `info` */
    trainyard_status (*update)(void *instance, const trainyard_host *host, trainyard_text_pairs pairs);
    trainyard_call state; /* delivers `bytes` */
    trainyard_bytes_call merge;
    trainyard_call value; /* delivers `number` */
} trainyard_text_metric_table;

/* What `ability` returns for `prompts`, of a text metric that reads what the model was given: `update` in place of the
 * table's where the host knows the prompts. */
typedef struct {
    size_t size;
    trainyard_status (*update)(void *instance, const trainyard_host *host, trainyard_prompted_pairs pairs);
} trainyard_prompts_table;

/* What `ability` returns for `signature`, of a text metric that says what its value is computed with: each setting that
 * has a say in it as `key:value`, joined by `|`, the version last. A function of the settings alone. */
typedef struct {
    size_t size;
    trainyard_call signature; /* delivers `bytes` */
} trainyard_signature_table;

/* Kind `model`: a network as data. `trainyard_network.h` builds one.
 *
 * A size that the host knows: `vocab`, `context` or `labels`; a plugin skips others. */
typedef struct { trainyard_str name; uint32_t value; } trainyard_size;
typedef struct { const trainyard_size *ptr; size_t len; } trainyard_sizes;

/* A tensor that training changes. */
typedef struct {
    trainyard_str name;    /* in files; unique */
    trainyard_u32s shape;
    trainyard_str init;    /* "zeros", "ones", "normal" (deviation `scale`) or "uniform" (between -scale and scale) */
    double scale;
    uint32_t decay;        /* 1 when weight decay applies to it */
    trainyard_strs aliases; /* other names that files have for it */
} trainyard_parameter;
typedef struct { const trainyard_parameter *ptr; size_t len; } trainyard_parameters;

/* One operation: an op of the set of networks, its place in the model, earlier layers, indices of parameters, named
 * constants. */
typedef struct {
    trainyard_str op;
    trainyard_str scope;
    trainyard_u32s inputs;
    trainyard_u32s parameters;
    trainyard_settings attributes;
} trainyard_layer;
typedef struct { const trainyard_layer *ptr; size_t len; } trainyard_layers;

/* A named result: `logits` is what a loss reads; `value` is a layer. */
typedef struct { trainyard_str name; uint32_t value; } trainyard_head;
typedef struct { const trainyard_head *ptr; size_t len; } trainyard_heads;

enum { TRAINYARD_NETWORK_OP_SET = 1 };
typedef struct {
    uint32_t op_set;
    trainyard_parameters parameters;
    trainyard_layers layers;
    trainyard_heads heads;
    trainyard_strs blocks;  /* scopes at whose borders values are kept when activations are recomputed */
    trainyard_strs ignored; /* names of tensors that files have and the network has not; `*` is any text */
} trainyard_network;

/* Where the functions of a model deliver what `trainyard_host` has no function for. It grows only at its end. */
typedef struct {
    size_t size;
    void *context;
    /* A whole network. Once, for `describe`. */
    void (*network)(void *context, const trainyard_network *network);
    /* All settings. Once, for `import_config` and `export_config`. */
    void (*settings)(void *context, trainyard_settings settings);
} trainyard_networks;

typedef struct {
    trainyard_header header;
    /* Delivers `network`. The same settings and sizes always give the same network. */
    trainyard_status (*describe)(
        void *instance, const trainyard_host *host, trainyard_sizes sizes, const trainyard_networks *to);
    /* Takes a flattened config.json, delivers `settings`: those of the model that it describes. */
    trainyard_status (*import_config)(
        void *instance, const trainyard_host *host, trainyard_settings config, const trainyard_networks *to);
    /* Delivers `settings`: the flattened config.json of this model. */
    trainyard_status (*export_config)(
        void *instance, const trainyard_host *host, trainyard_sizes sizes, const trainyard_networks *to);
} trainyard_model_table;

/* `trainyard plugin build` defines both; by hand: a name of your own, and the text of the section. */
#ifndef TRAINYARD_SYMBOL
#define TRAINYARD_SYMBOL trainyard_plugin_v0_plugin
#endif
#ifndef TRAINYARD_IDENTITY
#define TRAINYARD_IDENTITY ""
#endif

#if defined(__wasm__)
#define TRAINYARD_SECTION /* the identity is added to the component */
#elif defined(__APPLE__)
#define TRAINYARD_SECTION __attribute__((section("__DATA,trainyard_plugin"), used))
#else
#define TRAINYARD_SECTION __attribute__((section("trainyard_plugin"), used))
#endif

TRAINYARD_SECTION static const char trainyard_identity[] = TRAINYARD_IDENTITY;

#define TRAINYARD_HEADER(table, kind, create, destroy) TRAINYARD_ABLE_HEADER(table, kind, create, destroy, NULL)

/* Of a plugin with abilities that have functions. */
#define TRAINYARD_ABLE_HEADER(table, kind, create, destroy, ability) \
    { sizeof(table), TRAINYARD_ABI_VERSION, kind, \
      { (const uint8_t *)trainyard_identity, sizeof trainyard_identity - 1 }, create, destroy, ability }

/* A zero-terminated text as the host's. */
static inline trainyard_str trainyard_text(const char *text) {
    trainyard_str str = { (const uint8_t *)text, strlen(text) };
    return str;
}

/* Delivers an error; `return trainyard_fail(host, TRAINYARD_CONFIG, "…");` */
static inline trainyard_status trainyard_fail(const trainyard_host *host, uint32_t kind, const char *message) {
    host->error(host->context, kind, trainyard_text(message));
    return TRAINYARD_FAILED;
}

/* Whether a text is `expected`. */
static inline bool trainyard_equals(trainyard_str text, const char *expected) {
    return text.len == strlen(expected) && memcmp(text.ptr, expected, text.len) == 0;
}

/* Whether a setting's name is `key`. */
static inline bool trainyard_is(const trainyard_setting *setting, const char *key) {
    return trainyard_equals(setting->key, key);
}

/* Refuses a setting that the plugin does not have; `known` names those that it has, and is empty when there are none. */
static inline trainyard_status trainyard_unknown(
    const trainyard_host *host, const trainyard_setting *setting, const char *known) {
    const char *parts[2] = { ": unknown setting, expected one of ", known };
    char message[400];
    if (known[0] == 0) parts[0] = ": unknown setting, this plugin has none";
    size_t len = setting->key.len < 100 ? setting->key.len : 100;
    memcpy(message, setting->key.ptr, len);
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(parts[i]), room = sizeof message - 1 - len;
        if (n > room) n = room;
        memcpy(message + len, parts[i], n);
        len += n;
    }
    message[len] = 0;
    return trainyard_fail(host, TRAINYARD_CONFIG, message);
}

/* A graph being built, of up to TRAINYARD_NODES nodes. Set it to zero, add nodes with `trainyard_op`, deliver it with
 * `trainyard_mean`. The ops are those of op set 2. Nodes are numbers, which mean nothing in another graph. */
enum { TRAINYARD_NODES = 128, TRAINYARD_OUTPUTS = 8, TRAINYARD_OP_SET = 2 };
typedef struct {
    size_t n, n_logged;
    trainyard_output outputs[TRAINYARD_OUTPUTS];
    trainyard_node nodes[TRAINYARD_NODES];
    uint32_t inputs[TRAINYARD_NODES][3];
    double attributes[TRAINYARD_NODES][2];
} trainyard_graph;

static inline uint32_t trainyard_node_new(
    trainyard_graph *graph, const char *op, const uint32_t *inputs, size_t n_inputs, const double *attributes,
    size_t n_attributes) {
    if (graph->n == TRAINYARD_NODES || n_inputs > 3 || n_attributes > 2) __builtin_trap();
    size_t id = graph->n++;
    for (size_t i = 0; i < n_inputs; i++) graph->inputs[id][i] = inputs[i];
    for (size_t i = 0; i < n_attributes; i++) graph->attributes[id][i] = attributes[i];
    trainyard_node *node = &graph->nodes[id];
    node->op = trainyard_text(op);
    node->inputs.ptr = graph->inputs[id];
    node->inputs.len = n_inputs;
    node->attributes.ptr = graph->attributes[id];
    node->attributes.len = n_attributes;
    return (uint32_t)id;
}

/* A node without inputs (`"input.logits"`), with one, with two, and a constant. */
static inline uint32_t trainyard_input(trainyard_graph *graph, const char *op) {
    return trainyard_node_new(graph, op, NULL, 0, NULL, 0);
}
static inline uint32_t trainyard_op1(trainyard_graph *graph, const char *op, uint32_t x) {
    return trainyard_node_new(graph, op, &x, 1, NULL, 0);
}
static inline uint32_t trainyard_op2(trainyard_graph *graph, const char *op, uint32_t x, uint32_t y) {
    uint32_t inputs[2] = { x, y };
    return trainyard_node_new(graph, op, inputs, 2, NULL, 0);
}
static inline uint32_t trainyard_op3(trainyard_graph *graph, const char *op, uint32_t x, uint32_t y, uint32_t z) {
    uint32_t inputs[3] = { x, y, z };
    return trainyard_node_new(graph, op, inputs, 3, NULL, 0);
}
static inline uint32_t trainyard_constant(trainyard_graph *graph, double value) {
    return trainyard_node_new(graph, "constant", NULL, 0, &value, 1);
}
static inline uint32_t trainyard_powf(trainyard_graph *graph, uint32_t x, double exponent) {
    return trainyard_node_new(graph, "powf", &x, 1, &exponent, 1);
}

static inline uint32_t trainyard_clamp(trainyard_graph *graph, uint32_t x, double low, double high) {
    double limits[2] = { low, high };
    return trainyard_node_new(graph, "clamp", &x, 1, limits, 2);
}

/* The mean of `x` (one value per row) over the rows that count, as output number `index`. */
static inline void trainyard_output_mean(trainyard_graph *graph, size_t index, const char *name, uint32_t x) {
    if (index >= TRAINYARD_OUTPUTS) __builtin_trap();
    uint32_t weight = trainyard_input(graph, "input.weight");
    trainyard_output *output = &graph->outputs[index];
    output->name = trainyard_text(name);
    output->sum = trainyard_op1(graph, "sum_rows", trainyard_op2(graph, "mul", x, weight));
    output->weight = trainyard_op1(graph, "sum_rows", weight);
}

/* Logs the mean of `x` over the rows that count as `name`, beside the loss. It comes before `trainyard_mean`, which
 * delivers the graph with all that is logged. */
static inline void trainyard_log_mean(trainyard_graph *graph, const char *name, uint32_t x) {
    trainyard_output_mean(graph, ++graph->n_logged, name, x);
}

/* The first op set that has all ops of the graph: no newer one than it needs, so that older hosts run it. */
static inline uint32_t trainyard_op_set(const trainyard_graph *graph) {
    static const char later[] = "input.targets";
    for (size_t i = 0; i < graph->n; i++) {
        trainyard_str op = graph->nodes[i].op;
        if (op.len == sizeof later - 1 && memcmp(op.ptr, later, op.len) == 0) return 2;
    }
    return 1;
}

/* Delivers the graph whose value is the mean of `x` over the rows that count. */
static inline trainyard_status trainyard_mean(trainyard_graph *graph, const trainyard_host *host, uint32_t x) {
    trainyard_output_mean(graph, 0, "loss", x);
    trainyard_nodes nodes = { graph->nodes, graph->n };
    trainyard_outputs outputs = { graph->outputs, graph->n_logged + 1 };
    host->graph(host->context, trainyard_op_set(graph), nodes, outputs);
    return TRAINYARD_OK;
}

#ifdef __cplusplus
}
#endif
#endif
