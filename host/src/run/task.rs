//! What a run learns of its data: its task, with what the data and the tokenizer say.

use super::config::RunConfig;
use super::network::DataSizes;
use crate::base::clean;
use crate::corpus::{NameReport, Split};
use crate::feed::Dataset;
use crate::feed::tasks::{Bags, Borders, Causal, Classes, Features, Marks, Task, TaskConfig, Unit, n_words, pair};
use crate::plugin::Plugin;
use crate::{Error, Result};
use std::sync::Arc;
use trainyard_plugin::Vocabulary;

/// A task with its classes and marks.
#[derive(Debug, Clone)]
pub struct RunTask {
    config: TaskConfig,
    /// How rows are made of the run's own data.
    pub rows: Arc<dyn Task>,
    /// What the model tells apart; none where that is tokens, or a number.
    pub classes: Option<Classes>,
    /// What documents are bags of, where they are.
    bags: Option<Bags>,
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
            let (config, marks) = (TaskConfig::Causal, Marks::default());
            return Ok(Self { config, rows, classes: None, bags: None, marks, sizes });
        }
        let mut instance = tokenizer.tokenizer()?;
        instance.load(&data.tokenizer.model)?;
        let vocabulary = instance.vocabulary()?;
        let marks = Marks::new(&vocabulary, data.tokenizer.end_of_text, start(config, &vocabulary)?)?;
        let marks = config.task.marks(marks, &vocabulary, config.model.context())?;
        config.task.check(&data.train, config.model.context())?;
        let classes = config.task.classes(&data.manifest.report.names)?;
        let bags = config.task.features().map(|features| {
            let training = (0..data.train.n_documents()).map(|document| data.train.document(document));
            Bags::Documents(Arc::new(Features::new(features, marks.n_tokens, training, config.model.context())))
        });
        let words = || config.task.word_features(&vocabulary).map(|features| Bags::Words(Arc::new(features)));
        let bags = bags.or_else(words);
        let vocab = vocab.max(config.task.n_ids(&marks));
        let vocab = bags.as_ref().map_or(vocab, |bags| vocab.max(bags.n()));
        let sizes = DataSizes { vocab, labels: config.task.labels(classes.as_ref()) };
        let borders = config.task.borders(instance.as_mut(), &vocabulary)?;
        let counts = config.task.counts(&data.train, &data.tokenizer.token_bytes);
        let rows = config.task.task(marks.clone(), classes.clone(), bags.clone(), borders, &counts, &vocabulary)?;
        Ok(Self { config: config.task.clone(), rows, classes, bags, marks, sizes })
    }

    /// The task of `config` for the model of another program with these `classes`, on texts of tokens of `vocabulary`,
    /// in which `end_of_text` ends a document.
    ///
    /// # Errors
    /// A token that the task needs and the vocabulary does not have.
    pub fn with_classes(
        config: &RunConfig,
        vocabulary: &Vocabulary,
        end_of_text: Option<u32>,
        classes: Classes,
    ) -> Result<Self> {
        let classes = Some(classes).filter(|_| config.task.has_classes());
        let marks = Marks::new(vocabulary, end_of_text, start(config, vocabulary)?)?;
        let (vocab, labels) = (config.vocab(vocabulary.tokens.len()), config.task.labels(classes.as_ref()));
        let rows = config.task.task(marks.clone(), classes.clone(), None, Borders::default(), &[], vocabulary)?;
        let sizes = DataSizes { vocab, labels };
        Ok(Self { config: config.task.clone(), rows, classes, bags: None, marks, sizes })
    }

    /// Names of its classes, where it has some.
    pub fn class_names(&self) -> &[String] {
        self.classes.as_ref().map_or(&[], |classes| &classes.names)
    }

    /// As the config has it.
    pub fn config(&self) -> &TaskConfig {
        &self.config
    }

    /// How rows are made of other data with the names of `reports`.
    ///
    /// # Errors
    /// A class that the run does not have.
    pub fn of(&self, reports: &[NameReport]) -> Result<Arc<dyn Task>> {
        let Some(classes) = &self.classes else { return Ok(self.rows.clone()) };
        let classes = classes.of(reports, self.config.class_word())?;
        self.rows_of(classes)
    }

    /// What a model that writes from a source says of this in `config.json`: after which token, and which comes first.
    pub fn token_ids(&self) -> impl Iterator<Item = (&'static str, u32)> {
        let ids = [("decoder_start_token_id", self.marks.start), ("forced_bos_token_id", self.marks.begin)];
        let has_source = self.config.has_source();
        ids.into_iter().filter_map(move |(key, id)| Some((key, id.filter(|_| has_source)?)))
    }

    /// How rows are made of data to be predicted, whose names need not be known.
    ///
    /// # Errors
    /// As [`RunTask::open`].
    pub fn of_unlabelled(&self, reports: &[NameReport]) -> Result<Arc<dyn Task>> {
        let Some(classes) = &self.classes else { return Ok(self.rows.clone()) };
        self.rows_of(classes.of_unlabelled(reports))
    }

    fn rows_of(&self, classes: Classes) -> Result<Arc<dyn Task>> {
        self.config.task(
            self.marks.clone(),
            Some(classes),
            self.bags.clone(),
            Borders::default(),
            &[],
            &Default::default(),
        )
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
        lines.extend(self.rows.lines(&data.train, config.model.context()));
        lines.extend(self.rows.note(config.train.batch * config.train.accumulate * config.model.context()));
        if self.config.has_mask() && self.marks.has_own_mask() {
            lines.push("mask: the tokenizer has no [MASK] or <mask>, the model gets a token of its own for it".into());
        }
        if let Some(&first) = self.marks.sentinels.first().filter(|&&first| first >= self.marks.n_tokens) {
            let n = first + 1 - self.marks.n_tokens;
            lines.push(format!("sentinels: the tokenizer has no <extra_id_0>, the model gets {n} tokens of its own"));
        }
        if self.rows.unit() == Unit::Document {
            let context = config.model.context();
            let text = context.saturating_sub(self.marks.around());
            let room = match &self.bags {
                Some(Bags::Documents(features)) => features.room(context) as u64,
                Some(Bags::Words(_)) => context as u64,
                None => text as u64,
            };
            let is_cut = |document: &u64| match self.config.has_source() {
                true => {
                    let (source, target) = pair(&data.train, *document);
                    self.marks.source(&source, usize::MAX).len() > context || self.marks.n_written(&target) > context
                }
                false if matches!(self.bags, Some(Bags::Words(_))) => n_words(&data.train, *document) > room,
                false => data.train.place(*document).end - data.train.place(*document).start > room,
            };
            let cut = (0..data.train.n_documents()).filter(is_cut).count();
            if cut > 0 {
                let n = data.train.n_documents();
                lines.push(format!("{cut} of {n} documents are longer than model.context = {context} and are cut"));
            }
        }
        lines
    }
}

/// The tokens that a target is written after and begins with: as the config or the model says that the run starts from;
/// none if neither does.
///
/// # Errors
/// A name that the tokenizer does not have.
fn start(config: &RunConfig, vocabulary: &Vocabulary) -> Result<(Option<u32>, Option<u32>)> {
    let from = config.start.as_ref().filter(|_| config.task.has_source());
    let (start, begin) = from.map_or((None, None), |from| (from.start_token, from.begin_token));
    let Some(name) = config.task.start() else { return Ok((start, begin)) };
    let id = vocabulary.special(name).ok_or_else(|| {
        let names: Vec<_> = vocabulary.specials.iter().take(20).map(|special| special.name.as_str()).collect();
        let names = names.join(", ");
        Error::usage(format!("task.start: expected a special token of the tokenizer ({names}), got {name:?}"))
    })?;
    Ok((Some(id), begin))
}
