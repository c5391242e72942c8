//! The `config.json` of a GGUF file.

use super::super::family::Family;
use super::super::file::GgufFile;
use super::super::rope::Llama3;
use crate::Result;
use serde_json::{Map, Value, json};

/// What the tensors say of the settings.
pub struct Seen {
    /// Rows of the table of tokens.
    pub vocab: usize,
    /// Whether the output layer is that table.
    pub is_tied: bool,
    /// Divisors of rotary frequencies, if the file has such a tensor.
    pub divisors: Option<Vec<f64>>,
    /// The same for long and short texts (Phi-3).
    pub long_and_short: Option<(Vec<f64>, Vec<f64>)>,
}

/// Returns what `config.json` says in a folder with the same model.
///
/// # Errors
/// Metadata that is missing, of another type, or says what the family has no setting for.
pub fn read(file: &GgufFile, family: &Family, seen: &Seen) -> Result<Map<String, Value>> {
    let reader = Reader { file, family, seen };
    let mut config = Map::new();
    config.insert("architectures".into(), json!([family.class]));
    config.insert("model_type".into(), family.model_type.into());
    config.insert("vocab_size".into(), seen.vocab.into());
    let ids = [("bos", "bos"), ("eos", "eos"), ("pad", "padding")];
    // llama.cpp calls BERT's [CLS] so
    let is_bert = family.model_type == "bert";
    for (there, here) in ids.into_iter().filter(|(there, _)| !is_bert || *there == "pad") {
        if let Some(id) = file.int(&format!("tokenizer.ggml.{here}_token_id"))? {
            config.insert(format!("{there}_token_id"), id.into());
        }
    }
    match family.model_type {
        "gpt2" => reader.gpt2(&mut config)?,
        "bert" | "roberta" => reader.bert(&mut config)?,
        _ => reader.decoder(&mut config)?,
    }
    Ok(config)
}

struct Reader<'a> {
    file: &'a GgufFile,
    family: &'a Family,
    seen: &'a Seen,
}

