//! `eval RUN --data FILE`: a run's model on any text.

use super::report::{baseline, mark_lossy, predicted, text_report, tokens, written};
use super::run::{MeasuredRun, OpenOptions};
use super::writing::Writing;
use crate::corpus::{DataConfig, SourceConfig};
use crate::feed::{raw_source, raw_text};
use crate::report::{EvalSummary, FileReport, FinalReport, Treatment};
use crate::run::RunPlugins;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Measures a run's checkpoint on the text of `files` (files, folders or patterns), all of it as it is: the run's
/// tokenizer sees it, its filters do not. `text_field` names the text in JSON lines and Parquet, where it is not named
/// as in the run's data.
///
/// # Errors
/// Files that cannot be read, whatever a plugin reports.
pub fn evaluate_files(
    root: &Path,
    options: &OpenOptions,
    files: &[PathBuf],
    text_field: Option<&str>,
) -> Result<(EvalSummary, RunPlugins)> {
    let mut run = MeasuredRun::open(root, options)?;
    let sources = sources(&run.config.data, files, text_field)?;
    let scratch =
        tempfile::tempdir().map_err(|error| Error::run(format!("cannot make a temporary folder: {error}")))?;
    let model = run.data.tokenizer.model.clone();
    let encoding = run.config.task.saved().encoding(Some(&run.checkpoint.folder))?;
    let text =
        raw_text(sources, encoding.as_ref(), &run.plugins.data.trained_tokenizer(&run.config), &model, scratch.path())
            .map_err(named)?;
    let MeasuredRun { config, plugins, data, task: run_task, model, evaluator, checkpoint, .. } = &mut run;
    let task = run_task.of(&text.names)?;
    let mut faults = Vec::new();
    let shard = (&text.shard, checkpoint.step);
    let (mut values, documents) = tokens(config, (data, task.as_ref()), model, (evaluator, None), shard)?;
    let writing = Writing { model, task: run_task, ranks: None };
    values.extend(written(config, plugins, (data, &writing), &text.shard, &mut faults)?);
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
    Ok(run.summary(data, report))
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
