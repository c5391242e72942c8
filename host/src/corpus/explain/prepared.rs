//! A prepared corpus as it lies in the store.

use crate::corpus::LINEAGE;
use crate::corpus::manifest::Lineage;
use crate::corpus::prepare::{Piece, Store, pieces};
use crate::corpus::rules::Limits;
use crate::corpus::strata::{Splitter, StrataBuilder};
use crate::corpus::{DataConfig, Judged, LabelsConfig, Split};
use crate::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The judged documents that a dataset was made from, and what they were judged by.
#[derive(Debug)]
pub struct Prepared {
    /// The dataset's folder.
    pub folder: PathBuf,
    pub(super) lineage: Lineage,
    pub(super) limits: Limits,
}

impl Prepared {
    /// Opens the dataset in `folder`: what `trainyard prepare` names, a run, or the `data` folder of one.
    ///
    /// # Errors
    /// A folder without a dataset, or with one of another version.
    pub fn open(folder: &Path) -> Result<Self> {
        Self::open_with(folder, None)
    }

    /// The same, where its store may be `store`. A store that was moved is also found next to the dataset and the run.
    ///
    /// # Errors
    /// As [`Prepared::open`].
    pub fn open_with(folder: &Path, store: Option<&Path>) -> Result<Self> {
        let within = [folder.to_owned(), folder.join("data")];
        let Some(folder) = within.into_iter().find(|folder| folder.join(LINEAGE).is_file()) else {
            return Err(Error::usage(format!(
                "{}: expected a run, or a dataset of trainyard prepare, found no {LINEAGE}; run trainyard prepare",
                folder.display()
            )));
        };
        let path = folder.join(LINEAGE);
        let bytes = fs::read(&path).map_err(|error| Error::io(&path, "read", &error))?;
        let mut lineage: Lineage = serde_json::from_slice(&bytes).map_err(|error| {
            Error::run(format!("{}: cannot read ({error}); prepare the data again", path.display()))
        })?;
        let limits = Limits::new(lineage.filters.clone());
        if let Some(moved) = moved_store(&lineage, &folder, store) {
            lineage.store = moved;
        }
        Ok(Self { folder, lineage, limits })
    }

    /// The newest dataset that was made of the config's sources: in its store, or in its run `run`. Those that were
    /// read from the same paths come before those whose sources only have the same names.
    ///
    /// # Errors
    /// When there is none.
    pub fn newest(config: &DataConfig, store: &Path, run: &Path) -> Result<Self> {
        let entries = fs::read_dir(store.join("datasets")).into_iter().flatten().flatten().map(|entry| entry.path());
        let made = |folder: PathBuf| Some((fs::metadata(folder.join(LINEAGE)).ok()?.modified().ok()?, folder));
        let mut folders: Vec<_> = entries.chain([run.join("data")]).filter_map(made).collect();
        folders.sort();
        let is_of =
            |prepared: &Self| prepared.lineage.sources.iter().eq(config.source.iter().map(|source| &source.name));
        let is_from =
            |prepared: &Self| prepared.lineage.paths.iter().eq(config.source.iter().map(|source| &source.path));
        let found =
            folders.iter().map(|(_, folder)| Self::open_with(folder, Some(store))).filter_map(Result::ok).filter(is_of);
        match found.max_by_key(is_from) {
            Some(prepared) => Ok(prepared),
            None => Err(Error::usage(format!(
                "{}: nothing was prepared of these sources; run trainyard prepare with the same config",
                store.display()
            ))),
        }
    }

    /// What the documents lie in, in order.
    ///
    /// # Errors
    /// A unit that is no longer in the store.
    pub(super) fn pieces(&self) -> Result<Vec<Piece>> {
        let keys: Vec<_> = self.lineage.units.iter().map(|unit| unit.key.clone()).collect();
        let sources: Vec<_> = self.lineage.units.iter().map(|unit| unit.source).collect();
        pieces(&Store::new(&self.lineage.store), &keys, &sources)
    }

    /// The split of a document that stays.
    ///
    /// # Errors
    /// A store that cannot be read, where all documents decide.
    pub(super) fn split(&self, judged: &Judged) -> Result<Split> {
        let Lineage { validation, test, group, stratify, .. } = &self.lineage;
        let (validation, test, group) = (*validation, *test, group.clone());
        let labels = LabelsConfig { stratify: stratify.clone(), ..LabelsConfig::default() };
        let config = DataConfig { validation, test, group, labels, ..DataConfig::new(Vec::new()) };
        if stratify.is_none() {
            return Ok(judged.split(&Splitter::plain(&config)));
        }
        let mut seen = StrataBuilder::default();
        for piece in self.pieces()? {
            for other in piece.read()? {
                let other = other?;
                // what decontamination drops has a split too: it is dropped for that
                let dropped_by = self.limits.dropped_by(&other);
                if dropped_by.is_none_or(|(by, _)| self.limits.filters[by].is_decontamination()) {
                    seen.add(&config, &other.document, other.leader());
                }
            }
        }
        Ok(judged.split(&Splitter::stratified(&config, seen)))
    }
}

/// The store that has the dataset's documents, if it is not where the lineage says: that of the config, that around a
/// dataset (`store/datasets/KEY`), or the one next to the run of a dataset (`runs/NAME/data`).
fn moved_store(lineage: &Lineage, folder: &Path, store: Option<&Path>) -> Option<PathBuf> {
    let has_all = |store: &PathBuf| {
        let store = Store::new(store);
        lineage.units.iter().all(|unit| store.stage(&unit.key).is_dir())
    };
    let folder = folder.canonicalize().ok()?;
    let around = folder.ancestors().nth(2)?;
    let places = [store.map(Path::to_owned), Some(around.to_owned()), Some(around.join("store"))];
    (!has_all(&lineage.store)).then(|| places.into_iter().flatten().find(has_all)).flatten()
}
