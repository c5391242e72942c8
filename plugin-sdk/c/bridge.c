/* Makes a WASM component of a plugin written for trainyard_plugin.h: exports the functions of one world, as the canonical
 * ABI of the component model lays their arguments and results out, and calls the plugin's table.
 *
 * Compiled with TRAINYARD_KIND (0 tokenizer … 5 model), TRAINYARD_SYMBOL and, of a filter with the ability
 * `measures`, TRAINYARD_MEASURES by `trainyard plugin build`. Strings and lists of the canonical ABI are
 * `{ pointer, length }`, which is what trainyard_str and its kin are on wasm32; they are used in place. */
#include "trainyard_plugin.h"
#include <stdlib.h>

#define EXPORT(name) __attribute__((export_name(name)))

/* Memory of one call: arguments that the host writes and results that it reads. All of it is freed when the host has
 * read the results, in `cabi_post_…`. */
typedef union block { union block *next; max_align_t align; } block;
static block *blocks;

static void *take(size_t size) {
    block *new = malloc(sizeof(block) + size);
    if (new == NULL) __builtin_trap();
    new->next = blocks;
    blocks = new;
    return new + 1;
}

static void free_all(void) {
    while (blocks != NULL) {
        block *next = blocks->next;
        free(blocks);
        blocks = next;
    }
}

EXPORT("cabi_realloc") void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
    (void)align;
    if (size == 0) return (void *)align;
    void *new = take(size);
    if (old_size > 0) memcpy(new, old, old_size < size ? old_size : size);
    return new;
}

static trainyard_str copy(trainyard_str from) {
    if (from.len == 0) return (trainyard_str){ (const uint8_t *)1, 0 };
    void *to = take(from.len);
    memcpy(to, from.ptr, from.len);
    return (trainyard_str){ to, from.len };
}

/* Results that come one by one. */
typedef struct { uint8_t *ptr; size_t len, capacity; } items;

static void *push(items *list, size_t size) {
    if (list->len == list->capacity) {
        size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        uint8_t *new = take(capacity * size);
        if (list->len > 0) memcpy(new, list->ptr, list->len * size);
        list->ptr = new;
        list->capacity = capacity;
    }
    return list->ptr + size * list->len++;
}

/* Canonical layouts. */
typedef struct {
    trainyard_str key;
    uint8_t tag;
    union {
        uint8_t boolean;
        int64_t integer;
        double number;
        trainyard_str text;
        trainyard_f64s numbers;
        trainyard_strs texts;
    } value;
} wit_setting;
typedef struct { uint8_t is_some; double value; } wit_score;
typedef struct { uint8_t is_some; trainyard_str value; } wit_text;
typedef struct {
    uint8_t keep;
    trainyard_str reason;
    wit_score score;
    wit_text text;
    trainyard_spans spans;
} wit_verdict;
typedef struct { trainyard_str name; uint32_t id; } wit_special;
typedef struct { trainyard_str reason, setting; uint8_t bound; double limit; } wit_rule;
typedef struct { const void *ptr; size_t len; } wit_list;
typedef struct { uint32_t op_set; wit_list nodes, outputs; } wit_graph;
typedef struct { uint8_t kind; trainyard_str message; } wit_error;

/* result<T, plugin-error>: a tag, then the larger of both. */
typedef struct {
    uint8_t is_error;
    union {
        wit_error error;
        trainyard_str bytes;
        wit_list list;
        trainyard_token_batch tokens;
        struct { wit_list tokens, specials; } vocabulary;
        wit_graph graph;
        struct { trainyard_str unit; uint8_t direction; trainyard_str aggregation; } info;
    } value;
} wit_result;
typedef struct { uint8_t is_error; union { wit_error error; double number; } value; } wit_number_result;
typedef struct { trainyard_str name; wit_list shape; trainyard_str init; double scale; uint8_t decay; wit_list aliases; }
    wit_parameter;
typedef struct { trainyard_str op, scope; wit_list inputs, parameters, attributes; } wit_layer;
typedef struct { uint32_t op_set; wit_list parameters, layers, heads, blocks, ignored; } wit_network;
typedef struct {
    uint8_t is_error;
    union { wit_error error; wit_network network; } value;
} wit_network_result;

/* What a call delivered. */
typedef struct {
    wit_error error;
    items bytes, specials, verdicts;
    trainyard_token_batch tokens;
    wit_graph graph;
    trainyard_str unit, aggregation;
    uint32_t direction;
    double number;
} delivered;

