//! `config.json` as transformers' `RobertaConfig` writes and reads it.

use crate::Settings;
use trainyard_models::{Export, Import, activation, pooling, ranges};
use trainyard_plugin::{Result, Setting, Sizes, Value};

/// Classes of transformers and the heads that they have; the last is our own.
const HEADS: [(&str, &str); 13] = [
    ("RobertaForMaskedLM", "mlm"),
    ("RobertaForSequenceClassification", "sequence"),
    ("RobertaForTokenClassification", "tokens"),
    ("RobertaModel", "none"),
    ("XLMRobertaForMaskedLM", "mlm"),
    ("XLMRobertaForSequenceClassification", "sequence"),
    ("XLMRobertaForTokenClassification", "tokens"),
    ("XLMRobertaModel", "none"),
    ("CamembertForMaskedLM", "mlm"),
    ("CamembertForSequenceClassification", "sequence"),
    ("CamembertForTokenClassification", "tokens"),
    ("CamembertModel", "none"),
    ("TrainyardRoberta", "sequence"),
];

pub(crate) fn import(config: &[Setting]) -> Result<Vec<Setting>> {
    let mut import = Import::new(config);
    let class = import.architecture(&HEADS.map(|(class, _)| class))?;
    let head = HEADS.iter().find(|(known, _)| *known == class).map_or("mlm", |(_, head)| *head);
    import.set("head", Value::Text(head.into()));
    import.integers(&[
        ("num_hidden_layers", "layers", 12),
        ("num_attention_heads", "heads", 12),
        ("hidden_size", "width", 768),
        ("intermediate_size", "hidden", 3072),
        ("type_vocab_size", "types", 2),
    ])?;
    // positions begin behind the id of padding
    let first = import.keys().integer("pad_token_id")?.unwrap_or(1).saturating_add(1);
    let rows = import.keys().integer("max_position_embeddings")?.unwrap_or(512);
    import.set("first_position", Value::Integer(first));
    import.set("context", Value::Integer(rows.saturating_sub(first)));
    import.numbers(&[
        ("hidden_dropout_prob", "dropout", 0.1),
        ("attention_probs_dropout_prob", "attention_dropout", 0.1),
        ("classifier_dropout", "classifier_dropout", -1.0),
        ("layer_norm_eps", "norm_epsilon", 1e-12),
    ])?;
    import.flags(&[("tie_word_embeddings", "tied", true)])?;
    import.text("hidden_act", "activation", "gelu", activation::NAMES)?;
    if matches!(head, "sequence" | "tokens") {
        import.labels();
    }
    import.text("pool", "pool", "first", pooling::NAMES)?;
    import.only(&[
        ("position_embedding_type", Value::Text("absolute".into())),
        ("is_decoder", Value::Boolean(false)),
        ("add_cross_attention", Value::Boolean(false)),
        ("is_encoder_decoder", Value::Boolean(false)),
    ])?;
    import.finish(&[])
}

pub(crate) fn export(settings: &Settings, sizes: &Sizes) -> Result<Vec<Setting>> {
    let Settings { layers, heads, width, types, dropout, norm_epsilon, first_position, .. } = *settings;
    let rows = settings.context > 0 && sizes.context == settings.context + first_position;
    let positions = ranges::positions(settings.context, if rows { settings.context } else { sizes.context })?;
    let class = HEADS.iter().find(|(_, head)| *head == settings.head).map_or("RobertaModel", |(class, _)| *class);
    // transformers' class reads the first state: a model that reads another must not pass for it
    let export = match settings.head == "sequence" && settings.pool != "first" {
        true => Export::new("trainyard_roberta", "TrainyardRoberta").text("pool", &settings.pool),
        false => Export::new("roberta", class),
    };
    let export = export
        .integers(&[
            ("vocab_size", sizes.vocab),
            ("max_position_embeddings", positions + first_position),
            ("hidden_size", width),
            ("intermediate_size", settings.hidden()),
            ("num_hidden_layers", layers),
            ("num_attention_heads", heads),
            ("type_vocab_size", types),
            ("pad_token_id", first_position.saturating_sub(1)),
        ])
        .text("hidden_act", &settings.activation)
        .number("layer_norm_eps", norm_epsilon)
        .number("hidden_dropout_prob", dropout)
        .number("attention_probs_dropout_prob", ranges::rate_or(settings.attention_dropout, dropout))
        .number("classifier_dropout", ranges::rate_or(settings.classifier_dropout, dropout))
        .flag("tie_word_embeddings", settings.tied);
    Ok(match settings.head.as_str() {
        "sequence" | "tokens" => {
            export.labels(&settings.label_names, ranges::labels(settings.labels, sizes.labels)?).finish()
        }
        _ => export.finish(),
    })
}
