//! One pass over all judged documents: which stay, what each filter dropped, how large the splits are.

use super::filter::Filters;
use super::judged::Judged;
use super::pool::{Work, in_order};
use super::units::{Piece, text_bytes};
use crate::corpus::DataConfig;
use crate::corpus::read::{FileDocuments, ReadCounts, list};
use crate::corpus::report::{DataReport, FilterReport, named};
use crate::corpus::split::Split;
use crate::corpus::strata::Splitter;
use crate::report::WorkProgress;
use crate::{Error, Result};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

/// Documents of a piece for which room is made at once.
const RESERVED_DOCUMENTS: u64 = 1 << 16;

/// What is known of the corpus after its filters.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub read: ReadCounts,
    /// Per filter, in order.
    pub filters: Vec<FilterReport>,
    /// Documents that all filters keep.
    pub kept: u64,
    /// Bytes of their text.
    pub kept_bytes: u64,
    /// Number of them per split.
    pub splits: BTreeMap<Split, u64>,
}

impl Survey {
    /// Adds what a later part of the corpus holds.
    fn add(&mut self, part: Self) {
        self.read += part.read;
        self.kept += part.kept;
        self.kept_bytes += part.kept_bytes;
        for (split, n) in part.splits {
            *self.splits.entry(split).or_default() += n;
        }
        for (all, part) in self.filters.iter_mut().zip(part.filters) {
            all.add(part);
        }
    }
}

/// Surveys all pieces. Ids must be unique: some 20 bytes per document are held to see that.
///
/// # Errors
/// An id that occurs twice, a store that cannot be read.
pub(crate) fn survey(
    splitter: &Splitter<'_>,
    config: &DataConfig,
    filters: &Filters<'_>,
    pieces: &[Piece],
    (threads, progress): (usize, WorkProgress),
) -> Result<Survey> {
    let progress = progress.stage("survey", text_bytes(pieces));
    let mut all = Survey { filters: reports(config, filters), ..Survey::default() };
    let mut ids = HashSet::new();
    let mut workers: Vec<_> = (0..threads).map(|_| Surveyor { splitter, config, filters }).collect();
    in_order(pieces.iter().map(Ok), &mut workers, |(part, hashes, n_bytes): (Survey, Vec<u128>, u64)| {
        if let Some(&hash) = hashes.iter().find(|&&hash| !ids.insert(hash)) {
            return Err(twice(config, hash)?);
        }
        progress.advance(n_bytes);
        all.add(part);
        Ok(())
    })?;
    progress.finish();
    Ok(all)
}

/// Empty reports, one per filter; that of a single source says so.
fn reports(config: &DataConfig, filters: &Filters<'_>) -> Vec<FilterReport> {
    let name = |filter: &super::NamedFilter<'_>| match filter.source {
        Some(source) => format!("{}/{}", config.source[usize::from(source)].name, filter.name),
        None => filter.name.clone(),
    };
    let named = filters.all.iter().map(|filter| FilterReport::new(&name(filter), &filter.digest()));
    named.chain(filters.later.iter().map(|name| FilterReport::new(name, ""))).collect()
}

struct Surveyor<'a> {
    splitter: &'a Splitter<'a>,
    config: &'a DataConfig,
    filters: &'a Filters<'a>,
}

impl Work<&Piece> for Surveyor<'_> {
    type Output = (Survey, Vec<u128>, u64);

    fn work(&mut self, piece: &Piece) -> Result<Self::Output> {
        let mut part =
            Survey { read: piece.info.read.clone(), filters: reports(self.config, self.filters), ..Survey::default() };
        // what the piece says of itself is only a guess before its documents are there
        let mut ids = Vec::with_capacity(piece.info.documents.min(RESERVED_DOCUMENTS) as usize);
        for judged in piece.read()? {
            let judged = judged?;
            ids.push(xxh3_128(judged.document.id.as_bytes()));
            self.count(&mut part, &judged);
        }
        Ok((part, ids, piece.info.text_bytes))
    }
}