static void on_error(void *context, uint32_t kind, trainyard_str message) {
    delivered *to = context;
    to->error.kind = kind <= TRAINYARD_INTERNAL ? kind : TRAINYARD_INTERNAL;
    to->error.message = copy(message);
}

static void on_bytes(void *context, trainyard_str bytes) {
    *(trainyard_str *)push(&((delivered *)context)->bytes, sizeof(trainyard_str)) = copy(bytes);
}

static void on_special(void *context, trainyard_str name, uint32_t id) {
    *(wit_special *)push(&((delivered *)context)->specials, sizeof(wit_special)) = (wit_special){ copy(name), id };
}

static void *copy_bytes(const void *from, size_t size) {
    return (void *)copy((trainyard_str){ from, size }).ptr;
}

static trainyard_u32s copy_ids(trainyard_u32s from) {
    if (from.len == 0) return (trainyard_u32s){ (const uint32_t *)4, 0 };
    return (trainyard_u32s){ copy_bytes(from.ptr, from.len * sizeof(uint32_t)), from.len };
}

static void on_tokens(void *context, trainyard_token_batch batch) {
    ((delivered *)context)->tokens = (trainyard_token_batch){ copy_ids(batch.ids), copy_ids(batch.ends) };
}

static void on_verdict(void *context, const trainyard_verdict *from) {
    wit_verdict *to = push(&((delivered *)context)->verdicts, sizeof(wit_verdict));
    memset(to, 0, sizeof *to);
    to->keep = from->keep != 0;
    to->reason = copy(from->reason);
    to->score = (wit_score){ from->has_score != 0, from->has_score ? from->score : 0 };
    to->text.is_some = from->has_text != 0;
    if (from->has_text) to->text.value = copy(from->text);
    to->spans = (trainyard_spans){ (const trainyard_span *)4, from->spans.len };
    if (from->spans.len > 0) to->spans.ptr = copy_bytes(from->spans.ptr, from->spans.len * sizeof(trainyard_span));
}

static void on_graph(void *context, uint32_t op_set, trainyard_nodes nodes, trainyard_outputs outputs) {
    delivered *to = context;
    trainyard_node *new_nodes = take(nodes.len * sizeof *new_nodes);
    for (size_t i = 0; i < nodes.len; i++) {
        trainyard_node from = nodes.ptr[i];
        trainyard_f64s attributes = { (const double *)8, from.attributes.len };
        if (attributes.len > 0) attributes.ptr = copy_bytes(from.attributes.ptr, attributes.len * sizeof(double));
        new_nodes[i] = (trainyard_node){ copy(from.op), copy_ids(from.inputs), attributes };
    }
    trainyard_output *new_outputs = take(outputs.len * sizeof *new_outputs);
    for (size_t i = 0; i < outputs.len; i++) {
        new_outputs[i] = outputs.ptr[i];
        new_outputs[i].name = copy(outputs.ptr[i].name);
    }
    to->graph = (wit_graph){ op_set, { new_nodes, nodes.len }, { new_outputs, outputs.len } };
}

static void on_info(void *context, trainyard_str unit, uint32_t direction, trainyard_str aggregation) {
    delivered *to = context;
    to->unit = copy(unit);
    to->direction = direction;
    to->aggregation = copy(aggregation);
}

static void on_number(void *context, double number) {
    ((delivered *)context)->number = number;
}

__attribute__((import_module("trainyard:plugin/log@0.1.3"), import_name("write")))
void trainyard_write_log(uint32_t level, const uint8_t *line, size_t len);

static void on_log(void *context, uint32_t level, trainyard_str line) {
    (void)context;
    trainyard_write_log(level <= TRAINYARD_DEBUG ? level : TRAINYARD_DEBUG, line.ptr, line.len);
}

static trainyard_host host_for(delivered *to) {
    memset(to, 0, sizeof *to);
    return (trainyard_host){ sizeof(trainyard_host), to, on_error, on_bytes, on_special, on_tokens, on_verdict, on_graph,
                             on_info, on_number, on_log };
}

static wit_error *error_of(delivered *from) {
    if (from->error.message.ptr == NULL) on_error(from, TRAINYARD_INTERNAL, trainyard_text("failed without a message"));
    return &from->error;
}

static wit_list list_of(items from) {
    return (wit_list){ from.ptr == NULL ? (void *)8 : from.ptr, from.len };
}

static trainyard_str first_of(items from) {
    return from.len > 0 ? *(trainyard_str *)from.ptr : copy(trainyard_text(""));
}

static void *instance;
static wit_result result;
static wit_number_result number_result;

