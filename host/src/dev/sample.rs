//! Tries a plugin on a few documents.

use crate::Result;
use crate::loss::Program;
use crate::plugin::{Plugin, PluginConfig};
use std::collections::BTreeMap;
use trainyard_plugin::network::count;
use trainyard_plugin::{Filter, Graph, Kind, Model, Sizes, TextMetric, TextPair, Tokenizer};

/// Characters of a document that a line shows.
const SHOWN_CHARS: usize = 60;

/// Loads the plugin with the config's settings and returns what it makes of the documents, as lines.
///
/// # Errors
/// A plugin that cannot be loaded, and whatever it fails with.
pub fn run(config: &PluginConfig, kinds: &[Kind], documents: &[String]) -> Result<Vec<String>> {
    let plugin = Plugin::open_any(config, kinds)?;
    let texts: Vec<_> = documents.iter().map(String::as_str).collect();
    match plugin.identity().kind {
        Kind::Filter => filter(plugin.filter()?.as_mut(), &texts),
        Kind::Tokenizer => tokenizer(plugin.tokenizer()?.as_mut(), &texts),
        Kind::TextMetric => text_metric(plugin.text_metric()?.as_mut(), &texts),
        Kind::Loss => formula(&plugin, &plugin.loss()?.describe()?),
        Kind::Metric => formula(&plugin, &plugin.metric()?.describe()?),
        Kind::Model => network(plugin.model()?.as_ref()),
    }
}

fn filter(filter: &mut dyn Filter, texts: &[&str]) -> Result<Vec<String>> {
    if filter.two_pass() {
        filter.observe(texts)?;
    }
    let verdicts = filter.judge(texts)?;
    let mut reasons = BTreeMap::<&str, usize>::new();
    for verdict in verdicts.iter().filter(|verdict| !verdict.keep) {
        *reasons.entry(verdict.reason.as_str()).or_default() += 1;
    }
    let reasons: Vec<_> = reasons.iter().map(|(reason, n)| format!("{reason} {n}")).collect();
    let n_kept = verdicts.iter().filter(|verdict| verdict.keep).count();
    let n_rewritten = verdicts.iter().filter(|verdict| verdict.text.is_some()).count();
    let mut lines = vec![format!(
        "{n_kept} of {} documents kept, {n_rewritten} rewritten; dropped: {}",
        texts.len(),
        or_none(&reasons)
    )];
    for (verdict, text) in verdicts.iter().zip(texts).take(3) {
        let said = if verdict.keep { "keep" } else { "drop" };
        let score = verdict.score.map(|score| format!(" {score}")).unwrap_or_default();
        lines.push(format!("{said} {}{score}  {}", verdict.reason, shown(text)));
    }
    Ok(lines)
}

fn tokenizer(tokenizer: &mut dyn Tokenizer, texts: &[&str]) -> Result<Vec<String>> {
    tokenizer.observe(texts)?;
    let model = tokenizer.train()?;
    tokenizer.load(&model)?;
    let n_tokens = tokenizer.vocabulary()?.tokens.len();
    let batch = tokenizer.encode(texts)?;
    let decoded = tokenizer.decode(&batch)?;
    let n_bytes: usize = texts.iter().map(|text| text.len()).sum();
    let n_same = decoded.iter().zip(texts).filter(|(bytes, text)| bytes.as_slice() == text.as_bytes()).count();
    let first: Vec<_> = batch.ids.iter().take(12).map(u32::to_string).collect();
    Ok(vec![
        format!(
            "{n_tokens} tokens; {} bytes, {} ids, {:.2} bytes per token",
            n_bytes,
            batch.ids.len(),
            n_bytes as f64 / batch.ids.len() as f64
        ),
        format!("{n_same} of {} documents decode to themselves", texts.len()),
        format!("{}  {}", first.join(" "), shown(texts.first().unwrap_or(&""))),
    ])
}

fn text_metric(metric: &mut dyn TextMetric, texts: &[&str]) -> Result<Vec<String>> {
    let pairs: Vec<_> = texts.iter().map(|text| TextPair { hypothesis: text, references: vec![text] }).collect();
    metric.update(&pairs)?;
    let unit = metric.info()?.unit;
    Ok(vec![format!("{} {unit} over {} documents, each compared with itself", metric.value()?, texts.len())])
}

/// The formula, without the program that computes it.
fn formula(plugin: &Plugin, graph: &Graph) -> Result<Vec<String>> {
    let program = Program::compile(&[graph]).map_err(|error| error.context(plugin.culprit()))?;
    let explained = program.explain();
    Ok(explained.lines().take_while(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// Numbers of layers and parameters, for a small vocabulary.
fn network(model: &dyn Model) -> Result<Vec<String>> {
    let sizes = Sizes::new(1000, 64);
    let network = model.describe(&sizes)?;
    let (layers, blocks, n) = (network.layers.len(), network.blocks.len(), count(&network));
    Ok(vec![format!("{layers} layers in {blocks} blocks, {n} parameters for a vocabulary of {} tokens", sizes.vocab)])
}

fn or_none(parts: &[String]) -> String {
    if parts.is_empty() { "none".into() } else { parts.join(", ") }
}

/// The beginning of a text on one line.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).map(|char| if char.is_control() { ' ' } else { char }).collect()
}
