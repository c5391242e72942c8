//! What a run learns of its data: its task, with what the data and the tokenizer say.

use super::config::RunConfig;
use super::network::DataSizes;
use crate::base::clean;
use crate::corpus::{NameReport, Split};
use crate::feed::Dataset;
use crate::feed::tasks::{Borders, Causal, Classes, Marks, Task, TaskConfig, Unit};
use crate::formats::hf::Folder;
use crate::plugin::Plugin;
use crate::{Error, Result};
use std::sync::Arc;

/// A task with its classes and marks.
#[derive(Debug, Clone)]
pub struct RunTask {
    config: TaskConfig,
    /// How rows are made of the run's own data.
    pub rows: Arc<dyn Task>,
    /// What the model tells apart; none where that is tokens, or a number.
    pub classes: Option<Classes>,
    /// Tokens that stand for no text.
    pub marks: Marks,
    /// Sizes of the model that the data decide.
    pub sizes: DataSizes,
}

impl RunTask {
    /// The task of `config` on `data`, which `tokenizer` made the tokens of.
    ///
    /// # Errors
    /// Classes that cannot be learnt, a token that the task needs and the tokenizer does not have, whatever the
    /// tokenizer reports.
    pub fn open(config: &RunConfig, tokenizer: &Plugin, data: &Dataset) -> Result<Self> {
        let vocab = config.vocab(data.tokenizer.n_tokens);
        if config.task.is_causal() {
            let (rows, sizes) = (Arc::new(Causal), vocab.into());
            return Ok(Self { config: TaskConfig::Causal, rows, classes: None, marks: Marks::default(), sizes });
        }
        let mut instance = tokenizer.tokenizer()?;
        instance.load(&data.tokenizer.model)?;
        let vocabulary = instance.vocabulary()?;
        let marks = Marks::new(&vocabulary, data.tokenizer.end_of_text, start(config, &vocabulary)?)?;
        config.task.check(&data.train)?;
        let classes = config.task.classes(&data.manifest.report.names)?;
        let needs_mask = matches!(config.task, TaskConfig::Masked(_));
        let vocab = if needs_mask { vocab.max(marks.mask as usize + 1) } else { vocab };
        let sizes = DataSizes { vocab, labels: config.task.labels(classes.as_ref()) };
        let borders = config.task.borders(instance.as_mut(), &vocabulary)?;
        let rows = config.task.task(marks.clone(), classes.clone(), borders)?;
        Ok(Self { config: config.task.clone(), rows, classes, marks, sizes })
    }

    /// How rows are made of other data with the names of `reports`.
    ///
    /// # Errors
    /// A class that the run does not have.
    pub fn of(&self, reports: &[NameReport]) -> Result<Arc<dyn Task>> {
        let Some(classes) = &self.classes else { return Ok(self.rows.clone()) };
        let classes = classes.of(reports, self.config.class_word())?;
        self.config.task(self.marks.clone(), Some(classes), Borders::default())
    }
}

impl RunTask {
    /// How rows are made of data to be predicted, whose names need not be known.
    ///
    /// # Errors
    /// As [`RunTask::open`].
    pub fn of_unlabelled(&self, reports: &[NameReport]) -> Result<Arc<dyn Task>> {
        let Some(classes) = &self.classes else { return Ok(self.rows.clone()) };
        self.config.task(self.marks.clone(), Some(classes.of_unlabelled(reports)), Borders::default())
    }
}

/// Classes that the introduction of a run lists.
const LISTED: usize = 12;

impl RunTask {
    /// Lines before the first step: the classes with how many rows of training each has, and what is cut of documents.
    pub fn lines(&self, config: &RunConfig, data: &Dataset) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(classes) = &self.classes {
            let mut counts = vec![0; classes.n()];
            for (number, report) in (1u32..).zip(&data.manifest.report.names) {
                let n = report.counts.get(&Split::Train).copied().unwrap_or(0);
                classes.at(number.into()).iter().for_each(|&class| counts[class as usize] += n);
            }
            let listed = classes.names.iter().zip(&counts).map(|(name, n)| format!("{} {n}", clean::line(name)));
            let more = if counts.len() > LISTED { format!(", … ({} in all)", counts.len()) } else { String::new() };
            let listed: Vec<_> = listed.take(LISTED).collect();
            lines.push(format!("{}s in training: {}{more}", self.config.class_word(), listed.join(", ")));
        }
        if matches!(self.config, TaskConfig::Masked(_)) && self.marks.has_own_mask() {
            lines.push("mask: the tokenizer has no [MASK] or <mask>, the model gets a token of its own for it".into());
        }
        if self.rows.unit() == Unit::Document {
            let room = config.model.context().saturating_sub(self.marks.around()) as u64;
            let length = |document: u64| data.train.place(document).end - data.train.place(document).start;
            let cut = (0..data.train.n_documents()).filter(|&document| length(document) > room).count();
            if cut > 0 {
                let (n, context) = (data.train.n_documents(), config.model.context());
                lines.push(format!("{cut} of {n} documents are longer than model.context = {context} and are cut"));
            }
        }
        lines
    }
}

/// The token that a target begins with: as the config or the model says that the run starts from; none if neither does.
///
/// # Errors
/// A name that the tokenizer does not have.
fn start(config: &RunConfig, vocabulary: &trainyard_plugin::Vocabulary) -> Result<Option<u32>> {
    let TaskConfig::Seq2Seq(task) = &config.task else { return Ok(None) };
    if let Some(name) = &task.start {
        let id = vocabulary.special(name).ok_or_else(|| {
            let names: Vec<_> = vocabulary.specials.iter().take(20).map(|special| special.name.as_str()).collect();
            let names = names.join(", ");
            Error::usage(format!("task.start: expected a special token of the tokenizer ({names}), got {name:?}"))
        })?;
        return Ok(Some(id));
    }
    let from = config.start.as_ref().and_then(|start| Folder::open(&start.from).ok());
    let id = from.and_then(|folder| folder.config.get("decoder_start_token_id").and_then(|id| id.as_u64()));
    Ok(id.and_then(|id| u32::try_from(id).ok()))
}