impl Surveyor<'_> {
    fn count(&self, part: &mut Survey, judged: &Judged) {
        let dropped = self.filters.dropped_by(judged);
        for (index, outcome) in self.filters.of_source(judged.document.source).zip(&judged.outcomes) {
            part.filters[index].seen += 1;
            if let Some((by, verdict)) = dropped.as_ref().filter(|(by, _)| *by == index) {
                part.filters[*by].count_drop(&verdict.reason, &judged.document.id);
                break;
            }
            part.filters[index].rewritten += u64::from(outcome.rewrote());
        }
        if dropped.is_none() {
            part.kept += 1;
            part.kept_bytes += judged.document.text().len() as u64;
            *part.splits.entry(judged.split(self.splitter)).or_default() += 1;
        }
    }
}

/// The error for an id that occurs twice: reads the sources again to say where. `Err` when they cannot be read.
fn twice(config: &DataConfig, hash: u128) -> Result<Error> {
    let mut first: Option<String> = None;
    let progress = Arc::default();
    for file in list(config)? {
        let path = file.path.clone();
        let mut counts = ReadCounts::default();
        let mut documents = FileDocuments::open(file, config, &progress)?;
        while let Some(document) = documents.next(&mut counts)? {
            if xxh3_128(document.id.as_bytes()) != hash {
                continue;
            }
            let place = documents.place(&path);
            let Some(first) = &first else {
                first = Some(place);
                continue;
            };
            return Ok(Error::run(format!(
                "document id {:?} occurs twice, in {first} and {place}; make ids unique, or name another data.source.id_field",
                document.id
            )));
        }
    }
    Ok(Error::run("a document id occurs twice; make ids unique, or name another data.source.id_field"))
}

/// The report as far as the survey goes.
pub(super) fn report(survey: Survey) -> DataReport {
    for report in &survey.filters {
        if report.dropped() * 2 > report.seen {
            tracing::warn!("filter {:?} drops {}", report.name, report.summary());
        }
    }
    DataReport {
        read: survey.read.documents,
        empty: survey.read.empty,
        invalid_utf8_replaced: survey.read.invalid_utf8_replaced,
        invalid_utf8_dropped: survey.read.invalid_utf8_dropped,
        invalid_lines: survey.read.invalid_lines,
        notes: survey.read.notes,
        filters: survey.filters,
        kept: survey.kept,
        ..DataReport::default()
    }
}

/// Every split that was asked for has a document; found out before hours go into a tokenizer.
///
/// # Errors
/// A split that was asked for and has no document.
pub(super) fn check_splits(config: &DataConfig, survey: &Survey) -> Result<()> {
    if survey.kept == 0 {
        let dropped: Vec<_> = survey.filters.iter().filter(|filter| filter.dropped() > 0).collect();
        if dropped.is_empty() {
            let (read, empty) = (survey.read.documents, survey.read.empty);
            let mut what =
                format!("read {read} documents: {empty} empty, {} not utf-8", survey.read.invalid_utf8_dropped);
            if let Some(skipped) = named("lines skipped", &survey.read.invalid_lines) {
                what = format!("{what}, {skipped}");
            }
            return Err(Error::run(format!("data: no document to train on ({what}); name sources that hold text")));
        }
        let dropped: Vec<_> = dropped.iter().map(|f| format!("filter {:?} dropped {}", f.name, f.summary())).collect();
        return Err(Error::run(format!(
            "data: no document is left: {}; loosen the filter's settings or remove it",
            dropped.join(", ")
        )));
    }
    for split in Split::ALL {
        let share = split.share(config);
        if survey.splits.contains_key(&split) || share == Some(0.0) {
            continue;
        }
        let (name, kept) = (split.name(), survey.kept);
        let cure = "cut the text into more documents (data.source.document) or add some";
        return Err(Error::run(match share {
            None => format!(
                "data: no document of {kept} is in the train split, data.validation and data.test take them all; lower these, or {cure}"
            ),
            Some(share) => format!(
                "data: no document of {kept} is in the {name} split with data.{name} = {share}; raise it, set it to 0, or {cure}"
            ),
        }));
    }
    Ok(())
}