/* Runs `call`; on success `ok` fills `result` from what was delivered. */
#define ANSWER(call, ok)                                     \
    delivered to;                                            \
    trainyard_host host = host_for(&to);                     \
    memset(&result, 0, sizeof result);                       \
    if ((call) == TRAINYARD_OK) { ok; }                      \
    else { result.is_error = 1; result.value.error = *error_of(&to); } \
    return &result
/* An export `name` with parameters `params`, and what the host calls when it has read the result. */
#define FUNCTION(name, id, params, call, ok)                                        \
    EXPORT(name) wit_result *trainyard_##id params { ANSWER(call, ok); }            \
    EXPORT("cabi_post_" name) void trainyard_post_##id(wit_result *read) { (void)read; free_all(); }

#define BYTES result.value.bytes = first_of(to.bytes)

#if TRAINYARD_KIND == 0
typedef trainyard_tokenizer_table table_type;
#elif TRAINYARD_KIND == 1
typedef trainyard_filter_table table_type;
#elif TRAINYARD_KIND == 2
typedef trainyard_loss_table table_type;
#elif TRAINYARD_KIND == 3
typedef trainyard_metric_table table_type;
#elif TRAINYARD_KIND == 4
typedef trainyard_text_metric_table table_type;
#else
typedef trainyard_model_table table_type;
#endif
extern const table_type TRAINYARD_SYMBOL;
#define TABLE TRAINYARD_SYMBOL

static trainyard_settings read_settings(wit_setting *from, size_t n) {
    trainyard_setting *settings = take((n + 1) * sizeof *settings);
    memset(settings, 0, n * sizeof *settings);
    for (size_t i = 0; i < n; i++) {
        settings[i].key = from[i].key;
        settings[i].tag = from[i].tag;
        switch (from[i].tag) {
            case TRAINYARD_BOOLEAN: settings[i].integer = from[i].value.boolean; break;
            case TRAINYARD_INTEGER: settings[i].integer = from[i].value.integer; break;
            case TRAINYARD_NUMBER: settings[i].number = from[i].value.number; break;
            case TRAINYARD_TEXT: settings[i].text = from[i].value.text; break;
            case TRAINYARD_NUMBERS: settings[i].numbers = from[i].value.numbers; break;
            default: settings[i].texts = from[i].value.texts;
        }
    }
    return (trainyard_settings){ settings, n };
}

static trainyard_status create(const trainyard_host *host, wit_setting *from, size_t n) {
    return TABLE.header.create(host, read_settings(from, n), &instance);
}

FUNCTION("create", create, (wit_setting *settings, size_t n), create(&host, settings, n), )

#if TRAINYARD_KIND == 0 || TRAINYARD_KIND == 1
FUNCTION("observe", observe, (const trainyard_str *texts, size_t n),
         TABLE.observe(instance, &host, (trainyard_strs){ texts, n }), )
#endif

#if TRAINYARD_KIND == 1 || TRAINYARD_KIND == 4
FUNCTION("state", state, (void), TABLE.state(instance, &host), BYTES)
FUNCTION("merge", merge, (const uint8_t *bytes, size_t n),
         TABLE.merge(instance, &host, (trainyard_str){ bytes, n }), )
#endif

#if TRAINYARD_KIND == 2 || TRAINYARD_KIND == 3
FUNCTION("describe", describe, (void), TABLE.describe(instance, &host), result.value.graph = to.graph)
#endif

#if TRAINYARD_KIND == 3 || TRAINYARD_KIND == 4
FUNCTION("info", info, (void), TABLE.info(instance, &host),
         result.value.info.unit = to.unit; result.value.info.direction = to.direction != 0;
         result.value.info.aggregation = to.aggregation)
#endif

#if TRAINYARD_KIND == 0
FUNCTION("train", train, (void), TABLE.train(instance, &host), BYTES)
FUNCTION("load", load, (const uint8_t *model, size_t n),
         TABLE.load(instance, &host, (trainyard_str){ model, n }), )
FUNCTION("vocabulary", vocabulary, (void), TABLE.vocabulary(instance, &host),
         result.value.vocabulary.tokens = list_of(to.bytes); result.value.vocabulary.specials = list_of(to.specials))
FUNCTION("encode", encode, (const trainyard_str *texts, size_t n),
         TABLE.encode(instance, &host, (trainyard_strs){ texts, n }), result.value.tokens = to.tokens)
