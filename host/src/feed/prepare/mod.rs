//! Documents to shards: train the tokenizer, encode. What is finished stays in the store.

mod config;
mod encode;
mod fidelity;
mod given;
mod link;
mod owned;
mod raw;

pub use config::TokenizerConfig;
pub use given::{Given, GivenShard};
pub use raw::{RawText, raw_source, raw_text};

pub(crate) use link::remove_stale;
pub(crate) use owned::{prepared_files, temporary_of};

use super::EndOfText;
use super::dataset::{Dataset, MANIFEST, open, write};
use super::shard::{CURE, ShardInfo};
use super::tasks::{self, Samples};
use crate::base::files::hex;
use crate::base::interrupt;
use crate::base::write::write_file;
use crate::corpus::{
    DataConfig, DataReport, Document, FileEntry, Filtered, Filtering, HeldOutConfig, KeptBatch, LINEAGE, Lock,
    NamedFilter, Split, Work, create_dir, grouped, in_order, key, read_sealed, write_sealed,
};
use crate::report::Detail;
use crate::{Error, Result};
use encode::Encoder;
use fidelity::{Fidelity, fidelity};
use link::link;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use trainyard_plugin::{Tokenizer, Vocabulary};

/// A tokenizer and how reports name it.
pub struct NamedTokenizer<'a> {
    /// Its name.
    pub name: String,
    /// What its training is a function of, besides the documents: plugin and settings.
    pub digest: String,
    /// A trained model to load; without it the tokenizer is trained on the train split.
    pub model: Option<Vec<u8>>,
    /// Which token ends a document.
    pub end_of_text: EndOfText,
    /// Makes an instance.
    pub make: Box<dyn Fn() -> Result<Box<dyn Tokenizer>> + Send + Sync + 'a>,
}

/// Everything that prepared data is a function of, and how the work is done.
pub struct Preparation<'a> {
    /// `[data]`
    pub config: &'a DataConfig,
    /// Filters, those of single sources first.
    pub filters: &'a [NamedFilter<'a>],
    /// Text to tokens.
    pub tokenizer: &'a NamedTokenizer<'a>,
    /// What is learnt of the documents.
    pub task: &'a dyn tasks::Encode,
    /// The folder of finished work, which several runs and processes may share.
    pub store: &'a Path,
    /// What is said meanwhile.
    pub detail: Detail,
}

/// A dataset of the store, which no other process changes meanwhile.
struct Made<'a> {
    filtered: Filtered<'a>,
    key: String,
    folder: PathBuf,
    _lock: Lock,
}

impl<'a> Preparation<'a> {
    /// Prepares the data and puts it into `dir`: `train.shard`, `validation.shard`, `test.shard` (where their share is
    /// above 0), `tokenizer.model`, `vocabulary.json`, `lineage.json`, and at last `manifest.json`.
    ///
    /// The result is a function of the sources, the config, the filters and the tokenizer: the same bytes each time,
    /// for any number of threads. What is finished stays in the store: a preparation that was cut short resumes where
    /// it was, and an unchanged stage is not run again. Memory holds some batches of documents per thread and some 20
    /// bytes per document, not the corpus.
    ///
    /// # Errors
    /// Sources that cannot be read, filters that leave nothing, an empty split, whatever a plugin reports.
    pub fn prepare(&self, dir: &Path) -> Result<Dataset> {
        remove_stale(dir)?;
        let made = self.dataset(true)?;
        link(&made.folder, dir)?;
        open(dir).or_else(|error| {
            self.make_again(&made, &error)?;
            link(&made.folder, dir)?;
            open(dir)
        })
    }

    /// Prepares the data within the store and returns its folder there.
    ///
    /// # Errors
    /// As [`Preparation::prepare`], and when another process is preparing the same data.
    pub fn prepare_in_store(&self) -> Result<(PathBuf, Dataset)> {
        let made = self.dataset(false)?;
        let dataset = open(&made.folder).or_else(|error| {
            self.make_again(&made, &error)?;
            open(&made.folder)
        })?;
        Ok((made.folder, dataset))
    }

