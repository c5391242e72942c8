//! `trainyard filter`: JSON lines in, verdicts out, in the same order and as they come.

use super::args::FilterArgs;
use super::output::{Outcome, Stop, stdout};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::{self, BufRead, BufWriter, Write};
use trainyard::plugin::Plugin;
use trainyard::{Error, Result};
use trainyard_plugin::{Filter, Kind, Verdict};

/// A call into a sandbox costs microseconds: some hundred documents share it, but not more than a few megabytes.
const BATCH_DOCUMENTS: usize = 256;
const BATCH_BYTES: usize = 4 << 20;

/// A line of the input; other fields are not looked at.
#[derive(Deserialize)]
struct Document {
    id: Option<Value>,
    text: String,
}

/// A line of the output.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a Value,
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
    let mut input = Input { lines: io::stdin().lock(), n_lines: 0 };
    let mut output = BufWriter::new(stdout());
    if filter.two_pass() {
        // Such a filter sees the whole corpus before its first verdict, so that stdin must fit in memory.
        let mut batches = Vec::new();
        while let Some(batch) = input.batch()? {
            filter.observe(&texts(&batch)).map_err(Error::from)?;
            batches.push(batch);
        }
        return batches.iter().try_for_each(|batch| judge(filter.as_mut(), batch, &mut output));
    }
    while let Some(batch) = input.batch()? {
        judge(filter.as_mut(), &batch, &mut output)?;
    }
    Ok(())
}

fn judge(filter: &mut dyn Filter, batch: &[Document], output: &mut impl Write) -> Outcome {
    let verdicts = filter.judge(&texts(batch)).map_err(Error::from)?;
    for (document, Verdict { keep, reason, score, text, spans }) in batch.iter().zip(&verdicts) {
        let id = document.id.as_ref().unwrap_or(&Value::Null);
        let spans = spans.iter().map(|span| [span.start, span.end]).collect();
        let line = Line { id, keep: *keep, reason, score: *score, text, spans };
        serde_json::to_writer(&mut *output, &line).map_err(|error| Stop::output(error.into()))?;
        output.write_all(b"\n").map_err(Stop::output)?;
    }
    output.flush().map_err(Stop::output)
}

fn texts(batch: &[Document]) -> Vec<&str> {
    batch.iter().map(|document| document.text.as_str()).collect()
}

struct Input<R> {
    lines: R,
    n_lines: u64,
}

impl<R: BufRead> Input<R> {
    /// The next documents; none at the end.
    fn batch(&mut self) -> Result<Option<Vec<Document>>> {
        let (mut batch, mut n_bytes) = (Vec::new(), 0);
        while batch.len() < BATCH_DOCUMENTS && n_bytes < BATCH_BYTES {
            let Some(document) = self.document()? else { break };
            n_bytes += document.text.len();
            batch.push(document);
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    fn document(&mut self) -> Result<Option<Document>> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let n_read = self.lines.read_until(b'\n', &mut line);
            if n_read.map_err(|error| Error::run(format!("stdin: cannot read: {error}")))? == 0 {
                return Ok(None);
            }
            self.n_lines += 1;
            if !line.trim_ascii().is_empty() {
                break;
            }
        }
        let mut document: Document = serde_json::from_slice(line.trim_ascii_end()).map_err(|error| {
            let expected = r#"expected a JSON object {"text": "..."} in UTF-8"#;
            // The parser ends its message with a place in the line, as if the line were a file.
            let text = error.to_string();
            let reason = text.split(" at line ").next().unwrap_or(&text);
            Error::run(format!("stdin:{}:{}: {expected}: {reason}", self.n_lines, error.column()))
        })?;
        document.id.get_or_insert_with(|| self.n_lines.into());
        Ok(Some(document))
    }
}
