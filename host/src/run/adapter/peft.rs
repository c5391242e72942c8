//! An adapter in a checkpoint, in the form of PEFT.

use super::{Adapted, AdapterConfig};
use crate::formats::peft::{ADAPTER, ADAPTER_CONFIG, PREFIX, PeftConfig, QUANTIZED, check_base};
use crate::model::Params;
use crate::ops::Tensor;
use crate::run::checkpoint::{Reader, Writer};
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::path::Path;

/// Writes the trained parameters and what they are into a checkpoint. The model's own are in the folder `base`.
///
/// # Errors
/// A file that cannot be written.
pub fn write(
    writer: &mut Writer,
    (config, adapted): (&AdapterConfig, &Adapted),
    base: &Path,
    params: &Params,
) -> Result<()> {
    let named: Vec<(String, &Tensor)> = params
        .iter()
        .filter(|(name, _)| adapted.trained.contains(*name))
        .map(|(name, param)| (format!("{PREFIX}{name}"), &param.value))
        .collect();
    writer.tensors(ADAPTER, named.iter().map(|(name, tensor)| (name.as_str(), *tensor)))?;
    if let Some(quantized) = params.quantized() {
        writer.json(QUANTIZED, quantized)?;
    }
    writer.json(ADAPTER_CONFIG, &describe(config, adapted, base))
}

/// `adapter_config.json` of an adapter. Layers are named in full: a pattern may be understood in several ways.
fn describe(config: &AdapterConfig, adapted: &Adapted, base: &Path) -> PeftConfig {
    let layers = &adapted.layers;
    // a name is read as a regular expression
    let key = |name: &str| name.replace('.', "\\.");
    let module = |name: &String| name.rsplit_once('.').map_or(name.as_str(), |(module, _)| module).to_owned();
    let mut saved: Vec<String> = adapted.trained.iter().filter(|name| !name.contains(".lora_")).map(module).collect();
    saved.dedup();
    PeftConfig {
        peft_type: "LORA".to_owned(),
        task_type: Some("CAUSAL_LM".to_owned()),
        base_model_name_or_path: Some(base.display().to_string()),
        r: config.rank,
        lora_alpha: config.alpha,
        lora_dropout: config.dropout,
        target_modules: Some(layers.iter().map(|(name, ..)| name.clone()).collect::<Vec<_>>().into()),
        modules_to_save: Some(saved).filter(|saved| !saved.is_empty()),
        rank_pattern: layers
            .iter()
            .filter(|(_, rank, _)| *rank != config.rank)
            .map(|(name, rank, _)| (key(name), *rank))
            .collect(),
        alpha_pattern: layers
            .iter()
            .filter(|(.., alpha)| *alpha != config.alpha)
            .map(|(name, _, alpha)| (key(name), *alpha))
            .collect(),
        use_rslora: config.rslora,
        use_dora: false,
        fan_in_fan_out: adapted.is_in_out,
        bias: "none".to_owned(),
        inference_mode: true,
    }
}

/// Takes the trained parameters back from a checkpoint.
///
/// # Errors
/// Tensors that cannot be read, are missing or do not fit.
pub fn restore(reader: &Reader, adapted: &Adapted, params: &Params) -> Result<()> {
    check_base(reader.folder())?;
    let own = |name: String| name.strip_prefix(PREFIX).unwrap_or(&name).to_owned();
    let mut tensors: BTreeMap<_, _> =
        reader.tensors(ADAPTER)?.into_iter().map(|(name, tensor)| (own(name), tensor)).collect();
    for name in &adapted.trained {
        let tensor = tensors.remove(name).ok_or_else(|| Error::run(format!("tensor {name} is missing")))?;
        params.set(name, &tensor)?;
    }
    match tensors.keys().next() {
        Some(name) => Err(Error::run(format!("tensor {name} does not belong to this adapter"))),
        None => Ok(()),
    }
}