    /// Filters one of `n_parts` parts of the corpus, 1 to `n_parts`, for the other machines' sake: a later preparation
    /// finds it in the store. Returns the number of units that belong to it.
    ///
    /// # Errors
    /// As [`Preparation::prepare`].
    pub fn prepare_part(&self, part: usize, n_parts: usize) -> Result<usize> {
        self.filtering().part(part, n_parts)
    }

    fn filtering(&self) -> Filtering<'a> {
        let Self { config, filters, store, detail, .. } = *self;
        Filtering { config, filters, store, detail }
    }

    /// The folder of the dataset in the store, made if it is not there. `wait` for another process that makes the same.
    fn dataset(&self, wait: bool) -> Result<Made<'a>> {
        let filtered = self.filtering().filter(wait)?;
        let model = match &self.tokenizer.model {
            Some(model) => hex(&Sha256::digest(model)),
            None => "trained".to_owned(),
        };
        let held_out = self.config.held_out.as_ref();
        let name = held_out.map_or("", |held_out| &held_out.source.name);
        let held_out = held_out.map(HeldOutConfig::identity).transpose()?.unwrap_or_default();
        let task = self.task.identity();
        let key = key([filtered.key(), &self.tokenizer.digest, &model, filtered.program(), name, &held_out, &task]);
        let folder = filtered.store().dataset(&key);
        let lock = Lock::new(&folder, wait)?;
        if !folder.join(MANIFEST).exists() {
            self.encode(&filtered, &key, &folder)?;
        }
        Ok(Made { filtered, key, folder, _lock: lock })
    }

    /// Makes a dataset of the store again that turned out to be damaged. Runs that it was put into keep their files.
    fn make_again(&self, made: &Made<'_>, error: &Error) -> Result<()> {
        let why = error.to_string().replace(&format!("; {CURE}"), "");
        tracing::warn!("{why}: {} in the store is made again", made.folder.display());
        remove_stale(&made.folder)?;
        self.encode(&made.filtered, &made.key, &made.folder)
    }

    fn encode(&self, filtered: &Filtered<'_>, key: &str, folder: &Path) -> Result<()> {
        let mut report = filtered.report()?;
        tracing::info!("data: {} of {} documents kept", report.kept, report.read);

        let model = self.model(filtered, key)?;
        let mut tokenizers = Vec::new();
        for _ in 0..self.filtering().threads() {
            let mut instance = (self.tokenizer.make)()?;
            instance.load(&model)?;
            tokenizers.push(instance);
        }
        let Some(vocabulary) = tokenizers.first().map(|tokenizer| tokenizer.vocabulary()).transpose()? else {
            return Err(Error::run("data.threads: expected 1 or more"));
        };
        let info = shard_info(self.tokenizer, &model, &vocabulary, filtered.digest())?;
        let files = self.shards(filtered, tokenizers, &vocabulary, info, folder, &mut report)?;
        let lineage = serde_json::to_vec_pretty(&filtered.lineage());
        let lineage = lineage.map_err(|error| Error::run(format!("lineage as JSON: {error}")))?;
        write_file(&folder.join(LINEAGE), &lineage)?;
        write(folder, self.task, (self.tokenizer, &model), &vocabulary, &info, files, report)?;
        Ok(())
    }

    /// The tokenizer's model, trained unless there is one.
    fn model(&self, filtered: &Filtered<'_>, key: &str) -> Result<Vec<u8>> {
        if let Some(model) = &self.tokenizer.model {
            return Ok(model.clone());
        }
        let path = filtered.store().model(key);
        if let Some(model) = read_sealed(&path) {
            return Ok(model);
        }
        let progress = self.filtering().progress().stage("train tokenizer", filtered.text_bytes());
        let mut instance = (self.tokenizer.make)()?;
        for batch in filtered.kept() {
            interrupt::check()?;
            let mut batch = batch?;
            progress.advance(n_bytes(&batch));
            batch.retain(|(split, _)| *split == Split::Train);
            if !batch.is_empty() {
                instance.observe(&split_texts(&batch))?;
            }
        }
        let model = instance.train()?;
        progress.finish();
        create_dir(path.parent().unwrap_or(&path))?;
        write_sealed(&path, &model)?;
        Ok(model)
    }

    fn shards(
        &self,
        filtered: &Filtered<'_>,
        tokenizers: Vec<Box<dyn Tokenizer>>,
        vocabulary: &Vocabulary,
        info: ShardInfo,
        folder: &Path,
        report: &mut DataReport,
    ) -> Result<BTreeMap<String, FileEntry>> {
        let progress = self.filtering().progress().stage("encode", filtered.text_bytes());
        let mut encoder = Encoder::new(self.config, folder, info, self.task, vocabulary)?;
        let (task, n_tokens) = (self.task, vocabulary.tokens.len());
        let workers = tokenizers.into_iter().map(|instance| Encode { task, instance, n_tokens });
        let mut workers: Vec<_> = workers.collect();
        let reading = self.config.held_out.as_ref().map(HeldOutConfig::reading);
        let held_out = match (&self.config.held_out, &reading) {
            (Some(held_out), Some(reading)) => Some(held_out.documents(reading, self.config.group.as_ref())?),
            _ => None,
        };
        let held_out = grouped(held_out.into_iter().flatten(), |(_, document)| document.text().len());
        let all = filtered.kept().chain(held_out);
        in_order(all, &mut workers, |Encoded { batch, samples, fidelity }| {
            if batch.first().is_some_and(|(split, _)| !self.config.is_given(*split)) {
                progress.advance(n_bytes(&batch));
            }
            encoder.push(self.config, &batch, &samples, &fidelity)
        })?;
        progress.finish();
        encoder.finish(report)
    }
}

