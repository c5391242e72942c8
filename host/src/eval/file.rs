//! `eval RUN --data FILE`: a run's model on any text.

use super::report::{baseline, mark_lossy, predicted, text_report, tokens, whole, written};
use super::run::{MeasuredRun, OpenOptions};
use super::sharing::{helping, read_alike};
use super::writing::Writing;
use crate::corpus::{DataConfig, SourceConfig};
use crate::feed::{RawText, raw_source, raw_text};
use crate::ranks::Group;
use crate::report::{EvalSummary, FileReport, FinalReport, Treatment};
use crate::run::RunPlugins;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Measures a run's checkpoint on the text of `files` (files, folders or patterns), all of it as it is: the run's
/// tokenizer sees it, its filters do not. `text_field` names the text in JSON lines and Parquet, where it is not named
/// as in the run's data. Of several `ranks` all call it, and the first one has the result.
///
/// # Errors
/// Files that cannot be read, or are others on a rank; whatever a plugin reports; a rank that is gone.
pub fn evaluate_files(
    root: &Path,
    options: &OpenOptions,
    files: &[PathBuf],
    text_field: Option<&str>,
    ranks: Option<&Group>,
) -> Result<Option<(EvalSummary, RunPlugins)>> {
    let mut run = MeasuredRun::open(root, options, ranks)?;
    let scratch =
        tempfile::tempdir().map_err(|error| Error::run(format!("cannot make a temporary folder: {error}")))?;
    let text = read(&run, files, text_field, scratch.path());
    let text = read_alike(text, ranks, |text| text.files.clone())?;
    let MeasuredRun { config, plugins, data, task: run_task, model, evaluator, checkpoint, .. } = &mut run;
    let task = run_task.of(&text.names)?;
    if let Some(group) = helping(ranks) {
        let batches = whole(config, (data, task.as_ref()), &text.shard)?;
        evaluator.contribute(model, batches, (checkpoint.step, true), group)?;
        return Writing { model, task: run_task, ranks: None }.serve(group).map(|()| None);
    }
    let mut faults = Vec::new();
    let shard = (&text.shard, checkpoint.step);
    let (mut values, documents) = tokens(config, (data, task.as_ref()), model, (evaluator, ranks), shard)?;
    let writing = Writing { model, task: run_task, ranks };
    values.extend(written(config, plugins, (data, &writing), &text.shard, &mut faults)?);
    Writing::finish(ranks)?;
    let predictions = predicted(config, (data, run_task), task.as_ref(), model, &text.shard)?;
    let names: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    let mut report = text_report(&text.report, Treatment::Raw, plugins);
    report.source = Some(names.join(", "));
    mark_lossy(&mut values, report.lossy);
    let data = text.files.into_iter().map(|(path, sha256)| FileReport { path, sha256 }).collect();
    let report = FinalReport {
        test: values,
        predictions: predictions.map(|report| ("test".to_owned(), report)).into_iter().collect(),
        texts: BTreeMap::from([("test".to_owned(), report)]),
        baseline: text.baseline.map(baseline),
        faults,
        documents: vec![("test".to_owned(), documents)],
        ..FinalReport::default()
    };
    Ok(Some(run.summary(data, report)))
}

/// All text of `files`, as tokens in the folder `scratch`.
fn read(run: &MeasuredRun, files: &[PathBuf], text_field: Option<&str>, scratch: &Path) -> Result<RawText> {
    let sources = sources(&run.config.data, files, text_field)?;
    let encoding = run.config.task.saved().encoding(Some(&run.checkpoint.folder))?;
    let tokenizer = run.plugins.data.trained_tokenizer(&run.config);
    raw_text(sources, encoding.as_ref(), &tokenizer, &run.data.tokenizer.model, scratch).map_err(named)
}

/// `files` as sources that are read as those of `data`, the run's: its held-out text, or else its first source.
pub(super) fn sources(data: &DataConfig, files: &[PathBuf], text_field: Option<&str>) -> Result<Vec<SourceConfig>> {
    let mut like = match (&data.held_out, data.source.first()) {
        (Some(held_out), _) => held_out.source.clone(),
        (None, Some(source)) => source.clone(),
        (None, None) => SourceConfig::new(PathBuf::new()),
    };
    if let Some(field) = text_field {
        like.text_field = field.to_owned();
    }
    files.iter().map(|file| raw_source(file, &like)).collect()
}

/// An error about a source, whose keys of a config are options here.
pub(super) fn named(error: Error) -> Error {
    let policy = ", or set data.source.invalid_lines to \"skip\"";
    error.reword(|message| message.replace("data.source.text_field", "--text-field").replace(policy, ""))
}
