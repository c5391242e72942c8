//! The stages behind the filters: repetitions go, then training text that evaluations know.

use super::filter::Filters;
use super::judged::{Judged, Outcome, TAGS_LOST};
use super::pool::{Work, in_order};
use super::stages::{Stages, pieces};
use super::store::{PieceWriter, Store, create_dir, key};
use super::strata::splitter;
use super::survey::survey;
use super::units::{Piece, text_bytes};
use crate::base::interrupt;
use crate::corpus::dedup::{
    CONTAMINATED, DEDUP_REPEATED, DecontaminateConfig, Decontaminator, DedupConfig, Deduplicator, Duplicates,
    Signature, Signer,
};
use crate::corpus::strata::Splitter;
use crate::corpus::{DataConfig, SourceConfig, Split, documents, source_digest};
use crate::{Error, Result};
use std::ops::Range;
use trainyard_plugin::{Span, Verdict};

impl Stages<'_> {
    /// Judges every document by all others. Returns each unit's new key.
    ///
    /// # Errors
    /// Ids that occur twice, a store that cannot be read or written.
    pub fn dedup(&self, config: &DedupConfig, keys: &[String]) -> Result<Vec<String>> {
        // how much memory may be used has no say in the result
        let what = DedupConfig { memory_mb: 0, ..config.clone() };
        let stage_key = self.stage_key("dedup", &to_json(&what)?, keys);
        let new_keys = self.new_keys(&stage_key, keys);
        if new_keys.iter().all(|key| self.is_finished(key)) {
            return Ok(new_keys);
        }
        let pieces = pieces(self.store, keys, self.sources)?;
        // ids must be unique before documents are named by them
        let splitter = Splitter::plain(self.config);
        survey(&splitter, self.config, self.filters, &pieces, (self.threads, self.progress))?;
        let duplicates = self.duplicates(config, &pieces)?;
        self.judge_on("dedup", Judge::Duplicates(&duplicates), &pieces, &new_keys)?;
        Ok(new_keys)
    }

    /// Judges the training documents by held-out ones and by the files of the config. Returns each unit's new key.
    ///
    /// # Errors
    /// Files that cannot be read, a store that cannot be read or written.
    pub fn decontaminate(&self, config: &DecontaminateConfig, keys: &[String]) -> Result<Vec<String>> {
        let benchmarks: Vec<_> = config.files.iter().map(SourceConfig::new).collect();
        let digest = match benchmarks.is_empty() {
            true => String::new(),
            false => source_digest(&DataConfig::new(benchmarks))?,
        };
        let (validation, test) = (self.config.validation, self.config.test);
        let mut what = format!("{} {digest} {validation} {test} {:?}", to_json(config)?, self.config.group);
        if let Some(field) = &self.config.labels.stratify {
            what += &format!(" by {field:?}");
        }
        if let Some(held_out) = self.config.held_out.as_ref().filter(|_| config.held_out) {
            what += &held_out.identity()?;
        }
        let stage_key = self.stage_key("decontaminate", &what, keys);
        let new_keys = self.new_keys(&stage_key, keys);
        if new_keys.iter().all(|key| self.is_finished(key)) {
            return Ok(new_keys);
        }
        let pieces = pieces(self.store, keys, self.sources)?;
        let splitter = splitter(self.config, self.filters, &pieces, self.threads)?;
        let decontaminator = self.references(config, &splitter, &pieces)?;
        self.judge_on("decontaminate", Judge::Contamination(&splitter, &decontaminator), &pieces, &new_keys)?;
        Ok(new_keys)
    }

    /// A stage that sees the whole corpus is a function of all units and of what the filters decide.
    fn stage_key(&self, name: &str, config: &str, keys: &[String]) -> String {
        let limits = self.filters.limits_key(self.filters.rules.len());
        key([name, config, &limits, self.program].into_iter().chain(keys.iter().map(String::as_str)))
    }

    fn new_keys(&self, stage_key: &str, keys: &[String]) -> Vec<String> {
        keys.iter().map(|before| key([before.as_str(), stage_key])).collect()
    }

    fn duplicates(&self, config: &DedupConfig, pieces: &[Piece]) -> Result<Duplicates> {
        let n_bytes = text_bytes(pieces);
        let scratch = self.store.scratch();
        create_dir(&scratch)?;
        let mut deduplicator = Deduplicator::new(config, &scratch);
        let progress = self.progress.stage("sign", n_bytes);
        let mut workers = self.workers(|| Ok(Sign { filters: self.filters, signer: Signer::new(config) }))?;
        in_order(pieces.iter().map(Ok), &mut workers, |(signatures, n_bytes): (Vec<(String, Signature)>, u64)| {
            progress.advance(n_bytes);
            signatures.into_iter().try_for_each(|(id, signature)| deduplicator.push(&id, signature))
        })?;
        progress.finish();
        let mut candidates = deduplicator.finish()?;
        if candidates.n_wanted() > 0 {
            let progress = self.progress.stage("compare", n_bytes);
            let mut signer = Signer::new(config);
            for piece in pieces {
                interrupt::check()?;
                for judged in piece.read()? {
                    let Judged { document, .. } = judged?;
                    if candidates.wants(&document.id) {
                        candidates.add(&document.id, &signer.shingles(document.text()))?;
                    }
                }
                progress.advance(piece.info.text_bytes);
            }
            progress.finish();
        }
        candidates.finish()
    }

    /// Everything that is not to be trained on.
    fn references(
        &self,
        config: &DecontaminateConfig,
        splitter: &Splitter<'_>,
        pieces: &[Piece],
    ) -> Result<Decontaminator> {
        let mut decontaminator = Decontaminator::new(config);
        for file in &config.files {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            for document in documents(&DataConfig::new(vec![SourceConfig::new(file)]))? {
                decontaminator.add_reference(&name, document?.text());
            }
        }
        if let Some(held_out) = self.config.held_out.as_ref().filter(|_| config.held_out) {
            let reading = held_out.reading();
            for document in held_out.documents(&reading, self.config.group.as_ref())? {
                decontaminator.add_reference(&held_out.source.name, document?.1.text());
            }
        }
        if !config.held_out || (self.config.validation == 0.0 && self.config.test == 0.0) {
            return Ok(decontaminator);
        }
        let progress = self.progress.stage("held out", text_bytes(pieces));
        for piece in pieces {
            interrupt::check()?;
            for judged in piece.read()? {
                let judged = judged?;
                let split = judged.split(splitter);
                if split != Split::Train && !self.filters.drops(&judged) {
                    decontaminator.add_reference(split.name(), judged.document.text());
                }
            }
            progress.advance(piece.info.text_bytes);
        }
        progress.finish();
        Ok(decontaminator)
    }

    /// Writes all pieces again, each document with one outcome more.
    fn judge_on(&self, name: &str, judge: Judge<'_>, pieces: &[Piece], new_keys: &[String]) -> Result<()> {
        let all: Vec<_> = (0..new_keys.len()).collect();
        let Some((_lock, left)) = self.claim(new_keys, &all)? else { return Ok(()) };
        let left = self.unfinished(new_keys, &left, pieces);
        let mut workers =
            self.workers(|| Ok(JudgeOn { filters: self.filters, judge, store: self.store, keys: new_keys }))?;
        self.over(name, &left, &mut workers)
    }
}