fn split_texts(batch: &[(Split, Document)]) -> Vec<&str> {
    batch.iter().map(|(_, document)| document.text()).collect()
}

fn n_bytes(batch: &[(Split, Document)]) -> u64 {
    batch.iter().map(|(_, document)| document.text().len() as u64).sum()
}

/// One worker's tokenizer.
pub(super) struct Encode<'a> {
    pub task: &'a dyn tasks::Encode,
    pub instance: Box<dyn Tokenizer>,
    pub n_tokens: usize,
}

/// Documents, their tokens and planes, and what comes back from the tokens.
pub(super) struct Encoded {
    pub batch: KeptBatch,
    pub samples: Samples,
    pub fidelity: Vec<Option<Fidelity>>,
}

impl Work<KeptBatch> for Encode<'_> {
    type Output = Encoded;

    fn work(&mut self, batch: KeptBatch) -> Result<Encoded> {
        let documents: Vec<_> = batch.iter().map(|(_, document)| document).collect();
        let samples = self.task.encode(&documents, self.instance.as_mut())?;
        samples.tokens.check(batch.len(), self.n_tokens)?;
        let fidelity = fidelity(self.instance.as_mut(), &batch, &samples)?;
        Ok(Encoded { batch, samples, fidelity })
    }
}

pub(crate) fn shard_info(
    tokenizer: &NamedTokenizer<'_>,
    model: &[u8],
    vocabulary: &Vocabulary,
    source: [u8; 32],
) -> Result<ShardInfo> {
    let mut digest = Sha256::new();
    digest.update((tokenizer.digest.len() as u64).to_le_bytes());
    digest.update(&tokenizer.digest);
    digest.update(model);
    let n_vocabulary = u32::try_from(vocabulary.tokens.len()).unwrap_or(u32::MAX);
    if n_vocabulary == 0 {
        return Err(Error::plugin(format!("tokenizer {:?}: the vocabulary is empty", tokenizer.name)));
    }
    let end_of_text = tokenizer.end_of_text.find(&tokenizer.name, vocabulary)?;
    Ok(ShardInfo { n_vocabulary, end_of_text, tokenizer: digest.finalize().into(), source })
}
