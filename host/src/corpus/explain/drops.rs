//! What every filter dropped, by reason, with examples.

use super::judgement::number;
use super::prepared::Prepared;
use super::sample::{Sample, Samples};
use crate::Result;
use crate::corpus::rules::{Limits, RuleReport};
use crate::corpus::{Judged, Outcome};
use crate::report;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use trainyard_plugin::Verdict;

/// What became of all documents.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DropTable {
    /// Documents that the filters saw.
    pub documents: u64,
    /// Their text in UTF-8, as the filters left it.
    pub bytes: u64,
    /// Documents that every filter keeps.
    pub kept: u64,
    /// Their text.
    pub kept_bytes: u64,
    /// Per filter, in order.
    pub filters: Vec<FilterDrops>,
}

/// What one filter did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FilterDrops {
    /// Its name.
    pub name: String,
    /// Documents that no filter before it drops.
    pub seen: u64,
    /// Of these, documents that it rewrote and kept.
    pub rewritten: u64,
    /// Of these, documents that it drops.
    pub dropped: u64,
    /// Their text.
    pub bytes: u64,
    /// Why, the most frequent reason first.
    pub reasons: Vec<ReasonDrops>,
}

/// What one filter dropped for one reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReasonDrops {
    /// The reason.
    pub reason: String,
    /// The rule, where the filter states it: `min_words ≥ 50`.
    pub rule: Option<String>,
    /// Documents.
    pub documents: u64,
    /// Their share of all documents, 0 to 1.
    pub share: f64,
    /// Their text.
    pub bytes: u64,
    /// Some of them, chosen by their ids.
    pub samples: Vec<Sample>,
}

/// Counts what every filter of a prepared corpus dropped, with up to `n_samples` examples of each reason.
///
/// # Errors
/// A store that cannot be read.
pub fn drops(prepared: &Prepared, n_samples: usize) -> Result<DropTable> {
    let limits = &prepared.limits;
    let part = |piece: &crate::corpus::prepare::Piece| -> Result<Counter> {
        let mut counter = Counter::new(limits, n_samples);
        for judged in piece.read()? {
            counter.count(limits, &judged?);
        }
        Ok(counter)
    };
    let pieces = prepared.pieces()?;
    let all = pieces.par_iter().map(part).try_reduce(|| Counter::new(limits, n_samples), |a, b| Ok(a.merge(b)))?;
    Ok(all.table(limits))
}

/// A drop table in the making.
pub struct Counter {
    documents: u64,
    bytes: u64,
    kept: u64,
    kept_bytes: u64,
    n_samples: usize,
    filters: Vec<FilterCounter>,
}

#[derive(Clone, Default)]
struct FilterCounter {
    seen: u64,
    rewritten: u64,
    reasons: BTreeMap<String, ReasonCounter>,
}

#[derive(Clone)]
struct ReasonCounter {
    documents: u64,
    bytes: u64,
    samples: Samples,
}

impl Counter {
    pub fn new(limits: &Limits, n_samples: usize) -> Self {
        let filters = vec![FilterCounter::default(); limits.filters.len()];
        Self { documents: 0, bytes: 0, kept: 0, kept_bytes: 0, n_samples, filters }
    }

    /// Counts a document. Returns the filter that drops it, and its verdict.
    pub fn count(&mut self, limits: &Limits, judged: &Judged) -> Option<(usize, Verdict)> {
        let bytes = judged.document.text.len() as u64;
        let dropped = limits.dropped_by(judged);
        self.documents += 1;
        self.bytes += bytes;
        for (index, _, outcome) in limits.outcomes(judged) {
            let filter = &mut self.filters[index];
            filter.seen += 1;
            if let Some((_, verdict)) = dropped.as_ref().filter(|(by, _)| *by == index) {
                let none = || ReasonCounter { documents: 0, bytes: 0, samples: Samples::new(self.n_samples) };
                let reason = filter.reasons.entry(verdict.reason.clone()).or_insert_with(none);
                reason.documents += 1;
                reason.bytes += bytes;
                reason.samples.add(judged, verdict);
                break;
            }
            filter.rewritten += u64::from(matches!(outcome, Outcome::Verdict { rewrote: true, .. }));
        }
        if dropped.is_none() {
            self.kept += 1;
            self.kept_bytes += bytes;
        }
        dropped
    }

