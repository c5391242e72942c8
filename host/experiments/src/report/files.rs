//! What a run's folder holds: the config, the checkpoints, the processes that trained.

use super::ReportOptions;
use super::cells::{Maker, grouped, time};
use super::source::Source;
use serde_json::Value;
use trainyard_page::{Block, Code, Section};
use trainyard_report::bytes;

/// The section of the config: what was changed, and all of it.
pub fn config(source: &Source, options: &ReportOptions) -> Option<Section> {
    let mut blocks = Vec::new();
    if let Some(changed) = &options.changed {
        let mut table = Maker::new("Settings that differ from the defaults").texts(&["setting", "value"]);
        changed.iter().for_each(|(key, value)| table.row([key.clone(), value.clone()]));
        blocks.extend((!table.is_empty()).then(|| table.block()));
    }
    let mut set: Vec<&String> = Vec::new();
    for entry in source.history.headers.iter().flat_map(|header| &header.set) {
        // a process that resumes is told the same
        if !set.contains(&entry) {
            set.push(entry);
        }
    }
    if !set.is_empty() {
        let mut table = Maker::new("Set on the command line").texts(&["setting", "value"]);
        for entry in set {
            let (key, value) = entry.split_once('=').unwrap_or((entry, ""));
            table.row([key.to_owned(), value.to_owned()]);
        }
        blocks.push(table.block());
    }
    if !source.config.is_empty() {
        let text = source.config.clone();
        blocks.push(Block::Code(Code { title: "config.toml: every setting".to_owned(), text }));
    }
    (!blocks.is_empty()).then(|| Section { heading: "Config".to_owned(), blocks, ..Section::default() })
}

/// The section of checkpoints; none where there is none.
pub fn checkpoints(source: &Source) -> Option<Section> {
    let ended = source.log.end.as_ref().and_then(|end| end.best).map(|best| best.step);
    let best = ended.or(source.log.best.as_ref().map(|best| best.step));
    let last = source.checkpoints.iter().rfind(|own| own.name.starts_with("step-")).map(|own| own.step);
    let mut table = Maker::new("Kept on disk").texts(&["checkpoint"]).numbers(&["step", "size"]).texts(&["which"]);
    for checkpoint in &source.checkpoints {
        let is_step = checkpoint.name.starts_with("step-");
        let is = |step: Option<u64>| is_step && step == Some(checkpoint.step);
        let marks = [
            (checkpoint.is_best || is(best), "best validation"),
            (is(last), "last"),
            (is(source.model_step()), "the run's model, measured above"),
            (!is_step, "the state before a step that failed"),
        ];
        let which: Vec<&str> = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
        let size = bytes(checkpoint.bytes as f64);
        table.row([checkpoint.name.clone(), grouped(checkpoint.step), size, which.join(", ")]);
    }
    let blocks = vec![table.block()];
    let heading = "Checkpoints".to_owned();
    (!source.checkpoints.is_empty()).then(|| Section { heading, blocks, ..Section::default() })
}

/// The section of what makes the run: processes, and digests in full.
pub fn origin(source: &Source) -> Option<Section> {
    let headers = &source.history.headers;
    let is_changed = headers.last()?.commit.ends_with('+');
    let mut processes = Maker::new("Processes").texts(&["started"]).numbers(&["at step"]);
    processes = processes.texts(&["machine", "device"]).numbers(&["threads"]).texts(&["program", "commit"]);
    for header in headers {
        let threads = if header.threads > 0 { grouped(header.threads as u64) } else { String::new() };
        let (host, device) = (header.host.clone(), header.device.clone());
        let (version, commit) = (header.version.clone(), header.commit.clone());
        processes.row([time(&header.started), grouped(header.step), host, device, threads, version, commit]);
    }
    if is_changed {
        processes.note("A commit with + had other changes besides.");
    }
    let mut digests = Maker::new("Digests").texts(&["of", "digest"]);
    for (of, digest) in all_digests(source) {
        digests.row([of, digest]);
    }
    let mut blocks = vec![processes.block()];
    blocks.extend((!digests.is_empty()).then(|| digests.block()));
    Some(Section { heading: "Origin".to_owned(), blocks, ..Section::default() })
}

/// Digests in full, with what they are of.
fn all_digests(source: &Source) -> Vec<(String, String)> {
    let mut all = Vec::new();
    if let Some(header) = &source.log.header {
        all.push(("config.toml, sha256".to_owned(), header.digests.config.clone()));
        all.push(("plugins.lock, sha256".to_owned(), header.digests.plugins.clone()));
        all.push(("prepared data, XXH3-128".to_owned(), header.digests.data.clone()));
    }
    let tokenizer = source.data.get("tokenizer").and_then(|own| own.get("model_sha256")).and_then(Value::as_str);
    all.push(("tokenizer's model, sha256".to_owned(), tokenizer.unwrap_or_default().to_owned()));
    for (split, text) in source.log.report.iter().flat_map(|last| last.report.texts.iter().rev()) {
        all.push((format!("{split} text, sha256"), text.digest.clone().unwrap_or_default()));
    }
    all.retain(|(_, digest)| !digest.is_empty());
    all
}