FUNCTION("decode", decode, (const uint32_t *ids, size_t n_ids, const uint32_t *ends, size_t n_ends),
         TABLE.decode(instance, &host, (trainyard_token_batch){ { ids, n_ids }, { ends, n_ends } }),
         result.value.list = list_of(to.bytes))
#elif TRAINYARD_KIND == 1
EXPORT("two-pass") int32_t trainyard_two_pass(void) {
    delivered to;
    trainyard_host host = host_for(&to);
    TABLE.two_pass(instance, &host);
    free_all();
    return to.number != 0;
}
FUNCTION("judge", judge, (const trainyard_str *documents, size_t n),
         TABLE.judge(instance, &host, (trainyard_strs){ documents, n }), result.value.list = list_of(to.verdicts))
#ifdef TRAINYARD_MEASURES
#define MEASURES "trainyard:plugin/measures@0.1.3#"

static void on_rule(void *context, trainyard_str reason, trainyard_str setting, uint32_t bound, double limit) {
    wit_rule *to = push(context, sizeof(wit_rule));
    *to = (wit_rule){ copy(reason), copy(setting), bound != TRAINYARD_AT_LEAST, limit };
}

static void on_values(void *context, trainyard_f64s values) {
    items *to = context;
    to->len = values.len;
    if (values.len > 0) to->ptr = copy_bytes(values.ptr, values.len * sizeof(double));
}

static items measured;

static trainyard_measures measures_to(void) {
    memset(&measured, 0, sizeof measured);
    return (trainyard_measures){ sizeof(trainyard_measures), &measured, on_rule, on_values };
}

static trainyard_status rules(const trainyard_host *host) {
    const trainyard_measures_table *table = TABLE.header.ability(trainyard_text("measures"));
    trainyard_measures to = measures_to();
    return table->rules(instance, host, &to);
}

static trainyard_status measure(const trainyard_host *host, trainyard_strs documents) {
    const trainyard_measures_table *table = TABLE.header.ability(trainyard_text("measures"));
    trainyard_measures to = measures_to();
    return table->measure(instance, host, documents, &to);
}

FUNCTION(MEASURES "rules", rules, (void), rules(&host), result.value.list = list_of(measured))
FUNCTION(MEASURES "measure", measure, (const trainyard_str *documents, size_t n),
         measure(&host, (trainyard_strs){ documents, n }), result.value.list = list_of(measured))
#endif
#elif TRAINYARD_KIND == 4
FUNCTION("update", update, (const trainyard_text_pair *pairs, size_t n),
         TABLE.update(instance, &host, (trainyard_text_pairs){ pairs, n }), )
EXPORT("value") wit_number_result *trainyard_value(void) {
    delivered to;
    trainyard_host host = host_for(&to);
    memset(&number_result, 0, sizeof number_result);
    if (TABLE.value(instance, &host) == TRAINYARD_OK) number_result.value.number = to.number;
    else { number_result.is_error = 1; number_result.value.error = *error_of(&to); }
    return &number_result;
}
EXPORT("cabi_post_value") void trainyard_post_value(wit_number_result *read) { (void)read; free_all(); }
#ifdef TRAINYARD_EXTENDED
#define PROMPTS "trainyard:plugin/prompts@0.1.3#"
#define SIGNATURE "trainyard:plugin/signature@0.1.3#"

/* The functions of an ability; none of one that the plugin does not list, for which no host asks. */
static const void *ability(const char *name) {
    return TABLE.header.ability == NULL ? NULL : TABLE.header.ability(trainyard_text(name));
}

static trainyard_status update_prompted(const trainyard_host *host, trainyard_prompted_pairs pairs) {
    const trainyard_prompts_table *table = ability("prompts");
    if (table == NULL) return trainyard_fail(host, TRAINYARD_UNSUPPORTED, "this text metric reads no prompts");
    return table->update(instance, host, pairs);
}

static trainyard_status signature(const trainyard_host *host) {
    const trainyard_signature_table *table = ability("signature");
    if (table == NULL) return trainyard_fail(host, TRAINYARD_UNSUPPORTED, "this text metric has no signature");
    return table->signature(instance, host);
}

FUNCTION(PROMPTS "update", update_prompted, (const trainyard_prompted_pair *pairs, size_t n),
         update_prompted(&host, (trainyard_prompted_pairs){ pairs, n }), )
FUNCTION(SIGNATURE "signature", signature, (void), signature(&host), BYTES)
#endif
#elif TRAINYARD_KIND == 5
static wit_list copy_texts(trainyard_strs from) {
    trainyard_str *to = take((from.len + 1) * sizeof *to);
    for (size_t i = 0; i < from.len; i++) to[i] = copy(from.ptr[i]);
    return (wit_list){ to, from.len };
}

