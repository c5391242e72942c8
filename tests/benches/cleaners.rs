//! Megabytes per second of the cleaners and word filters, on documents of 4000 bytes cut from a text, by processor time
//! of one thread. `peers/cleaners_speed.py` compares it with other programs.
//!
//! ```sh
//! cargo bench -p trainyard-tests --bench cleaners -- FILE
//! ```
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails by panicking")]

use trainyard::plugin::{Plugin, PluginConfig};
use trainyard_plugin::Kind;

const DOCUMENT_BYTES: usize = 4000;
/// The least processor time of a measurement.
const SECONDS: f64 = 1.0;

const CASES: [(&str, &str); 17] = [
    ("unicode", ""),
    ("unicode", "form = \"nfkc\""),
    ("mojibake", ""),
    ("newlines", ""),
    ("unwrap-lines", ""),
    ("html-entities", ""),
    ("citations", ""),
    ("pii", ""),
    ("length", "min_chars = 1\nmin_words = 1\nmin_lines = 1"),
    ("length", "min_words = 1\nwords = \"unicode\""),
    ("language", "languages = [\"en\", \"zh\"]"),
    ("stop-words", ""),
    ("stop-words", "language = \"zh\""),
    ("stop-words", "mode = \"remove\""),
    ("rare-terms", ""),
    ("word-statistics", "min_entropy = 0.1"),
    ("badwords", "list = [\"darn\", \"heck\", \"holy cow\"]"),
];

fn main() {
    let file = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let text = std::fs::read_to_string(file.expect("a file of text")).unwrap();
    let documents = cut(&text);
    for (name, settings) in CASES {
        let config = PluginConfig { config: settings.parse().unwrap(), ..PluginConfig::new(name) };
        let mut filter = Plugin::open(&config, Kind::Filter).unwrap().filter().unwrap();
        if filter.two_pass() {
            filter.observe(&documents).unwrap();
        }
        let verdicts = filter.judge(&documents).unwrap();
        let (kept, rewritten) = (
            verdicts.iter().filter(|verdict| verdict.keep).count(),
            verdicts.iter().filter(|verdict| verdict.text.is_some()).count(),
        );
        let (begun, mut rounds) = (processor_seconds(), 0);
        while processor_seconds() - begun < SECONDS {
            filter.judge(&documents).unwrap();
            rounds += 1;
        }
        let speed = (text.len() * rounds) as f64 / 1e6 / (processor_seconds() - begun);
        let settings = settings.replace('\n', ", ");
        println!("{name}\t{speed:.0}\t{kept} of {} kept, {rewritten} rewritten\t{settings}", documents.len());
    }
}

fn cut(text: &str) -> Vec<&str> {
    let mut documents = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (document, tail) = rest.split_at(rest.ceil_char_boundary(DOCUMENT_BYTES.min(rest.len())));
        documents.push(document);
        rest = tail;
    }
    documents
}

/// User and system time of this process, as Linux counts it: in hundredths of a second.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}
