//! One document: what every filter said of it, and what became of it.

use super::judgement::Judgement;
use super::prepared::Prepared;
use super::sample::{clip, excerpts, line};
use crate::corpus::{FilterRules, Judged, NamedFilter, Split};
use crate::{Error, Result};
use rayon::prelude::*;
use serde::Serialize;
use std::fmt;
use trainyard_plugin::{Filter, Verdict};

/// Characters of the document's start.
const START_CHARS: usize = 240;

/// What is known of one document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Why {
    /// Its id.
    pub id: String,
    /// The source's name.
    pub source: String,
    /// What the source says of it besides its text.
    pub metadata: Option<serde_json::Value>,
    /// Whether every filter keeps it.
    pub kept: bool,
    /// The first filter that drops it, and its reason.
    pub dropped_by: Option<(String, String)>,
    /// Where it was put, if it is kept.
    pub split: Option<Split>,
    /// What the filters said, in the order of asking.
    pub filters: Vec<Judgement>,
    /// Length of its text in bytes, as the filters left it.
    pub bytes: usize,
    /// Length in bytes as it was read, if a filter rewrote it.
    pub bytes_read: Option<usize>,
    /// How the text begins, on one line.
    pub start: String,
}

/// Finds the document `id`. With the `plugins` that judged it, it is judged once more for the places in its text that
/// are not stored.
///
/// # Errors
/// No such document, a store that cannot be read, whatever a plugin reports.
pub fn why(prepared: &Prepared, id: &str, plugins: Option<&[NamedFilter<'_>]>) -> Result<Why> {
    let pieces = prepared.pieces()?;
    let find = |piece: &crate::corpus::prepare::Piece| -> Option<Result<Judged>> {
        match piece.read() {
            Ok(mut documents) => documents.find(|judged| match judged {
                Ok(judged) => judged.document.id == id,
                Err(_) => true,
            }),
            Err(error) => Some(Err(error)),
        }
    };
    let Some(judged) = pieces.par_iter().find_map_first(find).transpose()? else {
        return Err(Error::usage(format!(
            "document {id:?} is none of this corpus; ids are a field of the source, or FILE#NUMBER of a text and \
             FILE:LINE of JSON lines"
        )));
    };
    let mut why = of(prepared, &judged)?;
    if let Some(plugins) = plugins {
        judge_again(&mut why, prepared, &judged, plugins)?;
    }
    Ok(why)
}

fn of(prepared: &Prepared, judged: &Judged) -> Result<Why> {
    let Judged { document, original, .. } = judged;
    let limits = &prepared.limits;
    let dropped_by = limits.dropped_by(judged);
    let rewritten = original.is_some();
    let filters = limits.outcomes(judged).map(|(index, rules, outcome)| {
        // of a rewritten document only the last form is known, which is what the filter that dropped it saw
        let dropped_here = dropped_by.as_ref().is_some_and(|(by, _)| *by == index);
        let text = (!rewritten || dropped_here).then_some(document.text());
        Judgement::new(&limits.filters[index].name, rules, outcome, text)
    });
    Ok(Why {
        id: document.id.clone(),
        source: prepared.lineage.sources.get(usize::from(document.source)).cloned().unwrap_or_default(),
        metadata: document.fields().map(Into::into),
        kept: dropped_by.is_none(),
        filters: filters.collect(),
        split: dropped_by.is_none().then(|| prepared.split(judged)).transpose()?,
        bytes: document.text().len(),
        bytes_read: original.as_ref().map(String::len),
        start: line(&clip(document.text(), START_CHARS)),
        dropped_by: dropped_by.map(|(by, verdict)| (limits.filters[by].name.clone(), verdict.reason)),
    })
}

/// Fills in the spans of filters of which only values are stored. A filter that needs the whole corpus is left out.
fn judge_again(why: &mut Why, prepared: &Prepared, judged: &Judged, plugins: &[NamedFilter<'_>]) -> Result<()> {
    let mut text = judged.original.clone().unwrap_or_else(|| judged.document.text().to_owned());
    let asked = prepared.limits.outcomes(judged).map(|(index, ..)| index);
    for (judgement, index) in why.filters.iter_mut().zip(asked).filter(|(judgement, _)| judgement.asked) {
        let Some(plugin) = plugins.get(index) else { continue };
        let FilterRules { name, plugin: judged_by, settings, .. } = &prepared.limits.filters[index];
        if plugin.name != *name || plugin.plugin != *judged_by || plugin.settings != *settings {
            tracing::warn!("filter {name:?}: judged by {judged_by}, now it is {}: not asked again", plugin.plugin);
            continue;
        }
        let mut filter: Box<dyn Filter> = (plugin.make)()?;
        if filter.two_pass() {
            continue;
        }
        let verdict: Option<Verdict> = filter.judge(&[text.as_str()])?.pop();
        let Some(verdict) = verdict else { continue };
        if judgement.spans.is_empty() {
            judgement.spans = excerpts(&text, &verdict.spans);
        }
        text = verdict.text.unwrap_or(text);
    }
    Ok(())
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "document  {}", line(&self.id))?;
        writeln!(f, "source    {}", self.source)?;
        if let Some(metadata) = &self.metadata {
            writeln!(f, "metadata  {metadata}")?;
        }
        match self.bytes_read {
            Some(read) => writeln!(f, "text      {} bytes, {read} before filters rewrote it", self.bytes)?,
            None => writeln!(f, "text      {} bytes", self.bytes)?,
        }
        writeln!(f, "          {}", self.start)?;
        match (&self.dropped_by, self.split) {
            (Some((filter, reason)), _) => writeln!(f, "dropped   by {filter}: {reason}")?,
            (None, Some(split)) => writeln!(f, "kept      in {}", split.name())?,
            (None, None) => writeln!(f, "kept")?,
        }
        self.filters.iter().try_for_each(|judgement| write!(f, "\n{judgement}"))
    }
}