    /// Adds another part of the corpus.
    pub fn merge(mut self, other: Self) -> Self {
        self.documents += other.documents;
        self.bytes += other.bytes;
        self.kept += other.kept;
        self.kept_bytes += other.kept_bytes;
        for (filter, other) in self.filters.iter_mut().zip(other.filters) {
            filter.seen += other.seen;
            filter.rewritten += other.rewritten;
            for (reason, other) in other.reasons {
                let none = || ReasonCounter { documents: 0, bytes: 0, samples: Samples::new(self.n_samples) };
                let reason = filter.reasons.entry(reason).or_insert_with(none);
                reason.documents += other.documents;
                reason.bytes += other.bytes;
                reason.samples.merge(other.samples);
            }
        }
        self
    }

    pub fn table(self, limits: &Limits) -> DropTable {
        let Self { documents, bytes, kept, kept_bytes, .. } = self;
        let filters = limits.filters.iter().zip(self.filters).map(|(filter, counter)| {
            let reason = |(reason, counter): (String, ReasonCounter)| ReasonDrops {
                rule: filter.rules.iter().find(|rule| rule.reason == reason).map(RuleReport::text),
                reason,
                documents: counter.documents,
                share: counter.documents as f64 / documents as f64,
                bytes: counter.bytes,
                samples: counter.samples.into_vec(),
            };
            let mut reasons: Vec<_> = counter.reasons.into_iter().map(reason).collect();
            reasons.sort_by_key(|reason| std::cmp::Reverse(reason.documents));
            FilterDrops {
                name: filter.name.clone(),
                seen: counter.seen,
                rewritten: counter.rewritten,
                dropped: reasons.iter().map(|reason| reason.documents).sum(),
                bytes: reasons.iter().map(|reason| reason.bytes).sum(),
                reasons,
            }
        });
        DropTable { documents, bytes, kept, kept_bytes, filters: filters.collect() }
    }
}

/// `12.3 %`; nothing is 0 of nothing.
pub fn percent(part: u64, whole: u64) -> String {
    format!("{:.1} %", 100.0 * part as f64 / whole.max(1) as f64)
}

impl fmt::Display for DropTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { documents, bytes, kept, kept_bytes, filters } = self;
        let (all_text, kept_text) = (report::bytes(*bytes as f64), report::bytes(*kept_bytes as f64));
        writeln!(
            f,
            "{kept} of {documents} documents kept ({}), {kept_text} of {all_text}",
            percent(*kept, *documents)
        )?;
        for FilterDrops { name, seen, rewritten, dropped, reasons, .. } in filters {
            write!(f, "\n{name}: {seen} seen, {dropped} dropped")?;
            let more = if *rewritten > 0 { format!(", {rewritten} rewritten") } else { String::new() };
            writeln!(f, "{more}")?;
            for ReasonDrops { reason, rule, documents: n, bytes, samples, .. } in reasons {
                let (share, bytes) = (percent(*n, *documents), report::bytes(*bytes as f64));
                let rule = rule.as_deref().unwrap_or_default();
                writeln!(f, "  {n:>9} {share:>8} {bytes:>10}  {reason:<32} {rule}")?;
                for Sample { id, start, score, .. } in samples {
                    let score = score.map(number).unwrap_or_default();
                    writeln!(f, "  {:>9} {:>8} {score:>10}  {}: {start}", "", "", super::sample::line(id))?;
                }
            }
        }
        Ok(())
    }
}