/// Signs the documents that the filters keep.
struct Sign<'a> {
    filters: &'a Filters<'a>,
    signer: Signer,
}

impl Work<&Piece> for Sign<'_> {
    type Output = (Vec<(String, Signature)>, u64);

    fn work(&mut self, piece: &Piece) -> Result<Self::Output> {
        let mut signatures = Vec::new();
        for judged in piece.read()? {
            let judged = judged?;
            if !self.filters.drops(&judged) {
                let signature = self.signer.sign(judged.document.text());
                signatures.push((judged.document.id, signature));
            }
        }
        Ok((signatures, piece.info.text_bytes))
    }
}

/// What a stage knows of the whole corpus.
#[derive(Clone, Copy)]
enum Judge<'a> {
    Duplicates(&'a Duplicates),
    Contamination(&'a Splitter<'a>, &'a Decontaminator),
}

impl Judge<'_> {
    /// What it says of a document that stayed so far, and its new text.
    fn judge(&self, judged: &Judged) -> Result<(Outcome, Option<String>)> {
        let (verdict, text, note) = match self {
            Self::Duplicates(duplicates) => by_duplicates(duplicates, judged)?,
            Self::Contamination(splitter, decontaminator) => by_references(splitter, decontaminator, judged),
        };
        Ok((Outcome::Verdict { verdict, rewrote: text.is_some(), note }, text))
    }
}

