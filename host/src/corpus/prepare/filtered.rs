//! The corpus through all its stages: which documents stay.

use super::batch::{documents_of, grouped};
use super::filter::{DECONTAMINATE, Filters, NamedFilter};
use super::stages::{Stages, pieces, program_digest};
use super::store::{Store, create_dir, key};
use super::strata::splitter;
use super::survey::{check_splits, report, survey};
use super::units::{Piece, Unit, text_bytes, units};
use crate::corpus::DataConfig;
use crate::corpus::manifest::{Lineage, UnitReport};
use crate::corpus::read::{Document, Listing, digest_files, digest_of, list_all};
use crate::corpus::report::{DataReport, LeftOut};
use crate::corpus::split::Split;
use crate::corpus::strata::Splitter;
use crate::report::{Detail, WorkProgress};
use crate::{Error, Result};
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

/// Documents that stay, each with its split.
pub(crate) type KeptBatch = Vec<(Split, Document)>;

/// Everything that the judged documents are a function of, and how the work is done.
#[derive(Clone, Copy)]
pub(crate) struct Filtering<'a> {
    /// `[data]`
    pub config: &'a DataConfig,
    /// Filters, those of single sources first.
    pub filters: &'a [NamedFilter<'a>],
    /// The folder of finished work.
    pub store: &'a Path,
    /// What is said meanwhile.
    pub detail: Detail,
}

/// What the stages work on, and with.
struct Corpus<'a> {
    filters: Filters<'a>,
    units: Vec<Unit>,
    /// Per unit: its source.
    sources: Vec<u16>,
    /// One digest of all files.
    digest: [u8; 32],
    /// Other files in the sources' folders.
    left_out: LeftOut,
    store: Store,
    /// [`program_digest`].
    program: String,
}

/// The corpus after its filters.
pub(crate) struct Filtered<'a> {
    filtering: Filtering<'a>,
    corpus: Corpus<'a>,
    pieces: Vec<Piece>,
    units: Vec<UnitReport>,
    /// What the documents that stay are a function of.
    key: String,
    /// Made when it is first asked for: it may take a pass over all documents.
    splitter: OnceLock<Splitter<'a>>,
}

impl<'a> Filtering<'a> {
    /// Number of threads.
    pub fn threads(&self) -> usize {
        match self.config.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        }
    }

    /// Progress of a stage, as detailed as is wanted.
    pub fn progress(&self) -> WorkProgress {
        WorkProgress::new(self.detail)
    }

    /// Filters one of `n_parts` parts of the corpus, 1 to `n_parts`; returns the number of units that belong to it.
    ///
    /// # Errors
    /// As [`Filtering::filter`].
    pub fn part(&self, part: usize, n_parts: usize) -> Result<usize> {
        let corpus = self.corpus()?;
        let mine = |unit: usize| unit % n_parts == part - 1;
        self.stages(&corpus, false).first(mine)?;
        Ok((0..corpus.units.len()).filter(|&unit| mine(unit)).count())
    }

    /// Runs all stages that are not finished. `wait` for another process at the same work.
    ///
    /// # Errors
    /// Sources that cannot be read, whatever a plugin reports.
    pub fn filter(self, wait: bool) -> Result<Filtered<'a>> {
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
        // nothing is added without strata, so that what was made before stays
        let stratify = self.config.labels.stratify.as_ref().map(|field| format!("stratify {field}"));
        let parts = parts.into_iter().chain(stratify);
        let key = key(parts.chain(names).chain(keys.iter().cloned()));
        let unit = |(key, &source): (String, &u16)| UnitReport { source, key };
        let units = keys.into_iter().zip(&corpus.sources).map(unit).collect();
        Ok(Filtered { filtering: self, corpus, pieces, units, key, splitter: OnceLock::new() })
    }

    fn corpus(&self) -> Result<Corpus<'a>> {
        let Listing { files, left_out } = list_all(self.config)?;
        left_out.warn();
        let digests = digest_files(&files)?;
        let units = units(&files, &digests);
        let later = [("dedup", self.config.dedup.is_some()), (DECONTAMINATE, self.config.decontaminate.is_some())];
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
}

impl<'a> Filtered<'a> {
    fn splitter(&self) -> Result<&Splitter<'a>> {
        if let Some(splitter) = self.splitter.get() {
            return Ok(splitter);
        }
        let Filtering { config, .. } = self.filtering;
        let made = splitter(config, &self.corpus.filters, &self.pieces, self.filtering.threads())?;
        Ok(self.splitter.get_or_init(|| made))
    }

    /// What the documents that stay are a function of.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Digest of this program: another build may read, filter or encode otherwise.
    pub fn program(&self) -> &str {
        &self.corpus.program
    }

    /// Digest of all source files.
    pub fn digest(&self) -> [u8; 32] {
        self.corpus.digest
    }

    /// The folder of finished work.
    pub fn store(&self) -> &Store {
        &self.corpus.store
    }

    /// What became of the documents, as far as the filters go.
    ///
    /// # Errors
    /// Ids that occur twice, filters that leave nothing, an empty split.
    pub fn report(&self) -> Result<DataReport> {
        let Filtering { config, .. } = self.filtering;
        let (threads, progress) = (self.filtering.threads(), self.filtering.progress());
        let survey = survey(self.splitter()?, config, &self.corpus.filters, &self.pieces, (threads, progress))?;
        check_splits(config, &survey)?;
        if let Some(held_out) = &config.held_out {
            held_out.check(config.group.as_ref())?;
        }
        Ok(DataReport { left_out: self.corpus.left_out.clone(), ..report(survey) })
    }

    /// Where in the store the judged documents are.
    pub fn lineage(&self) -> Lineage {
        let DataConfig { validation, test, ref group, ref labels, ref source, .. } = *self.filtering.config;
        Lineage {
            store: self.corpus.store.root().into(),
            units: self.units.clone(),
            sources: source.iter().map(|source| source.name.clone()).collect(),
            paths: source.iter().map(|source| source.path.clone()).collect(),
            filters: self.corpus.filters.described(),
            validation,
            test,
            group: group.clone(),
            stratify: labels.stratify.clone(),
        }
    }

    /// Text of all documents, also of those that go.
    pub fn text_bytes(&self) -> u64 {
        text_bytes(&self.pieces)
    }

    /// The documents that stay, in order, in batches.
    pub fn kept(&self) -> impl Iterator<Item = Result<KeptBatch>> + Send {
        let (splitter, error) = match self.splitter() {
            Ok(splitter) => (Some(splitter), None),
            Err(error) => (None, Some(Err(error))),
        };
        let kept = splitter.into_iter().flat_map(move |splitter| {
            documents_of(&self.pieces).filter_map(move |judged| match judged {
                Ok(judged) if self.corpus.filters.drops(&judged) => None,
                Ok(judged) => Some(Ok((judged.split(splitter), judged.document))),
                Err(error) => Some(Err(error)),
            })
        });
        let kept = error.into_iter().chain(kept);
        grouped(kept, |(_, document)| document.text().len())
    }
}
