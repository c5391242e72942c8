/* Model {{name}}: causal convolutions with gates instead of attention (Dauphin et al. 2017, arXiv 1612.08083). */
#include "trainyard_network.h"

typedef struct { uint32_t layers, width, taps; } plugin;

static trainyard_status create(const trainyard_host *host, trainyard_settings settings, void **instance) {
    plugin new = { .layers = 2, .width = 64, .taps = 4 }; /* the defaults, as in plugin.toml */
    for (size_t i = 0; i < settings.len; i++) {
        const trainyard_setting *setting = &settings.ptr[i];
        uint32_t *size = trainyard_is(setting, "layers") ? &new.layers
                       : trainyard_is(setting, "width")  ? &new.width
                       : trainyard_is(setting, "taps")   ? &new.taps
                                                         : NULL;
        if (size == NULL) return trainyard_unknown(host, setting, "layers, width, taps");
        if (setting->tag != TRAINYARD_INTEGER || setting->integer < 1 || setting->integer > 10000) {
            return trainyard_fail(host, TRAINYARD_CONFIG, "layers, width, taps: expected whole numbers, 1 to 10000");
        }
        *size = (uint32_t)setting->integer;
    }
    plugin *made = malloc(sizeof *made);
    if (made == NULL) return trainyard_fail(host, TRAINYARD_INTERNAL, "out of memory");
    *made = new;
    *instance = made;
    return TRAINYARD_OK;
}

static trainyard_status describe(
    void *instance, const trainyard_host *host, trainyard_sizes sizes, const trainyard_networks *to) {
    const plugin *self = instance;
    uint32_t vocab = trainyard_size_of(sizes, "vocab"), width = self->width;
    trainyard_net g = { 0 };
    uint32_t x = trainyard_embedding(&g, "embed", trainyard_net_input(&g, "input.ids"), vocab, width);
    for (uint32_t layer = 0; layer < self->layers; layer++) {
        trainyard_net_block(&g, "blocks", layer);
        uint32_t h = trainyard_rms_norm(&g, "norm", x, 1e-5);
        uint32_t value = trainyard_conv(&g, "conv", trainyard_linear(&g, "value", h, width, true), self->taps, true);
        uint32_t gate = trainyard_map(&g, "sigmoid", trainyard_linear(&g, "gate", h, width, true));
        x = trainyard_add(&g, x, trainyard_linear(&g, "out", trainyard_mul(&g, value, gate), width, true));
        trainyard_net_end(&g);
    }
    x = trainyard_rms_norm(&g, "norm", x, 1e-5);
    trainyard_net_head(&g, "logits", trainyard_tied(&g, "embed", x));
    return trainyard_net_deliver(&g, host, to);
}

const trainyard_model_table TRAINYARD_SYMBOL = {
    .header = TRAINYARD_HEADER(trainyard_model_table, TRAINYARD_MODEL, create, free),
    .describe = describe, .import_config = trainyard_no_import, .export_config = trainyard_no_export,
};
