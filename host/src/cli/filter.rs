//! `trainyard filter`: JSON lines in, verdicts out, in the same order and as they come.

use super::output::{Outcome, Stop, stdout};
use super::settings::PluginArgs;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::io::{self, BufReader, BufWriter, Write};
use trainyard::corpus::{InvalidLines, InvalidUtf8, JsonLine, JsonLines, SourceConfig};
use trainyard::plugin::Plugin;
use trainyard::{Error, Result};
use trainyard_plugin::{Filter, Kind, Verdict};

/// Judge documents with a filter plugin, one verdict per line
///
/// Reads JSON lines on stdin, {"text": "...", "id": ...}, as `prepare` reads those of a file; the id may be any value,
/// and is the number of the line if there is none. Writes one JSON line per document, in the same order: id, keep,
/// reason, score, text if it was rewritten, spans (pairs of byte offsets) if there are any.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard filter --plugin gopher-quality < in.jsonl > verdicts.jsonl
  trainyard filter --plugin length --config 'min_words = 50' < in.jsonl | grep '\"keep\":false'
  trainyard filter --plugin target/plugins/length.wasm --config length.toml < in.jsonl")]
pub struct FilterArgs {
    #[command(flatten)]
    pub plugin: PluginArgs,
    /// What to do with a line that holds no document: stop, or skip it and say so at the end
    #[arg(long, value_enum, default_value = "error")]
    pub invalid_lines: LinePolicy,
    /// What to do with invalid Unicode: stop, replace it with U+FFFD, or drop the line
    #[arg(long, value_enum, default_value = "error")]
    pub invalid_utf8: Utf8Policy,
}

/// `--invalid-lines`, as `data.source.invalid_lines`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LinePolicy {
    Error,
    Skip,
}

/// `--invalid-utf8`, as `data.source.invalid_utf8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Utf8Policy {
    Error,
    Replace,
    Drop,
}

impl FilterArgs {
    /// How the lines are read.
    pub fn source(&self) -> SourceConfig {
        let mut source = SourceConfig::new("stdin");
        source.invalid_lines = match self.invalid_lines {
            LinePolicy::Error => InvalidLines::Error,
            LinePolicy::Skip => InvalidLines::Skip,
        };
        source.invalid_utf8 = match self.invalid_utf8 {
            Utf8Policy::Error => InvalidUtf8::Error,
            Utf8Policy::Replace => InvalidUtf8::Replace,
            Utf8Policy::Drop => InvalidUtf8::Drop,
        };
        source
    }
}

/// A call into a sandbox costs microseconds: some hundred documents share it, but not more than a few megabytes.
const BATCH_DOCUMENTS: usize = 256;
const BATCH_BYTES: usize = 4 << 20;

/// A line of the output, without its id.
#[derive(Serialize)]
struct Line<'a> {
    keep: bool,
    reason: &'a str,
    score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: &'a Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    spans: Vec<[u32; 2]>,
}

pub fn run(args: &FilterArgs) -> Outcome {
    let mut filter = Plugin::open(&args.plugin.to_config()?, Kind::Filter)?.filter()?;
    let source = args.source();
    let mut input = JsonLines::new("stdin", Box::new(BufReader::new(io::stdin())), &source)?;
    let mut output = BufWriter::new(stdout());
    if filter.two_pass() {
        // Such a filter sees the whole corpus before its first verdict, so that stdin must fit in memory.
        let mut batches = Vec::new();
        while let Some(batch) = next_batch(&mut input)? {
            filter.observe(&texts(&batch)).map_err(Error::from)?;
            batches.push(batch);
        }
        batches.iter().try_for_each(|batch| judge(filter.as_mut(), batch, &mut output))?;
    } else {
        while let Some(batch) = next_batch(&mut input)? {
            judge(filter.as_mut(), &batch, &mut output)?;
        }
    }
    if let Some(left_out) = input.left_out() {
        tracing::warn!("{left_out}");
    }
    Ok(())
}

/// The next documents; none at the end.
fn next_batch(input: &mut JsonLines<'_>) -> Result<Option<Vec<JsonLine>>> {
    let (mut batch, mut n_bytes) = (Vec::new(), 0);
    while batch.len() < BATCH_DOCUMENTS && n_bytes < BATCH_BYTES {
        let Some(document) = input.read()? else { break };
        n_bytes += document.text.len();
        batch.push(document);
    }
    Ok((!batch.is_empty()).then_some(batch))
}

fn judge(filter: &mut dyn Filter, batch: &[JsonLine], output: &mut impl Write) -> Outcome {
    let verdicts = filter.judge(&texts(batch)).map_err(Error::from)?;
    for (document, Verdict { keep, reason, score, text, spans }) in batch.iter().zip(&verdicts) {
        let spans = spans.iter().map(|span| [span.start, span.end]).collect();
        let line = Line { keep: *keep, reason, score: *score, text, spans };
        let line = serde_json::to_string(&line).map_err(|error| Stop::output(error.into()))?;
        // an id is given back with all its digits
        let number = document.number.to_string();
        let id = document.id.as_ref().unwrap_or(&number);
        writeln!(output, "{{\"id\":{id},{}", &line[1..]).map_err(Stop::output)?;
    }
    output.flush().map_err(Stop::output)
}

fn texts(batch: &[JsonLine]) -> Vec<&str> {
    batch.iter().map(|document| document.text.as_str()).collect()
}
