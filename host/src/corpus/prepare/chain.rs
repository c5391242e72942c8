//! One worker's filters, one after the other over a batch.

use super::filter::{Filters, NamedFilter};
use super::judged::{Judged, Outcome, TAGS_LOST};
use super::pool::Work;
use super::units::Batch;
use crate::plugin::PLUGIN_ERROR;
use crate::{Error, Result};
use std::ops::Range;
use trainyard_plugin::{Filter, Rule, Verdict};

/// Instances of some of the corpus's filters.
pub(crate) struct Chain<'a> {
    filters: &'a Filters<'a>,
    /// One per filter of all sources; none where it is not of this stage.
    instances: Vec<Option<Box<dyn Filter>>>,
    /// Per unit: its source.
    sources: &'a [u16],
}

impl<'a> Chain<'a> {
    /// Instances of the filters `range`; a two-pass filter gets what was observed.
    ///
    /// # Errors
    /// A filter that cannot be made, or refuses what was observed.
    pub fn new(
        filters: &'a Filters<'a>,
        range: &Range<usize>,
        observed: Option<&[u8]>,
        sources: &'a [u16],
    ) -> Result<Self> {
        let make = |(index, filter): (usize, &NamedFilter)| -> Result<Option<Box<dyn Filter>>> {
            if !range.contains(&index) {
                return Ok(None);
            }
            let mut instance = (filter.make)()?;
            if let (Some(state), true) = (observed, filters.is_two_pass(index)) {
                instance.merge(state)?;
            }
            Ok(Some(instance))
        };
        let instances = filters.all.iter().enumerate().map(make).collect::<Result<_>>()?;
        Ok(Self { filters, instances, sources })
    }

    /// Adds an outcome per filter to every document of a batch from one source.
    ///
    /// # Errors
    /// Whatever a filter reports.
    pub fn judge(&mut self, source: u16, documents: &mut [Judged]) -> Result<()> {
        // A document is asked about while no verdict dropped it for good: a broken limit can be changed later.
        let mut going: Vec<bool> = documents.iter().map(|judged| !self.filters.drops(judged)).collect();
        for index in self.filters.of_source(source).collect::<Vec<_>>() {
            let Some(Some(instance)) = self.instances.get_mut(index) else { continue };
            let rules = &self.filters.rules[index];
            let asked: Vec<usize> = (0..documents.len()).filter(|&i| going[i]).collect();
            let texts: Vec<&str> = asked.iter().map(|&i| documents[i].document.text()).collect();
            let mut outcomes = vec![Outcome::NotAsked; documents.len()];
            if !texts.is_empty() {
                let named = &self.filters.all[index];
                let verdicts = ask(named, instance.as_mut(), rules, &texts)?;
                for (&i, said) in asked.iter().zip(verdicts) {
                    let (outcome, text) = fitting(&documents[i], said);
                    going[i] = match &outcome {
                        Outcome::Verdict { verdict, .. } => verdict.keep,
                        _ => true,
                    };
                    outcomes[i] = outcome;
                    if let Some(text) = text {
                        documents[i].rewrite(text);
                    }
                }
            }
            for (judged, outcome) in documents.iter_mut().zip(outcomes) {
                judged.outcomes.push(outcome);
            }
        }
        Ok(())
    }
}

/// What a filter said of a document, unless the tags are not those of the text that it wrote.
fn fitting(judged: &Judged, (outcome, text): (Outcome, Option<String>)) -> (Outcome, Option<String>) {
    match text.as_ref().is_some_and(|text| !judged.document.may_become(text)) {
        true => (Outcome::Verdict { verdict: Verdict::drop(TAGS_LOST), rewrote: false, note: None }, None),
        false => (outcome, text),
    }
}

/// What a filter measures of each text. After a failed call each text is asked about alone, and the one at fault is
/// judged: the filter's policy may leave it out.
fn measure(instance: &mut dyn Filter, n_rules: usize, texts: &[&str]) -> Result<Vec<Outcome>> {
    let error = match instance.measure(texts) {
        Ok(values) => {
            return Ok(values.chunks_exact(n_rules).map(|values| Outcome::Values(values.to_vec())).collect());
        }
        Err(error) => error,
    };
    let alone = match texts {
        [_] => instance.judge(texts)?.pop().filter(|verdict| verdict.reason == PLUGIN_ERROR),
        _ => {
            let each = texts.iter().map(|text| measure(instance, n_rules, &[text]));
            return each.collect::<Result<Vec<_>>>().map(|each| each.concat()).map_err(|_| error.into());
        }
    };
    let outcome = |verdict| vec![Outcome::Verdict { verdict, rewrote: false, note: None }];
    alone.map(outcome).ok_or_else(|| error.into())
}

/// What a filter says of each text, and the rewritten text.
fn ask(
    named: &NamedFilter,
    instance: &mut dyn Filter,
    rules: &[Rule],
    texts: &[&str],
) -> Result<Vec<(Outcome, Option<String>)>> {
    let expect = |expected: usize, got: usize, what: &str| match expected == got {
        true => Ok(()),
        false => Err(Error::plugin(format!("filter {:?}: {what}: expected {expected}, got {got}", named.name))),
    };
    if !rules.is_empty() {
        let outcomes = measure(instance, rules.len(), texts)?;
        expect(texts.len(), outcomes.len(), "measure: documents")?;
        return Ok(outcomes.into_iter().map(|outcome| (outcome, None)).collect());
    }
    let verdicts = instance.judge(texts)?;
    expect(texts.len(), verdicts.len(), "judge: verdicts")?;
    let outcome = |mut verdict: Verdict| {
        let mut text = verdict.text.take().filter(|_| verdict.keep);
        if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
            (verdict.keep, text) = (false, None);
            verdict.reason = if verdict.reason.is_empty() { "rewritten to nothing".into() } else { verdict.reason };
        } else if !verdict.keep && verdict.reason.is_empty() {
            verdict.reason = "no reason given".into();
        }
        (Outcome::Verdict { verdict, rewrote: text.is_some(), note: None }, text)
    };
    Ok(verdicts.into_iter().map(outcome).collect())
}

impl Work<Batch> for Chain<'_> {
    type Output = Batch;

    fn work(&mut self, mut batch: Batch) -> Result<Batch> {
        self.judge(self.sources[batch.unit], &mut batch.documents)?;
        Ok(batch)
    }
}