impl Reader<'_> {
    fn gpt2(&self, config: &mut Map<String, Value>) -> Result<()> {
        let width = self.int("embedding_length")?;
        config.extend(entries([
            ("n_positions", self.int("context_length")?.into()),
            ("n_embd", width.into()),
            ("n_layer", self.int("block_count")?.into()),
            ("n_head", self.int("attention.head_count")?.into()),
            ("n_inner", self.int("feed_forward_length")?.into()),
            ("layer_norm_epsilon", self.number("attention.layer_norm_epsilon")?.into()),
            ("activation_function", "gelu_new".into()),
            ("tie_word_embeddings", self.seen.is_tied.into()),
        ]));
        Ok(())
    }

    fn bert(&self, config: &mut Map<String, Value>) -> Result<()> {
        let extra = self.family.first_position as u32;
        let types = self.file.int("tokenizer.ggml.token_type_count")?.unwrap_or(if extra == 0 { 2 } else { 1 });
        config.extend(entries([
            ("max_position_embeddings", (self.int("context_length")? + extra).into()),
            ("hidden_size", self.int("embedding_length")?.into()),
            ("num_hidden_layers", self.int("block_count")?.into()),
            ("num_attention_heads", self.int("attention.head_count")?.into()),
            ("intermediate_size", self.int("feed_forward_length")?.into()),
            ("layer_norm_eps", self.number("attention.layer_norm_epsilon")?.into()),
            ("type_vocab_size", types.into()),
            ("hidden_act", "gelu".into()),
        ]));
        Ok(())
    }

    fn decoder(&self, config: &mut Map<String, Value>) -> Result<()> {
        let file = self.file;
        let key = file.key("expert_count");
        if file.int(&key)?.is_some_and(|n| n > 0) {
            return Err(file.error(format_args!("{key}: expected a model without experts, which are not read")));
        }
        let heads = self.int("attention.head_count")?;
        let width = self.int("embedding_length")?;
        let kv_heads = file.int(&file.key("attention.head_count_kv"))?.unwrap_or(heads);
        config.extend(entries([
            ("max_position_embeddings", self.int("context_length")?.into()),
            ("hidden_size", width.into()),
            ("num_hidden_layers", self.int("block_count")?.into()),
            ("num_attention_heads", heads.into()),
            ("num_key_value_heads", kv_heads.into()),
            ("intermediate_size", self.int("feed_forward_length")?.into()),
            ("tie_word_embeddings", self.seen.is_tied.into()),
        ]));
        let head = self.head_width(width, heads)?;
        let usual = heads > 0 && head == width / heads;
        if !matches!(self.family.model_type, "phi" | "phi3" | "qwen2") {
            config.insert("head_dim".into(), head.into());
        } else if !usual {
            let what = "expected heads of the usual width, embedding_length / head_count";
            return Err(file.error(format_args!("{}: {what}, got {head}", file.key("attention.key_length"))));
        }
        self.norm_and_activation(config)?;
        self.rotary(config, head)?;
        self.own(config, head)
    }

    /// Width of a head.
    fn head_width(&self, width: u32, heads: u32) -> Result<u32> {
        let file = self.file;
        let usual = width.checked_div(heads).filter(|head| *head > 0);
        let head = file.int(&file.key("attention.key_length"))?.or(usual);
        let head = head.ok_or_else(|| file.error(format_args!("{heads} heads do not fit into width {width}")))?;
        match file.int(&file.key("attention.value_length"))? {
            Some(value) if value != head => {
                let key = file.key("attention.value_length");
                Err(file.error(format_args!("{key}: expected the width of keys, {head}, got {value}")))
            }
            _ => Ok(head),
        }
    }

    fn norm_and_activation(&self, config: &mut Map<String, Value>) -> Result<()> {
        let (key, activation, name) = match self.family.model_type {
            "phi" => {
                let epsilon = self.number("attention.layer_norm_epsilon")?;
                config.extend(entries([("layer_norm_eps", epsilon.into()), ("hidden_act", "gelu_new".into())]));
                return Ok(());
            }
            "gemma2" | "gemma3_text" => ("rms_norm_eps", "gelu_pytorch_tanh", "hidden_activation"),
            _ => ("rms_norm_eps", "silu", "hidden_act"),
        };
        config.insert(key.into(), self.number("attention.layer_norm_rms_epsilon")?.into());
        config.insert(name.into(), activation.into());
        Ok(())
    }

    fn rotary(&self, config: &mut Map<String, Value>, head: u32) -> Result<()> {
        let file = self.file;
        let theta = file.number(&file.key("rope.freq_base"))?.unwrap_or(10_000.0);
        config.insert("rope_theta".into(), theta.into());
        let turned = file.int(&file.key("rope.dimension_count"))?.unwrap_or(head);
        if matches!(self.family.model_type, "phi" | "phi3") && turned != head {
            config.insert("partial_rotary_factor".into(), (f64::from(turned) / f64::from(head)).into());
        } else if turned != head {
            let key = file.key("rope.dimension_count");
            return Err(file.error(format_args!("{key}: expected the width of a head, {head}, got {turned}")));
        }
        if let Some(scaling) = self.scaling(config, theta, head)? {
            config.insert("rope_scaling".into(), scaling);
        }
        Ok(())
    }

    fn scaling(&self, config: &mut Map<String, Value>, theta: f64, head: u32) -> Result<Option<Value>> {
        let file = self.file;
        let key = |name: &str| file.key(&format!("rope.scaling.{name}"));
        let original = file.int(&key("original_context_length"))?;
        if let Some((long, short)) = &self.seen.long_and_short {
            config.insert("original_max_position_embeddings".into(), original.into());
            return Ok(Some(json!({"rope_type": "longrope", "long_factor": long, "short_factor": short})));
        }
        if let Some(divisors) = &self.seen.divisors {
            if divisors.iter().all(|divisor| *divisor == 1.0) {
                return Ok(None);
            }
            let found = (divisors.len() == head as usize / 2).then(|| Llama3::of(divisors, theta)).flatten();
            let found = found.ok_or_else(|| {
                file.error("rope_freqs.weight: expected the scaling of Llama 3, got divisors that no settings give")
            })?;
            return Ok(Some(json!({
                "rope_type": "llama3",
                "factor": found.factor,
                "low_freq_factor": found.low,
                "high_freq_factor": found.high,
                "original_max_position_embeddings": found.original as u64,
            })));
        }
        let factor = match file.number(&key("factor"))? {
            Some(factor) => factor,
            None => file.number(&file.key("rope.scale_linear"))?.unwrap_or(1.0),
        };
        let mut scaling = match file.text(&key("type"))? {
            Some("none") => return Ok(None),
            None | Some("linear") if factor == 1.0 => return Ok(None),
            None | Some("linear") => return Ok(Some(json!({"rope_type": "linear", "factor": factor}))),
            Some("yarn") => json!({"rope_type": "yarn", "factor": factor}),
            Some(other) => {
                let key = key("type");
                return Err(file.error(format_args!("{key}: expected none, linear or yarn, got {other:?}")));
            }
        };
        if let Some(original) = original {
            scaling["original_max_position_embeddings"] = original.into();
        }
        for (here, there) in [("yarn_beta_fast", "beta_fast"), ("yarn_beta_slow", "beta_slow")] {
            if let Some(number) = file.number(&key(here))? {
                scaling[there] = number.into();
            }
        }
        Ok(Some(scaling))
    }

    /// Settings of one family only.
    fn own(&self, config: &mut Map<String, Value>, head: u32) -> Result<()> {
        let file = self.file;
        let window = file.int(&file.key("attention.sliding_window"))?.filter(|window| *window > 0);
        match self.family.model_type {
            "llama" => config.extend(entries([
                ("attention_bias", file.index("blk.0.attn_q.bias").is_some().into()),
                ("mlp_bias", file.index("blk.0.ffn_up.bias").is_some().into()),
            ])),
            "mistral" | "phi3" => config.extend(entries([("sliding_window", window.into())])),
            "qwen3" => config.extend(entries([("attention_bias", file.index("blk.0.attn_q.bias").is_some().into())])),
            "gemma2" => {
                config.extend(entries([
                    ("sliding_window", window.unwrap_or(4096).into()),
                    ("attn_logit_softcapping", self.number_or("attn_logit_softcapping", 50.0)?.into()),
                    ("final_logit_softcapping", self.number_or("final_logit_softcapping", 30.0)?.into()),
                    ("query_pre_attn_scalar", self.query_scalar(config, head, 46)?),
                    ("layer_types", self.layer_types(config, 2)?),
                ]));
            }
            "gemma3_text" => {
                let local = file.number(&file.key("rope.freq_base_swa"))?.unwrap_or(10_000.0);
                config.extend(entries([
                    ("sliding_window", window.unwrap_or(1024).into()),
                    ("rope_local_base_freq", local.into()),
                    ("query_pre_attn_scalar", self.query_scalar(config, head, 62)?),
                    ("layer_types", self.layer_types(config, 6)?),
                ]));
            }
            _ => {}
        }
        Ok(())
    }

    /// What scores of attention are divided by, squared. llama.cpp's rule: the width of a head, except in the largest
    /// model, which is known by its layers.
    fn query_scalar(&self, config: &Map<String, Value>, head: u32, layers_of_largest: u64) -> Result<Value> {
        if let Some(scale) = self.file.number(&self.file.key("attention.scale"))?.filter(|scale| *scale > 0.0) {
            let scalar = 1.0 / (scale * scale);
            let is_whole = (scalar - scalar.round()).abs() < 1e-3;
            return Ok(if is_whole { (scalar.round() as u64).into() } else { scalar.into() });
        }
        let size = |key: &str| config.get(key).and_then(Value::as_u64).unwrap_or(0);
        let is_largest = size("num_hidden_layers") == layers_of_largest;
        let of_largest = size("hidden_size").checked_div(size("num_attention_heads"));
        Ok(of_largest.filter(|_| is_largest).unwrap_or_else(|| head.into()).into())
    }

    /// The kind of each layer: every `period`-th attends to the whole text.
    fn layer_types(&self, config: &Map<String, Value>, usual: u32) -> Result<Value> {
        let file = self.file;
        let layers = config.get("num_hidden_layers").and_then(Value::as_u64).unwrap_or(0);
        let name = |is_window: bool| if is_window { "sliding_attention" } else { "full_attention" };
        let key = file.key("attention.sliding_window_pattern");
        if let Ok(Some(pattern)) = file.bools(&key) {
            return match pattern.len() as u64 == layers {
                true => Ok(pattern.into_iter().map(name).collect()),
                false => Err(file.error(format_args!("{key}: expected {layers} layers, got {}", pattern.len()))),
            };
        }
        let period = u64::from(file.int(&key)?.unwrap_or(usual));
        Ok((1..=layers).map(|layer| name(period == 0 || layer % period != 0)).collect())
    }

    fn int(&self, name: &str) -> Result<u32> {
        self.file.required(&self.file.key(name), GgufFile::int)
    }

    fn number(&self, name: &str) -> Result<f64> {
        self.file.required(&self.file.key(name), GgufFile::number)
    }

    fn number_or(&self, name: &str, default: f64) -> Result<f64> {
        Ok(self.file.number(&self.file.key(name))?.unwrap_or(default))
    }
}

fn entries<const N: usize>(entries: [(&str, Value); N]) -> impl Iterator<Item = (String, Value)> {
    entries.map(|(key, value)| (key.to_owned(), value)).into_iter()
}
