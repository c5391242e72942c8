//! Predictions for documents that a user gives.

use super::answers::{Answer, Prediction, answer};
use super::{PredictingModel, Predictions, Predictor, TextOptions, texts};
use crate::base::interrupt;
use crate::corpus::{DataConfig, Document, every_document};
use crate::feed::tasks::TaskConfig;
use crate::feed::{Given, packed_eval_batches};
use crate::{Error, Result};
use tempfile::TempDir;

/// Documents that are read before any is judged.
const AT_ONCE: usize = 1024;

/// A model that is asked about documents.
pub struct Asked<'d> {
    model: PredictingModel,
    options: TextOptions,
    given: Given,
    documents: Box<dyn Iterator<Item = Result<Document>> + 'd>,
    scratch: TempDir,
    /// Documents of which a model with an encoder has read the beginning only.
    cut: u64,
}

impl<'d> Asked<'d> {
    /// Asks `model` about the documents of `data`; `options` say how texts are written.
    ///
    /// # Errors
    /// A model that says nothing of documents, or writes no texts though `options` are given; files that cannot be
    /// read, whatever the tokenizer reports.
    pub fn new(model: PredictingModel, data: &'d DataConfig, options: TextOptions) -> Result<Self> {
        options.check(&model.config.task)?;
        let given = model.given()?;
        let scratch =
            tempfile::tempdir().map_err(|error| Error::run(format!("cannot make a temporary folder: {error}")))?;
        Ok(Self { given, options, documents: Box::new(every_document(data)?), scratch, model, cut: 0 })
    }

    /// The predictions for the next documents, in order; none at the end.
    ///
    /// # Errors
    /// A document that cannot be read, whatever the tokenizer reports, a signal that asks the program to end.
    pub fn next_predictions(&mut self) -> Result<Option<Vec<Prediction>>> {
        interrupt::check()?;
        let writes_texts = self.model.config.task.has_source();
        let n = if writes_texts { texts::at_once(&self.model, &self.options) } else { AT_ONCE };
        let some: Vec<Document> = self.documents.by_ref().take(n).collect::<Result<_>>()?;
        if some.is_empty() {
            return Ok(None);
        }
        let answers = match writes_texts {
            true => texts::answers(&self.model, &self.options, &some, &mut self.given, &mut self.cut)?,
            false => self.labels(&some)?,
        };
        let predictions = some.into_iter().zip(answers);
        Ok(Some(predictions.map(|(document, answer)| Prediction { id: document.id, answer }).collect()))
    }

    /// Documents so far of which only the beginning was read, because they are longer than the model's context.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    /// What a model of labels, numbers or tags says of documents.
    fn labels(&mut self, some: &[Document]) -> Result<Vec<Option<Answer>>> {
        let mut answers: Vec<Option<Answer>> = vec![None; some.len()];
        let PredictingModel { config, task, model, token_bytes, .. } = &mut self.model;
        let Some(mut predictor) = Predictor::new(model, &config.task, task)? else { return Ok(answers) };
        let encoding = config.task.encoding_unlabelled(predictor.names().first())?;
        let all: Vec<&Document> = some.iter().collect();
        let made = self.given.shard(&all, encoding.as_ref(), &self.scratch.path().join("given.shard"))?;
        let rows = task.of_unlabelled(&made.names)?;
        let (context, batch) = (config.model.context(), config.train.batch);
        let batches =
            packed_eval_batches(&made.shard, rows.as_ref(), config.data.packing, context, batch, token_bytes, 0)?;
        let mut places = made.documents.iter();
        for rows in batches {
            interrupt::check()?;
            let predictions = predictor.predict(&rows)?;
            // where words are windows of their own, a document has several
            let n = if let Predictions::Tags(texts) = &predictions { texts.len() } else { rows.sequences };
            for (index, &place) in places.by_ref().take(n).enumerate() {
                let answer = answer(&predictions, index, predictor.names(), &some[place], &mut self.given)?;
                answers[place] = Some(answer);
            }
        }
        Ok(answers)
    }
}

impl TextOptions {
    /// Refuses tasks that say nothing of documents, and options that do nothing.
    ///
    /// # Errors
    /// A usage error that says what to do.
    pub fn check(&self, task: &TaskConfig) -> Result<()> {
        let name = task.name();
        match task {
            TaskConfig::Seq2Seq(_) => Ok(()),
            _ if task.has_labels() => match self.first_given() {
                Some(flag) => Err(Error::usage(format!("{flag}: task {name:?} writes no text; leave it out"))),
                None => Ok(()),
            },
            _ => {
                let cure = match task {
                    TaskConfig::Causal => "`trainyard generate` writes text",
                    TaskConfig::Chat(_) => "`trainyard chat` answers",
                    TaskConfig::Denoise(_) => "`trainyard generate --source TEXT` writes what it makes of a text",
                    TaskConfig::Embeddings(_) => "`trainyard convert RUN FILE.vec` writes its vectors",
                    _ => "train one of labels or tags that starts from it ([start] from)",
                };
                Err(Error::usage(format!("task: {name:?} has nothing to predict of documents; {cure}")))
            }
        }
    }
}
