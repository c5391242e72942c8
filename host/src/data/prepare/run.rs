//! Sources to shards: filter, survey, train the tokenizer, encode. What is finished stays in the store.

use super::batch::{documents_of, grouped};
use super::encode::Encoder;
use super::fidelity::{Fidelity, fidelity};
use super::filter::{Filters, NamedFilter};
use super::link::{link, remove_stale};
use super::pool::{Work, in_order};
use super::stages::{Stages, pieces, program_digest};
use super::store::{Lock, Store, create_dir, key, read_sealed, write_sealed};
use super::survey::{check_splits, report, survey};
use super::units::{Piece, Unit, text_bytes, units};
use crate::base::interrupt;
use crate::data::load::{CURE, Dataset, MANIFEST, ShardInfo, open, write};
use crate::data::manifest::{DataReport, FileEntry, Lineage, UnitReport};
use crate::data::read::{Document, Listing, digest_files, digest_of, hex, list_all};
use crate::data::split::Split;
use crate::data::write::write_file;
use crate::data::{DataConfig, EndOfText, HeldOutConfig, LINEAGE, LeftOut};
use crate::report::{Detail, WorkProgress};
use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use trainyard_plugin::{TokenBatch, Tokenizer, Vocabulary};

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
    /// Those of single sources first.
    pub filters: &'a [NamedFilter<'a>],
    /// Text to tokens.
    pub tokenizer: &'a NamedTokenizer<'a>,
    /// The folder of finished work, which several runs and processes may share.
    pub store: &'a Path,
    /// What is said meanwhile.
    pub detail: Detail,
}

/// What a preparation works on, and with.
struct Corpus<'a> {
    filters: Filters<'a>,
    units: Vec<Unit>,
    /// Per unit: its source.
    sources: Vec<u16>,
    /// One digest of all files.
    digest: [u8; 32],
    /// What the sources' folders hold besides.
    left_out: LeftOut,
    store: Store,
    /// [`program_digest`].
    program: String,
}

