//! Text that is measured at every validation besides the held-out text: what a run that continues another may forget.

use super::batches::validation_batches;
use crate::corpus::{SourceConfig, Split};
use crate::eval::{Evaluator, mark_lossy};
use crate::feed::tasks::Task;
use crate::feed::{self, Dataset, Shard, raw_source, raw_text};
use crate::model::Model;
use crate::ranks::Group;
use crate::report::Validation;
use crate::run::{DataPlugins, RunConfig, RunFolder, RunTask, config_of};
use crate::{Error, Result};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// Such text, tokenized.
pub struct Watched {
    /// Its name in records and lines.
    pub name: String,
    shard: Shard,
    /// Whether the tokenizer loses some of it.
    lossy: bool,
    task: Arc<dyn Task>,
    /// Where the tokens of a file are.
    _scratch: Option<TempDir>,
}

impl Watched {
    /// Opens the texts of `train.watch`: files and folders of text, which are tokenized, read as the first source is
    /// and filtered by nothing, and the held-out text of runs.
    ///
    /// # Errors
    /// A file that cannot be read or holds no text, a run with other tokens, whatever the tokenizer reports.
    pub fn open(config: &RunConfig, plugins: &DataPlugins, data: &Dataset, task: &RunTask) -> Result<Vec<Self>> {
        let like = config.data.like(Path::new("text"));
        let of = |path: &std::path::PathBuf| match path.join("config.toml").is_file() {
            true => Self::of_run(config, data, task, path).map_err(|error| error.context("train.watch")),
            false => Self::of(config, plugins, data, task, raw_source(path, &like)?),
        };
        config.train.watch.iter().map(of).collect()
    }

    /// The text that the run in `path` is validated on.
    fn of_run(config: &RunConfig, data: &Dataset, task: &RunTask, path: &Path) -> Result<Self> {
        let folder = RunFolder::open(path)?;
        let (own, old) = (config_of(&folder, &[])?, feed::open(&folder.data())?);
        let wrong = |what: &str| {
            let cure = "name a file of text";
            Error::usage(format!("{}: expected a run {what}; {cure}", path.display()))
        };
        // or the one that a checkpoint of it has for other programs
        let is_its_own = config.tokenizer_folder().is_some_and(|from| from.starts_with(folder.root()));
        if old.manifest.tokenizer.digest != data.manifest.tokenizer.digest && !is_its_own {
            return Err(wrong("with the same tokenizer, so that its tokens are those of this one"));
        }
        if own.task != config.task {
            return Err(wrong("of the same task"));
        }
        let mut splits = old.manifest.report.splits.iter().filter(|split| split.split == Split::Validation);
        let lossy = splits.any(|split| split.held_out.as_ref().is_some_and(|text| text.lossy_documents > 0));
        let shard = old.validation.ok_or_else(|| wrong("with validation text"))?;
        Ok(Self { name: own.run.name, shard, lossy, task: task.rows.clone(), _scratch: None })
    }

    fn of(
        config: &RunConfig,
        plugins: &DataPlugins,
        data: &Dataset,
        task: &RunTask,
        source: SourceConfig,
    ) -> Result<Self> {
        let failed = |error| Error::run(format!("cannot make a temporary folder: {error}"));
        let scratch = tempfile::tempdir().map_err(failed)?;
        let encoding = config.task.encoding(config.tokenizer_folder())?;
        let (name, tokenizer) = (source.name.clone(), plugins.trained_tokenizer(config));
        let text = raw_text(vec![source], encoding.as_ref(), &tokenizer, &data.tokenizer.model, scratch.path())
            .map_err(|error| error.context("train.watch"))?;
        let lossy = text.report.held_out.as_ref().is_some_and(|text| text.lossy_documents > 0);
        let task = task.of(&text.names)?;
        Ok(Self { name, shard: text.shard, lossy, task, _scratch: Some(scratch) })
    }

    /// Measures the model after step `step`, on as many batches as a validation reads. Other ranks do their share by
    /// [`Watched::contribute`].
    ///
    /// # Errors
    /// A model or a metric that fails, a rank that is gone.
    pub fn measure(
        &self,
        config: &RunConfig,
        data: &Dataset,
        model: &mut Model,
        (evaluator, ranks): (&Evaluator, Option<&Group>),
        step: u64,
    ) -> Result<Validation> {
        let (batches, extent) = validation_batches(config, (&self.shard, self.task.as_ref()), data)?;
        let mut values = evaluator.evaluate(model, batches, step, ranks)?;
        mark_lossy(&mut values, self.lossy);
        Ok(Validation::new(step, extent, &values, self.lossy))
    }

    /// What every rank but the first does while that one calls [`Watched::measure`].
    ///
    /// # Errors
    /// A model that fails, a rank that is gone.
    pub fn contribute(
        &self,
        config: &RunConfig,
        data: &Dataset,
        model: &mut Model,
        (evaluator, group): (&Evaluator, &Group),
        step: u64,
    ) -> Result<()> {
        let (batches, _) = validation_batches(config, (&self.shard, self.task.as_ref()), data)?;
        evaluator.contribute(model, batches, (step, false), group)
    }
}
