//! Text that is measured at every validation besides the held-out text: what a run that continues another may forget.

use super::batches::validation_batches;
use crate::Result;
use crate::corpus::SourceConfig;
use crate::eval::{Evaluator, mark_lossy};
use crate::feed::tasks::Task;
use crate::feed::{Dataset, RawText, raw_source, raw_text};
use crate::model::Model;
use crate::report::Validation;
use crate::run::{DataPlugins, RunConfig, RunTask};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// A file, or a folder, of such text.
pub struct Watched {
    /// Its name in records and lines.
    pub name: String,
    text: RawText,
    task: Arc<dyn Task>,
    /// Where its tokens are.
    _scratch: TempDir,
}

impl Watched {
    /// Tokenizes the texts of `train.watch`. They are read as the first source is, and nothing filters them.
    ///
    /// # Errors
    /// A file that cannot be read or holds no text, whatever the tokenizer reports.
    pub fn open(config: &RunConfig, plugins: &DataPlugins, data: &Dataset, task: &RunTask) -> Result<Vec<Self>> {
        let like = config.data.like(Path::new("text"));
        let of = |path: &std::path::PathBuf| Self::of(config, plugins, data, task, raw_source(path, &like)?);
        config.train.watch.iter().map(of).collect()
    }

    fn of(
        config: &RunConfig,
        plugins: &DataPlugins,
        data: &Dataset,
        task: &RunTask,
        source: SourceConfig,
    ) -> Result<Self> {
        let failed = |error| crate::Error::run(format!("cannot make a temporary folder: {error}"));
        let scratch = tempfile::tempdir().map_err(failed)?;
        let encoding = config.task.encoding(config.tokenizer_folder())?;
        let (name, tokenizer) = (source.name.clone(), plugins.trained_tokenizer(config));
        let text = raw_text(vec![source], encoding.as_ref(), &tokenizer, &data.tokenizer.model, scratch.path())
            .map_err(|error| error.context("train.watch"))?;
        let task = task.of(&text.names)?;
        Ok(Self { name, text, task, _scratch: scratch })
    }

    /// Measures the model after step `step`, on as many batches as a validation reads.
    ///
    /// # Errors
    /// A model or a metric that fails.
    pub fn measure(
        &self,
        config: &RunConfig,
        data: &Dataset,
        model: &mut Model,
        evaluator: &Evaluator,
        step: u64,
    ) -> Result<Validation> {
        let (batches, extent) = validation_batches(config, (&self.text.shard, self.task.as_ref()), data)?;
        let mut values = evaluator.evaluate(model, batches, step)?;
        let lossy = self.text.report.held_out.as_ref().is_some_and(|text| text.lossy_documents > 0);
        mark_lossy(&mut values, lossy);
        Ok(Validation::new(step, extent, &values, lossy))
    }
}