/// The corpus after its filters.
struct Filtered<'a> {
    corpus: Corpus<'a>,
    pieces: Vec<Piece>,
    units: Vec<UnitReport>,
    /// What the documents that stay are a function of.
    key: String,
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
    /// for any number of threads. What is finished stays in the store: a preparation that was cut short goes on where
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
        let corpus = self.corpus()?;
        let mine = |unit: usize| unit % n_parts == part - 1;
        self.stages(&corpus, false).first(mine)?;
        Ok((0..corpus.units.len()).filter(|&unit| mine(unit)).count())
    }

    fn threads(&self) -> usize {
        match self.config.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        }
    }

    fn progress(&self) -> WorkProgress {
        WorkProgress::new(self.detail)
    }

    fn corpus(&self) -> Result<Corpus<'a>> {
        let Listing { files, left_out } = list_all(self.config)?;
        left_out.warn();
        let digests = digest_files(&files)?;
        let units = units(&files, &digests);
        let later = [("dedup", self.config.dedup.is_some()), ("decontaminate", self.config.decontaminate.is_some())];
        let later = later.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect();
        create_dir(self.store)?;
        let root = fs::canonicalize(self.store).map_err(|error| Error::io(self.store, "resolve", &error))?;
        Ok(Corpus {
            filters: Filters::new(self.filters, self.config.scores, later)?,
            sources: units.iter().map(|unit| unit.source).collect(),
            units,
            digest: digest_of(&files, &digests),
            left_out,
            store: Store::new(&root),
            program: program_digest()?,
        })
    }

    fn stages<'b>(&'b self, corpus: &'b Corpus<'_>, wait: bool) -> Stages<'b> {
        Stages {
            config: self.config,
            filters: &corpus.filters,
            store: &corpus.store,
            units: &corpus.units,
            sources: &corpus.sources,
            threads: self.threads(),
            program: &corpus.program,
            wait,
            progress: self.progress(),
        }
    }

    fn filter(&self, wait: bool) -> Result<Filtered<'a>> {
        let corpus = self.corpus()?;
        let stages = self.stages(&corpus, wait);
        let mut keys = stages.first(|_| true)?;
        for range in corpus.filters.stages().iter().skip(1) {
            keys = stages.next(range, &keys)?;
        }
        if let Some(dedup) = &self.config.dedup {
            keys = stages.dedup(dedup, &keys)?;
        }
        if let Some(decontaminate) = &self.config.decontaminate {
            keys = stages.decontaminate(decontaminate, &keys)?;
        }
        let pieces = pieces(&corpus.store, &keys, &corpus.sources)?;
        let (validation, test) = (self.config.validation.to_string(), self.config.test.to_string());
        let names = corpus.sources.iter().map(|&source| self.config.source[usize::from(source)].name.clone());
        let group = self.config.group.clone().unwrap_or_default();
        let parts = [corpus.filters.limits_key(self.filters.len()), validation, test, group];
        let key = key(parts.into_iter().chain(names).chain(keys.iter().cloned()));
        let unit = |(key, &source): (String, &u16)| UnitReport { source, key };
        let units = keys.into_iter().zip(&corpus.sources).map(unit).collect();
        Ok(Filtered { corpus, pieces, units, key })
    }

    /// The folder of the dataset in the store, made if it is not there. `wait` for another process that makes the same.
    fn dataset(&self, wait: bool) -> Result<Made<'a>> {
        let filtered = self.filter(wait)?;
        let model = match &self.tokenizer.model {
            Some(model) => hex(&Sha256::digest(model)),
            None => "trained".to_owned(),
        };
        let held_out = self.config.held_out.as_ref();
        let name = held_out.map_or("", |held_out| &held_out.source.name);
        let held_out = held_out.map(HeldOutConfig::identity).transpose()?.unwrap_or_default();
        let program = &filtered.corpus.program;
        let key = key([filtered.key.as_str(), &self.tokenizer.digest, &model, program, name, &held_out]);
        let folder = filtered.corpus.store.dataset(&key);
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
        let Filtered { corpus, pieces, units, .. } = filtered;
        let survey = survey(self.config, &corpus.filters, pieces, self.threads(), self.progress())?;
        check_splits(self.config, &survey)?;
        if let Some(held_out) = &self.config.held_out {
            held_out.check(self.config.group.as_ref())?;
        }
        let mut report = report(survey);
        report.left_out = corpus.left_out.clone();
        tracing::info!("data: {} of {} documents kept", report.kept, report.read);

        let model = self.model(filtered, key)?;
        let mut tokenizers = Vec::new();
        for _ in 0..self.threads() {
            let mut instance = (self.tokenizer.make)()?;
            instance.load(&model)?;
            tokenizers.push(instance);
        }
        let Some(vocabulary) = tokenizers.first().map(|tokenizer| tokenizer.vocabulary()).transpose()? else {
            return Err(Error::run("data.threads: expected 1 or more"));
        };
        let info = shard_info(self.tokenizer, &model, &vocabulary, corpus.digest)?;
        let files = self.shards(filtered, tokenizers, &vocabulary, info, folder, &mut report)?;
        let DataConfig { validation, test, ref group, .. } = *self.config;
        let lineage = Lineage {
            store: corpus.store.root().into(),
            units: units.clone(),
            sources: self.config.source.iter().map(|source| source.name.clone()).collect(),
            paths: self.config.source.iter().map(|source| source.path.clone()).collect(),
            filters: corpus.filters.described(),
            validation,
            test,
            group: group.clone(),
        };
        let lineage = serde_json::to_vec_pretty(&lineage);
        let lineage = lineage.map_err(|error| Error::run(format!("lineage as JSON: {error}")))?;
        write_file(&folder.join(LINEAGE), &lineage)?;
        write(folder, self.tokenizer, &model, &vocabulary, &info, files, report)?;
        Ok(())
    }

    /// The tokenizer's model, trained unless there is one.
    fn model(&self, filtered: &Filtered<'_>, key: &str) -> Result<Vec<u8>> {
        if let Some(model) = &self.tokenizer.model {
            return Ok(model.clone());
        }
        let path = filtered.corpus.store.model(key);
        if let Some(model) = read_sealed(&path) {
            return Ok(model);
        }
        let progress = self.progress().stage("train tokenizer", filtered.text_bytes());
        let mut instance = (self.tokenizer.make)()?;
        for batch in filtered.kept(self.config) {
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
    ) -> Result<std::collections::BTreeMap<String, FileEntry>> {
        let progress = self.progress().stage("encode", filtered.text_bytes());
        let mut encoder = Encoder::new(self.config, folder, info, vocabulary)?;
        let n_tokens = vocabulary.tokens.len();
        let mut workers: Vec<_> = tokenizers.into_iter().map(|instance| Encode { instance, n_tokens }).collect();
        let reading = self.config.held_out.as_ref().map(HeldOutConfig::reading);
        let held_out = match (&self.config.held_out, &reading) {
            (Some(held_out), Some(reading)) => Some(held_out.documents(reading, self.config.group.as_ref())?),
            _ => None,
        };
        let held_out = grouped(held_out.into_iter().flatten(), |(_, document)| document.text.len());
        let all = filtered.kept(self.config).chain(held_out);
        in_order(all, &mut workers, |Encoded { batch, tokens, fidelity }| {
            if batch.first().is_some_and(|(split, _)| !self.config.is_given(*split)) {
                progress.advance(n_bytes(&batch));
            }
            encoder.push(self.config, &batch, &tokens, &fidelity)
        })?;
        progress.finish();
        encoder.finish(report)
    }
}

impl Filtered<'_> {
    /// Text of all documents, also of those that go.
    fn text_bytes(&self) -> u64 {
        text_bytes(&self.pieces)
    }

    /// The documents that stay, in order, in batches.
    fn kept<'b>(&'b self, config: &'b DataConfig) -> impl Iterator<Item = Result<KeptBatch>> + Send + 'b {
        let kept = documents_of(&self.pieces).filter_map(|judged| match judged {
            Ok(judged) if self.corpus.filters.drops(&judged) => None,
            Ok(judged) => Some(Ok((judged.split(config), judged.document))),
            Err(error) => Some(Err(error)),
        });
        grouped(kept, |(_, document)| document.text.len())
    }
}

/// Documents that stay, each with its split.
pub(super) type KeptBatch = Vec<(Split, Document)>;

fn split_texts(batch: &[(Split, Document)]) -> Vec<&str> {
    batch.iter().map(|(_, document)| document.text.as_str()).collect()
}

fn n_bytes(batch: &[(Split, Document)]) -> u64 {
    batch.iter().map(|(_, document)| document.text.len() as u64).sum()
}

/// One worker's tokenizer.
pub(super) struct Encode {
    pub instance: Box<dyn Tokenizer>,
    pub n_tokens: usize,
}

/// Documents, their tokens, and what comes back from these.
pub(super) struct Encoded {
    pub batch: KeptBatch,
    pub tokens: TokenBatch,
    pub fidelity: Vec<Option<Fidelity>>,
}

impl Work<KeptBatch> for Encode {
    type Output = Encoded;

    fn work(&mut self, batch: KeptBatch) -> Result<Encoded> {
        let tokens = self.instance.encode(&split_texts(&batch))?;
        tokens.check(batch.len(), self.n_tokens)?;
        let fidelity = fidelity(self.instance.as_mut(), &batch, &tokens)?;
        Ok(Encoded { batch, tokens, fidelity })
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
