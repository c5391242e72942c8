//! The plugins of a run: what they are, and what they did.

use super::cells::{Maker, grouped};
use super::source::{Locked, Source};
use crate::text::NONE;
use trainyard_page::{Block, Section};
use trainyard_report::{PluginReport, bytes, duration};

/// The section of plugins; none where nothing is known of them.
pub fn section(source: &Source) -> Option<Section> {
    let blocks: Vec<Block> = [did(source), are(&source.plugins)].into_iter().flatten().collect();
    (!blocks.is_empty()).then(|| Section { heading: "Plugins".to_owned(), blocks, ..Section::default() })
}

/// What the plugins did and cost.
fn did(source: &Source) -> Option<Block> {
    let mut table = Maker::new("What they did").texts(&["plugin", "place", "form"]);
    table = table.numbers(&["calls", "items", "data", "time", "errors", "skipped", "restarts"]);
    for plugin in &source.history.plugins {
        let PluginReport { name, place, backend, calls, items, seconds, errors, skipped, restarts, .. } = plugin;
        let mut row = vec![name.clone(), place.to_string(), backend.clone(), grouped(*calls), some(*items, grouped)];
        row.extend([some(plugin.bytes, |n| bytes(n as f64)), time(*seconds)]);
        row.extend([errors, skipped, restarts].map(|n| some(*n, grouped)));
        table.row(row);
    }
    if source.history.plugins.iter().all(|plugin| plugin.errors + plugin.skipped + plugin.restarts == 0) {
        table.note("No errors, nothing skipped, no restarts.");
    }
    let all = if source.history.headers.len() > 1 { "of all processes that came to their end, " } else { "" };
    table.note(format!(
        "Calls {all}in training and evaluation, their time over all threads. Preparing the data is not in it."
    ));
    table.drop_empty(&[NONE]);
    (!table.is_empty()).then(|| table.block())
}

/// A count, or what stands for none.
fn some(n: u64, written: impl Fn(u64) -> String) -> String {
    if n == 0 { NONE.to_owned() } else { written(n) }
}

/// `15.9 µs`, `12.1 ms`, `4.2 s`, `3m 05s`
fn time(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 1e-3 => format!("{:.1} µs", 1e6 * seconds),
        seconds if seconds < 1.0 => format!("{:.1} ms", 1e3 * seconds),
        seconds if seconds < 60.0 => format!("{seconds:.1} s"),
        seconds => duration(seconds),
    }
}

/// What the plugins are.
fn are(plugins: &[Locked]) -> Option<Block> {
    let mut table =
        Maker::new("What they are").texts(&["plugin", "place", "version", "form", "settings", "may open", "sha256"]);
    for plugin in plugins {
        let Locked { place, name, version, backend, sha256, settings, allow } = plugin.clone();
        table.row([name, place, version, backend, settings, allow.join(", "), sha256]);
    }
    table.note("A plugin without a sha256 is built into the program.");
    table.drop_empty(&[""]);
    (!table.is_empty()).then(|| table.block())
}