static wit_list list_of_ids(trainyard_u32s from) {
    trainyard_u32s to = copy_ids(from);
    return (wit_list){ to.ptr, to.len };
}

static wit_list copy_settings(trainyard_settings from) {
    wit_setting *to = take((from.len + 1) * sizeof *to);
    memset(to, 0, from.len * sizeof *to);
    for (size_t i = 0; i < from.len; i++) {
        const trainyard_setting *setting = &from.ptr[i];
        to[i].key = copy(setting->key);
        to[i].tag = (uint8_t)setting->tag;
        wit_list texts;
        switch (setting->tag) {
            case TRAINYARD_BOOLEAN: to[i].value.boolean = setting->integer != 0; break;
            case TRAINYARD_INTEGER: to[i].value.integer = setting->integer; break;
            case TRAINYARD_NUMBER: to[i].value.number = setting->number; break;
            case TRAINYARD_TEXT: to[i].value.text = copy(setting->text); break;
            case TRAINYARD_NUMBERS:
                to[i].value.numbers = (trainyard_f64s){ (const double *)8, setting->numbers.len };
                if (setting->numbers.len > 0) {
                    to[i].value.numbers.ptr = copy_bytes(setting->numbers.ptr, setting->numbers.len * sizeof(double));
                }
                break;
            default:
                texts = copy_texts(setting->texts);
                to[i].value.texts = (trainyard_strs){ texts.ptr, texts.len };
        }
    }
    return (wit_list){ to, from.len };
}

/* What a call delivered besides errors and log lines. */
typedef struct { wit_network network; wit_list settings; } networks;

static void on_network(void *context, const trainyard_network *from) {
    wit_network *to = &((networks *)context)->network;
    wit_parameter *parameters = take((from->parameters.len + 1) * sizeof *parameters);
    for (size_t i = 0; i < from->parameters.len; i++) {
        trainyard_parameter it = from->parameters.ptr[i];
        parameters[i] = (wit_parameter){ copy(it.name), list_of_ids(it.shape), copy(it.init), it.scale, it.decay != 0,
                                         copy_texts(it.aliases) };
    }
    wit_layer *layers = take((from->layers.len + 1) * sizeof *layers);
    for (size_t i = 0; i < from->layers.len; i++) {
        trainyard_layer it = from->layers.ptr[i];
        layers[i] = (wit_layer){ copy(it.op), copy(it.scope), list_of_ids(it.inputs), list_of_ids(it.parameters),
                                 copy_settings(it.attributes) };
    }
    trainyard_head *heads = take((from->heads.len + 1) * sizeof *heads);
    for (size_t i = 0; i < from->heads.len; i++) {
        heads[i] = (trainyard_head){ copy(from->heads.ptr[i].name), from->heads.ptr[i].value };
    }
    *to = (wit_network){ from->op_set, { parameters, from->parameters.len }, { layers, from->layers.len },
                         { heads, from->heads.len }, copy_texts(from->blocks), copy_texts(from->ignored) };
}

static void on_settings(void *context, trainyard_settings settings) {
    ((networks *)context)->settings = copy_settings(settings);
}

static networks described;

static const trainyard_networks *networks_to(void) {
    static const trainyard_networks to = { sizeof to, &described, on_network, on_settings };
    memset(&described, 0, sizeof described);
    return &to;
}

static wit_network_result network_result;

EXPORT("describe") wit_network_result *trainyard_describe(const trainyard_size *sizes, size_t n) {
    delivered to;
    trainyard_host host = host_for(&to);
    memset(&network_result, 0, sizeof network_result);
    if (TABLE.describe(instance, &host, (trainyard_sizes){ sizes, n }, networks_to()) == TRAINYARD_OK) {
        network_result.value.network = described.network;
    } else {
        network_result.is_error = 1;
        network_result.value.error = *error_of(&to);
    }
    return &network_result;
}
EXPORT("cabi_post_describe") void trainyard_post_describe(wit_network_result *read) { (void)read; free_all(); }
FUNCTION("import-config", import_config, (wit_setting *config, size_t n),
         TABLE.import_config(instance, &host, read_settings(config, n), networks_to()),
         result.value.list = described.settings)
FUNCTION("export-config", export_config, (const trainyard_size *sizes, size_t n),
         TABLE.export_config(instance, &host, (trainyard_sizes){ sizes, n }, networks_to()),
         result.value.list = described.settings)
#endif