/// A verdict, the new text, and who is meant.
type Said = (Verdict, Option<String>, Option<String>);

fn by_duplicates(duplicates: &Duplicates, judged: &Judged) -> Result<Said> {
    let document = &judged.document;
    if let Some(duplicate) = duplicates.get(&document.id) {
        let verdict = Verdict::drop(duplicate.reason).score(duplicate.score);
        return Ok((verdict, None, Some(duplicate.of.to_owned())));
    }
    // a document that stays together with its duplicates goes into their split
    let head = Some(duplicates.head(&document.id)).filter(|head| *head != document.id).map(str::to_owned);
    Ok(match duplicates.rewrite(&document.id, document.text())? {
        None => (Verdict::keep(), None, head),
        Some(rewritten) => {
            let verdict = match (rewritten.is_dropped, document.may_become(&rewritten.text)) {
                (true, _) => Verdict::drop(DEDUP_REPEATED),
                (false, true) => Verdict::keep(),
                (false, false) => Verdict::drop(TAGS_LOST),
            };
            let text = Some(rewritten.text).filter(|_| verdict.keep);
            (Verdict { spans: spans(&rewritten.spans), ..verdict }, text, head)
        }
    })
}

fn by_references(splitter: &Splitter<'_>, decontaminator: &Decontaminator, judged: &Judged) -> Said {
    let found = match judged.split(splitter) {
        Split::Train => decontaminator.judge(judged.document.text()),
        _ => None,
    };
    match found.filter(|found| found.is_contaminated) {
        None => (Verdict::keep(), None, None),
        Some(found) => {
            let verdict = Verdict { spans: spans(&found.spans), ..Verdict::drop(CONTAMINATED).score(found.share) };
            (verdict, None, Some(found.reference))
        }
    }
}

/// A text beyond 4 GB has no spans behind that.
fn spans(ranges: &[Range<usize>]) -> Vec<Span> {
    let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
    ranges.iter().map(|range| Span { start: number(range.start), end: number(range.end) }).collect()
}

/// Reads a piece, adds an outcome to each document, writes it.
struct JudgeOn<'a> {
    filters: &'a Filters<'a>,
    judge: Judge<'a>,
    store: &'a Store,
    keys: &'a [String],
}

impl Work<&Piece> for JudgeOn<'_> {
    type Output = u64;

    fn work(&mut self, piece: &Piece) -> Result<u64> {
        let mut writer = PieceWriter::create(&self.store.stage(&self.keys[piece.unit]), piece.number)?;
        for judged in piece.read()? {
            let mut judged = judged?;
            let outcome = match self.filters.drops(&judged) {
                true => Outcome::NotAsked,
                false => {
                    let (outcome, text) = self.judge.judge(&judged)?;
                    if let Some(text) = text {
                        judged.rewrite(text);
                    }
                    outcome
                }
            };
            judged.outcomes.push(outcome);
            writer.push(&judged)?;
        }
        writer.finish(piece.info.read.clone(), piece.info.last)?;
        Ok(piece.info.text_bytes)
    }
}

fn to_json(config: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(config).map_err(|error| Error::run(format!("config as JSON: {error}")))
}
