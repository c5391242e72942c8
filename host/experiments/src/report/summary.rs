//! What a run is and how far it is.

use super::cells::{counted, facts, grouped, measured, shortened, time};
use super::source::Source;
use crate::log::LOSS;
use crate::runs::{BITS_PER_BYTE, State};
use crate::settings;
use crate::text::number;
use trainyard_page::{Block, Section};
use trainyard_report::{MetricValue, count, duration};

/// Warnings that are shown.
const MAX_WARNINGS: usize = 20;

/// The line below the title: state, steps, when and where.
pub fn subtitle(source: &Source) -> String {
    let mut parts = vec![progress(source)];
    let headers = &source.history.headers;
    let ended = source.log.end.as_ref().map(|end| time(&end.ended));
    let started = headers.first().map(|header| time(&header.started)).filter(|time| !time.is_empty());
    match (started, ended) {
        (Some(started), Some(ended)) => parts.push(span(&started, &ended)),
        (Some(started), None) => parts.push(format!("since {started}")),
        (None, Some(ended)) => parts.push(format!("ended {ended}")),
        (None, None) => {}
    }
    if let Some(header) = headers.last().filter(|header| !header.host.is_empty()) {
        parts.push(format!("on {}", header.host));
    }
    parts.join(", ")
}

/// `done: 320 steps in 2m 13s`, `interrupted: 137 of 320 steps in 51s`
pub fn progress(source: &Source) -> String {
    let (step, log) = (source.log.step, &source.log);
    let steps = match source.steps() {
        Some(steps) if steps != step => format!("{} of {}", grouped(step), counted(steps, "step")),
        _ => counted(step, "step"),
    };
    let seconds = log.seconds.map(|seconds| format!(" in {}", duration(seconds))).unwrap_or_default();
    format!("{}: {steps}{seconds}", source.state)
}

/// `2026-11-30 03:14 to 03:16 UTC`
fn span(first: &str, last: &str) -> String {
    let start = first.strip_suffix(" UTC").filter(|_| last.ends_with(" UTC")).unwrap_or(first);
    match (first.split_once(' '), last.split_once(' ')) {
        (Some((a, _)), Some((b, time))) if a == b => format!("{start} to {time}"),
        _ => format!("{start} to {last}"),
    }
}

/// The first section: what is wrong, what counts, and what the run is.
pub fn section(source: &Source) -> Section {
    let mut blocks = notices(source);
    blocks.push(facts(results(source)));
    blocks.push(facts(identity(source)));
    let note = source.setting("run.note").unwrap_or_default();
    Section { heading: "Summary".to_owned(), text: note, blocks }
}

fn notices(source: &Source) -> Vec<Block> {
    let mut lines = source.problems.clone();
    if let Some(reason) = source.log.failure().filter(|_| source.state == State::Failed) {
        lines.push(format!("the run failed after step {}: {reason}", grouped(source.log.step)));
    }
    if let Some(first) = source.log.first_broken {
        let n = counted(source.log.n_broken as u64, "line");
        lines.push(format!("metrics.jsonl: {n} cannot be read as a record, the first is line {first}"));
    }
    let mut warnings: Vec<(u64, &str, u64)> = Vec::new();
    for (step, warning) in &source.history.warnings {
        match warnings.iter_mut().find(|(_, known, _)| known == warning) {
            Some((.., times)) => *times += 1,
            None => warnings.push((*step, warning, 1)),
        }
    }
    for (step, warning, times) in warnings.iter().take(MAX_WARNINGS) {
        let times = if *times > 1 { format!(", {} times in all", grouped(*times)) } else { String::new() };
        lines.push(format!("after step {}{times}: {warning}", grouped(*step)));
    }
    if warnings.len() > MAX_WARNINGS {
        lines.push(format!("{} more warnings are in metrics.jsonl", grouped((warnings.len() - MAX_WARNINGS) as u64)));
    }
    lines.extend(source.log.report.iter().flat_map(|last| last.report.faults.iter().cloned()));
    lines.into_iter().map(Block::Notice).collect()
}

/// What counts: the results, and what they cost.
fn results(source: &Source) -> Vec<(&'static str, Option<String>)> {
    let (log, history) = (&source.log, &source.history);
    let wait = log.seconds.filter(|seconds| *seconds > 0.0 && log.step > 0);
    let wait = wait.map(|seconds| format!("{:.2} % of the time", history.wait_ms / 10.0 / seconds));
    let tokens = log.tokens.map(|tokens| match history.epochs {
        Some(epochs) => format!("{} ({epochs:.2} epochs)", grouped(tokens)),
        None => grouped(tokens),
    });
    vec![
        ("test", main(log.report.as_ref().map(|last| last.report.test.as_slice()))),
        ("validation", main(log.report.as_ref().map(|last| last.report.validation.as_slice()))),
        ("best validation while training", best(source)),
        ("tokens trained on", tokens),
        ("tokens per second", log.tokens_per_second().map(count)),
        ("waiting for data", wait.filter(|_| !history.headers.is_empty())),
    ]
}

/// The number that stands for all: bits per byte, or else the first.
fn main(metrics: Option<&[MetricValue]>) -> Option<String> {
    let metrics = metrics?;
    let main = metrics.iter().find(|metric| metric.name == BITS_PER_BYTE).or_else(|| metrics.first())?;
    let what = if main.unit.is_empty() { &main.name } else { &main.unit };
    Some(format!("{} {what}", number(main.value)))
}

fn best(source: &Source) -> Option<String> {
    let best = source.log.best.as_ref()?;
    let loss = best.values.get(LOSS).copied();
    Some(format!("loss {} after step {}", measured(loss), grouped(best.step)))
}

/// What was trained, with what and where.
fn identity(source: &Source) -> Vec<(&'static str, Option<String>)> {
    let header = source.log.header.as_ref();
    let plugin = |place: &str| source.plugins.iter().find(|plugin| plugin.place == place).map(|p| p.name.clone());
    let known = |n: usize| (n > 0).then(|| grouped(n as u64));
    let vocabulary = header.and_then(|header| known(header.vocabulary)).map(|n| format!("{n} tokens"));
    let tokenizer = [plugin("tokenizer"), vocabulary].into_iter().flatten().collect::<Vec<_>>().join(", ");
    let rate = source.setting("optimizer.lr").map(|rate| format!("learning rate {rate}"));
    let optimizer = [source.setting("optimizer.kind"), rate].into_iter().flatten().collect::<Vec<_>>().join(", ");
    let device = header.map(|header| match header.threads {
        0 => header.device.clone(),
        threads => format!("{}, {}", header.device, counted(threads as u64, "thread")),
    });
    let program = header.filter(|header| !header.version.is_empty());
    let program = program.map(|header| format!("trainyard {} ({})", header.version, header.commit));
    let digests = header.map(|header| &header.digests);
    let tags = source.settings.get("run.tags").map(|tags| settings::texts(tags).join(", "));
    vec![
        ("parameters", header.and_then(|header| known(header.parameters))),
        ("model", plugin("model")),
        ("tokenizer", Some(tokenizer)),
        ("loss", plugin("loss")),
        ("optimizer", Some(optimizer)),
        ("tokens per step", header.and_then(|header| known(header.tokens_per_step as usize))),
        ("device", device),
        ("precision", source.setting("train.precision")),
        ("seed", source.setting("run.seed")),
        ("program", program),
        ("tags", tags),
        ("data digest", digests.and_then(|digests| shortened(&digests.data))),
        ("config sha256", digests.and_then(|digests| shortened(&digests.config))),
        ("plugins sha256", digests.and_then(|digests| shortened(&digests.plugins))),
    ]
}
