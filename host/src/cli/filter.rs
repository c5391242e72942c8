//! `trainyard filter`: JSON lines in, verdicts out, in the same order and as they come.

use super::args::FilterArgs;
use super::output::{Outcome, Stop, stdout};
use serde::Serialize;
use std::io::{self, BufReader, BufWriter, Write};
use trainyard::corpus::{JsonLine, JsonLines};
use trainyard::plugin::Plugin;
use trainyard::{Error, Result};
use trainyard_plugin::{Filter, Kind, Verdict};

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
