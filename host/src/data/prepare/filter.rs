//! Filters over the corpus: every document that goes is counted under the filter and the reason.

use super::spool::{Spool, batches, texts};
use crate::data::manifest::FilterReport;
use crate::data::read::Document;
use crate::{Error, Result};
use std::path::Path;
use trainyard_plugin::Filter;

/// Dropped documents named per reason, for whoever wonders.
const SAMPLES: usize = 3;

/// A filter and how reports name it.
pub struct NamedFilter {
    /// Its name.
    pub name: String,
    /// What its verdicts are a function of, besides the documents: plugin and settings.
    pub digest: String,
    /// The plugin.
    pub instance: Box<dyn Filter>,
}

/// The documents that all filters keep, in order, and what each filter dropped.
pub(crate) fn filter_documents(
    documents: impl Iterator<Item = Result<Document>>,
    filters: &mut [NamedFilter],
    folder: &Path,
) -> Result<(Spool, Vec<FilterReport>)> {
    let mut reports: Vec<_> = filters.iter().map(|f| FilterReport::new(&f.name, &f.digest)).collect();
    // A two-pass filter must see all that the filters before it keep, so the corpus halts on disk in front of each.
    let mut n_done = count_one_pass(filters);
    let mut kept = judge(documents, &mut filters[..n_done], &mut reports[..n_done], folder)?;
    while let Some(first) = filters.get_mut(n_done) {
        for batch in batches(kept.documents()?) {
            first.instance.observe(&texts(&batch?))?;
        }
        let end = n_done + 1 + count_one_pass(&filters[n_done + 1..]);
        let next = judge(kept.documents()?, &mut filters[n_done..end], &mut reports[n_done..end], folder)?;
        kept = next;
        n_done = end;
    }
    for report in &reports {
        if report.dropped() * 2 > report.seen {
            tracing::warn!("filter {:?} drops {}", report.name, report.summary());
        }
    }
    Ok((kept, reports))
}

fn count_one_pass(filters: &[NamedFilter]) -> usize {
    filters.iter().take_while(|filter| !filter.instance.two_pass()).count()
}

fn judge(
    documents: impl Iterator<Item = Result<Document>>,
    filters: &mut [NamedFilter],
    reports: &mut [FilterReport],
    folder: &Path,
) -> Result<Spool> {
    let mut kept = Spool::new(folder)?;
    for batch in batches(documents) {
        let mut batch = batch?;
        for (filter, report) in filters.iter_mut().zip(&mut *reports) {
            batch = judge_batch(filter, report, batch)?;
        }
        for document in &batch {
            kept.push(document)?;
        }
    }
    Ok(kept)
}

fn judge_batch(filter: &mut NamedFilter, report: &mut FilterReport, batch: Vec<Document>) -> Result<Vec<Document>> {
    if batch.is_empty() {
        return Ok(batch);
    }
    let verdicts = filter.instance.judge(&texts(&batch))?;
    if verdicts.len() != batch.len() {
        return Err(Error::plugin(format!(
            "filter {:?}: judge: expected {} verdicts, got {}",
            filter.name,
            batch.len(),
            verdicts.len()
        )));
    }
    report.seen += batch.len() as u64;
    let mut kept = Vec::with_capacity(batch.len());
    for (mut document, verdict) in batch.into_iter().zip(verdicts) {
        let emptied = verdict.text.as_ref().is_some_and(|text| text.trim().is_empty());
        if !verdict.keep || emptied {
            let reason = match verdict.reason.as_str() {
                "" if verdict.keep => "rewritten to nothing",
                "" => "no reason given",
                reason => reason,
            };
            count_drop(report, reason, document.id);
            continue;
        }
        if let Some(text) = verdict.text {
            report.rewritten += 1;
            document.text = text;
        }
        kept.push(document);
    }
    Ok(kept)
}

fn count_drop(report: &mut FilterReport, reason: &str, id: String) {
    let dropped = report.reasons.entry(reason.into()).or_default();
    dropped.documents += 1;
    if dropped.samples.len() < SAMPLES {
        dropped.samples.push(id);
    }
}
